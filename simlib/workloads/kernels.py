"""Compiled kernels of the generator: a session is drawn and played from its first action to its last, then sorted in.

`timetable` and `broadcaster` are the definition; tests hold every operation here to theirs.
"""

import numpy as np
from numba import from_dtype, int64, njit, uint8, uint64

from simlib.core.variates import drawn, duration, minus_ln, unit
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS
from simlib.workloads.slices import BLOCK, CODE_BITS, IS_EVENT, NUMBER_BITS
from simlib.workloads.timetable import ARRIVAL_UNIT, STAYS_PER_CLIENT, Purpose

AHEAD_BITS = 3
AHEAD = 1 << AHEAD_BITS
"""Variates that are drawn at a time, as many as a processor's vectors hold; those that are not used cost nothing."""

ARRIVAL, _, LASTS, GAP, PAUSE, PAUSE_LASTS, ANOTHER_CLIENT, JOINS, STAYS, RETURNS, AWAY, DRAINS, SLOW, SLOW_DRAINS = (
    int(purpose) for purpose in Purpose
)

_DURATIONS = ("gap", "lasts", "pause", "joins", "stays", "away", "drains", "slow")
_CHANCES = ("pauses", "returns", "another", "slows")

KIND = np.dtype(
    [
        *((f"{name}_{part}", "i8") for name in _DURATIONS for part in ("law", "low", "high")),
        *((f"p_{name}", "f8") for name in _CHANCES),
        *((name, "i8") for name in ("holds", "quick", "watched", "outlives", "deltas", "marked", "steps")),
        *((name, "i8") for name in ("stream", "reached", "step", "period_begins", "number", "next", "stage")),
        *((name, "i8") for name in ("at", "count", "now", "worked", "draw")),
    ],
    align=True,
)
"""A kind of session for the compiled code, and how far its arrivals and the session that is being played have come.

`holds` is the number of events that a client holds, its writer's included; `marked` whether every event is marked.
"""

TO_COME, ARRIVES, PLAYS = range(3)
"""Stages of a kind: its next arrival is not drawn yet, is drawn, is being played."""

DONE, MORE_BLOCKS, MORE_ROOM_FOR_A_SESSION = range(3)


@njit
def _chance(base, draw):
    return unit(drawn(base, draw))


@njit(error_model="numpy")
def _watched(k, key, begins, lasts, end, times, codes, scratch, waits):
    """Play a session that clients watch; its operations stand in order in `times` and `codes`.

    Returns their number, or -1 where `times` or `scratch` is too small. O(events + connects squared), of which a
    session has few. See `timetable._stays`, `timetable._emissions` and `broadcaster.Broadcaster`. One kernel of more
    than 80 lines, because a call within the loop over the events would double its time.
    """
    # Every connect and disconnect, in order: time, and +c or -c for client c.
    moves, when, who = 0, scratch[0], scratch[1]
    # A connected client: its number, its writer's time for an event, and until when it writes; or else since when it
    # has been writing, and the number of events it got since then.
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
            for time, code in ((on, client), (off, -client)):
                if time >= end:
                    continue
                if moves == when.size:
                    return -1
                at = moves
                while at > 0 and (
                    when[at - 1] > time
                    or (
                        when[at - 1] == time
                        and (who[at - 1] < 0 < code or (who[at - 1] * code > 0 and abs(who[at - 1]) > abs(code)))
                    )
                ):
                    when[at], who[at] = when[at - 1], who[at - 1]
                    at -= 1
                when[at], who[at] = time, code
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
    now, worked, draw, emits, counted = begins, int64(0), int64(0), True, False
    while emits or move < moves:
        if count + connected + 3 * (moves - move) + 2 > times.size:
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
                    if counted:
                        times[count], codes[count] = when[move], IS_DELETE | IS_EVENT
                        count, counted = count + 1, False
            move += 1
        if not emits:
            continue
        if k.marked != 0 or (k.deltas != 0 and not counted):
            times[count], codes[count] = now, IS_EVENT
            count, counted = count + 1, k.marked == 0
        if connected == 0:
            times[count], codes[count] = now, 0
            count += 1
        for at in range(connected):
            # Lindley's recursion, as in `broadcaster.Client`; where a full channel takes longer to drain than 64 bits
            # hold, in whole events since the writer was last idle.
            if drain[at] <= k.quick:
                full = since[at] - now > drain[at] * (k.holds - 1)
                if not full:
                    since[at] = max(since[at], now) + drain[at]
            else:
                drained = (now - since[at]) // drain[at]
                if drained > waiting[at] or (drained == waiting[at] and now - since[at] > drained * drain[at]):
                    since[at], waiting[at], drained = now, 0, int64(0)
                full = waiting[at] + 1 - drained > k.holds
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
    played,
    codes,
    scratch,
    waits,
    arrivals,
    working,
):
    """Play every session that begins before `until` and put its operations into the slices of time they fall into.

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
            if k.stage == TO_COME:
                # The next arrival, as in `timetable._arrivals`.
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
            session = (int64(kind) << NUMBER_BITS | k.number) << CODE_BITS
            watched = k.watched != 0
            if k.stage == ARRIVES:
                k.at, k.count, k.now, k.worked, k.draw = 0, 0, k.next, 0, 0
                if watched:
                    k.count = _watched(
                        k, key, k.next, working[kind, k.number & (AHEAD - 1)], end, played, codes, scratch, waits
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
            lasts, drawn_ahead = working[kind, k.number & (AHEAD - 1)], int64(-1)
            gaps, pauses, long = drawn(key, uint64(GAP)), uint64(0), uint64(0)
            if k.p_pauses > 0:
                pauses, long = drawn(key, uint64(PAUSE)), drawn(key, uint64(PAUSE_LASTS))
            at, count, now, worked, draw = k.at, k.count, k.now, k.worked, k.draw
            while at < count or (not watched and now < end):
                time = played[at] if watched else now
                slice_ = time >> width_bits
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
                what = session | (IS_EVENT if draw == 0 and k.deltas != 0 else 0)
                if lasts == 0:
                    whats[place] = what
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
                whats[place] = what | (COMES_BACK if now < end else 0)
            k.number += 1
            k.stage = TO_COME
    state[0] = free
    return DONE
