"""The findings of `03_prune_cost`: what pruning costs, whom it stalls, and where the cliff begins.

Owns the sentences and the numbers in them, for the `no_client` store; draws through `figures`. Next: the notebook.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_duration, format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import SECOND
from simlib.experiments.experiment import Experiment, Replication
from simlib.figures import prune as figures
from simlib.figures.style import Drawing
from simlib.models import cost
from simlib.models.heap import GO_VERSIONS
from simlib.replay import ledger
from simlib.replay.observe import Observation, replay
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

COUNTER = "no_client"

SPEEDS = (0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8)
"""How many times as fast the stream is replayed to look for the cliff."""

OVER_THE_CLIFF = 0.05
"""The share of new entries that sort the whole store from which on a store counts as over the cliff."""


@dataclass(frozen=True)
class Work:
    """The increments of one stream after its warm-up: what they cost in ns, and what they made and sorted."""

    ns: np.ndarray
    creates: int
    sorts: int
    scanned: int
    lasts: float

    @classmethod
    def of(cls, trace: Trace, observed: Observation, begins: float, ends: float, go_version: str) -> "Work":
        """The work of a store in the increments from `begins` to `ends` (ns), at the prices of a Go version."""
        increment, prunes = trace.op == INCREMENT, ledger.prunes(trace, observed)
        settled = trace.time >= begins
        prunes = prunes[settled[prunes["row"]]]
        return cls(
            ns=cost.increment_ns(trace, observed, go_version)[settled[increment]],
            creates=int(ledger.created(trace, observed)[settled].sum()),
            sorts=int((prunes["sorted"] > 0).sum()),
            scanned=int(prunes["scanned"].sum()),
            lasts=max(ends - begins, SECOND),
        )

    @property
    def mean_ns(self) -> float:
        """Mean time of an increment; 0 without any."""
        return float(self.ns.mean()) if self.ns.size else 0.0

    @property
    def busy(self) -> float:
        """Share of the time for which the lock is held."""
        return float(self.ns.sum()) / self.lasts

    @property
    def sorts_per_create(self) -> float:
        """Share of the new entries for which the whole store is sorted."""
        return self.sorts / max(self.creates, 1)


@dataclass(frozen=True)
class PruneCost:
    """What the bounded `no_client` store of a case spends on pruning, in the time for which it holds the lock.

    Rates are of what happens after the warm-up (see `Replication.warm_up`).
    """

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @cached_property
    def plain_ns(self) -> float:
        """Time in ns of an increment of a known session in a store of the usual size, without a prune."""
        largest = max(run.totals(COUNTER, "bounded").peak_entries for run in self.experiment.replications)
        return float(cost.prices(self.go_version).of("known", max(largest, 1)))

    @cached_property
    def work(self) -> list[Work]:
        """What the store of each run did after the warm-up."""
        return [
            Work.of(
                run.counters[COUNTER],
                run.observed[COUNTER, "bounded"],
                run.start + run.warm_up,
                run.end,
                self.go_version,
            )
            for run in self.experiment.replications
        ]

    @cached_property
    def mean_ns(self) -> Estimate:
        """Mean time of an increment, over the replications."""
        return estimate((work.mean_ns for work in self.work), 0)

    @cached_property
    def busy(self) -> Estimate:
        """Share of the time for which the lock is held, over the replications."""
        return estimate((work.busy for work in self.work), 0)

    @cached_property
    def stalled(self) -> Estimate:
        """Share of the increments that sort the whole store, over the replications."""
        return estimate((work.sorts / max(work.ns.size, 1) for work in self.work), 0, 1)

    @cached_property
    def scanned(self) -> Estimate:
        """Entries scanned for each increment, over the replications."""
        return estimate((work.scanned / max(work.ns.size, 1) for work in self.work), 0)

    @property
    def trace(self) -> Trace:
        """The operations of the first run."""
        return self.experiment.first.counters[COUNTER]

    @cached_property
    def new_per_second(self) -> Estimate:
        """Rate at which sessions appear that the unbounded map does not hold, over the replications."""
        return estimate((self._new_per_second(run) for run in self.experiment.replications), 0)

    @cached_property
    def cliff_speeds(self) -> list[float]:
        """How many times as fast each run must be for the mean occupancy under the TTL alone to reach the cap.

        In closed form: occupancy grows with the speed (see `ledger.occupancy`), so the speed is found by bisection. inf
        where no speed does at which the stream still lasts for two TTLs, or a bound is off.
        """
        cap, ttl = self.experiment.settings.max_entries, self.experiment.settings.ttl
        if cap <= 0 or ttl <= 0:
            return [np.inf] * len(self.experiment.replications)
        return [
            _lowest(
                1e-6,
                self._fastest,
                lambda speed, trace=run.counters[COUNTER]: ledger.occupancy(trace, ttl, speed) >= cap,
            )
            for run in self.experiment.replications
        ]

    @property
    def cliff_speed(self) -> float:
        """The mean of `cliff_speeds`; inf where there is no cliff."""
        return float(np.mean(self.cliff_speeds))

    @cached_property
    def cliff_per_second(self) -> Estimate:
        """New sessions a second at which the cliff begins, in closed form, over the replications; inf if nowhere."""
        return self._at_speeds(self.cliff_speeds)

    @cached_property
    def cliff_replayed(self) -> Estimate:
        """New sessions a second at which one new entry in 20 sorts the store in a replay; inf if nowhere.

        It lies below the closed form where traffic is uneven: the cliff begins with the busiest hour. 0 where a stream
        is over the cliff at the lowest speed replayed.
        """
        slowest = SPEEDS[0] / 8
        return self._at_speeds(
            _lowest(
                slowest,
                self._fastest,
                lambda speed, run=run: self._replayed(run, speed).sorts_per_create > OVER_THE_CLIFF,
            )
            for run in self.experiment.replications
        )

    @cached_property
    def cliff(self) -> pd.DataFrame:
        """Every run replayed at several speeds, a row a speed.

        Columns: `speed`, `new_per_second`, `mean_ns` of an increment with its 95 % interval `mean_ns_low` and
        `mean_ns_high` where there are replications, `busy_percent` of the time that the lock is held, `sorted_percent`
        of the increments that make a new entry and sort the whole store for it.
        """
        around = (0.5, 0.8, 1, 1.25, 2) if np.isfinite(self.cliff_speed) else ()
        speeds = {*SPEEDS, *(factor * self.cliff_speed for factor in around)}
        slow_enough = sorted(speed for speed in speeds if speed <= self._fastest) or [1]
        return pd.DataFrame([self._at_speed(speed) for speed in slow_enough]).dropna(axis="columns")

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        here = f"here there are {self.new_per_second.mean:.3g} new sessions a second"
        if np.isfinite(self.cliff_replayed.mean):
            begins = f"{here}, and the cliff begins at {self.cliff_replayed.text()} when the stream is replayed"
            if self.cliff_replayed.mean == 0:
                begins = f"{here}, and the store is over the cliff at every speed replayed"
            if np.isfinite(self.cliff_per_second.mean):
                begins += f"; were traffic even, at {self.cliff_per_second.text()} in closed form"
        else:
            begins = f"{here}, and no replay, up to {self.cliff['new_per_second'].max():.3g}, falls off the cliff"
        times = format_number(self.mean_ns.mean / self.plain_ns)
        return (
            f"An increment takes {self.mean_ns.text(format_duration)} on average, {times} times one of a known "
            f"session without a prune; {self.stalled.percent()} of them sort the whole store, and the lock is held "
            f"{self.busy.percent()} of the time; {begins}."
        )

    def tail(self) -> pd.DataFrame:
        """Percentiles of the time for which an increment of the first run holds the lock, after the warm-up."""
        ns = np.sort(self.work[0].ns)
        levels = [50, 90, 99, 99.9, 100]
        values = np.percentile(ns, levels, method="inverted_cdf") if ns.size else np.zeros(len(levels))
        return pd.DataFrame({"percent_of_increments": levels, "at_most_us": values / 1000})

    def draw_tail(self) -> Drawing:
        """The stall tail: the share of increments that hold the lock for longer than so long."""
        ns = np.sort(self.work[0].ns)
        longest = ns.max(initial=0)
        stalled = float((ns > longest / 2).mean()) if ns.size and longest > 10 * self.plain_ns else 0.0
        if stalled:
            message = (
                f"{format_percent(stalled)} of the increments hold the lock for over {format_duration(longest / 2)}, "
            )
            message += f"the longest for {format_duration(longest)}"
        else:
            message = f"No increment holds the lock for longer than {format_duration(longest)}"
        return figures.tail(ns, message)

    def prunes(self) -> pd.DataFrame:
        """The prunes of the first run (see `ledger.prunes`)."""
        return ledger.prunes(self.trace, self.experiment.first.observed[COUNTER, "bounded"])

    def draw_prunes(self) -> Drawing:
        """Entries scanned in a prune, by what triggered it."""
        table = self.prunes()
        over = table[table["overflow"]]
        visited = np.maximum(table["scanned"], table["sorted"])
        share = np.maximum(over["scanned"], over["sorted"]).sum() / max(visited.sum(), 1)
        message = f"{len(table):,} prunes, "
        message += (
            f"{len(over):,} of them by an overflow, which do {share:.0%} of the work"
            if len(over)
            else "none by an overflow"
        )
        work = {"TTL tick": visited[~table["overflow"]], "overflow": visited[table["overflow"]]}
        return figures.prune_work({name: np.sort(values) for name, values in work.items()}, message)

    def draw_cliff(self) -> Drawing:
        """Cost of an increment against the rate of new sessions, replayed, and the closed form of the cliff."""
        table, begins = self.cliff, self.cliff_replayed.mean
        most = format_number(table["mean_ns"].max() / self.plain_ns)
        if begins == 0:
            message = f"At every speed new sessions sort the store; an increment costs up to {most} times the plain one"
        elif np.isfinite(begins):
            message = f"From {begins:.3g} new sessions a second on, an increment costs up to {most} times the plain one"
        else:
            fastest = table["new_per_second"].max()
            message = f"At up to {fastest:.3g} new sessions a second this stream is not over the cliff"
        marks = {
            "this stream": self.new_per_second.mean,
            "replayed: 1 new entry\nin 20 sorts the store": begins,
            "closed form:\nthe cap binds": self.cliff_per_second.mean,
        }
        return figures.cliff(table, marks, message)

    def replay_agrees(self) -> bool:
        """Whether replays at the streams' own speed cost what the live stores cost."""
        return all(
            np.array_equal(self._replayed(run, 1).ns, work.ns)
            for run, work in zip(self.experiment.replications, self.work, strict=True)
        )

    def sorts_more_when_faster(self) -> bool:
        """Whether a larger share of new entries sorts the store at the highest speed than at the lowest.

        Where the cliff lies between them; elsewhere no less than the same share.
        """
        lowest, highest = self.cliff["sorted_percent"].iloc[[0, -1]]
        rates = self.cliff["new_per_second"]
        between = rates.iloc[0] < self.cliff_replayed.mean < rates.iloc[-1]
        return bool(highest > lowest if between else highest >= lowest)

    @cached_property
    def _fastest(self) -> float:
        """The speed at which the shortest run still lasts for two TTLs, so that more than its warm-up is left."""
        ttl, times = self.experiment.settings.ttl, [run.counters[COUNTER].time for run in self.experiment.replications]
        shortest = min(int(time[-1] - time[0]) if time.size else 0 for time in times)
        return shortest / (2.001 * ttl) if ttl > 0 else SPEEDS[-1]

    def _at_speed(self, speed: float) -> dict[str, float]:
        work = [self._replayed(run, speed) for run in self.experiment.replications]
        mean = estimate((each.mean_ns for each in work), 0)
        return {
            "speed": speed,
            "new_per_second": speed * self.new_per_second.mean,
            "mean_ns": mean.mean,
            "mean_ns_low": mean.low,
            "mean_ns_high": mean.high,
            "busy_percent": 100 * float(np.mean([each.busy for each in work])),
            "sorted_percent": 100 * float(np.mean([each.sorts_per_create for each in work])),
        }

    @cached_property
    def _at(self) -> dict[tuple[int, float], Work]:
        return {}

    def _replayed(self, run: Replication, speed: float) -> Work:
        """What a store does when a run is replayed at a speed, after as long a warm-up."""
        key = id(run), speed
        if key not in self._at:
            trace = run.counters[COUNTER]
            # The counter's own first row begins the faster stream at 0.
            late = (int(trace.time[0]) - run.start) / speed if len(trace) else 0
            faster = trace.faster(speed)
            warm = min(
                run.warm_up if speed == 1 else max(run.warm_up / speed, self.experiment.settings.ttl),
                run.duration / speed / 2,
            )
            observed = replay(faster, "bounded", self.experiment.settings)
            self._at[key] = Work.of(faster, observed, warm - late, run.duration / speed - late, self.go_version)
        return self._at[key]

    def _at_speeds(self, speeds: Iterable[float]) -> Estimate:
        """The rate of new sessions at a speed of each run, over the replications; inf where one of them is."""
        rates = [
            speed * self._new_per_second(run) for speed, run in zip(speeds, self.experiment.replications, strict=True)
        ]
        return estimate(rates, 0) if np.isfinite(rates).all() else Estimate(np.inf, np.nan, np.nan, len(rates))

    @staticmethod
    def _new_per_second(run: Replication) -> float:
        return run.totals(COUNTER, "unbounded").creates / (max(run.duration, SECOND) / SECOND)


def _lowest(low: float, high: float, reached: Callable[[float], bool]) -> float:
    """The speed from which on something is reached, by bisection to 0.1 %; inf if not at `high`, 0 if at `low`."""
    if high <= low or not reached(high):
        return np.inf
    if reached(low):
        return 0.0
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return (low * high) ** 0.5
