"""Which design, cap and TTL to set for a stream: the smallest setting of the simplest design that meets the targets.

Refuses a stream that is too short to say: see `refusal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import numpy as np

from simlib.analysis.points import LEAST_TIMES, TODAY, Point, Points, length, lost_share
from simlib.core.numbers import format_duration
from simlib.core.units import DAY, HOUR, MINUTE, SECOND
from simlib.models import cost
from simlib.models.miniature import LEAST_CAP
from simlib.stores.contract import Design, Mode, RecencyRule, Settings
from simlib.stores.registry import DESIGNS, SHIPPED
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace

SIMPLEST = (SHIPPED, "linked_list")
"""Designs to recommend, the simplest first: no new code, then exact LRU at constant cost, which libraries have."""

TTLS = (
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 20, 30, 45, 60, 90)),
    *(hours * HOUR for hours in (2, 3, 4, 6, 8, 12, 24, 48, 96, 168)),
)
"""TTLs to choose from, ns; after them, none."""

TRIED = 3
"""TTLs that are tried: longer ones keep more entries and lose no fewer counts."""

FEW_INSTANTS, FEW_GAPS = 20, 3
"""A stream of fewer instants, or shorter than this number of idle gaps that matter, is refused."""

RULE_OF_THREE = 3
"""False evictions to add to those seen before a share of few evictions is believed: with none among n, the 95 %
confidence bound of their share is 3 / n (Hanley and Lippman-Hand, JAMA 249, 1983)."""

WHOLE_DAY = 23 * HOUR
"""A log of this length has seen each hour of the day."""

GAP_QUANTILE = 0.99
"""The idle gap that matters: one gap in a hundred between two increments of a session is longer."""

GROWING = 1.4
"""Times the idle gap that matters in the halves of a log from which on it grows with the length of the log."""

MOST_MARGIN = 4.0
"""Largest margin for a short log; the traffic of a day seldom peaks beyond this number of times an hour's."""

PARTS = 4
"""Equal parts of a log's time that are asked whether they agree."""


@dataclass(frozen=True, eq=False)
class Advice(Points):
    """The advice against what is set `now`; `simulated` says whether the rates of the traces are known.

    `one_of_several` says whether their source has another counter too, whose store may lose another share.
    """

    simulated: bool = False
    now: Point = TODAY
    one_of_several: bool = False

    @property
    def counter(self) -> str:
        """The counter that the advice is for."""
        return COUNTERS[int(self.traces[0].counter[0])]

    @property
    def counts(self) -> str:
        """Name the counts of the counter, which it names where it is one of several."""
        return f"the {self.counter} counts" if self.one_of_several else "the counts"

    @cached_property
    def gaps(self) -> np.ndarray:
        """Idle gaps between two increments of a session, ns, ascending; int64, (gaps,)."""
        return np.sort(np.concatenate([_gaps(trace) for trace in self.traces] or [np.empty(0, np.int64)]))

    def gap(self, quantile: float) -> float:
        """A quantile of the idle gaps, ns; 0 where no session comes back."""
        return float(np.quantile(self.gaps, quantile)) if self.gaps.size else 0.0

    @cached_property
    def refusal(self) -> str:
        """The reason why no advice is given, in a sentence; empty where it is."""
        what = "simulation" if self.simulated else "log"
        instants = [np.unique(trace.time).size for trace in self.traces]
        if not any((trace.op == INCREMENT).any() for trace in self.traces):
            return f"the {what} holds no increments, so there is nothing to size"
        if min(instants) < FEW_INSTANTS:
            return (
                f"the events fall into {'one instant' if min(instants) == 1 else f'{min(instants)} instants'}, "
                f"at least {FEW_INSTANTS} are needed to estimate a rate"
            )
        matters, reason = self.gap(GAP_QUANTILE), "one idle gap in a hundred is longer than"
        if matters < TTLS[0]:
            # Gaps longer than a stream cannot be seen in it, so the gaps that it shows are no measure of its length.
            matters, reason = TTLS[0], "the shortest TTL to choose is"
        if self.span < FEW_GAPS * matters:
            return (
                f"the {what} is too short: it lasts {format_duration(self.span)}, and {reason} "
                f"{format_duration(matters)}; {format_duration(FEW_GAPS * matters)} or more are needed"
            )
        return ""

    # --- The choice

    @cached_property
    def margin(self) -> float:
        """Times the traffic to allow for as the log is short: 1 + 1/days, as Kubernetes' Vertical Pod Autoscaler.

        1 for a workload, whose rates are known.
        """
        return 1.0 if self.simulated else min(1 + DAY / max(self.span, 1), MOST_MARGIN)

    @cached_property
    def ttls(self) -> list[int]:
        """TTLs that may be recommended, ascending, 0 for none last: from one step beyond the shortest accurate on."""
        known = list(takewhile(lambda ttl: ttl * FEW_GAPS <= self.span, TTLS))
        every = self.now.settings.prune_every

        def accurate(ttl: int) -> bool:
            point, times = Point(SHIPPED, Settings(0, ttl, every)), self.targets.headroom
            found = self.ratios(point, times)
            return max(found["lost"], found["false"]) <= 1 and self._believed(point, times)

        good = len(list(takewhile(accurate, reversed(known))))
        long = [ttl for ttl in known[len(known) - good :][1:] if ttl >= self.targets.quiet_ns]
        return [*long[:TRIED], 0]

    @cached_property
    def found(self) -> tuple[Point, bool]:
        """The recommended point and whether it meets the targets; the nearest within the memory where none does."""
        every, times = self.now.settings.prune_every, self.levels[-1]
        nearest: tuple[float, Point] | None = None
        for design in SIMPLEST:
            for ttl in self.ttls:
                for cap in self._caps:
                    point = Point(design, Settings(cap, ttl, every))
                    # More than fits into memory is no choice at all; the smallest cap stays as the nearest.
                    if nearest and self.size(point) > 1:
                        break
                    miss = max(self.ratios(point, times).values())
                    if miss <= 1 and self.meets_all(point):
                        return point, True
                    if nearest is None or miss < nearest[0]:
                        nearest = miss, point
        assert nearest is not None
        return nearest[1], False

    @cached_property
    def levels(self) -> list[float]:
        """Times the traffic under which the targets are to be met, ascending; the last has the margin too."""
        return sorted({1.0, self.targets.headroom, self.targets.headroom * self.margin})

    @property
    def unsure(self) -> bool:
        """Whether all that is missing is evidence: the nearest point meets the targets, on too few evictions."""
        point, met = self.found
        return not met and self._meets_each(point)

    def meets_all(self, point: Point) -> bool:
        """Whether a point meets every target at each of `levels`, by evictions enough to believe it."""
        return self._meets_each(point) and self._believed(point, self.levels[-1])

    def _meets_each(self, point: Point) -> bool:
        return all(self.meets(point, times) for times in self.levels)

    def _believed(self, point: Point, times: float) -> bool:
        """Whether there are no evictions, or enough to say that the share of false ones is within its target."""
        totals = self.totals(point, times)
        evictions, limit = totals.cap_evictions + totals.ttl_evictions, self.targets.false
        return not evictions or not limit or totals.false_evictions + RULE_OF_THREE <= limit * evictions

    @cached_property
    def _caps(self) -> list[int]:
        """Caps to choose from, four an octave, up to one that holds every session under the traffic to allow for."""
        most = max(trace.ids.size for trace in self.traces) * self.targets.headroom * self.margin
        caps, power = [LEAST_CAP], LEAST_CAP
        while caps[-1] < most:
            caps += [power * part // 4 for part in (5, 6, 7, 8)]
            power *= 2
        return caps

    @cached_property
    def others(self) -> list[Point]:
        """The next best designs at the recommended setting: those measured in Go, the fewest counts lost first."""
        point, _ = self.found
        points = [
            Point(name, point.settings)
            for name, each in DESIGNS.items()
            if each.role == "candidate"
            and each.compiled
            and cost.design_cost(name)
            and name != point.design
            and _evicts(each, point.settings)
        ]

        def rank(each: Point) -> tuple[bool, float, float]:
            return not self.meets(each), lost_share(self.totals(each)), self.nanoseconds(each)[0]

        return sorted(points, key=rank)[:3]

    @cached_property
    def choices(self) -> dict[str, Point]:
        """The points to compare, by name."""
        point, _ = self.found

        def scaled(times: float) -> Point:
            cap = point.settings.max_entries
            settings = Settings(max(int(cap * times), 1), point.settings.ttl, point.settings.prune_every)
            return Point(point.design, settings)

        found = {"half": scaled(0.5), "now": self.now, "recommended": point, "2 x": scaled(2), "4 x": scaled(4)}
        return found | {each.design: each for each in self.others}

    # --- Evidence

    @cached_property
    def parts(self) -> list[Points]:
        """The streams that are asked one by one whether they agree: the seeds of a workload, or parts of a log."""
        return self.alone if self.simulated else [self.alike([part]) for part in _parts(self.traces[0])]

    def agreeing(self, point: Point) -> int:
        """The number of `parts` in which a point meets the targets for accuracy."""
        found = (each.ratios(point) for each in self.parts)
        return sum(max(each["lost"], each["false"]) <= 1 for each in found)

    @cached_property
    def agree(self) -> tuple[int, int]:
        """The number of `parts` that agree with the recommended point, and the number of all."""
        return self.agreeing(self.found[0]), len(self.parts)

    @cached_property
    def gaps_grow(self) -> bool:
        """Whether a log shows longer idle gaps than its halves do: then there are longer ones than it can show."""
        halves = [] if self.simulated else [_gaps(half) for half in _parts(self.traces[0], 2)]
        known = [float(np.quantile(each, GAP_QUANTILE)) for each in halves if each.size]
        return bool(known) and self.gap(GAP_QUANTILE) > GROWING * float(np.mean(known))

    @cached_property
    def confidence(self) -> str:
        """`good`, `fair`, `poor` or `refused`: a point each for a whole day, parts that agree, gaps much shorter."""
        if self.refusal:
            return "refused"
        agree, parts = self.agree
        doubts = [
            not (self.simulated or self.span >= WHOLE_DAY),
            agree < parts,
            self.gaps_grow or self.span < 10 * self.gap(GAP_QUANTILE),
            not self.found[1],
        ]
        return ("good", "fair", "poor")[min(sum(doubts), 2)]

    @cached_property
    def new_per_second(self) -> float:
        """Sessions a second in the stream that are counted, each once."""
        return self.a_second(sum(map(_counted, self.traces)))

    def a_second(self, number: float) -> float:
        """Divide a number over all traces by their time in seconds."""
        return number * SECOND / max(self.span * len(self.traces), 1)

    def breaks(self, point: Point) -> tuple[float, str]:
        """Times the traffic beyond which a point misses a target, and which: a key of `ratios`.

        Empty where none is missed up to there, which is as far as it was tried.
        """
        missed_at = self.first_missed(point)
        if np.isinf(missed_at):
            return self.headroom(point), ""
        found = self.ratios(point, missed_at or LEAST_TIMES)
        return self.headroom(point), max(found, key=lambda name: found[name])


def busiest(traces: Sequence[Trace]) -> str:
    """Name the counter with the most increments, which is the one to advise on; each has its own store."""
    increments = [sum(int(((each.counter == n) & (each.op == INCREMENT)).sum()) for each in traces) for n in (0, 1)]
    return COUNTERS[int(increments[1] > increments[0])]


def counters_of(traces: Sequence[Trace]) -> list[str]:
    """Name the counters that have a row."""
    return [name for n, name in enumerate(COUNTERS) if any((each.counter == n).any() for each in traces)]


def _evicts(design: Design, settings: Settings) -> bool:
    """Whether a design ever evicts: where only the idle leave, it does not without a TTL that says who is idle."""
    rule = design.compiled(settings) if design.compiled else None
    return not (isinstance(rule, RecencyRule) and rule.mode == Mode.STALE_ONLY and settings.ttl <= 0)


def _counted(trace: Trace) -> int:
    """The sessions that are ever incremented: one that is only deleted never has an entry."""
    return np.unique(trace.session[trace.op == INCREMENT]).size


def _gaps(trace: Trace) -> np.ndarray:
    rows = np.flatnonzero((trace.op == INCREMENT) & (trace.previous_row >= 0))
    rows = rows[trace.op[trace.previous_row[rows]] == INCREMENT]
    return trace.time[rows] - trace.time[trace.previous_row[rows]]


def _parts(trace: Trace, number: int = PARTS) -> list[Trace]:
    """Equal parts of a trace's time, those without an increment left out."""
    ends = np.searchsorted(trace.time, trace.time[0] + length(trace) * np.arange(number + 1) // number)
    ends[-1] = len(trace)
    rows = [
        slice(*ends[part : part + 2]) for part in range(number) if (trace.op[slice(*ends[part : part + 2])] == 0).any()
    ]
    columns = ((trace.time[at], trace.ids[trace.session[at]], trace.op[at], trace.counter[at]) for at in rows)
    return [Trace.of(*each) for each in columns]
