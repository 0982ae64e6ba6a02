"""The findings of `05_designs`, for one store: what each design holds, loses and costs, and which to take.

Every design receives the same streams. All numbers are of whole streams: every store begins empty.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.prune import PruneCost
from simlib.calibration.golang import SOURCE
from simlib.core.numbers import format_number
from simlib.core.progress import progress
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR
from simlib.experiments.experiment import Experiment
from simlib.models import cost, heap
from simlib.models.footprint import Footprint
from simlib.models.heap import GO_VERSIONS
from simlib.replay import ledger
from simlib.replay.ledger import Totals
from simlib.replay.observe import reference, replay
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, LEAKED, SHIPPED
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import FLOOD, load_workload

BOUND = next((name for name, design in DESIGNS.items() if design.needs_future), None)
"""The design that knows the future: no store with the same cap misses less often."""

FLOOD_HOURS = 0.5
"""Length of the flood that every design is shown under: the store is full for most of it."""

MOST_STEPS = 100_000
"""Operations at most whose steps are counted: only the readable stores count them, at some microseconds for each.

They are the last of a stream, as the first may meet a store that traffic has yet to fill.
"""

SHIPPED_CAP = Settings().max_entries
"""The cap at which the designs were measured in Go."""

SAME_LEDGER = ("heap", "retired_total")
"""Designs that decide as the shipped store does, to the last tie."""


@dataclass(frozen=True)
class Outcome:
    """One design over one stream: its ledger, its heap, and how it compares with an unbounded store.

    `wrong_share` of the increments are answered with another count than there. `truth` is the sum of the counts that it
    holds at the end; `top_10` and `top_100` the share of its largest sessions that are among the largest here.
    """

    totals: Totals
    heap_mib: float
    wrong_share: float
    truth: int
    top_10: float
    top_100: float

    @property
    def misses(self) -> int:
        """Increments that found no entry."""
        return self.totals.creates + self.totals.overflow_counts

    @property
    def lost_share(self) -> float:
        """Counts lost to false evictions as a share of all increments."""
        return self.totals.lost_counts / max(self.totals.increments, 1)

    @property
    def estimate_of_total(self) -> int:
        """The sum of all counts as the store would report it.

        What an entry took over is part of it: the entry that it comes from is gone.
        """
        return self.totals.final_count_sum + self.totals.retired_counts + self.totals.overflow_counts

    @property
    def total_error(self) -> float:
        """Difference of the reported total from the truth, as a share of the truth; NaN where the truth is 0."""
        return self.estimate_of_total / self.truth - 1 if self.truth else np.nan


def outcomes(trace: Trace, settings: Settings, footprint: Footprint) -> dict[str, Outcome]:
    """Apply a stream of one counter to every design; the compiled stores where there are any. O(operations) each."""
    truth, found, increment = replay(trace, LEAKED, settings), {}, trace.op == INCREMENT
    for name in DESIGNS:
        observed = replay(trace, name, settings)
        totals = ledger.totals(trace, observed)
        error = ledger.snapshot_error(trace, truth, observed, np.array([len(trace) - 1]))
        mib = float(footprint.live_mib(totals.peak_entries, name))
        top = (float(error[column].iloc[0]) for column in ("top_10", "top_100"))
        wrong = float((observed.answers != truth.answers)[increment].mean()) if increment.any() else 0.0
        found[name] = Outcome(totals, mib, wrong, int(truth.final_counts.sum()), *top)
    return found


def lines_of_go(design: str) -> float:
    """Count the lines of a design's Go file that are neither blank nor a comment; NaN without one."""
    package = SOURCE / design.replace("_", "")
    files = [path for path in package.glob("*.go") if not path.stem.endswith("_test")] or [SOURCE / f"{design}.go"]
    if not files[0].exists():
        return np.nan
    lines = (line.strip() for path in files for line in path.read_text(encoding="utf-8").splitlines())
    return float(sum(bool(line) and not line.startswith("//") for line in lines))


@dataclass(frozen=True)
class Designs:
    """Every registered design on the streams of one counter of an experiment, with its settings."""

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @property
    def footprint(self) -> Footprint:
        """The memory of the maps."""
        return Footprint(self.experiment.entry, self.go_version)

    @cached_property
    def replications(self) -> list[dict[str, Outcome]]:
        """The outcome of each design in each replication."""
        traces = [each.counters[self.experiment.counter] for each in self.experiment.replications]
        return [outcomes(trace, self.experiment.settings, self.footprint) for trace in progress(traces, "replications")]

    @cached_property
    def prune(self) -> PruneCost:
        """The cost of pruning in the shipped store."""
        return PruneCost(self.experiment, self.go_version)

    @property
    def silence(self) -> str:
        """Why there is nothing to compare, in a sentence; empty where there is something."""
        counter = self.experiment.counter
        counted = any(each.totals(counter, SHIPPED).increments for each in self.experiment.replications)
        return "" if counted else f"The {counter} counter is never incremented, so there are no stores to compare."

    def an_entry(self) -> str:
        """Say which bytes of an entry the memory of the shipped store stands on, at its peak."""
        found = self.replications[0][SHIPPED]
        return self.footprint.an_entry(found.heap_mib, found.totals.peak_entries)

    def mean(self, design: str, number: Callable[[Outcome], float]) -> Estimate:
        """Estimate a number of a design over the replications."""
        return estimate(number(found[design]) for found in self.replications)

    # --- Tables

    def table(self) -> pd.DataFrame:
        """Memory and accuracy, a row a design: means over the replications."""
        return _means(self.replications)

    def flood(self) -> pd.DataFrame:
        """The same under the flood, whatever the experiment is: one replication of half an hour."""
        workload = load_workload(FLOOD).lasting(int(FLOOD_HOURS * HOUR))
        trace = generate(workload, 1)
        return _means([outcomes(trace, self.experiment.settings, self.footprint)])

    @cached_property
    def steps(self) -> pd.DataFrame:
        """Steps of one operation, a row a design: `mean`, `p99` and `worst`; first replication.

        A step is an entry visited, compared or moved, as the readable store counts them.
        """
        trace, rows = self.experiment.first.counters[self.experiment.counter].last(MOST_STEPS), {}
        for name in DESIGNS:
            steps = reference(trace, name, self.experiment.settings).steps.sum(axis=1) if len(trace) else np.zeros(1)
            rows[name] = (steps.mean(), np.percentile(steps, 99, method="inverted_cdf"), steps.max())
        return pd.DataFrame(rows, index=["mean", "p99", "worst"], dtype=float).T.rename_axis("design")

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Cost, a row a design: steps, then what was measured in Go at the shipped cap under churn, NaN if nothing."""
        return self.steps.add_prefix("steps_").join(pd.DataFrame({name: _in_go(name) for name in DESIGNS}).T)

    @cached_property
    def regret(self) -> pd.DataFrame:
        """Difference from the clairvoyant bound on the same streams, a row a design that stays within the cap.

        Columns: `misses_percent` of all increments, with its 95 % interval `misses_low` and `misses_high`, and
        `lost_percent` with `lost_low` and `lost_high`: paired differences, intervals NaN for one replication. Empty
        without a clairvoyant design.
        """
        if BOUND is None:
            return pd.DataFrame()
        rows = {}
        for name in self.within_cap():
            pairs = [(found[name], found[BOUND]) for found in self.replications]
            misses = estimate((mine.misses - best.misses) / max(mine.totals.increments, 1) for mine, best in pairs)
            lost = estimate(mine.lost_share - best.lost_share for mine, best in pairs)
            rows[name] = [100 * each for e in (misses, lost) for each in (e.mean, e.low, e.high)]
        columns = ["misses_percent", "misses_low", "misses_high", "lost_percent", "lost_low", "lost_high"]
        return pd.DataFrame(rows, index=columns).T.rename_axis("design")

    @cached_property
    def eligible(self) -> list[str]:
        """Designs that may replace the shipped one, itself included.

        They hold no more than the cap, by their rule or at least on these streams, give each session a count of its
        own, and need no future.
        """
        within = self.within_cap()
        return [
            name
            for name, each in DESIGNS.items()
            if name != LEAKED
            and not (each.needs_future or each.shares_counter or each.overestimates)
            and (name in within or not each.exceeds_cap)
        ]

    def within_cap(self) -> list[str]:
        """Designs that never held more entries than the cap, the bound itself left out."""
        cap = self.experiment.settings.max_entries if self.experiment.settings.max_entries > 0 else np.inf
        return [
            name
            for name in DESIGNS
            if name != BOUND and all(found[name].totals.peak_entries <= cap for found in self.replications)
        ]

    # --- Claims

    def claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """Claims about the designs that hold on any stream, each with its numbers; none where nothing is counted."""
        claims: list[tuple[str, bool, dict[str, float]]] = []
        if self.silence:
            return claims
        if BOUND:
            holds = all(
                found[name].misses >= found[BOUND].misses for found in self.replications for name in self.within_cap()
            )
            least = self.mean(BOUND, lambda outcome: outcome.misses / max(outcome.totals.increments, 1)).mean
            claims.append(("No design that stays within the cap misses less often than the clairvoyant one", holds))
            claims[-1] += ({"least_miss_share": least},)
        same = [name for name in SAME_LEDGER if name in DESIGNS]
        holds = all(
            replace(found[name].totals, retired_counts=0) == found[SHIPPED].totals
            for found in self.replications
            for name in same
        )
        if same:
            claims.append((f"One ledger: {', '.join([SHIPPED, *same])}", holds, {"designs": 1.0 + len(same)}))
        exact = [name for name, design in DESIGNS.items() if design.retires or name == LEAKED]
        holds = all(found[name].estimate_of_total >= found[name].truth for found in self.replications for name in exact)
        claims.append((f"{', '.join(exact)}: a reported total is never below the truth", holds, {}))
        return claims


def _means(replications: Sequence[Mapping[str, Outcome]]) -> pd.DataFrame:
    """Mean memory and accuracy over replications, a row a design."""
    numbers: dict[str, Callable[[Outcome], float]] = {
        "peak_entries": lambda o: o.totals.peak_entries,
        "heap_mib": lambda o: o.heap_mib,
        "evictions": lambda o: o.totals.cap_evictions + o.totals.ttl_evictions,
        "false_evictions": lambda o: o.totals.false_evictions,
        "lost_counts": lambda o: o.totals.lost_counts,
        "lost_percent": lambda o: 100 * o.lost_share,
        "shared_or_inherited_counts": lambda o: o.totals.overflow_counts + o.totals.inherited_counts,
        "wrong_answers_percent": lambda o: 100 * o.wrong_share,
        "total_error_percent": lambda o: 100 * o.total_error,
        "top_10_percent": lambda o: 100 * o.top_10,
        "top_100_percent": lambda o: 100 * o.top_100,
    }
    return pd.DataFrame(
        {
            name: {
                column: estimate(number(found[name]) for found in replications).mean
                for column, number in numbers.items()
            }
            for name in DESIGNS
        }
    ).T.rename_axis("design")


def _in_go(design: str) -> dict[str, float]:
    """Measurements of a design in Go with the shipped cap full; NaN where there is no Go version."""
    measured = cost.design_cost(design)
    table = heap.designs_measured()
    mine = table[(table["design"] == design) & (table["entries"] == SHIPPED_CAP)]
    return {
        **(measured._asdict() if measured else dict.fromkeys(cost.DesignCost._fields, np.nan)),
        "garbage_bytes": mine.loc[(mine["traffic"] == "churn") & (mine["goroutines"] == 1), "garbage_bytes"].min(),
        "bytes_an_entry": mine["heap_bytes_entry"].mean(),
        "lines_of_go": lines_of_go(design),
    }


def as_text(table: pd.DataFrame, none: str = "none") -> pd.DataFrame:
    """Format every number for people, with a word where there is none; columns without any number are left out."""
    return table.dropna(axis="columns", how="all").map(lambda value: none if np.isnan(value) else format_number(value))
