"""The findings of `01_memory`: how fast the maps grow, from which sessions, until when, and whether the bound holds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.growth import Growth
from simlib.core.numbers import format_count, format_duration, format_memory, format_number, format_percent
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

NO_LIMIT = "no limit given: add --memory-limit"


@dataclass(frozen=True)
class Memory:
    """Entries and memory of the two maps of an experiment, on one Go version."""

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
            for counter in COUNTERS
        }

    @cached_property
    def overshoot(self) -> int:
        """Entries by which a bounded store exceeded its cap after an operation; 0 where it did not or has none."""
        cap = self.experiment.settings.max_entries
        return max(self.peak_entries[SHIPPED] - cap, 0) if cap > 0 else 0

    @cached_property
    def unbounded_peak_mib(self) -> float:
        """Resident memory of both unbounded maps at their largest over all replications."""
        peak = max(int(each.entries(LEAKED).max(initial=0)) for each in self.experiment.replications)
        return float(self.footprint.resident_mib(np.array(peak), LEAKED))

    @cached_property
    def bounded_peak_mib(self) -> float:
        """Resident memory of both bounded stores, each at its largest over all replications and after much churn."""
        return float(self._bounded_mib(np.array(list(self._peaks(SHIPPED).values()))).sum())

    def _bounded_mib(self, entries: np.ndarray) -> np.ndarray:
        return self.footprint.resident_mib(entries, SHIPPED, self.footprint.churned)

    @cached_property
    def growth(self) -> Growth:
        """Who grows the unbounded maps."""
        return Growth(self.experiment)

    # --- Sentences and tables

    def answer(self) -> str:
        """Answer the notebook's question in two sentences."""
        bounded = (
            f"Bounded, they need {format_memory(self.bounded_peak_mib)}, and no store holds more than "
            f"{format_count(self.peak_entries[SHIPPED])} entries."
        )
        if self.oom.growth.mean <= 0 and not self.oom.finite:
            return f"The unbounded maps do not grow here. {bounded}"
        limit, reach = self.experiment.limit, "reach" if self.oom.reached else "would reach"
        leak = f"they {reach} {limit.text()} in {self.oom.text()}" if limit.known else NO_LIMIT
        return f"The unbounded maps leak: {leak}. {self.growth.answer()} {bounded}"

    def limit_table(self) -> pd.DataFrame:
        """When the unbounded maps reach the memory limit, a row for each resident memory, as text."""
        names = {"low": "10 % less", "middle": "as modelled", "high": "10 % more"}
        return pd.DataFrame(
            {
                "resident memory": names[size],
                "limit reached in": found.text(),
                "95 % interval": found.interval(),
                "entries gained an hour": format_number(found.growth.mean),
            }
            for size, found in self.oom_at.items()
        ).set_index("resident memory")

    def limit_note(self) -> str:
        """Say how the figure shows the limit, in a sentence."""
        if not self.experiment.limit.known:
            return f"{NO_LIMIT.capitalize()}."
        limit = self.experiment.limit.text()
        if self.oom.reached:
            return f"The cross marks where the limit of {limit} is reached."
        if not self.oom.finite:
            return f"The limit of {limit} is not reached."
        half = format_duration(self.experiment.first.duration / 2)
        return (
            f"The limit of {limit} lies beyond the end; the time to it is projected from the growth of the last {half}."
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

    def limits_in_order(self) -> bool:
        """Whether the limit is reached no later at more memory."""
        low, middle, high = (self.oom_at[size].hours.mean for size in ("low", "middle", "high"))
        return high <= middle <= low

    def final_entries(self) -> int:
        """Entries in both unbounded maps at the end of the first replication."""
        return sum(self.experiment.first.observed[counter, LEAKED].final_counts.size for counter in COUNTERS)

    def never_cleaned_up(self) -> int:
        """Count the sessions, by counter, whose last operation is an increment, from the first trace alone."""
        traces = self.experiment.first.counters.values()
        return sum(int(((trace.next_row == len(trace)) & (trace.op == INCREMENT)).sum()) for trace in traces)

    def replays_alike(self) -> bool:
        """Whether a replay of the first trace gives the ledgers of the stores that received it live."""
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

    def draw_heap(self) -> Drawing:
        """Draw resident memory over time, unbounded and bounded, with the limit."""
        replication, at = self.experiment.first, self.experiment.first.grid()
        unbounded, bounded = (replication.sample(replication.entries(design), at) for design in LIVE_DESIGNS)
        grows = "do not grow here" if self.oom.growth.mean <= 0 else "grow; no limit is given"
        if self.oom.finite:
            grows = f"{'reach' if self.oom.reached else 'would reach'} their limit in {self.oom.text()}"
        return figures.heap(
            at - replication.start,
            {size: self.footprint.resident_mib(unbounded, LEAKED, share) for size, share in self.shares.items()},
            self._bounded_mib(bounded),
            (find_design(LEAKED).colour, find_design(SHIPPED).colour),
            self.experiment.memory_limit_mib,
            f"The unbounded maps {grows}; bounded, they need {format_memory(self.bounded_peak_mib)}",
            self.oom.hours.mean if self.oom.reached else None,
        )

    def draw_bound(self) -> Drawing:
        """Draw the entries of the fuller bounded store, against the cap and those that will be used again."""
        replication, cap = self.experiment.first, self.experiment.settings.max_entries
        peaks, at = self._peaks(SHIPPED), self.experiment.first.grid()
        kept, in_use = replication.kept(max(peaks, key=peaks.get), at)
        unused = format_percent(1 - in_use.sum() / max(kept.sum(), 1))
        peak = self.peak_entries[SHIPPED]
        if self.overshoot:
            message = f"A store exceeds its cap of {format_count(cap)} by {format_count(self.overshoot)} entries"
        elif peak == cap:
            message = f"No store exceeds its cap of {format_count(cap)}; {unused} of its entries are not used again"
        elif cap > 0:
            message = f"The cap is never reached: at most {format_count(peak)} entries, {unused} not used again"
        else:
            message = f"With no cap a store holds up to {format_count(peak)} entries, {unused} not used again"
        colour = find_design(SHIPPED).colour
        return figures.bound(at - replication.start, kept, in_use, colour, cap if cap > 0 else None, message)

    def draw_left(self) -> Drawing | LeftOut:
        """Draw the memory of the third map, which the fix did not bound, beside the two bounded stores."""
        replication, at = self.experiment.first, self.experiment.first.grid()
        if replication.high_volume is None:
            return LeftOut("No figure: a log does not record the third map.")
        entries = replication.high_volume.entries_at(at)
        if not entries.any():
            return LeftOut("No figure: no session of this workload streams token deltas, so the third map stays empty.")
        third = Footprint(go_version=self.go_version).resident_mib(entries, HIGH_VOLUME)
        bounded = sum(self._bounded_mib(replication.kept(counter, at)[0]) for counter in COUNTERS)
        message = (
            f"The third map, never bounded, takes {format_memory(third[-1])} at the end; "
            f"the two stores {format_memory(bounded[-1])}"
        )
        return figures.left(at - replication.start, bounded, find_design(SHIPPED).colour, third, message)
