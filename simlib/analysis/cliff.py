"""The cliff, for `03_prune_cost`: the traffic at which new sessions begin to sort the whole store."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.traffic import only_own, recorded
from simlib.core.numbers import format_duration, format_number, format_rate
from simlib.core.progress import progress
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import SECOND
from simlib.experiments.experiment import Experiment
from simlib.figures import prune as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models import miniature
from simlib.models.heap import GO_VERSIONS
from simlib.models.miniature import Prediction, Recorded, first_reached, most_traffic
from simlib.replay import ledger
from simlib.stores.registry import LEAKED

TRAFFIC = tuple(2.0**power for power in range(-4, 7))
"""Times the traffic at which the cliff is looked for, as far as it can be simulated."""

OVER_THE_CLIFF = 0.05
"""Share of the new entries that sort the whole store from which on a store counts as over the cliff."""


@dataclass(frozen=True)
class Cliff:
    """The bounded store of an experiment at more and at less traffic, by miniatures of it.

    Rates are of what happens after one TTL, at most half of the stream (see `models.miniature`).
    """

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @cached_property
    def new_per_second(self) -> Estimate:
        """Rate at which sessions appear that the unbounded map does not hold, over the replications."""
        return estimate(self._rates(1.0 for _ in self.experiment.replications), 0)

    @property
    def counter(self) -> str:
        """The counter whose store is looked at."""
        return self.experiment.counter

    @property
    def fixed(self) -> str:
        """Why nothing is estimated for other traffic, in a sentence; empty where it is."""
        return only_own(self.experiment, self.counter)

    @cached_property
    def sources(self) -> list[Recorded]:
        """The replications as they are: `models.miniature` says what more traffic is."""
        return recorded(self.experiment)

    @cached_property
    def steps(self) -> list[float]:
        """Times the traffic that can be simulated, some near the cliff of the closed form; none if its own is all."""
        if self.fixed:
            return []
        around = (0.8, 1, 1.25) if np.isfinite(self.closed_form) else ()
        most = most_traffic(self.sources[0], self.experiment.settings)
        steps = {*TRAFFIC, *(factor * self.closed_form for factor in around)}
        return sorted(step for step in steps if TRAFFIC[0] <= step <= min(most, TRAFFIC[-1]))

    @cached_property
    def closed_form(self) -> float:
        """Times the traffic at which the mean occupancy under the TTL alone reaches the cap; inf where none does.

        In closed form: occupancy goes with the traffic (see `ledger.occupancy`). Not known of short streams.
        """
        cap, ttl = self.experiment.settings.max_entries, self.experiment.settings.ttl
        if cap <= 0 or ttl <= 0 or self.fixed:
            return np.inf
        held = np.mean([ledger.occupancy(each.counters[self.counter], ttl) for each in self.experiment.replications])
        return float(cap / held) if held > 0 else np.inf

    @cached_property
    def closed_form_per_second(self) -> float:
        """New sessions a second at which the cliff begins, in closed form; inf if nowhere."""
        return self.closed_form * self.new_per_second.mean if np.isfinite(self.closed_form) else np.inf

    @cached_property
    def simulated(self) -> Estimate:
        """New sessions a second at which one new entry in 20 sorts the store, over the replications; inf if nowhere.

        It lies below the closed form where traffic is uneven: the cliff begins with the busiest hour. 0 where a stream
        is over the cliff at the least traffic simulated.
        """
        places = range(len(self.sources))
        rates = self._rates(
            first_reached(lambda traffic, at=at: self._sorts_per_create(at, traffic) > OVER_THE_CLIFF, self.steps)
            for at in places
        )
        return estimate(rates, 0) if np.isfinite(rates).all() else Estimate(np.inf, np.nan, np.nan, len(rates))

    @cached_property
    def table(self) -> pd.DataFrame:
        """All replications at several times their traffic, a row each.

        Columns: `traffic`, `new_per_second`, `mean_ns` of an increment with its 95 % interval `mean_ns_low` and
        `mean_ns_high` where there are replications, `utilisation_percent` of the lock, `sorted_percent` of the new
        entries that sort the whole store.
        """
        steps = progress(self.steps or [1.0], "traffics")
        return pd.DataFrame([self._at(traffic) for traffic in steps]).dropna(axis="columns")

    def _at(self, traffic: float) -> dict[str, float]:
        found = [self._predicted(at, traffic) for at in range(len(self.sources))]
        held = [each.held_ns(self.go_version) for each in found]
        mean = estimate((ns / max(p.after_warm_up.increments, 1) for ns, p in zip(held, found, strict=True)), 0)
        sorts = [self._sorts_per_create(at, traffic) for at in range(len(self.sources))]
        return {
            "traffic": traffic,
            "new_per_second": traffic * self.new_per_second.mean,
            "mean_ns": mean.mean,
            "mean_ns_low": mean.low,
            "mean_ns_high": mean.high,
            "utilisation_percent": 100 * float(np.mean([each.utilisation(self.go_version) for each in found])),
            "sorted_percent": 100 * float(np.mean(sorts)),
        }

    @cached_property
    def _predictions(self) -> dict[tuple[int, float], Prediction]:
        return {}

    def _predicted(self, at: int, traffic: float) -> Prediction:
        if (at, traffic) not in self._predictions:
            self._predictions[at, traffic] = miniature.predict(
                self.sources[at], traffic, self.experiment.settings, self.counter
            )
        return self._predictions[at, traffic]

    def _sorts_per_create(self, at: int, traffic: float) -> float:
        after = self._predicted(at, traffic).after_warm_up
        return after.cap_evictions / after.creates if after.creates else 0.0

    def _rates(self, traffic: Iterable[float]) -> list[float]:
        """New sessions a second of each replication at some times its traffic."""
        pairs = zip(traffic, self.experiment.replications, strict=True)
        return [
            times * replication.totals(self.counter, LEAKED).creates / (max(replication.duration, SECOND) / SECOND)
            for times, replication in pairs
        ]

    def sorts_more_with_traffic(self) -> bool | None:
        """Whether no smaller share of new entries sorts the store at the most traffic than at the least, within 5 %.

        None where nothing is estimated for other traffic.
        """
        if self.fixed:
            return None
        lowest, highest = self.table["sorted_percent"].iloc[[0, -1]]
        return bool(highest >= lowest - 5)

    def says(self) -> str:
        """Where the cliff begins, in a sentence."""
        if self.fixed:
            return self.fixed
        begins, here = self.simulated.mean, self.new_per_second.mean
        if begins == 0:
            return f"New sessions sort the store at any traffic that can be simulated; here come {self._rate(here)}."
        if not np.isfinite(begins):
            return f"Up to {format_number(self.steps[-1])} times this traffic, {self._rate(here)}, there is no cliff."
        return (
            f"The cliff, from which on new sessions sort the store, is at {self._rate(begins)}, "
            f"{format_number(begins / here)} times this traffic."
        )

    def _rate(self, per_second: float) -> str:
        return format_rate(per_second, "new sessions")

    def draw(self) -> Drawing | LeftOut:
        """Mean time of an increment against the traffic, with the cliff, simulated and in closed form."""
        if self.fixed:
            return LeftOut(self.fixed)
        table, begins, here = self.table, self.simulated.mean, self.new_per_second.mean
        most, times = format_duration(table["mean_ns"].max()), format_number(self.steps[-1])
        if begins == 0:
            message = f"New sessions sort the store at any traffic: up to {most} an increment on average"
        elif np.isfinite(begins):
            start = format_number(begins / here)
            message = f"From {start} times this traffic on an increment takes up to {most} on average"
        else:
            message = f"There is no cliff up to {times} times this traffic: at most {most} an increment"
        return figures.cliff(table, self._rate(here), begins / here, self.closed_form, message)
