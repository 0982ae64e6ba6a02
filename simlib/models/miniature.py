"""Predicts a bounded store under k times the traffic by simulating a smaller store under less of it.

**k times the traffic** means k times as many sessions at once, each behaving as before. Sessions are independent of
each other, so any share of them is a fair sample of all: a store of cap C and `prune_every` P under k times the traffic
behaves as one of C/f and P/f under k/f times the traffic, and its totals are f times as large (Waldspurger et al.,
Cache Modeling and Optimization using Miniature Simulations, USENIX ATC 2017). At f = 1 it is the store itself.

Refuses a miniature of fewer than LEAST_CAP entries, and other traffic where event history in memory ties sessions.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import ceil, gcd, log, log2

import numpy as np

from simlib.core.errors import InputError
from simlib.core.numbers import format_number
from simlib.core.units import HOUR, MAX_NS, MINUTE, SECOND
from simlib.models import cost
from simlib.models.heap import GO_VERSIONS
from simlib.replay.ledger import Totals
from simlib.replay.totals import Spec, totals_at
from simlib.stores.contract import Settings
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.chunks import Chunk, Stream, stream_of
from simlib.traces.codes import COUNTERS
from simlib.traces.routing import instance_of, rows_of
from simlib.traces.trace import Trace
from simlib.workloads.generator import generated
from simlib.workloads.schema import Workload

LEAST_CAP = 32
"""Entries below which a miniature says more of chance than of the store."""

FEWEST, ENOUGH, MOST = 20_000, 200_000, 8_000_000
"""Operations of a workload to simulate: at least; before the store is made smaller; and at most."""


TIED = "nothing is estimated for other traffic: the event history in memory keeps a set number of sessions"
"""Why a workload with history in memory has no miniature: the fate of a session depends on how many others come."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """A trace as it is: to leave out sessions would leave out the few that matter most in a log."""

    trace: Trace
    begins: int
    lasts: int
    in_memory: bool = False

    least = enough = most = 1.0

    def stream(self, share: float) -> Stream:
        return stream_of(self.trace)


@dataclass(frozen=True)
class Generated:
    """A workload under a seed, whose arrival rates are multiplied."""

    workload: Workload
    seed: int

    begins = 0

    @property
    def lasts(self) -> int:
        return self.workload.duration

    @property
    def in_memory(self) -> bool:
        return self.workload.history.memory is not None

    @property
    def least(self) -> float:
        return min(FEWEST / self._operations, self.most)

    @property
    def enough(self) -> float:
        return min(ENOUGH / self._operations, self.most)

    @property
    def most(self) -> float:
        return min(MOST / self._operations, self.workload.most_times)

    def stream(self, share: float) -> Stream:
        """Generate the stream with `share` times its sessions. Raises InputError with TIED."""
        if share != 1 and self.in_memory:
            raise InputError(TIED)
        return generated(self.workload.times(share), self.seed)

    @cached_property
    def _operations(self) -> float:
        found, share = 0, 1.0
        # Where next to nothing happens at its own rates, more is counted at higher ones.
        for share in (min(times, self.workload.most_times) for times in (1.0, 1e3, 1e6)):
            found = sum(chunk.time.size for chunk in self.stream(share)())
            if found >= 1_000:
                break
        return max(found, 1) / share


Source = Recorded | Generated
"""A stream of `lasts` ns from `begins` on, with a share of its sessions or several times of them.

Below a share of `least` there is too little to count; from `enough` on a smaller store serves as well; beyond `most` it
must.
"""


@dataclass(frozen=True)
class Miniature:
    """The store to simulate: `settings` under `share` times the sessions, for `target` under `traffic` times."""

    traffic: float
    share: float
    settings: Settings
    target: Settings

    @property
    def factor(self) -> float:
        """The factors of the totals of the miniature."""
        return self.traffic / self.share

    @classmethod
    def of(cls, traffic: float, target: Settings, source: Source) -> "Miniature":
        """The store itself where that is affordable, else a smaller one, or a larger one where traffic is too little.

        Raises InputError where it would have fewer than LEAST_CAP entries.
        """
        if source.in_memory:
            return cls(traffic, traffic, target, target)
        most = most_traffic(source, target)
        if not 0 < traffic <= most:
            raise InputError(
                f"{format_number(traffic)} times the traffic is out of range: above 0, and at most "
                f"{format_number(most)}, beyond which a miniature would have fewer than {LEAST_CAP} entries"
            )
        factor = traffic / min(max(traffic, source.least), source.enough)
        cap, every = target.max_entries, target.prune_every
        if cap > 0:
            cap = min(max(round(cap / factor), min(LEAST_CAP, cap)), MAX_NS)
            if factor > 1 and source.least < source.most:
                # The share is free, so cap and `prune_every` can both be whole numbers.
                cap = _whole(target, cap)
                factor = target.max_entries / cap
        every = min(max(round(every / factor), 1), MAX_NS)
        return cls(traffic, traffic / factor, Settings(cap, target.ttl, every), target)

    def scaled(self, totals: Totals) -> Totals:
        """The totals of the target from those of the miniature, which need not be whole numbers.

        Sessions and what happens to them go with the factor, and so do overflows, each of which visits C + 1 entries.
        TTL ticks come as often as in the miniature, and visit `factor` times the entries; where `prune_every` had to be
        rounded, their number is set right.
        """
        if self.settings == self.target and self.factor == 1:
            return totals
        factor, target, mine = self.factor, self.target, self.settings
        times = {field.name: factor * getattr(totals, field.name) for field in fields(Totals)}
        full = target.max_entries + 1
        sorts = times["cap_evictions"]
        scans, scanned = 0.0, 0.0
        if target.ttl > 0:
            rest = totals.prunes - totals.cap_evictions
            # A tick that overflows as well is one prune.
            ticks = totals.increments / mine.prune_every
            ticks = min(ticks * (1 - totals.cap_evictions / max(totals.increments, 1)), rest)
            scans = ticks * mine.prune_every * factor / target.prune_every + (rest - ticks) * factor
            size = (totals.entries_scanned - totals.cap_evictions * (mine.max_entries + 1)) / max(rest, 1)
            scanned = scans * size * factor + sorts * full
        times |= {"prunes": scans + sorts, "entries_scanned": scanned, "entries_sorted": sorts * full}
        if target.max_entries > 0:
            for name in ("peak_entries", "final_entries"):
                is_full = getattr(totals, name) >= mine.max_entries
                times[name] = target.max_entries if is_full else min(times[name], target.max_entries)
        return replace(totals, **times)


def most_traffic(source: Source, settings: Settings) -> float:
    """The most traffic that a miniature of a store can stand for."""
    cap = settings.max_entries
    return source.most * (max(cap / LEAST_CAP, 1.0) if cap > 0 else np.inf)


def _whole(target: Settings, cap: int) -> int:
    """At most `cap`, so that `prune_every` scales to a whole number too; `cap` itself where that would be far off."""
    step = target.max_entries // gcd(target.max_entries, target.prune_every)
    whole = cap // step * step
    return whole if whole >= max(LEAST_CAP, cap * 2 / 3) else cap


@dataclass(frozen=True)
class Prediction:
    """A bounded store under some traffic: totals of the whole stream, and of what follows the warm-up.

    `miniature` says how it was simulated; `lasts` is the time after the warm-up, ns.
    """

    miniature: Miniature
    whole: Totals
    after_warm_up: Totals
    lasts: int

    def held_ns(self, go_version: str = GO_VERSIONS[-1]) -> float:
        """Time for which the lock is held after the warm-up, ns."""
        return cost.held_ns(self.after_warm_up, self.miniature.target, go_version)

    def utilisation(self, go_version: str = GO_VERSIONS[-1]) -> float:
        """Share of the time for which the lock is held after the warm-up; above 1 the store cannot keep up."""
        return self.held_ns(go_version) / self.lasts


def predict(
    source: Source, traffic: float, settings: Settings, counter: str = COUNTERS[0], instances: int = 1
) -> Prediction:
    """The bounded store of a counter under `traffic` times the traffic of a source. O(operations simulated).

    With several `instances`, that of one instance of a fleet without session affinity that has that number of times its
    traffic (see `spread`). Raises InputError as `Miniature.of` does, and with TIED.
    """
    return simulate(source, Miniature.of(traffic, settings, source), counter, instances)


def simulate(source: Source, miniature: Miniature, counter: str = COUNTERS[0], instances: int = 1) -> Prediction:
    """As `predict`, by a given miniature; `Miniature(k, k, settings, settings)` is the store itself."""
    if source.in_memory and not miniature.traffic == miniature.share == 1:
        raise InputError(TIED)
    # Enough at any traffic; `Replication.warm_up` also ends where the stores are full, which goes with the traffic.
    ttl = miniature.target.ttl
    warm_up = min(ttl if ttl > 0 else source.lasts, source.lasts // 2)
    stream = spread(source.stream(miniature.share), instances)
    found = totals_at(stream, Spec(SHIPPED, miniature.settings, counter), source.begins + warm_up)
    return Prediction(miniature, *map(miniature.scaled, found), max(source.lasts - warm_up, SECOND))


def spread(stream: Stream, instances: int) -> Stream:
    """A stream as a fleet without session affinity splits it: a session becomes one for each instance that it reaches.

    All instances are alike, so the traffic of one of them is simulated as a share of that of all, in one store.
    Operations at one instant get a nanosecond each, in their order, so that no tie asks for an id.
    """
    if instances == 1:
        return stream

    def chunks() -> Iterator[Chunk]:
        first, last = 0, -MAX_NS
        for chunk in stream():
            n = chunk.time.size
            rows, instance = np.arange(n), instance_of(chunk, first, instances, affinity=False)
            time = np.maximum.accumulate(np.maximum(chunk.time - rows, last + 1)) + rows
            first, last = first + n, int(time[-1]) if n else last
            yield replace(rows_of(chunk, rows, next_known=False), time=time, word=instance)

    return chunks


def first_reached(reached: Callable[[float], bool], steps: Sequence[float]) -> float:
    """The lowest traffic at which a condition holds, to 2 %, if it does at one of some ascending steps.

    inf where it holds at none of them, 0 where it does at the first.
    """
    first = next((place for place, step in enumerate(steps) if reached(step)), None)
    if not first:
        return np.inf if first is None else 0.0
    low, high = steps[first - 1 : first + 1]
    parts = 2 ** ceil(log2(max(log(high / low) / log(1.02), 1)))
    between = np.geomspace(low, high, parts + 1).tolist()
    return between[bisect_left(between, True, lo=1, hi=parts, key=reached)]


@dataclass(frozen=True)
class Growth:
    """Entries of both unbounded maps at the end, by counter, and their gain an hour, at the traffic of one process."""

    entries: np.ndarray
    per_hour: float
    deletes_missing: float


def unbounded_growth(source: Source, instances: int = 1) -> Growth:
    """The unbounded maps of one process, or of one instance without session affinity, at the traffic of a source."""
    share, middle = min(max(1.0, source.least), source.enough), source.begins + source.lasts // 2
    stream = spread(source.stream(share), instances)
    found = [totals_at(stream, Spec(LEAKED, counter=counter), middle) for counter in COUNTERS]
    created, deleted = (sum(getattr(late, name) for _, late in found) for name in ("creates", "deletes_hit"))
    deletes, hit = (sum(getattr(whole, name) for whole, _ in found) for name in ("deletes", "deletes_hit"))
    # The gain of that number of arrivals and departures by chance (two standard deviations) is no leak.
    leaks = created - deleted > 2 * np.sqrt(created + deleted)
    per_hour = (created - deleted) / share / max(source.lasts / 2 / HOUR, MINUTE / HOUR) if leaks else 0.0
    entries = np.array([whole.final_entries for whole, _ in found]) / share
    return Growth(entries, per_hour, 1 - hit / deletes if deletes else np.nan)
