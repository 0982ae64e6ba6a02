"""The compiled rule of `stores.space_saving`: a linked list of session numbers for each count."""

import numpy as np
from numba import njit

from simlib.replay.rules import SIGNATURE
from simlib.traces.codes import INCREMENT


@njit(SIGNATURE, cache=True, nogil=True)
def advance(
    time: np.ndarray,
    session: np.ndarray,
    op: np.ndarray,
    future: np.ndarray,
    max_entries: int,
    ttl: int,
    prune_every: int,
    answers: np.ndarray,
    created: np.ndarray,
    shared: np.ndarray,
    prunes: np.ndarray,
    evicted: np.ndarray,
    counts: np.ndarray,
) -> tuple[int, int, int, int]:
    """Apply a whole trace; for the columns see `rules`. O(1) a row, amortised.

    The entries of one count are linked from the `oldest` to the `newest` last increment; -1 is none. It is one long
    function because a call that passes an array costs more than all else that a row needs.
    """
    oldest, newest = np.full(time.size + 2, -1), np.full(time.size + 2, -1)
    older, newer = np.full(counts.size, -1), np.full(counts.size, -1)
    inherited, last = np.zeros(counts.size, np.int64), np.zeros(counts.size, np.int64)
    size, increments, creates, gone, least = 0, 0, 0, 0, 1
    for row in range(time.size):
        who = session[row]
        # The entry that leaves the list of its count: its own, or that of the smallest.
        out, count = who, counts[who]
        increments += op[row] == INCREMENT
        if op[row] != INCREMENT:
            if count == 0:
                continue
            answers[row] = count
            size -= 1
        elif count == 0:
            created[creates] = increments
            creates += 1
            if max_entries <= 0 or size < max_entries:
                out, least = -1, 1
                size += 1
            else:
                while oldest[least] < 0:
                    least += 1
                out, count = oldest[least], least
                evicted[gone, 0], evicted[gone, 1] = increments, 1
                evicted[gone, 2], evicted[gone, 3] = last[out], count - inherited[out]
                gone += 1
            inherited[who] = count
        if out >= 0:
            before, after = older[out], newer[out]
            if before < 0:
                oldest[count] = after
            else:
                newer[before] = after
            if after < 0:
                newest[count] = before
            else:
                older[after] = before
            counts[out] = 0
        if op[row] == INCREMENT:
            count += 1
            before = newest[count]
            older[who], newer[who], newest[count] = before, -1, who
            if before < 0:
                oldest[count] = who
            else:
                newer[before] = who
            counts[who] = answers[row] = count
            last[who] = increments
    return creates, 0, 0, gone
