"""The timetable of every session, drawn ahead: its begin, its events, and when its clients connect and disconnect.

All randomness is here: every time is a pure function of (seed, kind, session number, purpose, draw number). So changing
one part of a workload leaves the draws of the others alone, and the size of the chunks in which sessions are drawn
cannot matter. Vectorised over the sessions of a chunk.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit, uint8, uint64, void

from simlib.core import variates
from simlib.core.units import HOUR
from simlib.workloads.arrivals import Arrivals
from simlib.workloads.kinds import Clients, Events, Kind
from simlib.workloads.population import members, popularity
from simlib.workloads.schema import Workload

EMIT = 0
"""The code of 'the producer emits an event'; +c is 'client c connects' and -c 'client c disconnects', c from 1."""

_ORDER_OF_CONNECT, _ORDER_OF_EMIT, _ORDER_OF_DISCONNECT = 0, 1, 2

ARRIVAL_UNIT = 1 << 30
"""Expected arrivals are added up as integers, this number to one arrival: a sum cannot depend on its grouping."""

STAYS_PER_CLIENT = 1 << 16
"""Draw numbers set aside for the stays of one client."""


class Purpose(IntEnum):
    """The purpose of a variate. Its number never changes, or the same seed would give another stream."""

    ARRIVAL = 0
    ID = 1
    LASTS = 2
    GAP = 3
    PAUSE = 4
    PAUSE_LASTS = 5
    ANOTHER_CLIENT = 6
    JOINS = 7
    STAYS = 8
    RETURNS = 9
    AWAY = 10
    DRAINS = 11
    SLOW = 12
    SLOW_DRAINS = 13
    MEMBER = 14


class Action(NamedTuple):
    """One action of one session: its time in ns, the session's id, and a code as at `EMIT`.

    `drain` is, where a client connects, the time in ns that its writer takes for one event, else 0.
    """

    time: int
    session: str
    code: int
    drain: int


def timetable(
    workload: Workload,
    seed: int,
    kind: str,
    chunk: int = 4096,
    drawn: Callable[[np.ndarray], object] = lambda ids: None,
) -> Iterator[tuple[int, str, int, int]]:
    """Yield the actions of all sessions of one kind before the end of the workload, in order of time.

    The rows are as of `Action`. Actions at the same time stand in order of their sessions' arrival; those of one
    session as connect, emit, disconnect. `chunk` sessions are drawn at a time; it changes nothing else. `drawn` is
    called with the ids of each chunk of sessions, in order of arrival.
    """
    spec, stream = workload.kinds[kind], variates.stream_key(seed, kind)
    carried, shares = _Columns.empty(), popularity(spec.population)
    # This clock begins where the first sessions arrive, and shows `before` at the workload's time 0.
    before, end = workload.before, workload.before + workload.duration
    for numbers, keys, begins in _arrivals(spec.arrivals, stream, before, end, chunk):
        if spec.population:
            numbers = members(shares, variates.uniform(keys, Purpose.MEMBER, 0))
        ids = ids_of(variates.session_keys(stream, numbers)).to_numpy(zero_copy_only=False)
        drawn(ids)
        actions = carried.and_then(_actions(spec, numbers, ids, keys, begins, before, end))
        # No later session has an action before the last arrival of this chunk: up to there the order is known.
        carried = actions.where(actions.time >= begins[-1])
        yield from actions.where(actions.time < begins[-1]).rows(before)
    yield from carried.rows(before)


class _Columns(NamedTuple):
    """Actions as columns of shape (n,): those of `Action`, and two that settle the order within one instant.

    `number` is that of the session by arrival, or of the member of a population.
    """

    time: np.ndarray
    number: np.ndarray
    order: np.ndarray
    session: np.ndarray
    code: np.ndarray
    drain: np.ndarray

    @classmethod
    def empty(cls) -> "_Columns":
        number = np.empty(0, dtype=np.int64)
        return cls(number, number, number, number.astype(object), number, number)

    def and_then(self, other: "_Columns") -> "_Columns":
        return _Columns(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def where(self, rows: np.ndarray) -> "_Columns":
        return _Columns(*(column[rows] for column in self))

    def rows(self, before: int) -> Iterator[tuple[int, str, int, int]]:
        in_order = np.argsort(self.time, kind="stable")
        if (np.diff(self.time[in_order]) == 0).any():
            in_order = np.lexsort((np.abs(self.code), self.order, self.number, self.time))
        columns = (self.time - before, self.session, self.code, self.drain)
        return zip(*(column[in_order].tolist() for column in columns), strict=True)


def expected_arrivals(arrivals: Arrivals) -> tuple[np.ndarray, np.ndarray]:
    """Return one period of the rate: bounds of its steps in ns, and the arrivals expected up to each bound.

    Both int64, (steps + 1,); arrivals in units of 1 / ARRIVAL_UNIT.
    """
    bounds, rates = arrivals.steps()
    expected = [0]
    for begin, stop, rate in zip(bounds, bounds[1:], rates, strict=False):
        expected.append(expected[-1] + int(rate / HOUR * (stop - begin) * ARRIVAL_UNIT))
    return np.array(bounds), np.array(expected)


def first_period(before: int, period: int) -> int:
    """Return where the period of a rate begins that holds the time 0, if one begins at `before`; ns, at most 0."""
    return before % period - period if before % period else 0


def _arrivals(
    arrivals: Arrivals, stream: np.ndarray, before: int, end: int, chunk: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (numbers, keys, times in ns) of the sessions that arrive from 0 to `end`, a chunk at a time.

    A period of the rate begins at `before`, and others before it, the first of them at 0 or earlier.
    Inverse transform of a unit-rate Poisson process through the expected arrivals up to t, which are piecewise linear
    (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7).
    """
    bounds, expected = expected_arrivals(arrivals)
    period, expected_in_period = int(bounds[-1]), int(expected[-1])
    if expected_in_period == 0:
        return
    reached, first, begins = 0, 0, first_period(before, period)
    while True:
        numbers = first + np.arange(chunk)
        keys = variates.session_keys(stream, numbers)
        gaps = variates.minus_log(variates.uniform(keys, Purpose.ARRIVAL, 0))
        passed = reached + np.cumsum(np.floor(gaps * ARRIVAL_UNIT).astype(np.int64))
        periods, rest = np.divmod(passed, expected_in_period)
        step = np.searchsorted(expected, rest, side="right") - 1
        into = (rest - expected[step]) / (expected[step + 1] - expected[step])
        width = bounds[step + 1] - bounds[step]
        times = bounds[step] + np.minimum(np.floor(into * width).astype(np.int64), width - 1)
        # Periods beyond the end are cut before they are multiplied: at a low rate they would overflow.
        times += begins + np.minimum(periods, end // period + 2) * period
        inside = (times >= 0) & (times < end)
        if inside.any():
            yield numbers[inside], keys[inside], times[inside]
        if times[-1] >= end:
            return
        reached, first = int(passed[-1]), first + chunk


def _actions(
    kind: Kind, numbers: np.ndarray, ids: np.ndarray, keys: np.ndarray, begins: np.ndarray, before: int, end: int
) -> _Columns:
    """Draw every action from `before` to `end` of the sessions that arrive, in this order, at `begins`.

    A client that is connected at `before` connects then.
    """
    owner, time = _emissions(kind.events, keys, begins, end)
    code = drain = np.zeros_like(owner)
    order = np.full_like(owner, _ORDER_OF_EMIT)
    if kind.clients:
        watched, client, on, off = _stays(kind.clients, keys, begins, end)
        if not kind.outlives_clients:
            last_off = np.zeros_like(begins)
            np.maximum.at(last_off, watched, off)
            in_time = time <= last_off[owner]
            owner, time, code, drain, order = (column[in_time] for column in (owner, time, code, drain, order))
        left = off < before
        watched, client, on, off = (column[~left] for column in (watched, client, on, off))
        on = np.maximum(on, before)
        owner = np.concatenate([owner, watched, watched])
        time = np.concatenate([time, on, off])
        code = np.concatenate([code, client, -client])
        drain = np.concatenate([drain, _drains(kind.clients, keys[watched], client), np.zeros_like(client)])
        connects, disconnects = np.full_like(client, _ORDER_OF_CONNECT), np.full_like(client, _ORDER_OF_DISCONNECT)
        order = np.concatenate([order, connects, disconnects])
    return _Columns(time, numbers[owner], order, ids[owner], code, drain).where((time >= before) & (time < end))


def ids_of(keys: np.ndarray) -> pa.Array:
    """Return the ids of sessions by their keys, as text: 37 bytes each, as in the Go measurements."""
    letters = np.tile(np.frombuffer(_ID, np.uint8), (keys.size, 1))
    _write_digits(variates.bits(keys, Purpose.ID, 0), letters[:, len(_PREFIX) :])
    _write_digits(variates.bits(keys, Purpose.ID, 1), letters[:, len(_PREFIX) + 16 :])
    begins = np.arange(keys.size + 1) * len(_ID)
    return pa.LargeStringArray.from_buffers(keys.size, pa.py_buffer(begins), pa.py_buffer(letters))


_PREFIX = b"sess-"
_ID = _PREFIX + b"0" * 32


@njit(void(uint64[::1], uint8[:, :]), cache=True)
def _write_digits(numbers: np.ndarray, letters: np.ndarray) -> None:
    """Write each number into a row of `letters`, as 16 hexadecimal digits."""
    for row in range(numbers.size):
        for place in range(16):
            digit = (numbers[row] >> uint64(60 - 4 * place)) & uint64(15)
            letters[row, place] = digit + (uint64(48) if digit < 10 else uint64(87))


def _emissions(events: Events, keys: np.ndarray, begins: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw (owner, time) of every event before `end`: an index into `keys`, and ns; the first as the session begins."""
    lasts = variates.durations(events.lasts, variates.uniform(keys, Purpose.LASTS, 0))
    owners, times = [np.arange(keys.size)], [begins]
    active = np.flatnonzero(lasts > 0)
    now, worked, first, block = begins[active], np.zeros_like(active), 0, 4
    while active.size:
        draws, of = first + np.arange(block), keys[active, None]
        # Times past the end are cut there: the sum of a block then cannot overflow.
        gaps = np.clip(variates.durations(events.gap, variates.uniform(of, Purpose.GAP, draws)), 1, end)
        work = worked[:, None] + np.cumsum(gaps, axis=1)
        if events.pauses:
            pauses = variates.uniform(of, Purpose.PAUSE, draws) < events.pauses.chance
            long = variates.durations(events.pauses.lasts, variates.uniform(of, Purpose.PAUSE_LASTS, draws))
            gaps += np.where(pauses, np.minimum(long, end), 0)
        emitted = now[:, None] + np.cumsum(gaps, axis=1)
        kept = (work <= lasts[active, None]) & (emitted < end)
        owners.append(np.repeat(active, kept.sum(axis=1)))
        times.append(emitted[kept])
        on = kept[:, -1]
        active, now, worked, first, block = active[on], emitted[on, -1], work[on, -1], first + block, min(2 * block, 64)
    return np.concatenate(owners), np.concatenate(times)


def _stays(clients: Clients, keys: np.ndarray, begins: np.ndarray, end: int):
    """Draw (owner, client from 1, connected at ns, disconnected at ns) of every stay that begins before `end`."""
    owners, numbers, ons, offs = [], [], [], []
    present, number = np.arange(keys.size), 1
    while present.size:
        active, stay = present, (number - 1) * STAYS_PER_CLIENT
        on = begins[active] + variates.durations(clients.joins, variates.uniform(keys[active], Purpose.JOINS, stay))
        while active.size:
            begun = on < end
            active, on = active[begun], on[begun]
            lasts = variates.durations(clients.stays, variates.uniform(keys[active], Purpose.STAYS, stay))
            off = on + np.maximum(lasts, 1)
            owners.append(active)
            numbers.append(np.full_like(active, number))
            ons.append(on)
            offs.append(off)
            back = variates.uniform(keys[active], Purpose.RETURNS, stay) < clients.returns
            active, off = active[back], off[back]
            away = variates.durations(clients.away, variates.uniform(keys[active], Purpose.AWAY, stay))
            on, stay = off + np.maximum(away, 1), stay + 1
        present = present[variates.uniform(keys[present], Purpose.ANOTHER_CLIENT, number) < clients.another]
        number += 1
    return tuple(np.concatenate(columns) for columns in (owners, numbers, ons, offs))


def _drains(clients: Clients, keys: np.ndarray, client: np.ndarray) -> np.ndarray:
    """Draw the time in ns, at least 1, that the writer of client `client` of each session takes for an event; int64."""
    times = variates.durations(clients.drains, variates.uniform(keys, Purpose.DRAINS, client))
    if clients.slow:
        is_slow = variates.uniform(keys, Purpose.SLOW, client) < clients.slow.chance
        slowly = variates.durations(clients.slow.drains, variates.uniform(keys, Purpose.SLOW_DRAINS, client))
        times = np.where(is_slow, slowly, times)
    return np.maximum(times, 1)
