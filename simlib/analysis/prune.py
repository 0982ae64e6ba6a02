"""The findings of `03_prune_cost`, for the `no_client` store: the cost of pruning, whom it stalls, and the cliff."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_count, format_duration, format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import SECOND
from simlib.experiments.experiment import Experiment
from simlib.figures import prune as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models import cost, miniature
from simlib.models.heap import GO_VERSIONS
from simlib.models.miniature import TIED, Miniature, Prediction, Recorded, first_reached, most_traffic, simulate
from simlib.replay import ledger
from simlib.replay.observe import Observation
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

COUNTER = "no_client"

TRAFFIC = tuple(2.0**power for power in range(-4, 7))
"""Times the traffic at which the cliff is looked for, as far as it can be simulated."""

OVER_THE_CLIFF = 0.05
"""Share of the new entries that sort the whole store from which on a store counts as over the cliff."""


@dataclass(frozen=True)
class Work:
    """The increments of one stream after its warm-up: the time of each in ns, and what they created and sorted."""

    ns: np.ndarray
    creates: int
    sorts: int
    scanned: int
    lasts: float

    @classmethod
    def of(cls, trace: Trace, observed: Observation, begins: float, ends: float, go_version: str) -> "Work":
        """The work of a store in the increments from `begins` to `ends` (ns), at the prices of a Go version."""
        increment, prunes = trace.op == INCREMENT, ledger.prunes(trace, observed)
        after = trace.time >= begins
        prunes = prunes[after[prunes["row"]]]
        return cls(
            ns=cost.increment_ns(trace, observed, go_version)[after[increment]],
            creates=int(ledger.created(trace, observed)[after].sum()),
            sorts=int((prunes["sorted"] > 0).sum()),
            scanned=int(prunes["scanned"].sum()),
            lasts=max(ends - begins, SECOND),
        )

    @property
    def mean_ns(self) -> float:
        """Mean time of an increment; 0 without any."""
        return float(self.ns.mean()) if self.ns.size else 0.0

    @property
    def utilisation(self) -> float:
        """Share of the time for which the lock is held."""
        return float(self.ns.sum()) / self.lasts

    @property
    def sorts_per_create(self) -> float:
        """Share of the new entries for which the whole store is sorted."""
        return self.sorts / max(self.creates, 1)


@dataclass(frozen=True)
class PruneCost:
    """The time that the bounded `no_client` store of an experiment spends on pruning while it holds the lock.

    Rates are of what happens after the warm-up (see `Replication.warm_up`).
    """

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @cached_property
    def plain_ns(self) -> float:
        """Time in ns of an increment of a known session in a store of the usual size, without a prune."""
        largest = max(each.totals(COUNTER, "bounded").peak_entries for each in self.experiment.replications)
        return float(cost.prices(self.go_version).of("known", max(largest, 1)))

    @cached_property
    def work(self) -> list[Work]:
        """The work of the store in each replication after the warm-up."""
        return [
            Work.of(
                replication.counters[COUNTER],
                replication.observed[COUNTER, "bounded"],
                replication.start + replication.warm_up,
                replication.end,
                self.go_version,
            )
            for replication in self.experiment.replications
        ]

    @cached_property
    def mean_ns(self) -> Estimate:
        """Mean time of an increment, over the replications."""
        return estimate((work.mean_ns for work in self.work), 0)

    @cached_property
    def utilisation(self) -> Estimate:
        """Share of the time for which the lock is held, over the replications."""
        return estimate((work.utilisation for work in self.work), 0)

    @cached_property
    def stalled(self) -> Estimate:
        """Share of the increments that sort the whole store, over the replications."""
        return estimate((work.sorts / max(work.ns.size, 1) for work in self.work), 0, 1)

    @cached_property
    def scanned(self) -> Estimate:
        """Entries scanned for each increment, over the replications."""
        return estimate((work.scanned / max(work.ns.size, 1) for work in self.work), 0)

    @cached_property
    def new_per_second(self) -> Estimate:
        """Rate at which sessions appear that the unbounded map does not hold, over the replications."""
        return estimate(self._rates(1.0 for _ in self.experiment.replications), 0)

    @property
    def silence(self) -> str:
        """Why there is nothing to report, in a sentence; empty where there is something."""
        increments = sum(each.totals(COUNTER, "bounded").increments for each in self.experiment.replications)
        return "" if increments else f"The {COUNTER} counter is never incremented, so its store is never pruned."

    # --- The cliff

    @cached_property
    def sources(self) -> list[Recorded]:
        """The replications as they are: `models.miniature` says what more traffic is."""
        return recorded(self.experiment)

    @cached_property
    def steps(self) -> list[float]:
        """Times the traffic that can be simulated, some near the cliff of the closed form; none if its own is all."""
        if only_own(self.experiment):
            return []
        around = (0.8, 1, 1.25) if np.isfinite(self.cliff_traffic) else ()
        most = most_traffic(self.sources[0], self.experiment.settings)
        steps = {*TRAFFIC, *(factor * self.cliff_traffic for factor in around)}
        return sorted(step for step in steps if TRAFFIC[0] <= step <= min(most, TRAFFIC[-1]))

    @cached_property
    def cliff_traffic(self) -> float:
        """Times the traffic at which the mean occupancy under the TTL alone reaches the cap; inf where none does.

        In closed form: occupancy goes with the traffic (see `ledger.occupancy`). Not known of short streams.
        """
        cap, ttl = self.experiment.settings.max_entries, self.experiment.settings.ttl
        if cap <= 0 or ttl <= 0 or only_own(self.experiment):
            return np.inf
        held = np.mean([ledger.occupancy(each.counters[COUNTER], ttl) for each in self.experiment.replications])
        return float(cap / held) if held > 0 else np.inf

    @cached_property
    def cliff_per_second(self) -> float:
        """New sessions a second at which the cliff begins, in closed form; inf if nowhere."""
        return self.cliff_traffic * self.new_per_second.mean if np.isfinite(self.cliff_traffic) else np.inf

    @cached_property
    def cliff_simulated(self) -> Estimate:
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
    def cliff(self) -> pd.DataFrame:
        """All replications at several times their traffic, a row each.

        Columns: `traffic`, `new_per_second`, `mean_ns` of an increment with its 95 % interval `mean_ns_low` and
        `mean_ns_high` where there are replications, `utilisation_percent` of the lock, `sorted_percent` of the new
        entries that sort the whole store.
        """
        return pd.DataFrame([self._at(traffic) for traffic in self.steps or [1.0]]).dropna(axis="columns")

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
                self.sources[at], traffic, self.experiment.settings, COUNTER
            )
        return self._predictions[at, traffic]

    def _sorts_per_create(self, at: int, traffic: float) -> float:
        after = self._predicted(at, traffic).after_warm_up
        return after.cap_evictions / after.creates if after.creates else 0.0

    def _rates(self, traffic: Iterable[float]) -> list[float]:
        """New sessions a second of each replication at some times its traffic."""
        pairs = zip(traffic, self.experiment.replications, strict=True)
        return [
            times * replication.totals(COUNTER, "unbounded").creates / (max(replication.duration, SECOND) / SECOND)
            for times, replication in pairs
        ]

    # --- Claims

    def miniature_is_the_store(self) -> bool:
        """Whether at its own traffic a miniature has the ledger of the store that received the stream live."""
        return is_the_store(self.experiment, [COUNTER])

    def sorts_more_with_traffic(self) -> bool:
        """Whether no smaller share of new entries sorts the store at the most traffic than at the least, within 5 %."""
        lowest, highest = self.cliff["sorted_percent"].iloc[[0, -1]]
        return bool(highest >= lowest - 5)

    # --- In words and pictures

    def answer(self) -> str:
        """The answer to the notebook's question, in two sentences."""
        if self.silence:
            return self.silence
        mean, plain = format_duration(self.mean_ns.mean), format_duration(self.plain_ns)
        stalled = f"{format_percent(self.stalled.mean)} of them sort" if self.stalled.mean else "none sorts"
        here, begins = format_number(self.new_per_second.mean), self.cliff_simulated.mean
        most = format_number(max(self.steps, default=1.0))
        cliff = TIED if only_own(self.experiment) else f"no traffic up to {most} times falls off the cliff"
        if begins == 0:
            cliff = "the store is over the cliff at any traffic"
        elif np.isfinite(begins):
            cliff = f"the cliff begins at {self._times(begins)} times that"
        return (
            f"An increment takes {mean} on average and {plain} without a prune; "
            f"{stalled} the whole store. There are {here} new sessions a second, and {cliff}."
        )

    def _times(self, per_second: float) -> str:
        """A rate of new sessions as times that of this stream, for people."""
        return format_number(per_second / self.new_per_second.mean)

    def tail(self) -> pd.DataFrame:
        """Percentiles of the time for which an increment of the first replication holds the lock, after the warm-up."""
        ns = np.sort(self.work[0].ns)
        levels = [50, 90, 99, 99.9, 100]
        values = np.percentile(ns, levels, method="inverted_cdf") if ns.size else np.zeros(len(levels))
        return pd.DataFrame({"percent_of_increments": levels, "at_most_us": values / 1000})

    def draw_tail(self) -> Drawing | LeftOut:
        """The share of increments that hold the lock for longer than a time."""
        ns = np.sort(self.work[0].ns)
        if not ns.size:
            return LeftOut(self.silence or "No increment comes after the warm-up.")
        longest = ns[-1]
        stalled = float((ns > longest / 2).mean())
        message = f"No increment holds the lock for longer than {format_duration(longest)}"
        if longest > 10 * self.plain_ns:
            message = (
                f"{format_percent(stalled)} of the increments hold the lock for over {format_duration(longest / 2)}"
            )
        return figures.tail(ns, message)

    def prunes(self) -> pd.DataFrame:
        """The prunes of the first replication (see `ledger.prunes`)."""
        first = self.experiment.first
        return ledger.prunes(first.counters[COUNTER], first.observed[COUNTER, "bounded"])

    def draw_prunes(self) -> Drawing | LeftOut:
        """Entries visited in a prune, by what triggered it."""
        table = self.prunes()
        if table.empty:
            return LeftOut(self.silence or "The store is never pruned: there are too few increments.")
        visited = np.maximum(table["scanned"], table["sorted"])
        work = {"TTL tick": visited[~table["overflow"]], "overflow": visited[table["overflow"]]}
        share = work["overflow"].sum() / max(visited.sum(), 1)
        message = f"{format_count(len(table))} prunes, none by an overflow"
        if len(work["overflow"]):
            message = f"Overflows do {format_percent(share)} of the work of {format_count(len(table))} prunes"
        return figures.prune_work({name: np.sort(values) for name, values in work.items()}, message)

    def draw_cliff(self) -> Drawing | LeftOut:
        """Mean time of an increment against the rate of new sessions, with the cliff, simulated and in closed form."""
        why = self.silence or only_own(self.experiment)
        if why:
            return LeftOut(why)
        table, begins = self.cliff, self.cliff_simulated.mean
        most = format_number(table["mean_ns"].max() / self.plain_ns)
        if begins == 0:
            message = f"At any traffic new sessions sort the store; an increment takes up to {most} times as long"
        elif np.isfinite(begins):
            message = f"From {self._times(begins)} times the traffic on an increment takes up to {most} times as long"
        else:
            message = f"Up to {format_number(self.steps[-1])} times the traffic this stream is not over the cliff"
        marks = {
            "this stream": self.new_per_second.mean,
            "simulated: 1 new entry\nin 20 sorts the store": begins,
            "closed form:\nthe cap is reached": self.cliff_per_second,
        }
        return figures.cliff(table, marks, message)


def recorded(experiment: Experiment) -> list[Recorded]:
    """The replications of an experiment as they are."""
    in_memory = bool(only_own(experiment))
    return [Recorded(each.trace, each.start, each.duration, in_memory) for each in experiment.replications]


def only_own(experiment: Experiment) -> str:
    """Why nothing is estimated for other traffic, in a sentence; empty where it is."""
    return f"{TIED.capitalize()}." if experiment.workload and experiment.workload.history.memory else ""


def is_the_store(experiment: Experiment, counters: Sequence[str]) -> bool:
    """Whether miniatures at the experiment's own traffic have the ledgers of the stores that received it live."""
    itself = Miniature(1, 1, experiment.settings, experiment.settings)
    return all(
        simulate(source, itself, counter).whole == replication.totals(counter, "bounded")
        for source, replication in zip(recorded(experiment), experiment.replications, strict=True)
        for counter in counters
    )
