"""The totals of the exact LRU design for every cap at once, by stack distance with holes; deletes and a TTL included.

Entries lie in the order of their last increment, the newest on top. A store of cap C holds what lies in the first C
places, so an increment hits in every store whose cap is at least the place of its session (Mattson et al., 1970). A
delete leaves a hole in its place: free room in each store that reaches down to it. A new entry takes the topmost hole
above its old place, and that place becomes the hole for the stores that held the session.
"""

from collections.abc import Sequence

import numpy as np
from numba import int32, int64, njit, uint8, void

from simlib.core.units import MAX_NS
from simlib.replay.ledger import Totals
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

CREATES, FALSE, LOST, BY_TTL, DELETED, PEAK, SIZE, SUM, LINES = range(9)
"""Rows of what `count_all` counts for each cap."""


def stack_totals(trace: Trace, caps: Sequence[int], ttl: int) -> list[Totals]:
    """Return the ledger of `linked_list` for each cap under one TTL (ns); a cap or TTL of 0 or less is off.

    `trace` holds one counter. O(rows x (log rows + caps)) time, 4 bytes a session and cap in memory.
    """
    limits = np.where(np.asarray(caps) > 0, caps, np.iinfo(np.int64).max).astype(np.int64)
    order = np.argsort(limits, kind="stable")
    found = np.zeros((9, limits.size), dtype=np.int64)
    count_all(
        *(trace.time, trace.session.astype(np.int32), trace.op.astype(np.uint8), limits[order]),
        *(ttl if ttl > 0 else MAX_NS, np.zeros((trace.ids.size, limits.size), dtype=np.int32), found),
    )
    increments = int((trace.op == INCREMENT).sum())
    totals: list[Totals | None] = [None] * limits.size
    for at, row in zip(order.tolist(), found.T.tolist(), strict=True):
        totals[at] = Totals(
            increments=increments,
            deletes=len(trace) - increments,
            deletes_hit=row[DELETED],
            creates=row[CREATES],
            stale_hits=0,
            cap_evictions=row[CREATES] - row[BY_TTL] - row[DELETED] - row[SIZE],
            ttl_evictions=row[BY_TTL],
            false_evictions=row[FALSE],
            lost_counts=row[LOST],
            prunes=0,
            entries_scanned=0,
            entries_sorted=0,
            peak_entries=row[PEAK],
            final_entries=row[SIZE],
            final_count_sum=row[SUM],
            log_lines=row[LINES],
        )
    return [each for each in totals if each is not None]


@njit(int64(int32[::1], int64), cache=True, nogil=True)
def _above(tree: np.ndarray, row: int) -> int:
    """Count the places at `row` or above it: those of the tree less those below."""
    below, at = 0, row
    while at > 0:
        below += tree[at]
        at -= at & -at
    return tree[0] - below


@njit(void(int32[::1], int64, int64), cache=True, nogil=True)
def _add(tree: np.ndarray, row: int, change: int) -> None:
    tree[0] += change
    at = row + 1
    while at < tree.size:
        tree[at] += change
        at += at & -at


@njit(int64(int64[::1], int64, int64), cache=True, nogil=True)
def _push(heap: np.ndarray, size: int, value: int) -> int:
    """Add a value to a heap with the largest on top; return its new size."""
    at = size
    while at and heap[(at - 1) // 2] < value:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = value
    return size + 1


@njit(int64(int64[::1], int64), cache=True, nogil=True)
def _pop(heap: np.ndarray, size: int) -> int:
    """Remove the largest value of a heap; return its new size."""
    size -= 1
    value, at = heap[size], 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        child += child + 1 < size and heap[child + 1] > heap[child]
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value
    return size


@njit(void(int64[::1], int32[::1], uint8[::1], int64[::1], int64, int32[:, ::1], int64[:, ::1]), cache=True, nogil=True)
def count_all(
    time: np.ndarray,
    session: np.ndarray,
    op: np.ndarray,
    caps: np.ndarray,
    ttl: int,
    start: np.ndarray,
    found: np.ndarray,
) -> None:
    """Count what the rows of `found` name, for ascending caps.

    A place is the row of an entry's last increment, so rows are in the order of places; a tree counts them. `start`
    keeps, for each session and cap, the increments before its entry there was made. It is one long function because
    each row needs all of the state.
    """
    n, several = time.size, caps.size
    tree = np.zeros(n + 1, np.int32)
    place, seen = np.full(start.shape[0], -1, np.int64), np.zeros(start.shape[0], np.int64)
    counted = np.zeros(start.shape[0], np.bool_)
    holes, hole_count = np.zeros(n + 1, np.int64), 0
    is_hole = np.zeros(n, np.bool_)
    low = 0
    for row in range(n):
        who, now = session[row], time[row]
        mine = place[who]
        if op[row] != INCREMENT:
            counted[who] = False
            if mine >= 0:
                depth = _above(tree, mine)
                for at in range(np.searchsorted(caps, depth), several):
                    found[DELETED, at] += 1
                    found[SIZE, at] -= 1
                place[who] = -1
                is_hole[mine] = True
                hole_count = _push(holes, hole_count, mine)
            continue
        # What is idle for longer than the TTL lies at the bottom; holes below the last entry are room like any other.
        while low < row:
            if place[session[low]] == low and op[low] == INCREMENT:
                if now - time[low] <= ttl:
                    break
                depth = tree[0]
                for at in range(np.searchsorted(caps, depth), several):
                    found[BY_TTL, at] += 1
                    found[SIZE, at] -= 1
                place[session[low]] = -1
                _add(tree, low, -1)
            elif is_hole[low]:
                is_hole[low] = False
                _add(tree, low, -1)
            low += 1
        mine = place[who]
        misses = np.searchsorted(caps, _above(tree, mine)) if mine >= 0 else several
        while hole_count and not is_hole[holes[0]]:
            hole_count = _pop(holes, hole_count)
        if hole_count and holes[0] > mine:
            _add(tree, holes[0], -1)
            is_hole[holes[0]] = False
            hole_count = _pop(holes, hole_count)
            if mine >= 0:
                is_hole[mine] = True
                hole_count = _push(holes, hole_count, mine)
        elif mine >= 0:
            _add(tree, mine, -1)
        _add(tree, row, 1)
        place[who] = row
        for at in range(misses):
            found[CREATES, at] += 1
            if counted[who]:
                found[FALSE, at] += 1
                found[LOST, at] += seen[who] - start[who, at]
            start[who, at] = seen[who]
            found[SIZE, at] = min(found[SIZE, at] + 1, caps[at])
            found[PEAK, at] = max(found[PEAK, at], found[SIZE, at])
        seen[who] += 1
        counted[who] = True
        for at in range(several):
            count = seen[who] - start[who, at]
            found[LINES, at] += (count & (count - 1)) == 0
    for who in range(start.shape[0]):
        if place[who] >= 0:
            for at in range(np.searchsorted(caps, _above(tree, place[who])), several):
                found[SUM, at] += seen[who] - start[who, at]
