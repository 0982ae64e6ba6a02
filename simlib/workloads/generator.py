"""The churn of sessions once more, compiled: the stream that `churn` records, a slice of time at a time.

Owns speed and nothing of the meaning: `plan` and `churn` are the definition, and tests hold every operation here to
theirs. A session is drawn and acted out alone, from its first action to its last, as soon as it arrives: sessions meet
only in the order of the stream. Its operations wait in the slices of time that they fall into; a slice is put in order
once every session that begins before its end has been acted out. So memory grows with what is still to come of the
sessions that have arrived, and neither with the stream nor with how it is cut. Next: `stream_totals`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numba import from_dtype, int64, njit, types, uint8, uint64

from simlib.core.variates import LAWS, drawn, duration, minus_ln, session_keys, stream_key, unit
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS, NONE
from simlib.traces.trace import Trace
from simlib.workloads.schema import Distribution, Kind, Workload
from simlib.workloads.timetable import ARRIVAL_UNIT, STAYS_PER_CLIENT, Purpose, expected_arrivals, ids_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 15
"""Operations that a slice shall hold on average: as many as the cache does."""

_MOST_SLICES = 1 << 16
_CROWDED = 64
"""Operations in one bucket of time beyond which they are sorted, not inserted."""

_BLOCK = 64
"""Operations of a slice that lie side by side."""

AHEAD_BITS = 3
AHEAD = 1 << AHEAD_BITS
"""Variates that are drawn at a time, as many as a processor's vectors hold; what is not used costs nothing."""

_CODE_BITS = 4
_NUMBER_BITS = 40
"""An operation is known by one integer: kind, number of its session by arrival, code. So order by it settles ties."""

ARRIVAL, _, LASTS, GAP, PAUSE, PAUSE_LASTS, ANOTHER_CLIENT, JOINS, STAYS, RETURNS, AWAY, DRAINS, SLOW, SLOW_DRAINS = (
    int(purpose) for purpose in Purpose
)

_DURATIONS = ("gap", "lasts", "pause", "joins", "stays", "away", "drains", "slow")
_CHANCES = ("pauses", "returns", "another", "slows")

KIND = np.dtype(
    [
        *((f"{name}_{part}", "i8") for name in _DURATIONS for part in ("law", "low", "high")),
        *((f"p_{name}", "f8") for name in _CHANCES),
        *((name, "i8") for name in ("buffer", "quick", "watched", "outlives", "steps")),
        *((name, "i8") for name in ("stream", "reached", "step", "period_begins", "number", "next", "stage")),
        *((name, "i8") for name in ("at", "count", "now", "worked", "draw")),
    ],
    align=True,
)
"""A kind of session, as the compiled code knows it, and how far its arrivals and the one that acts have come."""

TO_COME, ARRIVES, ACTS = range(3)
"""Stages of a kind: its next arrival is not drawn yet, is drawn, is being acted out."""

DONE, MORE_BLOCKS, MORE_ROOM_FOR_A_SESSION = range(3)


@njit
def _chance(base, draw):
    return unit(drawn(base, draw))


@njit(error_model="numpy")
def _watched(k, key, begins, lasts, end, times, codes, scratch, waits):
    """Act out a session that clients watch; its operations stand in order in `times` and `codes`.

    O(events + comings and goings squared), of which a session has few.
    Returns how many there are, or -1 where they, or what `scratch` has to hold, are more than there is room for.
    See `plan._stays`, `plan._emissions`, and `churn.Broadcaster`.
    """
    # Every client's coming and going, in order: time, and +c or -c for client c.
    moves, when, who = 0, scratch[0], scratch[1]
    # A connected client: its number, the time it takes for an event, and until when it is busy; or else since when, and
    # with how many events.
    connected, number, drain, since, waiting = 0, scratch[2], scratch[3], scratch[4], scratch[5]
    last_off, client = int64(0), int64(1)
    joins, stays, returns, away = (
        drawn(key, uint64(JOINS)),
        drawn(key, uint64(STAYS)),
        drawn(key, uint64(RETURNS)),
        drawn(key, uint64(AWAY)),
    )
    while True:
        stay = uint64((client - 1) * STAYS_PER_CLIENT)
        on = begins + duration(k.joins_law, k.joins_low, k.joins_high, _chance(joins, stay))
        while on < end:
            off = on + max(duration(k.stays_law, k.stays_low, k.stays_high, _chance(stays, stay)), 1)
            last_off = max(last_off, off)
            for time, deed in ((on, client), (off, -client)):
                if time >= end:
                    continue
                if moves == when.size:
                    return -1
                at = moves
                while at > 0 and (
                    when[at - 1] > time
                    or (
                        when[at - 1] == time
                        and (who[at - 1] < 0 < deed or (who[at - 1] * deed > 0 and abs(who[at - 1]) > abs(deed)))
                    )
                ):
                    when[at], who[at] = when[at - 1], who[at - 1]
                    at -= 1
                when[at], who[at] = time, deed
                moves += 1
            if _chance(returns, stay) >= k.p_returns:
                break
            on = off + max(duration(k.away_law, k.away_low, k.away_high, _chance(away, stay)), 1)
            stay += uint64(1)
        if _chance(drawn(key, uint64(ANOTHER_CLIENT)), uint64(client)) >= k.p_another:
            break
        client += 1
    if client > number.size:
        return -1
    move, count = 0, 0
    gaps, pauses, long = drawn(key, uint64(GAP)), drawn(key, uint64(PAUSE)), drawn(key, uint64(PAUSE_LASTS))
    now, worked, draw, emits = begins, int64(0), int64(0), True
    while emits or move < moves:
        if count + connected + 2 * (moves - move) + 1 > times.size:
            return -1
        emits = emits and (k.outlives != 0 or now <= last_off)
        while move < moves and (not emits or when[move] < now or (when[move] == now and who[move] > 0)):
            if who[move] > 0:
                of = uint64(who[move])
                law, low, high = k.drains_law, k.drains_low, k.drains_high
                chosen = _chance(drawn(key, uint64(DRAINS)), of)
                if k.p_slows > 0 and _chance(drawn(key, uint64(SLOW)), of) < k.p_slows:
                    law, low, high = k.slow_law, k.slow_low, k.slow_high
                    chosen = _chance(drawn(key, uint64(SLOW_DRAINS)), of)
                number[connected], drain[connected] = who[move], max(duration(law, low, high, chosen), 1)
                since[connected], waiting[connected] = 0, 0
                connected += 1
            else:
                at = 0
                while number[at] != -who[move]:
                    at += 1
                connected -= 1
                number[at], drain[at] = number[connected], drain[connected]
                since[at], waiting[at] = since[connected], waiting[connected]
                if connected == 0:
                    times[count], codes[count] = when[move], IS_DELETE
                    times[count + 1], codes[count + 1] = when[move], IS_DELETE | IS_DROPS
                    count += 2
            move += 1
        if not emits:
            continue
        if connected == 0:
            times[count], codes[count] = now, 0
            count += 1
        for at in range(connected):
            # Lindley's recursion, as in `churn.Client`; where a full buffer takes longer to drain than 64 bits hold, in
            # whole drains since the client was last idle.
            if drain[at] <= k.quick:
                full = since[at] - now > drain[at] * (k.buffer - 1)
                if not full:
                    since[at] = max(since[at], now) + drain[at]
            else:
                drained = (now - since[at]) // drain[at]
                if drained > waiting[at] or (drained == waiting[at] and now - since[at] > drained * drain[at]):
                    since[at], waiting[at], drained = now, 0, int64(0)
                full = waiting[at] + 1 - drained > k.buffer
                if not full:
                    waiting[at] += 1
            if full:
                times[count], codes[count] = now, IS_DROPS
                count += 1
        if draw & (AHEAD - 1) == 0:
            for ahead in range(waits.size):
                chosen = _chance(gaps, uint64(draw + ahead))
                waits[ahead] = min(max(duration(k.gap_law, k.gap_low, k.gap_high, chosen), 1), end)
        worked += waits[draw & (AHEAD - 1)]
        now += waits[draw & (AHEAD - 1)]
        if k.p_pauses > 0 and _chance(pauses, uint64(draw)) < k.p_pauses:
            now += min(duration(k.pause_law, k.pause_low, k.pause_high, _chance(long, uint64(draw))), end)
        draw += 1
        emits = worked <= lasts and now < end
    return count


_kinds, _column, _table = from_dtype(KIND)[::1], int64[::1], int64[:, ::1]


@njit(
    int64(
        *(_kinds, _table, _table, int64, int64, int64),
        *(_column, _column, _column, _column, _column, _column, _column, uint8[::1], _table, _column, _table, _table),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def fill(
    kinds,
    bounds,
    expected,
    end,
    until,
    width_bits,
    times,
    whats,
    links,
    first,
    last,
    state,
    acted,
    codes,
    scratch,
    waits,
    arrivals,
    working,
):
    """Act out every session that begins before `until` and put its operations where they wait for their time.

    Slice s, of 2**width_bits ns, holds blocks of _BLOCK places in `times` and `whats` from block `first`[s] on, each
    linked to the next, up to place `last`[s]; -1 where it is empty. `state` holds the first free block, linked to the
    next; -1 where there is none.

    Returns DONE, or what there has to be more of before it is called again. It makes no array itself: where a variable
    may come to mean another array, each turn of the loop costs more than all that it does.
    """
    free = state[0]
    for kind in range(kinds.size):
        k = kinds[kind]
        if k.steps == 0:
            continue
        period, in_period = bounds[kind, k.steps], expected[kind, k.steps]
        while True:
            if k.stage == TO_COME:
                # The next arrival, as in `plan._arrivals`.
                if k.number & (AHEAD - 1) == 0:
                    for at in range(waits.size):
                        key = drawn(uint64(k.stream), uint64(k.number + at))
                        gap = minus_ln(unit(drawn(drawn(key, uint64(ARRIVAL)), uint64(0))))
                        arrivals[kind, at] = int64(np.floor(gap * ARRIVAL_UNIT))
                    for at in range(waits.size):
                        chosen = _chance(
                            drawn(drawn(uint64(k.stream), uint64(k.number + at)), uint64(LASTS)), uint64(0)
                        )
                        working[kind, at] = duration(k.lasts_law, k.lasts_low, k.lasts_high, chosen)
                k.reached += arrivals[kind, k.number & (AHEAD - 1)]
                if k.reached >= in_period:
                    periods = k.reached // in_period
                    k.reached -= periods * in_period
                    k.period_begins += min(periods, end // period + 1) * period
                    k.step = 0
                while k.reached >= expected[kind, k.step + 1]:
                    k.step += 1
                from_, to = expected[kind, k.step], expected[kind, k.step + 1]
                width = bounds[kind, k.step + 1] - bounds[kind, k.step]
                into = (k.reached - from_) / (to - from_)
                k.next = bounds[kind, k.step] + min(int64(np.floor(into * width)), width - 1)
                k.next = min(k.next + k.period_begins, end)
                k.stage = ARRIVES
            if k.next >= until:
                break
            key = drawn(uint64(k.stream), uint64(k.number))
            session = (int64(kind) << _NUMBER_BITS | k.number) << _CODE_BITS
            watched = k.watched != 0
            if k.stage == ARRIVES:
                k.at, k.count, k.now, k.worked, k.draw = 0, 0, k.next, 0, 0
                if watched:
                    k.count = _watched(
                        k, key, k.next, working[kind, k.number & (AHEAD - 1)], end, acted, codes, scratch, waits
                    )
                    if k.count < 0:
                        state[0] = free
                        return MORE_ROOM_FOR_A_SESSION
                    # From the last on: is the counter's next operation an increment?
                    follows, follows_drops = uint8(0), uint8(0)
                    for at in range(k.count - 1, -1, -1):
                        here = uint8(0) if codes[at] & IS_DELETE else uint8(COMES_BACK)
                        if codes[at] & IS_DROPS:
                            codes[at] |= follows_drops
                            follows_drops = here
                        else:
                            codes[at] |= follows
                            follows = here
                k.stage = ACTS
            lasts, drawn_ahead = working[kind, k.number & (AHEAD - 1)], int64(-1)
            gaps, pauses, long = drawn(key, uint64(GAP)), uint64(0), uint64(0)
            if k.p_pauses > 0:
                pauses, long = drawn(key, uint64(PAUSE)), drawn(key, uint64(PAUSE_LASTS))
            at, count, now, worked, draw = k.at, k.count, k.now, k.worked, k.draw
            while at < count or (not watched and now < end):
                time = acted[at] if watched else now
                slice_ = time >> width_bits
                place = last[slice_]
                if place < 0 or (place + 1) & (_BLOCK - 1) == 0:
                    if free < 0:
                        k.at, k.now, k.worked, k.draw = at, now, worked, draw
                        state[0] = free
                        return MORE_BLOCKS
                    block = free
                    free = links[block]
                    links[block] = -1
                    if place < 0:
                        first[slice_] = block
                    else:
                        links[place // _BLOCK] = block
                    place = block * _BLOCK - 1
                place += 1
                times[place], last[slice_] = time, place
                if watched:
                    whats[place] = session | int64(codes[at])
                    at += 1
                    continue
                # An operation for each event, as in `plan._emissions`; a look ahead tells whether another follows.
                if lasts == 0:
                    whats[place] = session
                    break
                if draw >> AHEAD_BITS != drawn_ahead:
                    drawn_ahead = draw >> AHEAD_BITS
                    for ahead in range(waits.size):
                        chosen = _chance(gaps, uint64(drawn_ahead * AHEAD + ahead))
                        waits[ahead] = min(max(duration(k.gap_law, k.gap_low, k.gap_high, chosen), 1), end)
                worked += waits[draw & (AHEAD - 1)]
                now += waits[draw & (AHEAD - 1)]
                if worked > lasts:
                    now = end
                elif k.p_pauses > 0 and _chance(pauses, uint64(draw)) < k.p_pauses:
                    now += min(duration(k.pause_law, k.pause_low, k.pause_high, _chance(long, uint64(draw))), end)
                draw += 1
                whats[place] = session | (COMES_BACK if now < end else 0)
            k.number += 1
            k.stage = TO_COME
    state[0] = free
    return DONE


@njit(
    types.Tuple((_column, _column, uint8[::1]))(int64, int64, _column, _column, _column, _column, _column, int64[::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def collect(slice_, width_bits, times, whats, links, first, last, state):
    """Take out a slice's operations in order: their times, sessions and codes. Its blocks are free again.

    Where so many fall into one instant or so that putting them in order by insertion would take too long, they are
    left as they were made, session and code still one, and there are no codes.
    """
    count, block = 0, first[slice_]
    while block >= 0:
        following = links[block]
        count += _BLOCK if following >= 0 else last[slice_] - block * _BLOCK + 1
        block = following
    # A bucket for each operation or two, by time; what shares one is put in order by insertion, which keeps ties.
    bits = 0
    while (int64(1) << (bits + 1)) <= count and bits < width_bits:
        bits += 1
    shift, begins = uint64(width_bits - bits), slice_ << width_bits
    starts = np.zeros((int64(1) << bits) + 1, np.int64)
    block, left = first[slice_], count
    while block >= 0:
        for place in range(uint64(block * _BLOCK), uint64(block * _BLOCK + min(left, _BLOCK))):
            starts[(uint64(times[place] - begins) >> shift) + uint64(1)] += 1
        left -= _BLOCK
        block = links[block]
    fullest = starts.max()
    for bucket in range(1, starts.size):
        starts[bucket] += starts[bucket - 1]
    time, session, code = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.uint8)
    block, left = first[slice_], count
    while block >= 0:
        for place in range(uint64(block * _BLOCK), uint64(block * _BLOCK + min(left, _BLOCK))):
            bucket = uint64(times[place] - begins) >> shift
            to = uint64(starts[bucket])
            time[to], session[to] = times[place], whats[place]
            starts[bucket] += 1
        left -= _BLOCK
        following = links[block]
        links[block] = state[0]
        state[0] = block
        block = following
    first[slice_], last[slice_] = -1, -1
    if fullest > _CROWDED:
        return time, session, code[:0]
    one = uint64(1)
    for at in range(one, uint64(count)):
        when, what = time[at], session[at]
        to = at
        while to > 0 and (
            time[to - one] > when or (time[to - one] == when and session[to - one] >> _CODE_BITS > what >> _CODE_BITS)
        ):
            time[to], session[to] = time[to - one], session[to - one]
            to -= one
        time[to], session[to] = when, what
    for at in range(count):
        code[at] = uint8(session[at] & ((1 << _CODE_BITS) - 1))
        session[at] >>= _CODE_BITS
    return time, session, code


class Traffic:
    """The stream of a workload under a seed, as it goes by: `until` gives all that happens before a time.

    `rows` operations are put in order at a time, on average; it changes nothing else. Control events (a restart, a
    deploy, a change of settings) may drive it from ordinary SimPy processes: what they do between two calls comes
    before all that happens at that time or later.
    """

    def __init__(self, workload: Workload, seed: int, rows: int = ROWS):
        self.workload = workload
        self._streams = [stream_key(seed, name) for name in workload.kinds]
        arrivals = [expected_arrivals(kind.arrivals) for kind in workload.kinds.values()]
        self._kinds = np.zeros(len(arrivals), KIND)
        self._bounds, self._expected = np.zeros((2, len(arrivals), max(len(each) for each, _ in arrivals)), np.int64)
        operations = 0.0
        for place, (kind, (bounds, expected)) in enumerate(zip(workload.kinds.values(), arrivals, strict=True)):
            self._bounds[place, : bounds.size], self._expected[place, : bounds.size] = bounds, expected
            self._kinds[place] = _kind(kind, self._streams[place][0], bounds.size - 1 if expected[-1] else 0)
            sessions = expected[-1] / ARRIVAL_UNIT / bounds[-1] * workload.duration
            operations += sessions * (1 + kind.events.lasts.mean / kind.events.gap.mean)
        width = workload.duration / min(max(operations / rows, 1), _MOST_SLICES)
        self._width_bits = max(int(np.ceil(np.log2(width))), 0)
        self._slices = ((workload.duration - 1) >> self._width_bits) + 1
        self._first, self._last = np.full((2, self._slices), -1, np.int64)
        self._links, self._state = np.append(np.arange(1, 64), -1), np.zeros(1, np.int64)
        self._times, self._whats = np.empty((2, 64 * _BLOCK), np.int64)
        self._acted, self._codes, self._scratch = np.empty(64, np.int64), np.empty(64, np.uint8), _scratch(8)
        self._waits, self._ahead = np.empty(AHEAD, np.int64), np.empty((2, len(arrivals), AHEAD), np.int64)
        self._slice = 0
        self._begun: Chunk | None = None

    def until(self, time: int | None = None) -> Iterator[Chunk]:
        """All operations before a time in ns (None: to the end) that have not been given yet, in chunks."""
        end = self.workload.duration if time is None else min(time, self.workload.duration)
        while self._begun is not None or (self._slice < self._slices and self._slice << self._width_bits < end):
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
        until = min((self._slice + 1) << self._width_bits, self.workload.duration)
        while True:
            lacks = fill(
                *(self._kinds, self._bounds, self._expected, self.workload.duration, until, self._width_bits),
                *(self._times, self._whats, self._links, self._first, self._last, self._state),
                *(self._acted, self._codes, self._scratch, self._waits, *self._ahead),
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
            else:
                self._acted, self._codes = (
                    np.empty(2 * self._acted.size, np.int64),
                    np.empty(2 * self._acted.size, np.uint8),
                )
                self._scratch = _scratch(2 * self._scratch.shape[1])
        time, session, code = collect(
            *(self._slice, self._width_bits, self._times, self._whats, self._links),
            *(self._first, self._last, self._state),
        )
        self._slice += 1
        if code.size < time.size:
            order = np.lexsort((session >> _CODE_BITS, time))
            time, what = time[order], session[order]
            session, code = what >> _CODE_BITS, (what & ((1 << _CODE_BITS) - 1)).astype(np.uint8)
        return self._chunk(time, session, code)

    def _chunk(self, time: np.ndarray, session: np.ndarray, code: np.ndarray) -> Chunk:
        return Chunk(time, session, code, lambda at: self.ids(session[at]), self.ids, next_known=True)

    def ids(self, sessions: np.ndarray, words: np.ndarray = NONE) -> "pa.Array":
        """The ids of sessions of the stream, by number."""
        import pyarrow as pa

        ids = np.empty(sessions.size, dtype=object)
        kinds, numbers = sessions >> _NUMBER_BITS, sessions & ((1 << _NUMBER_BITS) - 1)
        for kind in np.unique(kinds):
            ids[kinds == kind] = ids_of(session_keys(self._streams[kind], numbers[kinds == kind]))
        return pa.array(ids, pa.large_string())


def generated(workload: Workload, seed: int, rows: int = ROWS) -> Stream:
    """The stream of a workload under a seed, in chunks."""
    return lambda: Traffic(workload, seed, rows).until()


def generate(workload: Workload, seed: int) -> Trace:
    """The trace that `churn.simulate` records."""
    traffic = Traffic(workload, seed)
    chunks = list(traffic.until()) or [traffic._chunk(NONE, NONE, np.empty(0, np.uint8))]
    time, session, code = (np.concatenate([getattr(c, name) for c in chunks]) for name in ("time", "session", "code"))
    codes, sessions = pd.factorize(session)
    ids = traffic.ids(sessions).to_numpy(zero_copy_only=False)
    return Trace(time, codes.astype(np.int32), code & np.uint8(IS_DELETE), (code & np.uint8(IS_DROPS)) >> 1, ids)


def _kind(kind: Kind, stream: int, steps: int) -> tuple:
    """A row of KIND."""
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
    return (
        *(number for law in laws for number in (LAWS.index(law.law), law.low, law.high)),
        *chances,
        *(clients.buffer if clients else 0, (1 << 61) // clients.buffer if clients else 0),
        *(clients is not None, kind.outlives_clients, steps),
        np.uint64(stream).astype(np.int64),
        *(0,) * 11,
    )


def _scratch(clients: int) -> np.ndarray:
    """Room for the comings and goings of so many clients of a session."""
    return np.empty((6, clients), np.int64)
