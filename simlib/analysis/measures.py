"""The measures of one experiment that `00_overview` sets beside those of others: those of `01`, `02` and `03`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simlib.analysis.accuracy import Accuracy
from simlib.analysis.leak import Leak
from simlib.analysis.memory import Memory
from simlib.analysis.prune import PruneCost
from simlib.analysis.traffic import in_memory
from simlib.core.numbers import (
    YEAR,
    format_count,
    format_duration,
    format_hours,
    format_memory,
    format_number,
    format_percent,
)
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR
from simlib.experiments.experiment import Experiment
from simlib.experiments.time_to_limit import TOO_FEW
from simlib.replay.ledger import Totals
from simlib.stores.registry import LEAKED, SHIPPED

LONGEST_UPTIME = YEAR
"""Time, ns, after which a limit counts as never reached: no process runs for longer without a restart."""

TOO_SHORT, NONE, NO_LIMIT = "too short to say", "none", "no limit given"


class Findings(NamedTuple):
    """The findings of three notebooks on one experiment."""

    memory: Memory
    accuracy: Accuracy
    cost: PruneCost

    @property
    def experiment(self) -> Experiment:
        return self.memory.experiment

    def totals(self, design: str) -> list[Totals]:
        """The ledgers of a design, of every counter and replication."""
        return [
            totals
            for each in self.experiment.replications
            for (_, which), totals in each.ledgers.items()
            if which == design
        ]

    def evictions(self) -> list[tuple[int, int]]:
        """Evictions by the cap and by the TTL in each replication."""
        stores = [
            [totals for (_, design), totals in each.ledgers.items() if design == SHIPPED]
            for each in self.experiment.replications
        ]
        return [(sum(t.cap_evictions for t in each), sum(t.ttl_evictions for t in each)) for each in stores]

    # --- Why a measure has no number, as the words that stand in its place; empty where it has one.

    def no_growth(self) -> str:
        return "" if self.memory.oom.known else TOO_FEW

    def no_time(self) -> str:
        if not self.experiment.limit.known:
            return NO_LIMIT
        if not self.memory.oom.known:
            return TOO_SHORT
        return "" if self.memory.oom.finite else "never"

    def no_evictions(self) -> str:
        if not any(map(sum, self.evictions())):
            return NONE
        return TOO_SHORT if np.isnan(self.accuracy.false_share.mean) else ""

    def no_increments(self) -> str:
        if not self.cost.counted:
            return NONE
        return TOO_SHORT if self.cost.silence else ""

    def no_new_sessions(self) -> str:
        return self.no_increments() or ("" if any(work.creates for work in self.cost.work) else NONE)

    def no_cliff(self) -> str:
        if not self.cost.counted:
            return NONE
        if self.cost.cliff.fixed:
            return "not estimated" if in_memory(self.experiment) else TOO_SHORT
        begins = self.cost.cliff.simulated.mean
        if np.isinf(begins):
            short = self.experiment.first.duration < 2 * self.experiment.settings.ttl
            return TOO_SHORT if short else f"beyond {format_number(self.cost.cliff.steps[-1])} times"
        return "" if begins else "at any traffic"


def _cap_share(findings: Findings) -> Estimate:
    return estimate((cap / (cap + ttl) if cap + ttl else np.nan for cap, ttl in findings.evictions()), 0, 1)


def _bounds(cap_share: float) -> str:
    """Name the bounds that evict, with their shares where both do."""
    if 0 < cap_share < 1:
        return f"cap {format_percent(cap_share)}, TTL {format_percent(1 - cap_share)}"
    return "cap" if cap_share else "TTL"


def _cliff(findings: Findings) -> Estimate:
    """Times the traffic at which one new session in 20 sorts the store."""
    cliff, here = findings.cost.cliff.simulated, findings.cost.cliff.new_per_second.mean
    return Estimate(cliff.mean / here, cliff.low / here, cliff.high / here, cliff.n) if here else estimate([])


def _gained(per_hour: float) -> str:
    return format_number(per_hour) if per_hour > 0 else NONE


def _exactly(number: float) -> Estimate:
    return estimate([number])


def _times(traffic: float) -> str:
    return f"{format_number(traffic)} times"


class Measure(NamedTuple):
    """A column: its name in the file, its header for people, its number, its text, and words where it has no number."""

    name: str
    header: str
    number: Callable[[Findings], Estimate]
    text: Callable[[float], str]
    words: Callable[[Findings], str] = lambda findings: ""


MEASURES = (
    Measure("oom_hours", "out of memory, unbounded", lambda f: f.memory.oom.hours, format_hours, Findings.no_time),
    Measure("bounded_peak_mib", "memory, bounded", lambda f: _exactly(f.memory.bounded_peak_mib), format_memory),
    Measure("lost_count_share", "counts lost", lambda f: f.accuracy.lost_share, format_percent, Findings.no_evictions),
    Measure(
        "false_eviction_share",
        "evicted while still in use",
        lambda f: f.accuracy.false_share,
        format_percent,
        Findings.no_evictions,
    ),
    Measure("mean_ns", "mean increment", lambda f: f.cost.mean_ns, format_duration, Findings.no_increments),
    Measure(
        "worst_ns",
        "worst increment",
        lambda f: _exactly(f.cost.worst_ns),
        format_duration,
        Findings.no_increments,
    ),
    Measure("cliff_traffic", "cliff begins at", _cliff, _times, Findings.no_cliff),
    Measure(
        "cap_eviction_share",
        "bound that evicts",
        _cap_share,
        _bounds,
        lambda f: "" if any(map(sum, f.evictions())) else "neither",
    ),
    Measure(
        "sorting_share",
        "new sessions that sort the store",
        lambda f: estimate((work.sorts_per_create for work in f.cost.work), 0, 1),
        format_percent,
        Findings.no_new_sessions,
    ),
    Measure(
        "utilisation", "time the lock is held", lambda f: f.cost.utilisation, format_percent, Findings.no_increments
    ),
    Measure(
        "extra_log_lines", "extra log lines", lambda f: f.accuracy.extra_lines, format_number, Findings.no_evictions
    ),
    Measure("covers_hours", "covers", lambda f: _exactly(f.experiment.first.duration / HOUR), format_hours),
    Measure(
        "growth_per_hour",
        "entries gained an hour, unbounded",
        lambda f: f.memory.oom.growth,
        _gained,
        Findings.no_growth,
    ),
    Measure("unbounded_peak_mib", "memory, unbounded", lambda f: _exactly(f.memory.unbounded_peak_mib), format_memory),
    Measure(
        "unbounded_peak_entries",
        "most entries, unbounded",
        lambda f: _exactly(f.memory.peak_entries[LEAKED]),
        format_count,
    ),
    Measure(
        "bounded_peak_entries",
        "most entries, bounded",
        lambda f: _exactly(f.memory.peak_entries[SHIPPED]),
        format_count,
    ),
)
"""The columns, those that decide first. Peaks are the largest of all replications, what has an interval is a mean."""


@dataclass(frozen=True)
class Row:
    """One experiment: an estimate and a text for each measure, and what the answer and the claims need beside them."""

    name: str
    source: str
    simulated: bool
    digests: tuple[str, ...]
    estimates: dict[str, Estimate]
    texts: dict[str, str]
    fits: bool
    oom_is_reached: bool
    bounded: list[Totals]
    unbounded: list[Totals]
    stalled: float
    least_surplus: int
    least_extra_lines: int

    @classmethod
    def of(cls, experiment: Experiment, go_version: str) -> "Row":
        """Find all of it out about an experiment."""
        found = Findings(Memory(experiment, go_version), Accuracy(experiment), PruneCost(experiment, go_version))
        estimates, texts = {}, {}
        for measure in MEASURES:
            words = measure.words(found)
            estimates[measure.name] = estimate([]) if words else measure.number(found)
            texts[measure.name] = words or measure.text(estimates[measure.name].mean)
        return cls(
            experiment.name,
            experiment.source,
            experiment.simulated,
            experiment.digests,
            estimates,
            texts,
            Leak(found.memory).fits,
            found.memory.oom.reached,
            found.totals(SHIPPED),
            found.totals(LEAKED),
            found.cost.stalled.mean,
            found.memory.least_surplus,
            found.accuracy.least_extra_lines(),
        )

    def mean(self, measure: str) -> float:
        """The mean of a measure; NaN where words stand in its place."""
        return self.estimates[measure].mean

    @property
    def is_limited(self) -> bool:
        """Whether a limit of the maps is known."""
        return self.texts["oom_hours"] != NO_LIMIT

    @property
    def grows(self) -> bool:
        """Whether the unbounded maps gain entries in the second half."""
        return self.mean("growth_per_hour") > 0

    @property
    def is_exhausted(self) -> bool:
        """Whether the unbounded maps reach the memory limit within LONGEST_UPTIME."""
        return self.mean("oom_hours") * HOUR <= LONGEST_UPTIME

    @property
    def cap_is_reached(self) -> bool:
        """Whether the cap evicts anything."""
        return any(totals.cap_evictions for totals in self.bounded)
