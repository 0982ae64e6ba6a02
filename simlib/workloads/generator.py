"""The compiled generator: the stream that `churn` records, a slice of time at a time and some 50 times as fast.

A session is drawn and played alone as soon as it arrives: sessions meet only in the order of the stream. Its operations
wait in the slices of time that they fall into; a slice is put in order once every session that begins before its end
has been played that far. A session that nobody watches is played at most `kernels.MOST_AHEAD` events ahead, and one
that clients watch from its first action to its last. So memory grows with the sessions under way, and with what is
still to come of those that are watched, not with the stream. Where the event history is kept in memory, sessions affect
one another: the stream then goes through `_Forgetting`, one event at a time in Python.
"""

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
import pandas as pd
import pyarrow as pa

from simlib.core.distributions import LAWS, Distribution
from simlib.core.variates import session_keys, stream_key
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS, NONE
from simlib.traces.trace import Trace
from simlib.workloads.broadcaster import Entries, MemoryHistory, Timeline
from simlib.workloads.churn import Simulation
from simlib.workloads.kernels import DONE, KIND, MORE_BLOCKS, MORE_PARKING, fill
from simlib.workloads.kinds import InMemory, Kind
from simlib.workloads.population import popularity
from simlib.workloads.schema import Workload
from simlib.workloads.slices import BLOCK, CODE_BITS, IS_EVENT, NUMBER_BITS, collect, without_marks
from simlib.workloads.timetable import ARRIVAL_UNIT, expected_arrivals, first_period, ids_of
from simlib.workloads.watched import AHEAD

ROWS = 1 << 15
"""Operations in a slice on average: as many as fit into a processor's cache."""

_MOST_SLICES = 1 << 16


class Traffic:
    """The stream of a workload under a seed in the making: `until` gives all operations before a time.

    `rows` operations are put in order at a time, on average; it changes nothing else. `third_map` keeps the timeline of
    `high_volume`, which grows with the stream. Control events (a restart, a deploy, a change of settings) may drive it
    from ordinary SimPy processes: what they do between two calls comes before all that happens at that time or later.
    """

    def __init__(self, workload: Workload, seed: int, rows: int = ROWS, third_map: bool = False):
        self.workload = workload
        # This clock begins where the first sessions arrive, and shows `before` at the workload's time 0.
        self._before, self._end = workload.before, workload.before + workload.duration
        self._streams = [stream_key(seed, name) for name in workload.kinds]
        arrivals = [expected_arrivals(kind.arrivals) for kind in workload.kinds.values()]
        self._third_map = third_map
        self._kinds = np.zeros(len(arrivals), KIND)
        self._bounds, self._expected = np.zeros((2, len(arrivals), max(len(each) for each, _ in arrivals)), np.int64)
        shares = [popularity(kind.population) for kind in workload.kinds.values()]
        self._shares = np.concatenate(shares)
        self._next_known = workload.history.memory is None and not self._shares.size
        operations = 0.0
        for place, (kind, (bounds, expected)) in enumerate(zip(workload.kinds.values(), arrivals, strict=True)):
            self._bounds[place, : bounds.size], self._expected[place, : bounds.size] = bounds, expected
            steps = bounds.size - 1 if expected[-1] else 0
            self._kinds[place] = _kind(kind, self._streams[place][0], steps, marked=workload.history.memory is not None)
            self._kinds[place]["period_begins"] = first_period(self._before, int(bounds[-1]))
            self._kinds[place]["first_member"] = sum(each.size for each in shares[:place])
            # Without it no delta is marked, so that nothing of the map is made.
            self._kinds[place]["deltas"] &= third_map
            sessions = expected[-1] / ARRIVAL_UNIT / bounds[-1] * self._end
            operations += sessions * (1 + kind.events.lasts.mean / kind.events.gap.mean)
        self.expected_operations = operations
        width = self._end / min(max(operations / rows, 1), _MOST_SLICES)
        self._width_bits = max(int(np.ceil(np.log2(width))), 0)
        self._slices = ((self._end - 1) >> self._width_bits) + 1
        self._first, self._last = np.full((2, self._slices), -1, np.int64)
        self._links, self._state = np.append(np.arange(1, 64), -1), np.zeros(2, np.int64)
        self._parked = _parking(0, 64)
        self._first_parked = np.full((len(arrivals), self._slices), -1, np.int64)
        self._times, self._whats = np.empty((2, 64 * BLOCK), np.int64)
        self._played, self._codes, self._scratch = np.empty(64, np.int64), np.empty(64, np.uint8), _scratch(8)
        self._waits, self._ahead = np.empty(AHEAD, np.int64), np.empty((2, len(arrivals), AHEAD), np.int64)
        self._slice = 0
        self._begun: Chunk | None = None
        self._reached = 0
        self._high_volume: list[Timeline] = []
        self._watched = self._kinds["watched"].copy()
        memory = workload.history.memory
        self._forgetting = _Forgetting(memory, self._kinds) if memory else None

    def until(self, time: int | None = None) -> Iterator[Chunk]:
        """All operations before a time in ns (None: to the end) that have not been given yet, in chunks."""
        end = self.workload.duration if time is None else min(time, self.workload.duration)
        self._reached = max(self._reached, end)
        while self._begun is not None or (
            self._slice < self._slices and (self._slice << self._width_bits) - self._before < end
        ):
            chunk = self._begun if self._begun is not None else self._next()
            split = int(np.searchsorted(chunk.time, end))
            self._begun = self._chunk(*(c[split:] for c in (chunk.time, chunk.session, chunk.code)))
            if split < chunk.time.size:
                if split:
                    yield self._chunk(*(c[:split] for c in (chunk.time, chunk.session, chunk.code)))
                return
            self._begun = None
            if split:
                yield chunk

    def _next(self) -> Chunk:
        """The operations of the next slice."""
        until = min((self._slice + 1) << self._width_bits, self._end)
        while True:
            lacks = fill(
                *(self._kinds, self._shares, self._bounds, self._expected),
                *(self._before, self._end, until, self._width_bits),
                *(self._times, self._whats, self._links, self._first, self._last, self._state),
                *(self._played, self._codes, self._scratch, self._waits, *self._ahead),
                *(self._parked, self._first_parked),
            )
            if lacks == DONE:
                break
            if lacks == MORE_BLOCKS:
                more = self._links.size
                self._links = np.concatenate([self._links, np.arange(more + 1, 2 * more), [-1]])
                self._state[0] = more
                self._times, self._whats = (
                    np.concatenate([each, np.empty_like(each)]) for each in (self._times, self._whats)
                )
            elif lacks == MORE_PARKING:
                more = self._parked.shape[1]
                self._parked = np.concatenate([self._parked, _parking(more, more)], axis=1)
                self._state[1] = more
            else:
                self._played, self._codes = (
                    np.empty(2 * self._played.size, np.int64),
                    np.empty(2 * self._played.size, np.uint8),
                )
                self._scratch = _scratch(2 * self._scratch.shape[1])
        time, session, code = collect(
            *(self._slice, self._width_bits, self._times, self._whats, self._links),
            *(self._first, self._last, self._state),
        )
        self._slice += 1
        time -= self._before
        if code.size < time.size:
            order = np.lexsort((session >> CODE_BITS, time))
            time, what = time[order], session[order]
            session, code = what >> CODE_BITS, (what & ((1 << CODE_BITS) - 1)).astype(np.uint8)
        if self._forgetting is not None:
            return self._chunk(*self._forgetting.apply(time, session, code))
        if not self._next_known:
            # The next visit of a member is not known when one is played.
            code &= np.uint8(0xFF ^ COMES_BACK)
        if self._kinds["deltas"].any():
            time, session, code, *changes = without_marks(time, session, code, self._watched)
            self._high_volume.append(Timeline(*changes))
        return self._chunk(time, session, code)

    def high_volume(self) -> Timeline:
        """Return the timeline of the third map (see `broadcaster.Broadcaster`) as far as `until` has come.

        Raises ValueError where it was not asked for.
        """
        if not self._third_map:
            raise ValueError("the third map is kept only by Traffic(..., third_map=True)")
        parts = [self._forgetting.high_volume()] if self._forgetting is not None else self._high_volume
        time = np.concatenate([NONE, *(part.time for part in parts)])
        change = np.concatenate([NONE, *(part.change for part in parts)])
        reached = int(np.searchsorted(time, self._reached))
        return Timeline(time[:reached], change[:reached])

    def _chunk(self, time: np.ndarray, session: np.ndarray, code: np.ndarray) -> Chunk:
        return Chunk(time, session, code, lambda at: self.ids(session[at]), self.ids, next_known=self._next_known)

    def ids(self, sessions: np.ndarray, words: np.ndarray = NONE) -> pa.Array:
        """The ids of sessions of the stream, by number."""
        keys = np.empty(sessions.size, np.uint64)
        kinds, numbers = sessions >> NUMBER_BITS, sessions & ((1 << NUMBER_BITS) - 1)
        for kind in np.unique(kinds):
            keys[kinds == kind] = session_keys(self._streams[kind], numbers[kinds == kind])
        return ids_of(keys)


class _Forgetting:
    """A pass over the whole stream that keeps the history in memory, and deletes the counters of what it drops.

    It needs a mark at each event, also at those that are delivered and leave no operation. What a session does next is
    unknown before its history is dropped, so the bit COMES_BACK is cleared.
    """

    def __init__(self, memory: InMemory, kinds: np.ndarray):
        self._history, self._entries = MemoryHistory(memory), Entries()
        self._watched, self._deltas = kinds["watched"].tolist(), kinds["deltas"].tolist()

    def apply(self, time: np.ndarray, session: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the operations of a slice, with the deletes in their places and without the marks."""
        rows: list[tuple[int, int, int]] = []
        for now, who, what in zip(time.tolist(), session.tolist(), code.tolist(), strict=True):
            kind = who >> NUMBER_BITS
            if what & IS_EVENT or not self._watched[kind]:
                if self._deltas[kind]:
                    self._entries.increment(who, now)
                for dropped in self._history.publish(who, now):
                    rows += (now, dropped, IS_DELETE), (now, dropped, IS_DELETE | IS_DROPS)
                    self._entries.delete(dropped, now)
                if self._watched[kind]:
                    continue
            elif what & (IS_DELETE | IS_DROPS) == IS_DELETE:
                self._entries.delete(who, now)
            rows.append((now, who, what & (IS_DELETE | IS_DROPS)))
        times, sessions, codes = np.array(rows, dtype=np.int64).reshape(-1, 3).T.copy()
        return times, sessions, codes.astype(np.uint8)

    def high_volume(self) -> Timeline:
        return self._entries.timeline()


def generated(workload: Workload, seed: int, rows: int = ROWS) -> Stream:
    """Return the stream of a workload under a seed, in chunks."""
    return lambda: Traffic(workload, seed, rows).until()


def generate(workload: Workload, seed: int) -> Trace:
    """Return the trace that `churn.simulate` records, all in memory."""
    return generate_all(workload, seed, third_map=False).trace


def generate_all(workload: Workload, seed: int, third_map: bool = True) -> Simulation:
    """Return what `churn.simulate_all` records, all in memory; the third map is empty unless it is asked for."""
    traffic = Traffic(workload, seed, third_map=third_map)
    chunks = list(traffic.until()) or [traffic._chunk(NONE, NONE, np.empty(0, np.uint8))]
    time, session, code = (np.concatenate([getattr(c, name) for c in chunks]) for name in ("time", "session", "code"))
    codes, sessions = pd.factorize(session)
    ids = traffic.ids(sessions).to_numpy(zero_copy_only=False)
    trace = Trace(time, codes.astype(np.int32), code & np.uint8(IS_DELETE), (code & np.uint8(IS_DROPS)) >> 1, ids)
    return Simulation(trace, sessions >> NUMBER_BITS, traffic.high_volume() if third_map else Timeline(NONE, NONE))


def _kind(kind: Kind, stream: int, steps: int, marked: bool) -> tuple:
    """Return a row of KIND."""
    clients, pauses, never = kind.clients, kind.events.pauses, Distribution("fixed", 0, 0)
    slow = clients.slow if clients else None
    laws = [kind.events.gap, kind.events.lasts, pauses.lasts if pauses else never]
    laws += [clients.joins, clients.stays, clients.away, clients.drains] if clients else [never] * 4
    laws.append(slow.drains if slow else never)
    chances = (
        pauses.chance if pauses else 0.0,
        *((clients.returns, clients.another) if clients else (0.0, 0.0)),
        slow.chance if slow else 0.0,
    )
    # A channel's events and the one that the writer sends.
    holds = clients.buffer + 1 if clients else 1
    return (
        *(part for law in laws for part in (LAWS.index(law.law), *astuple(law)[1:])),
        *chances,
        *(holds, (1 << 61) // holds),
        *(clients is not None, kind.outlives_clients, kind.token_deltas, marked, steps),
        *(kind.population.members if kind.population else 0, 0),
        np.uint64(stream).astype(np.int64),
        *(0,) * 13,
    )


def _scratch(clients: int) -> np.ndarray:
    """Room for the connects and disconnects of a session, and for this many clients of it."""
    return np.empty((6, clients), np.int64)


def _parking(first: int, columns: int) -> np.ndarray:
    """Room for unwatched sessions that wait, from column `first` on: each column is linked to the next."""
    parked = np.empty((5, columns), np.int64)
    parked[4] = np.append(np.arange(first + 1, first + columns), -1)
    return parked
