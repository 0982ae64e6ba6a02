"""The figures of a design and its settings over a stream, at today's traffic and at k times it, against targets.

k times the traffic is simulated exactly as a store of cap C/k and `prune_every` P/k under the stream itself
(`models.miniature`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from simlib.core.progress import progress
from simlib.core.units import MS, seconds
from simlib.models.cost import design_cost, price, prices
from simlib.models.footprint import Footprint
from simlib.models.miniature import LEAST_CAP, first_reached
from simlib.replay.ledger import Totals
from simlib.replay.links import Links
from simlib.replay.surface import surface
from simlib.stores.contract import Mode, RecencyRule, Settings
from simlib.stores.registry import SHIPPED, decides_as_shipped, find_design
from simlib.traces.trace import Trace
from simlib.workloads.entry import MODELLED, Entry

HALF = 0.5
"""Share of the time for which the lock may be held: above it the mean wait exceeds the time it is held (M/M/1)."""


class Targets(NamedTuple):
    """The limits to meet: shares of counts and of evictions, MiB of one map, ns of one increment, times the traffic."""

    lost: float = 0.01
    false: float = 0.01
    memory_mib: float = 64.0
    stall_ns: float = MS
    headroom: float = 2.0
    entries: float = np.inf
    """Entries that the map may hold, where that is its limit; inf where it is not."""
    quiet_ns: float = 0.0
    """The longest quiet gap of a live session, ns, which no TTL may cut short; 0 where it is not known."""


class Point(NamedTuple):
    """A design with its settings."""

    design: str
    settings: Settings


STEP = 1.02
"""Relative precision of `first_reached`: one step below the traffic where a target is missed, all are met."""

LEAST_TIMES = 1 / 16
"""Least traffic at which a setting is tried, of that of the stream."""

LEAST_LIMIT = 1e-12
"""Stands for a limit of 0: what exceeds that is far above it, and yet less is nearer to it."""

TODAY, TARGETS = Point(SHIPPED, Settings()), Targets()


@dataclass(frozen=True, eq=False)
class Points:
    """The traces of one counter, one log or a replication of a workload for each seed, and the targets."""

    traces: Sequence[Trace]
    targets: Targets = TARGETS
    entry: Entry = MODELLED
    _totals: dict[int, dict[Point, Totals]] = field(default_factory=lambda: defaultdict(dict))

    @cached_property
    def links(self) -> list[Links]:
        return [Links.of(trace) for trace in self.traces]

    @cached_property
    def span(self) -> int:
        """Time from the first to the last operation, ns; the mean over replications."""
        return sum(length(trace) for trace in self.traces) // max(len(self.traces), 1)

    def totals(self, point: Point, times: float = 1.0) -> Totals:
        """The totals of a point under `times` the traffic, added over the traces, as its miniature counts them."""
        small = miniature(point, times)
        for at in range(len(self.traces)):
            if small not in self._totals[at]:
                self._totals[at][small] = self.links[at].totals(small.settings, small.design)
        return _added([self._totals[at][small] for at in range(len(self.traces))])

    def replay_all(self, points: Sequence[Point], multiples: Sequence[float] = (1.0,)) -> None:
        """Keep the totals of each point under each multiple of the traffic, as `totals` computes them one by one.

        They are of designs for which there is a `surface`; each cap is replayed with every TTL. What is kept already is
        not replayed again.
        """
        wanted = {miniature(point, times) for point in points for times in multiples}
        small = [each for each in wanted if not all(each in self._totals[at] for at in range(len(self.traces)))]
        for design, every in sorted({(each.design, each.settings.prune_every) for each in small}):
            alike = [each for each in small if (each.design, each.settings.prune_every) == (design, every)]
            caps, ttls = (sorted({getattr(each.settings, name) for each in alike}) for name in ("max_entries", "ttl"))
            for at, trace in progress([*enumerate(self.traces)], "replications"):
                found = surface(trace, caps, ttls, every, design=design)
                self._totals[at].update(
                    {each: found.at(each.settings.max_entries, each.settings.ttl) for each in alike}
                )

    @cached_property
    def alone(self) -> list["Points"]:
        """Each trace by itself; what is replayed of it is kept for both."""
        return [
            Points([trace], self.targets, self.entry, {0: self._totals[at]}) for at, trace in enumerate(self.traces)
        ]

    def alike(self, traces: Sequence[Trace]) -> "Points":
        """Points of other traces with the same targets and bytes of an entry."""
        return Points(traces, self.targets, self.entry)

    def heap_mib(self, point: Point, times: float = 1.0) -> float:
        """Memory of one map in MiB: at its cap, or at the peak under `times` the traffic where nothing holds it.

        Live heap, or what the given bytes of an entry come to.
        """
        return _full_mib(self.entry, self.held(point, times), point.design)

    def held(self, point: Point, times: float = 1.0) -> float:
        """Entries of one map: at its cap, or at the peak under `times` the traffic where nothing holds it."""
        cap = point.settings.max_entries
        bounded = cap > 0 and not find_design(point.design).exceeds_cap
        return cap if bounded else self.totals(point, times).peak_entries * times

    def size(self, point: Point, times: float = 1.0) -> float:
        """The memory of one map over its limit, or its entries over theirs, whichever is more."""
        memory = _over(self.heap_mib(point, times), self.targets.memory_mib)
        return max(memory, self.held(point, times) / self.targets.entries)

    def nanoseconds(self, point: Point, times: float = 1.0) -> tuple[float, float]:
        """The mean and the worst time in ns for which an increment holds the lock, under `times` the traffic.

        Modelled from the work of the designs that prune; of others as measured in Go at the shipped cap.
        """
        totals, cap, creating = self.totals(point, times), point.settings.max_entries, prices().creating
        increments = max(totals.increments, 1)
        compiled = find_design(point.design).compiled
        rule = compiled(point.settings) if compiled else None
        if not (isinstance(rule, RecencyRule) and rule.mode == Mode.PRUNES) or point.design == "heap":
            measured = design_cost(point.design)
            return (measured.mean_ns, measured.worst_ns) if measured else (np.nan, np.nan)
        held = min(totals.peak_entries * times, cap) if cap > 0 else totals.peak_entries * times
        expires = point.settings.ttl > 0
        sort = price("sort", cap + 1) - (0.0 if expires else price("scan", cap + 1))
        scan = price("scan", held) if expires else 0.0
        plain = price("known", held) + creating * totals.creates / increments
        sorts = totals.entries_sorted / max(round(cap / times) + 1, 1) / increments if cap > 0 else 0.0
        expired = max(price("expired", held) - scan / max(held, 1), 0.0) if expires else 0.0
        mean = plain + sorts * sort + scan / point.settings.prune_every
        mean += expired * totals.ttl_evictions / increments
        # Without a TTL a store fills for certain, be it after the end of the stream.
        sorts_once = cap > 0 and (totals.cap_evictions > 0 or not expires)
        worst = max(sort if sorts_once else 0.0, scan) + price("known", held) + creating
        return mean, worst

    def lock_share(self, point: Point, times: float = 1.0) -> float:
        """Share of the time for which the lock is held, under `times` the traffic."""
        held = self.nanoseconds(point, times)[0] * self.totals(point, times).increments * times
        return held / max(self.span * len(self.traces), 1)

    def ratios(self, point: Point, times: float = 1.0) -> dict[str, float]:
        """Each figure over its limit under `times` the traffic: above 1 it is missed; `lock` is over half its time."""
        totals, (_, worst) = self.totals(point, times), self.nanoseconds(point, times)
        return {
            "lost": _over(lost_share(totals), self.targets.lost),
            "false": _over(false_share(totals), self.targets.false),
            "memory": self.size(point, times),
            "stall": _over(worst, self.targets.stall_ns),
            "lock": self.lock_share(point, times) / HALF,
            "quiet": self.targets.quiet_ns / point.settings.ttl if point.settings.ttl > 0 else 0.0,
        }

    def meets(self, point: Point, times: float = 1.0) -> bool:
        """Whether a point meets every target under `times` the traffic."""
        return max(self.ratios(point, times).values()) <= 1

    def headroom(self, point: Point) -> float:
        """Times the traffic up to which a point meets the targets, to 2 %; 0 where it misses one at LEAST_TIMES too."""
        least, most = self._searched(point)
        first = self.first_missed(point)
        return float(min(max(first / STEP, least), most)) if first else 0.0

    def first_missed(self, point: Point) -> float:
        """The lowest times the traffic at which a point misses a target, to 2 %; 0 where it does at LEAST_TIMES too.

        inf where none is missed up to 64 times or, for a large cap, up to where its miniature has LEAST_CAP entries.
        Looked for upwards from the point's own traffic, below it only where a target is missed there already: with
        less traffic there are fewer evictions, of which one by mistake is a larger share.
        """
        least, most = self._searched(point)
        steps = np.geomspace(least, most, int(np.ceil(np.log2(most / least))) + 1).tolist()
        return first_reached(lambda times: not self.meets(point, times), steps)

    def _searched(self, point: Point) -> tuple[float, float]:
        """The least and the most traffic at which a target is looked for that a point misses."""
        return 1.0 if self.meets(point) else LEAST_TIMES, max(point.settings.max_entries / LEAST_CAP, 64.0)

    def row(self, point: Point) -> dict[str, object]:
        """A choice as `advise --json` prints it: figures of the stream itself; None for settings not in use."""
        used, settings = find_design(point.design).settings, point.settings
        totals, (mean, worst) = self.totals(point), self.nanoseconds(point)
        return {
            "design": point.design,
            "max_entries": settings.max_entries if "max_entries" in used else None,
            "ttl_seconds": seconds(settings.ttl) if "ttl" in used else None,
            "prune_every": settings.prune_every if "prune_every" in used else None,
            "false_eviction_share": false_share(totals),
            "lost_count_share": lost_share(totals),
            "heap_mib": self.heap_mib(point),
            "mean_ns": mean,
            "worst_ns": worst,
            "headroom": self.headroom(point),
        }


def lost_share(totals: Totals) -> float:
    """Share of all counts that evictions of sessions still in use lost."""
    return totals.lost_counts / max(totals.increments, 1)


def false_share(totals: Totals) -> float:
    """Share of all evictions that removed sessions still in use; 0 where there are none."""
    return totals.false_evictions / max(totals.cap_evictions + totals.ttl_evictions, 1)


@cache
def _full_mib(entry: Entry, held: float, design: str) -> float:
    """Memory in MiB of one map that is held at a number of entries; each is computed once."""
    footprint = Footprint(entry)
    return float(footprint.live_mib(held, design) * footprint.churned)


@cache
def miniature(point: Point, times: float) -> Point:
    """The point whose replay of the stream itself stands for a point under `times` the traffic.

    Designs that decide alike are replayed once, and so are points that differ only in settings that are not used.
    """
    small = scaled(point.settings, times)
    design = SHIPPED if decides_as_shipped(point.design) else point.design
    return Point(design, find_design(design).used(small))


def scaled(settings: Settings, times: float) -> Settings:
    """The settings of the store that stands, under the stream itself, for one under `times` the traffic."""
    cap, every = settings.max_entries, settings.prune_every
    smaller = max(round(cap / times), 1) if cap > 0 else 0
    return replace(settings, max_entries=smaller, prune_every=max(round(every / times), 1))


def _added(each: Sequence[Totals]) -> Totals:
    """The totals of several replications together; the largest of peaks."""
    if len(each) == 1:
        return each[0]
    together = {name: sum(getattr(totals, name) for totals in each) for name in Totals.__dataclass_fields__}
    return Totals(**together | {"peak_entries": max(totals.peak_entries for totals in each)})


def _over(value: float, limit: float) -> float:
    return value / max(limit, LEAST_LIMIT)


def length(trace: Trace) -> int:
    """Time from the first operation to the last, ns; 0 without one."""
    return int(trace.time[-1] - trace.time[0]) if len(trace) else 0
