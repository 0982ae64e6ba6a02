"""The findings of `01_memory`: how fast the maps grow, who grows them, when the process dies, whether the bound holds.

Owns the sentences and the numbers in them; draws through `figures`. Next: the notebook.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_duration, format_hours, format_number
from simlib.experiments.experiment import LIVE_DESIGNS, Experiment
from simlib.experiments.time_to_limit import TimeToLimit, time_to_limit
from simlib.figures import memory as figures
from simlib.figures.style import Drawing
from simlib.models import heap
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.traces.trace import COUNTERS, INCREMENT

SHARES = {"low": 1 - heap.SPREAD, "middle": 1.0, "high": 1 + heap.SPREAD}
"""Resident memory as a share of what is modelled."""


@dataclass(frozen=True)
class Memory:
    """What the two maps of a case hold and take, on one Go version."""

    experiment: Experiment
    go_version: str

    @cached_property
    def times_to_limit(self) -> dict[str, TimeToLimit]:
        """When the unbounded maps reach the memory limit, at `low`, `middle` and `high` resident memory."""
        return {
            size: time_to_limit(
                self.experiment.replications,
                "unbounded",
                heap.entries_at(self.experiment.memory_limit_mib, "unbounded", self.go_version, share),
            )
            for size, share in SHARES.items()
        }

    @property
    def time_to_limit(self) -> TimeToLimit:
        """When the unbounded maps reach the limit, as modelled."""
        return self.times_to_limit["middle"]

    @cached_property
    def peak_entries(self) -> dict[str, int]:
        """The largest number of entries in any one store of a design after an operation, over all runs."""
        return {
            design: max(
                replication.totals(counter, design).peak_entries
                for replication in self.experiment.replications
                for counter in COUNTERS
            )
            for design in LIVE_DESIGNS
        }

    @cached_property
    def overshoot(self) -> int:
        """Entries by which a bounded store exceeded its cap after an operation; 0 where it never did or has none."""
        cap = self.experiment.settings.max_entries
        return max(self.peak_entries["bounded"] - cap, 0) if cap > 0 else 0

    @cached_property
    def bounded_peak_mib(self) -> float:
        """Resident memory of both bounded stores, each at its largest over all runs and after much churn."""
        largest = [
            max(replication.totals(counter, "bounded").peak_entries for replication in self.experiment.replications)
            for counter in COUNTERS
        ]
        return float(self._bounded_mib(np.array(largest)).sum())

    def _bounded_mib(self, entries: np.ndarray) -> np.ndarray:
        return heap.resident_mib(entries, "bounded", self.go_version, heap.churned(self.go_version))

    @cached_property
    def growth_by_class(self) -> pd.DataFrame:
        """Entries of the unbounded maps in the first run at the instants of its grid, a column a class."""
        return self.experiment.first.entries_by_class("unbounded", self.experiment.first.grid())

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        peak = f"peak at {self.peak_entries['bounded']:,} entries in a store and {self.bounded_peak_mib:.2g} MiB in all"
        growth, limit = self.time_to_limit.growth.mean, f"{self.experiment.memory_limit_mib:g} MiB"
        if not np.isfinite(self.time_to_limit.hours.mean):
            return f"The unbounded maps do not go on growing here; the bounded stores {peak}."
        soonest, latest = (format_hours(self.times_to_limit[size].hours.mean) for size in ("high", "low"))
        over_bytes = f"{soonest} to {latest} within {heap.SPREAD:.0%} of memory"
        return (
            f"Unbounded, the two maps {'fill' if self.time_to_limit.reached else 'would fill'} {limit} after "
            f"{self.time_to_limit.short()} ({'; '.join(filter(None, [self.time_to_limit.interval(), over_bytes]))})"
            f"{self._projected()}, "
            f"gaining {format_number(growth)} entries an hour, {self._blame()}; "
            f"bounded, they {peak}."
        )

    @cached_property
    def least_surplus(self) -> int:
        """The smallest lead, in entries, of the unbounded maps over the bounded stores after any operation."""
        return min(
            int((replication.entries("unbounded") - replication.entries("bounded")).min(initial=0))
            for replication in self.experiment.replications
        )

    def hours_to_limit(self) -> dict[str, float]:
        """Hours until the limit by resident memory, and the 95 % interval as modelled."""
        hours = {f"hours_at_{size}_memory": outlook.hours.mean for size, outlook in self.times_to_limit.items()}
        return {**hours, "interval_low": self.time_to_limit.hours.low, "interval_high": self.time_to_limit.hours.high}

    def limits_in_order(self) -> bool:
        """Whether the limit is reached no later at more memory."""
        low, middle, high = (self.times_to_limit[size].hours.mean for size in ("low", "middle", "high"))
        return high <= middle <= low

    def final_entries(self) -> int:
        """Entries in both unbounded maps as the first run ends."""
        return sum(self.experiment.first.observed[counter, "unbounded"].final_counts.size for counter in COUNTERS)

    def never_cleaned_up(self) -> int:
        """Count the sessions, by counter, whose last operation is an increment, from the first trace alone."""
        traces = self.experiment.first.counters.values()
        return sum(int(((trace.next_row == len(trace)) & (trace.op == INCREMENT)).sum()) for trace in traces)

    def replays_alike(self) -> bool:
        """Whether a replay of the first run's trace gives the ledgers of the stores that heard it live."""
        replication = self.experiment.first
        return all(
            ledger.totals(
                replication.counters[counter], replay(replication.counters[counter], design, self.experiment.settings)
            )
            == replication.totals(counter, design)
            for counter, design in replication.observed
        )

    def table(self) -> pd.DataFrame:
        """The ledgers of the first replication, a column a counter and design."""
        replication = self.experiment.first
        return pd.DataFrame(
            {
                (counter, design): ledger.report(design, self.experiment.settings, replication.totals(counter, design))
                for counter in COUNTERS
                for design in LIVE_DESIGNS
            }
        ).drop(index="design")

    def draw_heap(self) -> Drawing:
        """Heap over time, unbounded and bounded, with the limit and where it is reached."""
        replication, at = self.experiment.first, self.experiment.first.grid()
        unbounded, bounded = (replication.sample(replication.entries(design), at) for design in LIVE_DESIGNS)
        where = "reach" if self.time_to_limit.reached else "would reach"
        message = (
            f"Unbounded, the maps {where} {self.experiment.memory_limit_mib:g} MiB after {self.time_to_limit.short()}; "
            f"bounded, they stay within {self.bounded_peak_mib:.2g} MiB"
        )
        if not np.isfinite(self.time_to_limit.hours.mean):
            message = f"The unbounded maps do not grow; the bounded ones stay within {self.bounded_peak_mib:.2g} MiB"
        return figures.heap(
            at - replication.start,
            {size: heap.resident_mib(unbounded, "unbounded", self.go_version, share) for size, share in SHARES.items()},
            self._bounded_mib(bounded),
            self.experiment.memory_limit_mib,
            message,
            self.time_to_limit.hours.mean if self.time_to_limit.reached else np.inf,
        )

    def draw_growth(self) -> Drawing:
        """Who grows the unbounded maps."""
        replication, entries = self.experiment.first, self.growth_by_class
        message = f"{entries.iloc[-1].sum():,.0f} entries at the end, {self._blame()}"
        return figures.growth_by_class(replication.grid() - replication.start, entries, message)

    def draw_bound(self) -> Drawing:
        """What the bounded stores keep, against the cap and against what will be used again."""
        replication, at, cap = self.experiment.first, self.experiment.first.grid(), self.experiment.settings.max_entries
        kept, in_use = (
            replication.sample(replication.entries("bounded"), at),
            replication.sample(replication.in_use("bounded"), at),
        )
        idle = f"on average {1 - in_use.sum() / max(kept.sum(), 1):.0%} of what is kept is not used again in this run"
        peak = self.peak_entries["bounded"]
        if cap <= 0:
            message = f"With no cap a store holds up to {peak:,} entries, and {idle}"
        elif self.overshoot:
            message = f"A store exceeds its cap of {cap:,} by {self.overshoot:,}, and {idle}"
        elif peak == cap:
            message = f"The bound holds: no store exceeds its cap of {cap:,}, and {idle}"
        else:
            message = f"At most {peak:,} entries in a store, so the cap of {cap:,} never acts; {idle}"
        return figures.bound(at - replication.start, kept, in_use, cap, message)

    def _projected(self) -> str:
        """What a time that lies beyond the end of a run stands on."""
        if self.time_to_limit.reached:
            return ""
        return f", were it to grow on as in the second half of {format_duration(self.experiment.first.duration)}"

    def limit_note(self) -> str:
        """What the figure shows of the limit."""
        if self.time_to_limit.reached:
            return f"the cross is where the limit of {self.experiment.memory_limit_mib:g} MiB is reached."
        return f"the limit of {self.experiment.memory_limit_mib:g} MiB is not reached within it."

    def _blame(self) -> str:
        final = self.growth_by_class.iloc[-1]
        if final.sum() == 0:
            return "none of which stay"
        who = (
            f"from sessions of kind “{final.idxmax()}”"
            if self.experiment.simulated
            else f"for sessions {final.idxmax()}"
        )
        return f"{final.max() / final.sum():.0%} of them {who}"
