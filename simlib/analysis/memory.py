"""The findings of `01_memory`: how fast the maps grow, from which sessions, until when, and whether the bound holds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.growth import Growth
from simlib.core.numbers import format_count, format_counted, format_memory, format_percent
from simlib.experiments.experiment import Experiment
from simlib.experiments.replication import LIVE_DESIGNS
from simlib.experiments.time_to_limit import TimeToLimit, time_to_limit
from simlib.figures import memory as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models.footprint import Footprint
from simlib.models.heap import HIGH_VOLUME
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.registry import LEAKED, SHIPPED, find_design
from simlib.traces.codes import COUNTERS, INCREMENT


@dataclass(frozen=True)
class Memory:
    """Entries and memory of the maps of an experiment, on one Go version."""

    experiment: Experiment
    go_version: str

    @property
    def footprint(self) -> Footprint:
        """The memory of the maps."""
        return Footprint(self.experiment.entry, self.go_version)

    @property
    def shares(self) -> dict[str, float]:
        """Resident memory as a share of what is computed: `low`, `middle` and `high`."""
        spread = self.footprint.spread
        return {"low": 1 - spread, "middle": 1.0, "high": 1 + spread}

    @cached_property
    def oom_at(self) -> dict[str, TimeToLimit]:
        """When the unbounded maps reach the limit, at `low`, `middle` and `high` resident memory; never without one."""
        limit, footprint = self.experiment.limit, self.footprint
        return {
            size: time_to_limit(self.experiment.replications, LEAKED, footprint.entries_at(limit, LEAKED, share))
            for size, share in self.shares.items()
        }

    @property
    def oom(self) -> TimeToLimit:
        """When the unbounded maps reach the memory limit, as modelled."""
        return self.oom_at["middle"]

    @cached_property
    def peak_entries(self) -> dict[str, int]:
        """The largest number of entries in any one store of a design after an operation, over all replications."""
        return {design: max(self._peaks(design).values()) for design in LIVE_DESIGNS}

    def _peaks(self, design: str) -> dict[str, int]:
        """The largest number of entries of each counter's store, over all replications."""
        return {
            counter: max(each.totals(counter, design).peak_entries for each in self.experiment.replications)
            for counter in self.experiment.counters
        }

    @cached_property
    def overshoot(self) -> int:
        """Entries by which a bounded store exceeded its cap after an operation; 0 where it did not or has none."""
        cap = self.experiment.settings.max_entries
        return max(self.peak_entries[SHIPPED] - cap, 0) if cap > 0 else 0

    @cached_property
    def unbounded_peak(self) -> int:
        """The largest number of entries in the unbounded maps together over all replications."""
        return max(int(each.entries(LEAKED).max(initial=0)) for each in self.experiment.replications)

    @property
    def unbounded_peak_mib(self) -> float:
        """Resident memory of the unbounded maps at their largest over all replications."""
        return float(self.footprint.resident_mib(np.array(self.unbounded_peak), LEAKED))

    @property
    def bounded_entries(self) -> int:
        """Entries in the bounded stores, each at its largest over all replications."""
        return sum(self._peaks(SHIPPED).values())

    @cached_property
    def bounded_peak_mib(self) -> float:
        """Resident memory of the bounded stores, each at its largest over all replications and after much churn."""
        return float(self.bounded_mib(np.array(list(self._peaks(SHIPPED).values()))).sum())

    def bounded_mib(self, entries: np.ndarray) -> np.ndarray:
        """Resident memory of bounded stores after much churn; same shape as `entries`."""
        return self.footprint.resident_mib(entries, SHIPPED, self.footprint.churned)

    @cached_property
    def growth(self) -> Growth:
        """Who grows the unbounded maps."""
        return Growth(self.experiment)

    # --- Sentences and tables

    def limit_table(self) -> pd.DataFrame:
        """When the unbounded maps reach the limit, a row for each resident memory, as text."""
        names = {"low": "10 % less", "middle": "as modelled", "high": "10 % more"}
        if not self.footprint.spread:
            names = {"middle": "as given"}
        known = self.experiment.limit.known
        return pd.DataFrame(
            {
                "resident memory": name,
                "limit reached in": self.oom_at[size].text() if known else "no limit given",
                "95 % interval": self.oom_at[size].interval(),
                "entries gained an hour": self.oom_at[size].growth.text(),
            }
            for size, name in names.items()
        ).set_index("resident memory")

    def table(self) -> pd.DataFrame:
        """The ledgers of the first replication, a column a counter and design."""
        replication = self.experiment.first
        return pd.DataFrame(
            {
                (counter, design): ledger.report(design, self.experiment.settings, replication.totals(counter, design))
                for counter in self.experiment.counters
                for design in LIVE_DESIGNS
            }
        ).drop(index="design")

    # --- Claims

    @cached_property
    def least_surplus(self) -> int:
        """The smallest lead, in entries, of the unbounded maps over the bounded stores after any operation."""
        return min(
            int((replication.entries(LEAKED) - replication.entries(SHIPPED)).min(initial=0))
            for replication in self.experiment.replications
        )

    def hours_to_limit(self) -> dict[str, float]:
        """Hours until the limit by resident memory, and the 95 % interval as modelled."""
        hours = {f"hours_at_{size}_memory": found.hours.mean for size, found in self.oom_at.items()}
        return {**hours, "interval_low": self.oom.hours.low, "interval_high": self.oom.hours.high}

    def limits_in_order(self) -> bool | None:
        """Whether the limit is reached no later at more memory; None without a limit or with too few instants."""
        low, middle, high = (self.oom_at[size] for size in ("low", "middle", "high"))
        if not (self.experiment.limit.known and low.known and middle.known and high.known):
            return None
        return high.hours.mean <= middle.hours.mean <= low.hours.mean

    def final_entries(self) -> int:
        """Entries in both unbounded maps at the end of the first replication."""
        return sum(self.experiment.first.observed[counter, LEAKED].final_counts.size for counter in COUNTERS)

    def never_cleaned_up(self) -> int:
        """Count the sessions, by counter, whose last operation is an increment, from the first trace alone."""
        traces = self.experiment.first.counters.values()
        return sum(int(((trace.next_row == len(trace)) & (trace.op == INCREMENT)).sum()) for trace in traces)

    def created(self) -> int:
        """Count the entries that the unbounded maps created in the first replication."""
        return sum(self.experiment.first.totals(counter, LEAKED).creates for counter in COUNTERS)

    def replays_alike(self) -> bool:
        """Whether a compiled replay of the first trace gives the ledgers of its stores, readable unless it is large."""
        first, settings = self.experiment.first, self.experiment.settings
        return all(
            ledger.totals(first.counters[counter], replay(first.counters[counter], design, settings))
            == first.totals(counter, design)
            for counter, design in first.observed
        )

    def left_claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """Claims on the third map of the first replication; none where nothing is known of it or it stays empty."""
        first, workload = self.experiment.first, self.experiment.workload
        if workload is None or first.high_volume is None or not first.high_volume.peak:
            return []
        trace, number = first.counters["no_client"], COUNTERS.index("no_client")
        streams = np.array([kind.token_deltas for kind in workload.kinds.values()])
        streams = streams[first.class_of[first.trace.session[first.trace.counter == number]]]
        kept = int((streams & (trace.next_row == len(trace)) & (trace.op == INCREMENT)).sum())
        entries = int(first.high_volume.entries_at(np.array([first.end]))[0])
        text = "The third map keeps every session with token deltas that the unbounded no_client map keeps"
        return [(text, entries >= kept, {"entries": entries, "kept_by_no_client": kept})]

    # --- Figures

    def draw_bound(self) -> Drawing | LeftOut:
        """Draw the entries of the fuller bounded store, against the cap and those that will be used again."""
        replication, cap = self.experiment.first, self.experiment.settings.max_entries
        if not replication.duration:
            return figures.ONE_INSTANT
        peaks, at = self._peaks(SHIPPED), self.experiment.first.grid()
        kept, in_use = replication.kept(max(peaks, key=peaks.get), at)
        unused = format_percent(1 - in_use.sum() / max(kept.sum(), 1))
        peak = self.peak_entries[SHIPPED]
        if self.overshoot:
            message = f"A store exceeds its cap of {format_count(cap)} by {format_counted(self.overshoot, 'entries')}"
        elif peak == cap:
            message = f"No store exceeds its cap of {format_count(cap)}; {unused} of its entries are not used again"
        elif cap > 0:
            message = f"The cap is never reached: at most {format_counted(peak, 'entries')}, {unused} not used again"
        else:
            message = f"With no cap a store holds up to {format_counted(peak, 'entries')}, {unused} not used again"
        colour = find_design(SHIPPED).colour
        return figures.bound(at - replication.start, kept, in_use, colour, cap if cap > 0 else None, message)

    @cached_property
    def third_mib(self) -> np.ndarray:
        """Resident memory of the third map, which the fix did not bound, at the grid; zeros where none is known."""
        first = self.experiment.first
        if first.high_volume is None or not (entries := first.high_volume.entries_at(first.grid())).any():
            return np.zeros(first.grid().size)
        return Footprint(go_version=self.go_version).resident_mib(entries, HIGH_VOLUME)

    def draw_left(self) -> Drawing | LeftOut:
        """Draw the memory of the third map beside the bounded stores."""
        first, third = self.experiment.first, self.third_mib
        if first.high_volume is None:
            return LeftOut("No figure: a log does not record the third map.")
        if not third.any():
            return LeftOut("No figure: no session of this workload streams token deltas, so the third map stays empty.")
        at = first.grid()
        bounded = sum(self.bounded_mib(first.kept(counter, at)[0]) for counter in self.experiment.counters)
        message = (
            f"The third map, never bounded, takes {format_memory(third[-1])} at the end; "
            f"the bounded {self.experiment.named('store')} {format_memory(bounded[-1])}"
        )
        return figures.left(at - first.start, bounded, find_design(SHIPPED).colour, third, message)
