"""Compiled kernels of the generator: sessions are drawn and played, and their operations sorted into slices of time.

`timetable` and `broadcaster` are the definition; tests hold every operation here to theirs.
"""

import numpy as np
from numba import float64, from_dtype, int64, njit, uint8, uint64

from simlib.core.variates import drawn, duration, minus_ln, unit
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS
from simlib.workloads.population import member
from simlib.workloads.slices import BLOCK, CODE_BITS, IS_EVENT, NUMBER_BITS
from simlib.workloads.timetable import ARRIVAL_UNIT
from simlib.workloads.watched import (
    AHEAD,
    AHEAD_BITS,
    ARRIVAL,
    GAP,
    LASTS,
    MEMBER,
    PAUSE,
    PAUSE_LASTS,
    chance,
    watched_operations,
)

MOST_AHEAD = 64
"""Events of an unwatched session that are played beyond the slice in hand before it is parked until the next is due.

So a session takes the same memory however long it lives.
"""

_DURATIONS = ("gap", "lasts", "pause", "joins", "stays", "away", "drains", "slow")
_LAW = (("law", "i8"), ("low", "i8"), ("high", "i8"), ("shape", "f8"))
_CHANCES = ("pauses", "returns", "another", "slows")

KIND = np.dtype(
    [
        *((f"{name}_{part}", kind) for name in _DURATIONS for part, kind in _LAW),
        *((f"p_{name}", "f8") for name in _CHANCES),
        *((name, "i8") for name in ("holds", "quick", "watched", "outlives", "deltas", "marked", "steps")),
        *((name, "i8") for name in ("members", "first_member")),
        *((name, "i8") for name in ("stream", "reached", "step", "period_begins", "number", "next", "stage")),
        *((name, "i8") for name in ("at", "count", "now", "worked", "draw", "playing", "resumes")),
    ],
    align=True,
)
"""A kind of session for the compiled code, and how far its arrivals and the session that is being played have come.

`playing` is the number of the session that is being played, `resumes` the stage of the arrivals meanwhile. `holds` is
the number of events that a client holds, its writer's included; `marked` whether every event is marked; `members` the
size of its population, 0 for none, whose shares stand in `shares` from `first_member` on. Of a session that nobody
watches, `at` is 0 until it has an operation.
"""

TO_COME, ARRIVES, PLAYS = range(3)
"""Stages of a kind: its next arrival is not drawn yet, is drawn, is being played."""

DONE, MORE_BLOCKS, MORE_ROOM_FOR_A_SESSION, MORE_PARKING = range(4)


_kinds, _column, _table = from_dtype(KIND)[::1], int64[::1], int64[:, ::1]


@njit(
    int64(
        *(_kinds, float64[::1], _table, _table, int64, int64, int64, int64),
        *(_column, _column, _column, _column, _column, _column, _column, uint8[::1], _table, _column, _table, _table),
        *(_table, _table),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def fill(
    kinds,
    shares,
    bounds,
    expected,
    before,
    end,
    until,
    width_bits,
    times,
    whats,
    links,
    first,
    last,
    state,
    played,
    codes,
    scratch,
    waits,
    arrivals,
    working,
    parked,
    first_parked,
):
    """Play every session that begins before `until` and put its operations into the slices of time they fall into.

    What happens before the time `before` is no operation.

    Slice s, of 2**width_bits ns, holds blocks of BLOCK places in `times` and `whats` from block `first`[s] on, each
    linked to the next, up to place `last`[s]; -1 where it is empty. `state` holds the first free block, linked to the
    next; -1 where there is none.

    Returns DONE, or the reason why it must be called again with more room. It makes no array itself: where a variable
    may come to mean another array, each pass of the loop costs more than all its work. One kernel of more than 80
    lines, because it stops and goes on in the middle of a session.
    """
    free = state[0]
    for kind in range(kinds.size):
        k = kinds[kind]
        if k.steps == 0:
            continue
        period, in_period = bounds[kind, k.steps], expected[kind, k.steps]
        while True:
            in_hand = (until - 1) >> width_bits
            due = first_parked[kind, in_hand]
            if k.stage != PLAYS and due >= 0:
                k.playing, k.now, k.worked, k.draw = parked[0, due], parked[1, due], parked[2, due], parked[3, due]
                k.at, k.count, k.resumes, k.stage = 1, 0, k.stage, PLAYS
                first_parked[kind, in_hand], parked[4, due], state[1] = parked[4, due], state[1], due
            if k.stage == TO_COME:
                # The next arrival, as in `timetable._arrivals`.
                if k.number & (AHEAD - 1) == 0:
                    for at in range(waits.size):
                        key = drawn(uint64(k.stream), uint64(k.number + at))
                        gap = minus_ln(unit(drawn(drawn(key, uint64(ARRIVAL)), uint64(0))))
                        arrivals[kind, at] = int64(np.floor(gap * ARRIVAL_UNIT))
                    for at in range(waits.size):
                        chosen = chance(drawn(drawn(uint64(k.stream), uint64(k.number + at)), uint64(LASTS)), uint64(0))
                        working[kind, at] = duration(k.lasts_law, k.lasts_low, k.lasts_high, k.lasts_shape, chosen)
                k.reached += arrivals[kind, k.number & (AHEAD - 1)]
                if k.reached >= in_period:
                    periods = k.reached // in_period
                    k.reached -= periods * in_period
                    k.period_begins += min(periods, end // period + 2) * period
                    k.step = 0
                while k.reached >= expected[kind, k.step + 1]:
                    k.step += 1
                from_, to = expected[kind, k.step], expected[kind, k.step + 1]
                width = bounds[kind, k.step + 1] - bounds[kind, k.step]
                into = (k.reached - from_) / (to - from_)
                k.next = bounds[kind, k.step] + min(int64(np.floor(into * width)), width - 1)
                k.next = min(k.next + k.period_begins, end)
                if k.next < 0:
                    k.number += 1
                    continue
                k.stage = ARRIVES
            if k.stage == ARRIVES and k.next >= until:
                break
            if k.stage == ARRIVES:
                k.playing, k.resumes = k.number, PLAYS
            key = drawn(uint64(k.stream), uint64(k.playing))
            who = k.playing
            if k.members > 0:
                chosen = chance(drawn(key, uint64(MEMBER)), uint64(0))
                who = member(shares, k.first_member, k.members, chosen)
            session = (int64(kind) << NUMBER_BITS | who) << CODE_BITS
            watched = k.watched != 0
            if k.stage == ARRIVES:
                k.at, k.count, k.now, k.worked, k.draw = 0, 0, k.next, 0, 0
                if watched:
                    k.count = watched_operations(
                        *(k, key, k.next, working[kind, k.number & (AHEAD - 1)], before, end),
                        *(played, codes, scratch, waits),
                    )
                    if k.count < 0:
                        state[0] = free
                        return MORE_ROOM_FOR_A_SESSION
                    # From the last on: is the counter's next operation an increment?
                    follows, follows_drops = uint8(0), uint8(0)
                    for at in range(k.count - 1, -1, -1):
                        if codes[at] & IS_EVENT:
                            continue
                        here = uint8(0) if codes[at] & IS_DELETE else uint8(COMES_BACK)
                        if codes[at] & IS_DROPS:
                            codes[at] |= follows_drops
                            follows_drops = here
                        else:
                            codes[at] |= follows
                            follows = here
                k.stage = PLAYS
            lasts, drawn_ahead, ahead_of = working[kind, k.number & (AHEAD - 1)], int64(-1), int64(0)
            if k.resumes != PLAYS:
                chosen = chance(drawn(key, uint64(LASTS)), uint64(0))
                lasts = duration(k.lasts_law, k.lasts_low, k.lasts_high, k.lasts_shape, chosen)
            gaps, pauses, long = drawn(key, uint64(GAP)), uint64(0), uint64(0)
            if k.p_pauses > 0:
                pauses, long = drawn(key, uint64(PAUSE)), drawn(key, uint64(PAUSE_LASTS))
            at, count, now, worked, draw = k.at, k.count, k.now, k.worked, k.draw
            while at < count or (not watched and now < end):
                time = played[at] if watched else now
                slice_, place = time >> width_bits, int64(0)
                if time >= before:
                    place = last[slice_]
                    if place < 0 or (place + 1) & (BLOCK - 1) == 0:
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
                            links[place // BLOCK] = block
                        place = block * BLOCK - 1
                    place += 1
                    times[place], last[slice_] = time, place
                if watched:
                    whats[place] = session | int64(codes[at])
                    at += 1
                    continue
                # An operation for each event, as in `timetable._emissions`; the next is drawn to know if there is one.
                what = session | (IS_EVENT if at == 0 and k.deltas != 0 else 0)
                if lasts == 0:
                    if time >= before:
                        whats[place] = what
                    break
                if draw >> AHEAD_BITS != drawn_ahead:
                    drawn_ahead = draw >> AHEAD_BITS
                    for ahead in range(waits.size):
                        chosen = chance(gaps, uint64(drawn_ahead * AHEAD + ahead))
                        waits[ahead] = min(max(duration(k.gap_law, k.gap_low, k.gap_high, k.gap_shape, chosen), 1), end)
                worked += waits[draw & (AHEAD - 1)]
                now += waits[draw & (AHEAD - 1)]
                if worked > lasts:
                    now = end
                elif k.p_pauses > 0 and chance(pauses, uint64(draw)) < k.p_pauses:
                    now += min(
                        duration(k.pause_law, k.pause_low, k.pause_high, k.pause_shape, chance(long, uint64(draw))), end
                    )
                draw += 1
                if time < before:
                    continue
                whats[place] = what | (COMES_BACK if now < end else 0)
                at += 1
                ahead_of += 1
                if ahead_of >= MOST_AHEAD and until <= now < end:
                    free_column = state[1]
                    if free_column < 0:
                        k.at, k.now, k.worked, k.draw = at, now, worked, draw
                        state[0] = free
                        return MORE_PARKING
                    state[1] = parked[4, free_column]
                    parked[0, free_column], parked[1, free_column] = k.playing, now
                    parked[2, free_column], parked[3, free_column] = worked, draw
                    parked[4, free_column] = first_parked[kind, now >> width_bits]
                    first_parked[kind, now >> width_bits] = free_column
                    break
            if k.resumes == PLAYS:
                k.number += 1
                k.stage = TO_COME
            else:
                k.stage = k.resumes
    state[0] = free
    return DONE
