"""The findings of `03_prune_cost`: what pruning costs, whom it stalls, and where the cliff begins.

Owns the sentences and the numbers in them, for the `no_client` store; draws through `figures`. Next: the notebook.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib import cost, figures, ledger
from simlib.case import Case, Run
from simlib.replay import replay
from simlib.statistics import Estimate, estimate
from simlib.stores import Prune
from simlib.trace import INCREMENT, Trace
from simlib.units import SECOND, format_duration

COUNTER = "no_client"

SPEEDS = (0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8)
"""How many times as fast the stream is replayed to look for the cliff."""


@dataclass(frozen=True)
class PruneCost:
    """What the bounded `no_client` store of a case spends on pruning, in the time for which it holds the lock."""

    case: Case

    @cached_property
    def increments(self) -> list[np.ndarray]:
        """For each run the time in ns that each increment holds the lock."""
        return [cost.increment_ns(run.counters[COUNTER], run.observed[COUNTER, "bounded"]) for run in self.case.runs]

    @cached_property
    def settled(self) -> list[np.ndarray]:
        """The same of the increments after the warm-up, in which an empty store fills and prunes find little."""
        return [
            ns[np.searchsorted(trace.time[trace.op == INCREMENT], run.start + run.warm_up) :]
            for ns, run in zip(self.increments, self.case.runs, strict=True)
            for trace in [run.counters[COUNTER]]
        ]

    @cached_property
    def mean_ns(self) -> Estimate:
        """Mean time of an increment after the warm-up, over the replications."""
        return estimate(float(ns.mean()) if ns.size else 0.0 for ns in self.settled)

    @cached_property
    def busy(self) -> Estimate:
        """Share of the time after the warm-up for which the lock is held, over the replications."""
        runs = zip(self.settled, self.case.runs, strict=True)
        return estimate(float(ns.sum()) / max(run.duration - run.warm_up, 1) for ns, run in runs)

    @cached_property
    def stalled(self) -> Estimate:
        """Share of the increments that sort the whole store, over the replications."""
        return estimate(
            run.totals(COUNTER, "bounded").entries_sorted
            / max(self.case.settings.max_entries, 1)
            / max(run.totals(COUNTER, "bounded").increments, 1)
            for run in self.case.runs
        )

    @cached_property
    def scanned(self) -> Estimate:
        """Entries scanned for each increment, over the replications."""
        totals = [run.totals(COUNTER, "bounded") for run in self.case.runs]
        return estimate(total.entries_scanned / max(total.increments, 1) for total in totals)

    @property
    def trace(self) -> Trace:
        """The operations of the first run."""
        return self.case.first.counters[COUNTER]

    @cached_property
    def new_per_second(self) -> Estimate:
        """Rate at which sessions appear that the unbounded map does not hold, over the replications."""
        return estimate(self._new_per_second(run) for run in self.case.runs)

    @cached_property
    def cliff_speeds(self) -> list[float]:
        """How many times as fast each run must be for the mean occupancy under the TTL alone to reach the cap.

        In closed form: occupancy at speed f is f / T times the sum over increments of min(gap / f, TTL). It grows with
        f, so the speed is found by bisection. inf where no speed does, or a bound is off.
        """
        cap, ttl = self.case.settings.max_entries, self.case.settings.ttl
        if cap <= 0 or ttl <= 0:
            return [np.inf] * len(self.case.runs)
        return [
            _lowest(1e-6, 1e6, lambda speed, trace=run.counters[COUNTER]: ledger.occupancy(trace, ttl, speed) >= cap)
            for run in self.case.runs
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

        It lies below the closed form where traffic is uneven: the cliff begins with the busiest hour.
        """
        return self._at_speeds(
            _lowest(speed / 1000, 1000 * speed, lambda faster, run=run: self._sorted_share(run, faster) > 0.05)
            if np.isfinite(speed)
            else np.inf
            for speed, run in zip(self.cliff_speeds, self.case.runs, strict=True)
        )

    @cached_property
    def cliff(self) -> pd.DataFrame:
        """Every run replayed at several speeds, a row a speed.

        Columns: `speed`, `new_per_second`, `mean_ns` of an increment with its 95 % interval `mean_ns_low` and
        `mean_ns_high` where there are replications, `busy_percent` of the time that the lock is held, `sorted_percent`
        of the increments that make a new entry and sort the whole store for it.
        """
        around = (0.5, 0.8, 1, 1.25, 2) if np.isfinite(self.cliff_speed) else ()
        speeds = sorted({*SPEEDS, *(factor * self.cliff_speed for factor in around)})
        return pd.DataFrame([self._at_speed(speed) for speed in speeds]).dropna(axis="columns")

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        here = f"here there are {self.new_per_second.mean:.3g} new sessions a second"
        if not np.isfinite(self.cliff_per_second.mean):
            begins = f"there is no rate at which the cap would bind, and {here}"
        elif np.isfinite(self.cliff_replayed.mean):
            begins = (
                f"{here}, the cliff begins at {_rate(self.cliff_replayed)} when the stream is replayed and, were it "
                f"even, at {_rate(self.cliff_per_second)} in closed form"
            )
        else:
            begins = f"{here}, and no replay falls off the cliff, in closed form at {_rate(self.cliff_per_second)}"
        return (
            f"An increment takes {_time(self.mean_ns)} on average, {_times(self.mean_ns.mean)} times one of a known "
            f"session; {_percent(self.stalled)} of them sort the whole store, and the lock is held "
            f"{_percent(self.busy)} of the time; {begins}."
        )

    def tail(self) -> pd.DataFrame:
        """Percentiles of the time for which an increment of the first run holds the lock."""
        ns = np.sort(self.increments[0])
        levels = [50, 90, 99, 99.9, 100]
        values = np.percentile(ns, levels, method="inverted_cdf") if ns.size else np.zeros(len(levels))
        return pd.DataFrame({"percent_of_increments": levels, "at_most_us": values / 1000})

    def draw_tail(self) -> figures.Drawing:
        """The stall tail: the share of increments that hold the lock for longer than so long."""
        ns = np.sort(self.increments[0])
        table = self.tail()
        longest, median = (format_duration(1000 * table["at_most_us"].iloc[place]) for place in (-1, 0))
        message = f"Half of the increments hold the lock for {median} or less, the worst for {longest}"
        return figures.tail(ns, message)

    def prunes(self) -> pd.DataFrame:
        """The prunes of the first run (see `ledger.prunes`)."""
        return ledger.prunes(self.trace, self.case.first.observed[COUNTER, "bounded"])

    def draw_prunes(self) -> figures.Drawing:
        """Entries scanned in a prune, by what triggered it."""
        table = self.prunes()
        over = table[table["overflow"]]
        visited = np.maximum(table["scanned"], table["sorted"])
        share = np.maximum(over["scanned"], over["sorted"]).sum() / max(visited.sum(), 1)
        message = f"{len(table):,} prunes, {len(over):,} of them by an overflow, which do {share:.0%} of the visiting"
        work = {"regular look": visited[~table["overflow"]], "overflow": visited[table["overflow"]]}
        return figures.prune_work({name: np.sort(values) for name, values in work.items()}, message)

    def draw_cliff(self) -> figures.Drawing:
        """Cost of an increment against the rate of new sessions, replayed, and the closed form of the cliff."""
        table = self.cliff
        if np.isfinite(self.cliff_replayed.mean):
            message = (
                f"From {self.cliff_replayed.mean:.3g} new sessions a second on, an increment costs up to "
                f"{_times(table['mean_ns'].max())} times one of a known session"
            )
        else:
            message = (
                f"At up to {table['new_per_second'].max():.3g} new sessions a second this stream never fills the store"
            )
        return figures.cliff(table, self.new_per_second.mean, self.cliff_per_second.mean, message)

    def costs_in_order(self) -> bool:
        """Whether each increment takes at least that of a known session, and the whole is the ledger's work priced."""
        return all(self._prices_the_ledger(ns, run) for ns, run in zip(self.increments, self.case.runs, strict=True))

    @staticmethod
    def _prices_the_ledger(ns: np.ndarray, run: Run) -> bool:
        totals = run.totals(COUNTER, "bounded")
        visited = max(totals.entries_scanned, totals.entries_sorted)
        expected = totals.increments * cost.NS_PER_INCREMENT + visited * cost.NS_PER_ENTRY_SORTED
        return bool((ns >= cost.NS_PER_INCREMENT).all() and np.isclose(ns.sum(), expected))

    def below_and_above(self) -> tuple[float, float]:
        """Percent of new entries that sort the whole store, at half and at twice the cliff's rate; 0, 0 without one."""
        if not np.isfinite(self.cliff_speed):
            return 0.0, 0.0
        at = self.cliff.set_index("speed")["sorted_percent"]
        return float(at[0.5 * self.cliff_speed]), float(at[2 * self.cliff_speed])

    def _at_speed(self, speed: float) -> dict[str, float]:
        runs = [(run, run.counters[COUNTER].faster(speed)) for run in self.case.runs]
        ns = [cost.increment_ns(trace, replay(trace, "bounded", self.case.settings)) for _, trace in runs]
        mean = estimate(float(each.mean()) if each.size else 0.0 for each in ns)
        held = [float(each.sum()) / max(run.duration / speed, 1) for each, run in zip(ns, self.case.runs, strict=True)]
        return {
            "speed": speed,
            "new_per_second": speed * self.new_per_second.mean,
            "mean_ns": mean.mean,
            "mean_ns_low": mean.low,
            "mean_ns_high": mean.high,
            "busy_percent": 100 * float(np.mean(held)),
            "sorted_percent": 100 * float(np.mean([self._sorted_share(run, speed) for run in self.case.runs])),
        }

    def _sorted_share(self, run: Run, speed: float) -> float:
        """Share of the new entries for which the whole store is sorted, when a run is replayed at a speed."""
        trace = run.counters[COUNTER].faster(speed)
        observed = replay(trace, "bounded", self.case.settings)
        creates = int((observed.answers[trace.op == INCREMENT] == 1).sum())
        return int((observed.prunes[:, Prune._fields.index("sorted")] > 0).sum()) / max(creates, 1)

    def _at_speeds(self, speeds: Iterable[float]) -> Estimate:
        """The rate of new sessions at a speed of each run, over the replications; inf where one of them is."""
        rates = [speed * self._new_per_second(run) for speed, run in zip(speeds, self.case.runs, strict=True)]
        return estimate(rates) if np.isfinite(rates).all() else Estimate(np.inf, np.nan, np.nan, len(rates))

    @staticmethod
    def _new_per_second(run: Run) -> float:
        return run.totals(COUNTER, "unbounded").creates / max(run.duration / SECOND, 1e-9)


def _lowest(low: float, high: float, reached: Callable[[float], bool]) -> float:
    """The speed from which on something is reached, to 0.1 %, by bisection; inf if it is not at `high`."""
    if not reached(high):
        return np.inf
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return (low * high) ** 0.5


def _times(ns: float) -> str:
    """A mean time as a multiple of that of an increment of a known session."""
    times = ns / cost.NS_PER_INCREMENT
    return f"{times:,.0f}" if times >= 100 else f"{times:.3g}"


def _time(value: Estimate) -> str:
    interval = "" if np.isnan(value.low) else f" ({format_duration(value.low)} to {format_duration(value.high)})"
    return f"{format_duration(value.mean)}{interval}"


def _percent(value: Estimate) -> str:
    interval = "" if np.isnan(value.low) else f" ({100 * max(value.low, 0):.3g} to {100 * value.high:.3g} %)"
    return f"{100 * value.mean:.3g} %{interval}"


def _rate(value: Estimate) -> str:
    interval = "" if np.isnan(value.low) else f" ({max(value.low, 0):.3g} to {value.high:.3g})"
    return f"{value.mean:.3g}{interval}"
