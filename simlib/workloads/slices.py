"""Slices of time in which the generator's operations wait until they are put in order."""

import numpy as np
from numba import int64, njit, types, uint8, uint64

from simlib.traces.codes import IS_DELETE

IS_EVENT = 8
"""A bit of a code: the operation, which need not be one on a counter, marks an event of its session.

Without a history in memory only what changes the third map is marked: the first event that creates the session's entry,
and with IS_DELETE the disconnect that deletes it.
"""

CROWDED = 64
"""Operations in one bucket of time beyond which they are sorted, not inserted."""

BLOCK = 64
"""Operations of a slice that lie side by side in memory."""

CODE_BITS = 4
NUMBER_BITS = 40
"""An operation is one integer: kind, number of its session by arrival, code. So order by it settles ties."""

_column = int64[::1]


@njit(
    types.Tuple((_column, _column, uint8[::1]))(int64, int64, _column, _column, _column, _column, _column, int64[::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def collect(slice_, width_bits, times, whats, links, first, last, state):
    """Take out a slice's operations in order: their times, sessions and codes. Its blocks are free again.

    Where more than CROWDED fall into one bucket of time, they are returned in the order in which they were made,
    session and code still one integer, without codes: the caller sorts them.
    """
    count, block = 0, first[slice_]
    while block >= 0:
        following = links[block]
        count += BLOCK if following >= 0 else last[slice_] - block * BLOCK + 1
        block = following
    # A bucket for each operation or two, by time; what shares one is put in order by insertion, which keeps ties.
    bits = 0
    while (int64(1) << (bits + 1)) <= count and bits < width_bits:
        bits += 1
    shift, begins = uint64(width_bits - bits), slice_ << width_bits
    starts = np.zeros((int64(1) << bits) + 1, np.int64)
    block, left = first[slice_], count
    while block >= 0:
        for place in range(uint64(block * BLOCK), uint64(block * BLOCK + min(left, BLOCK))):
            starts[(uint64(times[place] - begins) >> shift) + uint64(1)] += 1
        left -= BLOCK
        block = links[block]
    fullest = starts.max()
    for bucket in range(1, starts.size):
        starts[bucket] += starts[bucket - 1]
    time, session, code = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.uint8)
    block, left = first[slice_], count
    while block >= 0:
        for place in range(uint64(block * BLOCK), uint64(block * BLOCK + min(left, BLOCK))):
            bucket = uint64(times[place] - begins) >> shift
            to = uint64(starts[bucket])
            time[to], session[to] = times[place], whats[place]
            starts[bucket] += 1
        left -= BLOCK
        following = links[block]
        links[block] = state[0]
        state[0] = block
        block = following
    first[slice_], last[slice_] = -1, -1
    if fullest > CROWDED:
        return time, session, code[:0]
    one = uint64(1)
    for at in range(one, uint64(count)):
        when, what = time[at], session[at]
        to = at
        while to > 0 and (
            time[to - one] > when or (time[to - one] == when and session[to - one] >> CODE_BITS > what >> CODE_BITS)
        ):
            time[to], session[to] = time[to - one], session[to - one]
            to -= one
        time[to], session[to] = when, what
    for at in range(count):
        code[at] = uint8(session[at] & ((1 << CODE_BITS) - 1))
        session[at] >>= CODE_BITS
    return time, session, code


@njit(
    types.Tuple((_column, _column, uint8[::1], _column, _column))(_column, _column, uint8[::1], int64[::1]),
    cache=True,
    nogil=True,
)
def without_marks(times, sessions, codes, watched):
    """Take the marks out of a slice; return its operations, and the times and changes of the third map.

    Where nobody watches (`watched`, by kind, is 0), the first event is an operation too; else a mark stands by itself.
    """
    marks, alone = 0, 0
    for at in range(codes.size):
        if codes[at] & IS_EVENT:
            marks += 1
            alone += watched[sessions[at] >> NUMBER_BITS] != 0
    time, change = np.empty(marks, np.int64), np.empty(marks, np.int64)
    kept = codes.size - alone
    kept_time, kept_session, kept_code = np.empty(kept, np.int64), np.empty(kept, np.int64), np.empty(kept, np.uint8)
    to, mark = 0, 0
    for at in range(codes.size):
        if codes[at] & IS_EVENT:
            time[mark], change[mark] = times[at], -1 if codes[at] & IS_DELETE else 1
            mark += 1
            if watched[sessions[at] >> NUMBER_BITS] != 0:
                continue
        kept_time[to], kept_session[to], kept_code[to] = times[at], sessions[at], codes[at] & ~IS_EVENT
        to += 1
    return kept_time, kept_session, kept_code, time, change
