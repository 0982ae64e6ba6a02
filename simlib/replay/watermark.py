"""The compiled loops over a trace in memory, by watermark: no search, no list, an integer an operation.

For any cap and TTL the bounded store is the entries whose last increment is later than one moving watermark. An
increment is a miss where the session's previous one lies at or below it; a prune moves it up. A miss after an increment
is the end of a false eviction: single evictions are not seen here, so this is the second way to find them, beside the
look ahead of `ledger.evictions`.
"""

import numpy as np
from numba import boolean, int32, int64, njit, uint8, uint64, void

from simlib.traces.codes import DELETE, INCREMENT

NEVER = np.iinfo(np.int32).max
"""The row of an operation that does not come, and a cap that no stream reaches."""


@njit(void(int32[::1], uint8[::1], int32[::1], int64, int32[::1], int32[::1]), cache=True, nogil=True)
def link(
    session: np.ndarray, op: np.ndarray, place: np.ndarray, sessions: int, previous: np.ndarray, until: np.ndarray
) -> None:
    """Fill in the last two columns of `links.Links`."""
    last, tied = np.zeros(sessions, np.int32), place.size > 0
    for row in range(session.size):
        who, at = session[row], place[row] if tied else row + 1
        before = last[who]
        previous[row] = before
        until[before] = row + 1
        is_delete = op[row] != INCREMENT
        until[at] = 0 if is_delete else NEVER
        last[who] = 0 if is_delete else at
    until[session.size + 1 :] = NEVER


@njit(
    boolean(
        *(int64[::1], uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1]),
        *(int64, int64, int64, int32[::1], int64[::1]),
    ),
    cache=True,
    nogil=True,
)
def watermark_totals(
    time: np.ndarray,
    op: np.ndarray,
    place: np.ndarray,
    row_at: np.ndarray,
    previous: np.ndarray,
    until: np.ndarray,
    cap: int,
    ttl: int,
    prune_every: int,
    held: np.ndarray,
    found: np.ndarray,
) -> bool:
    """Count the totals of `links.COUNTED`; return whether the watermark suffices.

    It does not where the cap falls within one instant, a delete in that instant makes room again, and an id that comes
    before those evicted takes it: that entry lies below the watermark.

    `held`, by place, is for the count that an entry has after each increment. Hits and misses take no branch, as the
    processor would guess it wrong. One kernel of more than 80 lines: its totals stay in registers, which no call keeps.
    """
    one, tied = uint64(1), place.size > 0
    mark, row, end = uint64(0), uint64(0), uint64(op.size)
    size, ticks_in, peak, creates, stale, lines = int64(0), prune_every, int64(0), int64(0), int64(0), int64(0)
    hit_deletes, false, lost, by_cap, by_ttl = int64(0), int64(0), int64(0), int64(0), int64(0)
    prunes, scanned, in_order = int64(0), int64(0), int64(0)
    held[0] = 0
    while row < end:
        before, at = uint64(previous[row]), uint64(place[row]) if tied else row + one
        count, is_hit = int64(held[before]), before > mark
        if op[row] != INCREMENT:
            hit_deletes += is_hit
            size -= is_hit
            held[at] = 0
            row += one
            continue
        now = time[row + one]
        kept = count if is_hit else 0
        held[at] = kept + 1
        lost += count - kept
        false += count > kept
        lines += (kept + 1) & kept == 0
        stale += is_hit & (now - time[before] > ttl)
        size += not is_hit
        creates += not is_hit
        ticks_in -= 1
        row += one
        if size > cap or ticks_in == 0:
            if ticks_in == 0:
                ticks_in = prune_every
            prunes += 1
            scanned += size
            expired, reached = int64(0), int32(row)
            while time[mark + one] < now - ttl:
                mark += one
                expired += until[mark] > reached
            by_ttl += expired
            size -= expired
            if size > cap:
                in_order += size
                by_cap += 1
                size -= 1
                if not tied:
                    mark += one
                    first = until[mark] <= reached
                    second = first & (until[mark + one] <= reached)
                    third = second & (until[mark + one + one] <= reached)
                    mark += uint64(first) + uint64(second) + uint64(third)
                    while until[mark] <= reached:
                        mark += one
                # What is new may itself be the first to go.
                elif at > mark:
                    mark += one
                    while until[mark] <= reached or row_at[mark] > reached:
                        mark += one
            elif tied and at <= mark:
                return False
        elif tied and at <= mark:
            return False
        peak = max(peak, size)
    total = int64(0)
    for left in range(mark + one, end + one):
        if until[left] == NEVER:
            total += held[left]
    found[:] = (
        *(hit_deletes, creates, stale, by_cap, by_ttl, false, lost, prunes, scanned, in_order),
        *(peak, size, total, lines),
    )
    return True


@njit(int64(int32[::1], uint8[::1], int64, int32[::1], int32[::1]), cache=True, nogil=True)
def number_lives(session: np.ndarray, op: np.ndarray, sessions: int, count: np.ndarray, life: np.ndarray) -> int:
    """Fill in, for increments, what each session then counts in the unbounded map, and the number of its life.

    Lives of a single increment have none: -1. Returns how many there are of the others.
    """
    lives = 0
    counts, number, first = np.zeros(sessions, np.int32), np.empty(sessions, np.int32), np.empty(sessions, np.int32)
    for row in range(session.size):
        who = session[row]
        if op[row] == DELETE:
            counts[who] = 0
            continue
        counts[who] += 1
        if counts[who] == 1:
            first[who], number[who] = row, -1
        elif counts[who] == 2:
            number[who] = life[first[who]] = lives
            lives += 1
        count[row], life[row] = counts[who], number[who]
    return lives


@njit(boolean(uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1], int64, int32[::1]), cache=True, nogil=True)
def watermarks(
    op: np.ndarray,
    place: np.ndarray,
    row_at: np.ndarray,
    previous: np.ndarray,
    until: np.ndarray,
    cap: int,
    marks: np.ndarray,
) -> bool:
    """Fill in the watermark of a cap without a TTL after each row; return whether it determines all totals."""
    mark, size, tied = 0, 0, place.size > 0
    for row in range(op.size):
        at = place[row] if tied else row + 1
        if op[row] == DELETE:
            size -= previous[row] > mark
        elif previous[row] <= mark:
            size += 1
            if size > cap:
                # What is new may itself be the first to go.
                if at > mark:
                    mark += 1
                    while until[mark] <= row + 1 or (tied and row_at[mark] > row + 1):
                        mark += 1
                size -= 1
            elif at <= mark:
                return False
        marks[row] = mark
    return True


@njit
def last_before(time: np.ndarray, mark: int, limit: int) -> int:
    """The last place after `mark` with a time below `limit`, `mark` itself if there is none. O(log of the distance)."""
    step, low = 1, mark
    while low + step < time.size and time[low + step] < limit:
        low += step
        step *= 2
    while step > 0:
        if low + step < time.size and time[low + step] < limit:
            low += step
        step //= 2
    return low


MARK, SIZE, CREATES, LOST, STALE, LINES, DELETED, PLAIN, PEAK = range(9)
PRUNES, SCANNED, SORTED, BY_CAP, BY_TTL = range(5)


@njit(
    void(
        *(int64[::1], uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1], int32[::1]),
        *(int64, int64, int64[::1], boolean[::1], int32[:, ::1], int32[:, ::1], int64[:, ::1], int64[::1]),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def replay_lanes(
    time: np.ndarray,
    op: np.ndarray,
    previous: np.ndarray,
    count: np.ndarray,
    life: np.ndarray,
    until: np.ndarray,
    marks: np.ndarray,
    cap: int,
    prune_every: int,
    ttl: np.ndarray,
    expires: np.ndarray,
    start: np.ndarray,
    lane: np.ndarray,
    work: np.ndarray,
    oldest: np.ndarray,
) -> None:
    """Go through a stream with a store for each TTL, ascending, all of one cap; a lane each.

    `marks` are the watermarks of the cap without a TTL. `start` holds, for each life and lane, the life's count as its
    entry was made; `lane` and `work` what each lane knows and counts, by the names above; `oldest` a time before which
    none of its entries was last seen. The inner loops are what the processor does side by side: they have no branches.
    One kernel of more than 80 lines, as a call that is passed these arrays costs more than a row.
    """
    lanes, increments = ttl.size, 0
    for row in range(op.size):
        before, now = previous[row], time[row + 1]
        if op[row] == DELETE:
            if before > 0:
                for c in range(lanes):
                    hit = int32(before > lane[MARK, c])
                    lane[DELETED, c] += hit
                    lane[SIZE, c] -= hit
            continue
        increments += 1
        which, now_at = life[row], count[row]
        if before == 0:
            for c in range(lanes):
                lane[SIZE, c] += int32(1)
            if which >= 0:
                for c in range(lanes):
                    start[which, c] = int32(1)
        else:
            idle, stale, any_miss = now - time[before], 0, int32(0)
            while stale < lanes and idle > ttl[stale] and expires[stale]:
                stale += 1
            for c in range(lanes):
                miss = int32(before <= lane[MARK, c])
                begun = start[which, c]
                held = int32(now_at - begun) if miss == 0 else int32(0)
                any_miss |= miss
                lane[CREATES, c] += miss
                lane[SIZE, c] += miss
                lane[LOST, c] += int32(now_at - begun) if miss else int32(0)
                lane[STALE, c] += int32(miss == 0) & int32(c < stale)
                lane[LINES, c] += int32(held & (held + 1) == 0)
            if any_miss:
                for c in range(lanes):
                    start[which, c] = now_at if before <= lane[MARK, c] else start[which, c]
        ticks = increments % prune_every == 0
        over = int32(0)
        for c in range(lanes):
            over |= int32(lane[SIZE, c] > cap)
        if over or ticks:
            to = marks[row]
            expired = int32(ticks)
            for c in range(lanes):
                expired |= int32(lane[SIZE, c] > cap) & int32(oldest[c] < now - ttl[c])
            if expired == 0:
                # One in, one out: what a full store does all the time.
                for c in range(lanes):
                    full = lane[SIZE, c] > cap
                    lane[MARK, c] = to if full else lane[MARK, c]
                    lane[SIZE, c] -= int32(full)
                    lane[PLAIN, c] += int32(full)
                for c in range(lanes):
                    oldest[c] = max(oldest[c], time[lane[MARK, c] + 1])
            else:
                for c in range(lanes):
                    size = int64(lane[SIZE, c])
                    if size <= cap and not (ticks and expires[c]):
                        continue
                    work[PRUNES, c] += 1
                    if expires[c]:
                        work[SCANNED, c] += size
                        if oldest[c] < now - ttl[c]:
                            mark = lane[MARK, c]
                            last = last_before(time, mark, now - ttl[c])
                            gone = int32(0)
                            for at in range(mark + 1, last + 1):
                                gone += int32(until[at] > row + 1)
                            size -= gone
                            work[BY_TTL, c] += gone
                            lane[MARK, c], oldest[c] = last, time[last + 1]
                    if size > cap:
                        work[SORTED, c] += size
                        work[BY_CAP, c] += 1
                        size -= 1
                        lane[MARK, c], oldest[c] = to, time[to + 1]
                    lane[SIZE, c] = size
        for c in range(lanes):
            lane[PEAK, c] = max(lane[PEAK, c], lane[SIZE, c])
