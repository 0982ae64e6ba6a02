"""A case's traffic at other loads, and what the stores do with it: measured, up to tens of millions of operations.

Owns how traffic is multiplied. A workload's arrival rates are; a log keeps a share of its sessions, or has copies of
them laid over it. Owns also how long and from which load to which is measured, so that it ends in seconds. What is
measured are totals; nothing is fitted here. Next: `structure` says what they should be, `scale` compares.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa

from simlib.core.numbers import format_duration
from simlib.core.units import HOUR, SECOND
from simlib.core.variates import session_keys, stream_key, uniform
from simlib.experiments.experiment import Experiment
from simlib.replay.ledger import Totals
from simlib.replay.totals import Spec, StreamedStore, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS
from simlib.traces.routing import dealt, joined, rows_of
from simlib.traces.trace import COUNTERS, INCREMENT, Trace
from simlib.workloads.generator import generated
from simlib.workloads.schema import Workload

WINDOW = 2 * HOUR
"""What of a workload is looked at under each load, at least: a TTL to fill the store, and three to measure."""

DECADES = 4
LEAST_INCREMENTS, LEAST_SESSIONS = 1000, 50
"""The lowest load has so many expected: with fewer, chance says more than the load."""
MOST_OPERATIONS, MOST_OF_LOG = 40_000_000, 5_000_000
"""The highest load has at most so many operations in a replication; a log is laid over itself in memory."""
PER_OPERATION = 5
"""Events that reach a client, and so make no operation, take as long to generate as one operation: about so many."""

APART = SECOND
"""Within which the copies of a log begin, in ns; within a hundredth of its length where that is less."""

_ROWS = 1 << 16


@dataclass(frozen=True)
class Measured:
    """What the stores of one process did with a stream, by counter.

    `whole` is the ledger of the bounded store, `settled` the part of it after the warm-up; `unbounded` the entries of
    the unbounded map in the end. `operations` counts those of both counters.
    """

    operations: int
    whole: Mapping[str, Totals]
    settled: Mapping[str, Totals]
    unbounded: Mapping[str, int]


class Scaled(Protocol):
    """The traffic of a case at any load, 1 being its own.

    Every stream lasts for `lasts` ns from 0 on, of which `warm_up` ns are let pass before rates are measured; there are
    `replications` of it. `increments` and `sessions` (of `counter`, the busier one) and `operations` (of both) are what
    the first has at load 1. Where load is made of copies of one stream, these begin within `together` ns; else None.
    """

    lasts: int
    warm_up: int
    replications: int
    together: int | None
    counter: str
    operations: float
    increments: float
    sessions: float

    def allows(self, load: float, operations: float | None = None) -> bool:
        """Whether there is a stream at that load, with about so many operations at most: by default a measurement's."""

    def stream(self, load: float, replication: int = 0) -> Stream:
        """All operations, with what each session does next told."""

    def unseen(self, load: float) -> Stream:
        """As `stream`, but of no replication, where there is more than one realisation to be had."""

    def deletes_hit(self, load: float, replication: int = 0) -> dict[str, int] | None:
        """Deletes that find an entry in the unbounded map of each counter; None where only the map itself can tell."""

    def chance(self, load: float) -> float:
        """The variance of a number of sessions over its mean."""

    def scope(self) -> str:
        """What part of the case is looked at, in a few words."""


def scaled(experiment: Experiment) -> Scaled:
    """The traffic of a case at any load."""
    if experiment.workload is None:
        return ScaledLog(experiment.first.trace, experiment.settings)
    return ScaledWorkload(experiment.workload, experiment.seeds, experiment.settings)


class ScaledWorkload:
    """A workload whose arrival rates are multiplied, at the busiest hours of its day; a replication is a seed.

    It is looked at for `WINDOW`, or four TTLs where that is longer, and at most as long as the workload lasts.
    """

    together = None

    def __init__(self, workload: Workload, seeds: Sequence[int], settings: Settings):
        self.lasts = min(workload.duration, max(WINDOW, 4 * settings.ttl))
        self.first_hour = workload.busiest_hour(min(-(-self.lasts // HOUR), 24))
        self.workload = workload.from_hour(self.first_hour).lasting(self.lasts)
        self.seeds, self.replications = tuple(seeds), len(seeds)
        self.warm_up = _warm_up(self.lasts, settings)
        self.operations = 0.0
        # Where there is next to nothing at load 1, more is counted at a higher one.
        for load in filter(self.allows, (1, 1000, 1_000_000)):
            counts, operations = self._counts(load)
            if max(counts) >= LEAST_INCREMENTS:
                break
        self.counter = COUNTERS[counts[1] > counts[0]]
        self.operations, self.increments, self.sessions = operations / load, max(counts) / load, np.inf

    @cached_property
    def _events(self) -> float:
        """Events expected at load 1, whether they reach a client or not."""
        expected = 0.0
        for kind in self.workload.kinds.values():
            bounds, rates = kind.arrivals.steps()
            per_ns = np.dot(np.diff(bounds), rates) / bounds[-1] / HOUR
            expected += per_ns * self.lasts * (1 + kind.events.lasts.mean / kind.events.gap.mean)
        return float(expected)

    def allows(self, load: float, operations: float | None = None) -> bool:
        work = load * max(self.operations, self._events / PER_OPERATION)
        return work <= (operations or MOST_OPERATIONS) and load <= self.workload.most_times

    def _counts(self, load: float) -> tuple[list[int], int]:
        """Increments of each counter, and all operations, of the first replication at a load."""
        counts, operations = [0, 0], 0
        for chunk in self.stream(load)():
            operations += chunk.time.size
            of_drops = chunk.code[chunk.code & IS_DELETE == 0] & IS_DROPS != 0
            counts[1] += int(np.count_nonzero(of_drops))
            counts[0] += int(np.count_nonzero(~of_drops))
        return counts, operations

    def stream(self, load: float, replication: int = 0) -> Stream:
        return generated(self.workload.times(load), self.seeds[replication])

    def deletes_hit(self, load: float, replication: int = 0) -> dict[str, int] | None:
        # Only watched sessions are ever deleted, and sessions of other kinds leave them alone.
        watched = {name: kind for name, kind in self.workload.kinds.items() if kind.clients}
        if not watched:
            return dict.fromkeys(COUNTERS, 0)
        if len(watched) == len(self.workload.kinds):
            return None
        workload = self.workload.model_copy(update={"kinds": watched}).times(load)
        specs = [Spec("unbounded", counter=counter) for counter in COUNTERS]
        found = stream_totals(generated(workload, self.seeds[replication]), specs)
        return {counter: totals.deletes_hit for counter, totals in zip(COUNTERS, found, strict=True)}

    def unseen(self, load: float) -> Stream:
        return generated(self.workload.times(load), self.seeds[-1] + 1)

    def chance(self, load: float) -> float:
        return 1.0

    def scope(self) -> str:
        lasts = format_duration(self.lasts)
        if any(kind.arrivals.hourly for kind in self.workload.kinds.values()):
            return f"the busiest {lasts} of its day, from {self.first_hour}:00 on"
        return f"its first {lasts}"


class ScaledLog:
    """A log of which each session is kept by chance, or that is laid over itself.

    Load k is made of copies 0, 1, ... of the log under ids of their own, of which copy c keeps each session with the
    chance k - c, at most 1, by a hash of copy and session number: so what is there at one load is there at every
    higher one. Copy c begins later by the fractional part of c times the golden ratio, of a second. So copies never act
    in one instant, each session does just what it did, and every storm of the log stays one: superposed at random
    distances, copies would fill each other's gaps, and ever more even traffic would be another question. Copy 0 at
    load 1 is the log.
    """

    replications = 1

    def __init__(self, trace: Trace, settings: Settings):
        begins = int(trace.time[0])
        self.lasts = int(trace.time[-1]) - begins
        self.together = min(APART, self.lasts // 100)
        self.warm_up = _warm_up(self.lasts, settings)
        self._time, self._session, self._ids = trace.time - begins, trace.session.astype(np.int64), trace.ids.size
        self._rank = trace.rank.astype(np.int64)
        self._code = trace.op | trace.counter * np.uint8(IS_DROPS)
        self._hit = np.zeros(len(trace), dtype=bool)
        counts = []
        for number, counter in enumerate(COUNTERS):
            rows, only = np.flatnonzero(trace.counter == number), trace.only(counter)
            is_increment = np.append(only.op == INCREMENT, False)
            self._code[rows] |= np.where(is_increment[only.next_row], np.uint8(COMES_BACK), np.uint8(0))
            self._hit[rows] = ~is_increment[:-1] & is_increment[only.previous_row] & (only.previous_row >= 0)
            counts.append(int(is_increment.sum()))
        self.counter = COUNTERS[counts[1] > counts[0]]
        self.operations, self.increments = len(trace), max(counts)
        busier = (trace.op == INCREMENT) & (trace.counter == COUNTERS.index(self.counter))
        self.sessions = np.unique(trace.session[busier]).size

    def allows(self, load: float, operations: float | None = None) -> bool:
        return load <= 1 or load * self.operations <= min(operations or MOST_OF_LOG, MOST_OF_LOG)

    def stream(self, load: float, replication: int = 0) -> Stream:
        def chunks() -> Iterator[Chunk]:
            whole, some = int(load), self._some(load)
            copies = np.append(np.repeat(np.arange(whole), self._time.size), np.full(some.size, whole))
            rows = np.append(np.tile(np.arange(self._time.size), whole), some)
            late = (np.arange(whole + 1) * (np.sqrt(5) - 1) / 2 % 1 * self.together).astype(np.int64)
            time = self._time[rows] + late[copies]
            in_order = np.argsort(time, kind="stable")
            rows, copies, time = rows[in_order], copies[in_order], time[in_order]
            for begin in range(0, time.size, _ROWS):
                part = slice(begin, begin + _ROWS)
                session = self._session[rows[part]] + copies[part] * self._ids
                yield self._chunk(time[part], session, self._code[rows[part]])

        return chunks

    def unseen(self, load: float) -> Stream:
        return self.stream(load)

    def chance(self, load: float) -> float:
        # Copies do what they do at the same time; of one log, which sessions are kept is chance.
        return max(1.0 - load, 0.0)

    def scope(self) -> str:
        return f"the whole log, {format_duration(self.lasts)}"

    def deletes_hit(self, load: float, replication: int = 0) -> dict[str, int]:
        some, hit = self._some(load), {}
        for number, counter in enumerate(COUNTERS):
            mine = self._hit & (self._code & IS_DROPS == number * IS_DROPS)
            hit[counter] = int(load) * int(np.count_nonzero(mine)) + int(np.count_nonzero(mine[some]))
        return hit

    def _some(self, load: float) -> np.ndarray:
        """The rows of the last copy, which keeps a session with the chance that is left; int64."""
        copy = int(load)
        keys = session_keys(stream_key(0, "copies of a log"), np.arange(self._ids))
        return np.flatnonzero((uniform(keys, copy, 0) < load - copy)[self._session])

    def _chunk(self, time: np.ndarray, session: np.ndarray, code: np.ndarray) -> Chunk:
        return Chunk(time, session, code, lambda at: self._names(session[at]), self._names, next_known=True)

    def _names(self, sessions: np.ndarray, words: np.ndarray | None = None) -> pa.Array:
        """Ids, needed only to settle ties: by copy, and within one in the log's own order; all of one length."""
        copy, session = np.divmod(sessions, max(self._ids, 1))
        return pa.array(10**18 + copy * self._ids + self._rank[session]).cast(pa.large_string())


def _warm_up(lasts: int, settings: Settings) -> int:
    """The same warm-up at all loads: a TTL, at most half of the time; none without a bound."""
    if settings.ttl > 0:
        return min(settings.ttl, lasts // 2)
    return lasts // 2 if settings.max_entries > 0 else 0


def loads(traffic: Scaled) -> list[float]:
    """The loads at which a case is measured, two or three in a decade: 1, 2 and 5 and their decimal multiples.

    From where there is just enough to count, over DECADES as far as the number of operations allows; a log is thinned
    but never begun above its own load. None where nothing is counted.
    """
    if not traffic.increments:
        return []
    least = max(LEAST_INCREMENTS / traffic.increments, LEAST_SESSIONS / traffic.sessions)
    least = least if traffic.sessions == np.inf else min(least, 1.0)
    series = [float(f"{step}e{power}") for power in range(-12, 13) for step in (1, 2, 5)]
    series = [load for load in series if traffic.allows(load)]
    low = min([load for load in series if load >= least * 0.999], default=series[-1])
    return [load for load in series if low <= load <= low * 10**DECADES * 1.001]


class Stores:
    """The stores of one process, or one instance of a fleet, that hear a stream chunk by chunk.

    With `unbounded` False no unbounded map is held: a stream that tells what each session does next tells how many
    entries it ever creates, and `Scaled.deletes_hit` how many of them go.
    """

    def __init__(self, settings: Settings, warm_up: int, unbounded: bool):
        self._warm_up, self._before, self._operations = warm_up, None, 0
        self._bounded = {counter: StreamedStore(Spec("bounded", settings, counter)) for counter in COUNTERS}
        self._unbounded = {
            counter: StreamedStore(Spec("unbounded", settings, counter)) for counter in COUNTERS if unbounded
        }
        self._creates = dict.fromkeys(COUNTERS, 0)

    def hear(self, chunk: Chunk) -> None:
        if not chunk.time.size:
            return
        if self._before is None and chunk.time[-1] >= self._warm_up:
            split = int(np.searchsorted(chunk.time, self._warm_up))
            self._hear(rows_of(chunk, np.arange(split)))
            self._before = self._totals()
            chunk = rows_of(chunk, np.arange(split, chunk.time.size))
        self._hear(chunk)

    def measured(self, deletes_hit: Mapping[str, int] | None = None) -> Measured:
        """What they did; `deletes_hit` where no unbounded map was held."""
        whole = self._totals()
        before = self._before or whole
        if deletes_hit is None:
            unbounded = {counter: store.totals().final_entries for counter, store in self._unbounded.items()}
        else:
            unbounded = {counter: self._creates[counter] - deletes_hit[counter] for counter in COUNTERS}
        settled = {counter: _since(whole[counter], before[counter]) for counter in COUNTERS}
        return Measured(self._operations, whole, settled, unbounded)

    def _hear(self, chunk: Chunk) -> None:
        drops = chunk.code & IS_DROPS != 0
        parts = [chunk] if not drops.any() else [rows_of(chunk, np.flatnonzero(rows)) for rows in (~drops, drops)]
        for counter, part in zip(COUNTERS, parts, strict=False):
            if part.time.size:
                self._bounded[counter].apply(part)
                if self._unbounded:
                    self._unbounded[counter].apply(part)
                else:
                    self._creates[counter] += int(np.count_nonzero(part.code & (IS_DELETE | COMES_BACK) == 0))
        self._operations += chunk.time.size

    def _totals(self) -> dict[str, Totals]:
        return {counter: store.totals() for counter, store in self._bounded.items()}


def _since(whole: Totals, before: Totals) -> Totals:
    """What was counted after an instant; sizes are those of the whole."""
    sizes = ("peak_entries", "final_entries", "final_count_sum")
    counted = [field.name for field in fields(Totals) if field.name not in sizes]
    return replace(whole, **{name: getattr(whole, name) - getattr(before, name) for name in counted})


def measure(traffic: Scaled, load: float, replication: int, settings: Settings) -> Measured:
    """What one process does with all of the traffic at a load."""
    deletes_hit = traffic.deletes_hit(load, replication)
    stores = Stores(settings, traffic.warm_up, unbounded=deletes_hit is None)
    for chunk in traffic.stream(load, replication)():
        stores.hear(chunk)
    return stores.measured(deletes_hit)


def measure_fleet(
    traffic: Scaled, load: float, replication: int, settings: Settings, instances: int, heard: int
) -> dict[bool, list[Measured]]:
    """What each of the first `heard` instances of a fleet does with its part of the traffic; by affinity.

    What one hears is held in memory until all is dealt out: it is little, and comes in bits.
    """
    parts = {affinity: [[] for _ in range(heard)] for affinity in (True, False)}
    first = 0
    for chunk in traffic.stream(load, replication)():
        for affinity, of_each in parts.items():
            for mine, part in zip(of_each, dealt(chunk, first, instances, affinity, heard), strict=True):
                if part.time.size:
                    mine.append(part)
        first += chunk.time.size
    measured = {}
    for affinity, of_each in parts.items():
        stores = [Stores(settings, traffic.warm_up, unbounded=True) for _ in of_each]
        for store, mine in zip(stores, of_each, strict=True):
            if mine:
                store.hear(joined(mine))
        measured[affinity] = [store.measured() for store in stores]
    return measured
