"""Compiled kernel of a session that clients watch: it is drawn and played from its first action to its last.

`timetable` and `broadcaster` are the definition; tests hold every operation here to theirs.
"""

from numba import int64, njit, uint64

from simlib.core.variates import drawn, duration, unit
from simlib.traces.codes import IS_DELETE, IS_DROPS
from simlib.workloads.slices import IS_EVENT
from simlib.workloads.timetable import STAYS_PER_CLIENT, Purpose

AHEAD_BITS = 3
AHEAD = 1 << AHEAD_BITS
"""Variates that are drawn at a time, as many as a processor's vectors hold; those that are not used cost nothing."""

ARRIVAL, _, LASTS, GAP, PAUSE, PAUSE_LASTS, ANOTHER_CLIENT, *_ = (int(purpose) for purpose in Purpose)
*_, JOINS, STAYS, RETURNS, AWAY, DRAINS, SLOW, SLOW_DRAINS, MEMBER = (int(purpose) for purpose in Purpose)


@njit
def chance(base, draw):
    return unit(drawn(base, draw))


@njit(error_model="numpy")
def watched_operations(k, key, begins, lasts, before, end, times, codes, scratch, waits):
    """Play a session that clients watch; its operations from `before` on stand in order in `times` and `codes`.

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
        on = begins + duration(k.joins_law, k.joins_low, k.joins_high, k.joins_shape, chance(joins, stay))
        while on < end:
            off = on + max(duration(k.stays_law, k.stays_low, k.stays_high, k.stays_shape, chance(stays, stay)), 1)
            last_off = max(last_off, off)
            for time, code in ((max(on, before), client), (off, -client)):
                if time >= end or off < before:
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
            if chance(returns, stay) >= k.p_returns:
                break
            on = off + max(duration(k.away_law, k.away_low, k.away_high, k.away_shape, chance(away, stay)), 1)
            stay += uint64(1)
        if chance(drawn(key, uint64(ANOTHER_CLIENT)), uint64(client)) >= k.p_another:
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
                law, low, high, shape = k.drains_law, k.drains_low, k.drains_high, k.drains_shape
                chosen = chance(drawn(key, uint64(DRAINS)), of)
                if k.p_slows > 0 and chance(drawn(key, uint64(SLOW)), of) < k.p_slows:
                    law, low, high, shape = k.slow_law, k.slow_low, k.slow_high, k.slow_shape
                    chosen = chance(drawn(key, uint64(SLOW_DRAINS)), of)
                number[connected], drain[connected] = who[move], max(duration(law, low, high, shape, chosen), 1)
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
        if now >= before and (k.marked != 0 or (k.deltas != 0 and not counted)):
            times[count], codes[count] = now, IS_EVENT
            count, counted = count + 1, k.marked == 0
        if now >= before and connected == 0:
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
                chosen = chance(gaps, uint64(draw + ahead))
                waits[ahead] = min(max(duration(k.gap_law, k.gap_low, k.gap_high, k.gap_shape, chosen), 1), end)
        worked += waits[draw & (AHEAD - 1)]
        now += waits[draw & (AHEAD - 1)]
        if k.p_pauses > 0 and chance(pauses, uint64(draw)) < k.p_pauses:
            now += min(duration(k.pause_law, k.pause_low, k.pause_high, k.pause_shape, chance(long, uint64(draw))), end)
        draw += 1
        emits = worked <= lasts and now < end
    return count
