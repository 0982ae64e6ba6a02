"""The findings of `07_scale` on one process: its memory and its lock under k times the traffic.

What `models.miniature` cannot simulate is projected from the most traffic that it can, and called a projection.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.points import HALF
from simlib.analysis.traffic import is_the_store, only_own, recorded
from simlib.core.numbers import format_duration, format_number, format_percent
from simlib.core.progress import progress
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR
from simlib.experiments.experiment import Experiment
from simlib.figures import scale as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models.footprint import Footprint
from simlib.models.heap import GO_VERSIONS
from simlib.models.miniature import (
    LEAST_CAP,
    Generated,
    Growth,
    Miniature,
    Prediction,
    Source,
    first_reached,
    most_traffic,
    predict,
    simulate,
    unbounded_growth,
)
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.codes import COUNTERS
from simlib.traces.routing import check_instances

TRAFFIC = (1, 10, 1_000, 1_000_000)
"""Times its own traffic that a fleet is asked about."""

WINDOW = 2 * HOUR
"""The least that is simulated of a workload's busiest hours: a TTL to fill the store, and three to measure."""

AGREES, CHECKED_AT = 0.10, (4, 16)
"""The largest error of a miniature in lock time; and the factors at which it is compared with direct simulation."""

LEAST_SHOWN = 1e-5
"""Utilisation below which it is not worth projecting or drawing."""

HARDLY = (
    f"No figure: the lock is held for less than {format_percent(LEAST_SHOWN)} of the time at any traffic simulated."
)

STEPS = [float(f"{step}e{power}") for power in range(-7, 8) for step in (1, 2, 5)]

COLUMNS = ("entries", "peak", "utilisation", "sorted_share", "false_share", "lost_share")
"""The quantities that `Scale.point` estimates of one process."""


@dataclass(frozen=True)
class Point:
    """One process under `traffic` times its own: an estimate for each of COLUMNS, over the replications.

    Where it is not `simulated`, entries grow with the traffic, the lock is held for at least that share; the rest is
    NaN, not known. `peaks` are those of both counters' stores.
    """

    traffic: float
    simulated: bool
    values: dict[str, Estimate]
    peaks: tuple[float, ...]


def sorts(point: Point) -> bool:
    """Whether the process evicts by its cap, and so sorts its store."""
    return point.values["sorted_share"].mean > 0


def half_used(point: Point) -> bool:
    """Whether the process holds its lock for HALF of the time or more."""
    return point.values["utilisation"].mean >= HALF


@dataclass(frozen=True)
class Scale:
    """An experiment at other traffic, in one process or in one of `instances`. Raises InputError for such a number."""

    experiment: Experiment
    instances: int = 1000
    go_version: str = GO_VERSIONS[-1]

    def __post_init__(self):
        check_instances(self.instances)
        object.__setattr__(self, "_points", {})

    @property
    def footprint(self) -> Footprint:
        """The memory of the maps."""
        return Footprint(self.experiment.entry, self.go_version)

    @cached_property
    def sources(self) -> list[Source]:
        """The streams that are simulated: a log as it is, or a workload's busiest hours, one a replication."""
        workload = self.experiment.workload
        if workload is None:
            return recorded(self.experiment)
        lasts = min(workload.duration, max(WINDOW, 4 * self.experiment.settings.ttl))
        busiest = workload.from_hour(workload.busiest_hour(min(-(-lasts // HOUR), 24))).lasting(lasts)
        return [Generated(busiest, seed) for seed in self.experiment.seeds]

    @cached_property
    def counter(self) -> str:
        """The counter with more increments, whose lock is looked at."""
        return max(COUNTERS, key=lambda counter: self.experiment.first.totals(counter, LEAKED).increments)

    @cached_property
    def silence(self) -> str:
        """Why there is nothing to predict, in a sentence; empty where there is."""
        if not self.experiment.first.totals(self.counter, LEAKED).increments:
            return "Nothing is ever incremented, so no store holds anything at any traffic."
        return only_own(self.experiment, self.counter)

    @cached_property
    def reach(self) -> float:
        """The most traffic of one process that can be simulated; inf without a cap."""
        return min(most_traffic(source, self.experiment.settings) for source in self.sources)

    @cached_property
    def grid(self) -> list[float]:
        """Traffic of one process at which curves are drawn: 1, 2 and 5 and their multiples, as far as is simulated."""
        low = min(1.0, TRAFFIC[0] / self.instances)
        high = min(max(1000.0, TRAFFIC[-1] / self.instances), self.reach)
        return [step for step in STEPS if low * 0.999 <= step < high * 0.999] + [high]

    def spread_over(self, affinity: bool) -> int:
        """Instances among which the events of one session are spread."""
        return 1 if affinity else self.instances

    def point(self, traffic: float, affinity: bool = True) -> Point:
        """One process under `traffic` times its own, simulated or projected."""
        key = traffic, self.spread_over(affinity)
        if key not in self._points:
            simulated = traffic <= self.reach
            values, peaks = (self._simulated if simulated else self._projected)(traffic, affinity)
            values["entries"] = estimate((traffic * growth.entries.sum() for growth in self.growth[affinity]), 0)
            self._points[key] = Point(traffic, simulated, values, peaks)
        return self._points[key]

    def _simulated(self, traffic: float, affinity: bool) -> tuple[dict[str, Estimate], tuple[float, ...]]:
        settings, among = self.experiment.settings, self.spread_over(affinity)
        found = {c: [predict(source, traffic, settings, c, among) for source in self.sources] for c in COUNTERS}
        peaks = {c: [each.whole.peak_entries for each in predictions] for c, predictions in found.items()}
        in_most_use = found[self.counter]
        rows = [shares_of(prediction) for prediction in in_most_use]
        values = {name: estimate((row[name] for row in rows), 0, 1) for name in rows[0]}
        values["utilisation"] = estimate((each.utilisation(self.go_version) for each in in_most_use), 0)
        values["peak"] = estimate(map(sum, zip(*peaks.values(), strict=True)), 0)
        return values, tuple(float(np.mean(each)) for each in peaks.values())

    def _projected(self, traffic: float, affinity: bool) -> tuple[dict[str, Estimate], tuple[float, ...]]:
        """Where an increment never gets cheaper with traffic, its time at `reach` is the least that it takes beyond."""
        most, unknown = self.point(self.reach, affinity), Estimate(np.nan, np.nan, np.nan, 1)
        values = dict.fromkeys(COLUMNS, unknown)
        least = most.values["utilisation"].mean * traffic / self.reach
        if self.cost_rises(affinity) and least >= LEAST_SHOWN:
            values["utilisation"] = Estimate(least, np.nan, np.nan, 1)
        if not all(peak in (0, self.experiment.settings.max_entries) for peak in most.peaks):
            return values, (np.nan,) * len(COUNTERS)
        return values | {"peak": most.values["peak"]}, most.peaks

    def cost_rises(self, affinity: bool = True) -> bool:
        """Whether an increment takes no less time, within AGREES, the more traffic there is."""
        points = [self.point(traffic, affinity) for traffic in progress(self.grid, "traffics")]
        cost = np.array([point.values["utilisation"].mean / point.traffic for point in points])
        return bool((cost >= (1 - AGREES) * np.maximum.accumulate(cost)).all())

    @cached_property
    def growth(self) -> dict[bool, list[Growth]]:
        """The growth of the unbounded maps, by affinity and replication: it goes with the traffic."""
        return {
            affinity: [unbounded_growth(source, self.spread_over(affinity)) for source in self.sources]
            for affinity in (True, False)
        }

    def hours_to_limit(self, traffic: float, affinity: bool) -> float:
        """Hours until the unbounded maps of a process reach the limit, were all hours like these; inf: never.

        NaN where no limit is known.
        """
        if not self.experiment.limit.known:
            return np.nan
        per_hour = traffic * np.mean([growth.per_hour for growth in self.growth[affinity]])
        limit = self.footprint.entries_at(self.experiment.limit, LEAKED)
        return float(limit / per_hour) if per_hour > 0 else np.inf

    def unbounded_mib(self, traffic: float, affinity: bool) -> float:
        """Resident memory of both unbounded maps at the end."""
        entries = traffic * np.mean([growth.entries for growth in self.growth[affinity]], axis=0)
        return float(self.footprint.resident_mib(entries, LEAKED).sum())

    def bounded_mib(self, peaks: Sequence[float]) -> float:
        """Resident memory of both bounded stores at their peak, after much churn."""
        if np.isnan(peaks).any():
            return np.nan
        return float(self.footprint.resident_mib(np.array(peaks), SHIPPED, self.footprint.churned).sum())

    def an_entry(self) -> str:
        """Say which bytes of an entry memory stands on: in an unbounded map, at the end of the first replication."""
        entries = self.experiment.first.totals(self.counter, LEAKED).final_entries
        return self.footprint.an_entry(float(self.footprint.resident_mib(entries, LEAKED)), entries)

    def curve(self, affinity: bool = True) -> pd.DataFrame:
        """A row for each traffic of `grid`: `traffic`, `simulated`, and COLUMNS, each with `_low` and `_high`."""
        return table_of([self.point(traffic, affinity) for traffic in progress(self.grid, "traffics")])

    def highest(self, reached: Callable[[Point], bool], affinity: bool) -> float:
        """The traffic of one process at which a condition on its `point` is first met, to 2 %.

        inf where it is not met at any traffic that can be simulated, 0 where it is at the lowest.
        """
        more = [step for step in STEPS if self.grid[-1] < step <= min(self.reach, STEPS[-1])]
        steps = self.grid + (more if self.reach < np.inf else [])
        return first_reached(lambda traffic: reached(self.point(traffic, affinity)), steps)

    @cached_property
    def cap_reached_at(self) -> float:
        """The traffic at which the store first evicts by its cap; inf where it does not, 0 where it does at any."""
        return self.highest(sorts, True)

    @cached_property
    def half_used_at(self) -> float:
        """The traffic at which the lock is held for HALF of the time; inf where it is not, 0 where it is at any."""
        return self.highest(half_used, True)

    # --- How far the miniature holds

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Miniatures beside direct simulation of a workload: a row a traffic.

        Columns: `traffic`, `miniature_cap`, `direct` and `miniature` utilisation, `off_by` as a share of `direct` with
        its interval `off_by_low` and `off_by_high`. Empty for a log, of which there is no direct simulation.
        """
        rows, settings = [], self.experiment.settings
        for factor in CHECKED_AT if self.experiment.simulated and not self.silence else ():
            wanted = min(factor * source.enough for source in self.sources)
            traffic = max((step for step in STEPS if step <= wanted), default=wanted)
            within = all(traffic <= source.most for source in self.sources)
            if not within or 0 < settings.max_entries < LEAST_CAP * factor:
                continue
            itself = Miniature(traffic, traffic, settings, settings)
            direct = [simulate(source, itself, self.counter) for source in self.sources]
            mine = [predict(source, traffic, settings, self.counter) for source in self.sources]
            held = np.array([[each.utilisation(self.go_version) for each in both] for both in (direct, mine)])
            off = estimate(held[1] / held[0] - 1)
            cap = mine[0].miniature.settings.max_entries
            rows.append((traffic, cap, *held.mean(axis=1), off.mean, off.low, off.high))
        names = ("traffic", "miniature_cap", "direct", "miniature", "off_by", "off_by_low", "off_by_high")
        return pd.DataFrame(rows, columns=names)

    def claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """The claims about one process, each with whether it holds and its numbers."""
        text = "At its own traffic the miniature is the store itself, to the last number"
        claims = [(text, is_the_store(self.experiment, COUNTERS), {"runs": len(self.experiment.replications)})]
        off = self.agreement
        if len(off):
            by_chance = (off["off_by_low"] <= 0) & (off["off_by_high"] >= 0)
            agrees = bool((by_chance | (off["off_by"].abs() <= AGREES)).all())
            text = f"The miniature has the lock time of direct simulation within {AGREES:.0%}, or within chance"
            claims.append((text, agrees, {f"off_by_at_{row.traffic:.3g}": row.off_by for row in off.itertuples()}))
            numbers = {"cap_reached_at": self.cap_reached_at, "half_used_at": self.half_used_at}
            claims.append(("An increment never gets cheaper with more traffic", self.cost_rises(), numbers))
        return claims

    # --- In words and pictures

    def answer(self) -> str:
        """The answer for one process, in a sentence."""
        if self.silence:
            return self.silence
        own, highest = min(1.0, self.grid[-1]), self.grid[-1]
        more = f"for {self.held(highest)} at {format_number(highest)} times the traffic"
        if self.half_used_at < np.inf:
            more = f"for half of it at {format_number(self.half_used_at)} times the traffic"
        if self.half_used_at <= own:
            more = "for more than half of it with any more"
        return f"One process holds its lock for {self.held(own)} of the time, and {more}."

    def held(self, traffic: float, affinity: bool = True) -> str:
        """The share of the time that a lock is held, for people."""
        point = self.point(traffic, affinity)
        share = point.values["utilisation"].mean
        if np.isnan(share):
            return "an unknown part"
        return ("" if point.simulated else "at least ") + format_percent(share)

    def scope(self) -> str:
        """The part of the experiment that is simulated, in a few words."""
        lasts = format_duration(self.sources[0].lasts)
        return f"the busiest {lasts} of the workload" if self.experiment.simulated else f"the whole log, {lasts}"

    def draw_memory(self) -> Drawing | LeftOut:
        """Entries of both maps by traffic."""
        if self.silence:
            return LeftOut(self.silence)
        at = self.cap_reached_at
        grows = self.point(self.grid[-1]).values["entries"].mean > 0
        unbounded = "The unbounded map " + ("grows with traffic" if grows else "is empty at the end")
        bounded = f"is full from {format_number(at)} times on" if at > 0 else "is full at any"
        if at == np.inf:
            bounded = "stays below its cap" if self.experiment.settings.max_entries > 0 else "has no cap"
        message = f"{unbounded}; the bounded store {bounded}"
        return figures.memory(self.curve(), at, message)

    def draw_time(self) -> Drawing | LeftOut:
        """Utilisation of the lock by traffic."""
        if self.silence:
            return LeftOut(self.silence)
        curve, most, at = self.curve(), self.grid[-1], self.half_used_at
        if curve["utilisation"].max() < LEAST_SHOWN:
            return LeftOut(HARDLY)
        message = f"At {format_number(most)} times the traffic the lock is held {self.held(most)} of the time"
        if 0 < at < np.inf:
            message = f"The lock is held half of the time at {format_number(at)} times the traffic"
        return figures.time(curve, self.agreement, self.cap_reached_at, message)


def shares_of(prediction: Prediction) -> dict[str, float]:
    """Shares after the warm-up; NaN of nothing: new entries that sort the store, false evictions, and lost counts."""
    after = prediction.after_warm_up
    evicted = after.cap_evictions + after.ttl_evictions
    return {
        "sorted_share": min(after.cap_evictions / after.creates, 1.0) if after.creates else 0.0,
        # An eviction shows as false once the session returns: some of those before the warm-up count after it.
        "false_share": min(after.false_evictions / evicted, 1.0) if evicted else np.nan,
        "lost_share": min(after.lost_counts / after.increments, 1.0) if after.increments else np.nan,
    }


def table_of(points: Sequence[Point]) -> pd.DataFrame:
    """A row a point: `traffic`, `simulated`, and COLUMNS, each with `_low` and `_high`."""
    table = pd.DataFrame({"traffic": [p.traffic for p in points], "simulated": [p.simulated for p in points]})
    for name in COLUMNS:
        values = [point.values[name] for point in points]
        table[[name, f"{name}_low", f"{name}_high"]] = [(value.mean, value.low, value.high) for value in values]
    return table
