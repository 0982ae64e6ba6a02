"""The compiled loop of exact LRU with a TTL over a trace in memory, for one setting, by its watermark: no list.

Whatever leaves, by the TTL or by the cap, is the least recently touched. So the store is the entries whose last
increment is later than one moving watermark, as of the shipped store (`watermark`), in the order of touch alone. Many
caps at once are left to `stack`.
"""

import numpy as np
from numba import int32, int64, njit, uint8, uint64, void

from simlib.replay.watermark import NEVER
from simlib.traces.codes import INCREMENT


@njit(
    void(int64[::1], uint8[::1], int32[::1], int32[::1], int64, int64, int32[::1], int64[::1]), cache=True, nogil=True
)
def lru_totals(
    time: np.ndarray,
    op: np.ndarray,
    previous: np.ndarray,
    until: np.ndarray,
    cap: int,
    ttl: int,
    held: np.ndarray,
    found: np.ndarray,
) -> None:
    """Count the totals of `links.COUNTED`; places are rows, and `held` is as in `watermark_totals`.

    What has expired is looked for only where the size with it, which is at least the store's, would be a new peak or
    over the cap; until then the time of an entry's last increment shows whether it is still there.
    """
    one = uint64(1)
    mark, row, end = uint64(0), uint64(0), uint64(op.size)
    size, peak, creates, lines = int64(0), int64(0), int64(0), int64(0)
    hit_deletes, false, lost, by_cap, by_ttl = int64(0), int64(0), int64(0), int64(0), int64(0)
    # Last seen before this is expired: as of the last increment, as a delete removes nothing else.
    limit = -ttl
    held[0] = 0
    while row < end:
        before = uint64(previous[row])
        is_above = before > mark
        is_hit = is_above & (time[before] >= limit)
        if op[row] != INCREMENT:
            hit_deletes += is_hit
            by_ttl += is_above & (not is_hit)
            size -= is_above
            row += one
            held[row] = 0
            continue
        row += one
        limit = time[row] - ttl
        is_hit = is_above & (time[before] >= limit)
        count = int64(held[before])
        kept = count if is_hit else 0
        held[row] = kept + 1
        lost += count - kept
        false += count > kept
        lines += (kept + 1) & kept == 0
        creates += not is_hit
        by_ttl += is_above & (not is_hit)
        size += not is_above
        if size > peak:
            expired, reached = int64(0), int32(row)
            while time[mark + one] < limit:
                mark += one
                expired += until[mark] > reached
            by_ttl += expired
            size -= expired
            if size > cap:
                by_cap += 1
                size -= 1
                mark += one
                first = until[mark] <= reached
                second = first & (until[mark + one] <= reached)
                third = second & (until[mark + one + one] <= reached)
                mark += uint64(first) + uint64(second) + uint64(third)
                while until[mark] <= reached:
                    mark += one
            peak = max(peak, size)
    total = int64(0)
    for left in range(mark + one, end + one):
        if until[left] == NEVER:
            is_kept = time[left] >= limit
            total += held[left] if is_kept else 0
            by_ttl += not is_kept
            size -= not is_kept
    found[:] = hit_deletes, creates, 0, by_cap, by_ttl, false, lost, 0, 0, 0, peak, size, total, lines
