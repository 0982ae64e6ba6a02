"""The compiled rule of `stores.aged`: two linked lists of session numbers, by creation and by last increment."""

import numpy as np
from numba import njit

from simlib.replay.rules import SIGNATURE
from simlib.traces.codes import INCREMENT

NEVER = np.iinfo(np.int64).max


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

    Both lists go from the root, number `counts.size`, over the oldest to the newest and back to it. It is one long
    function because a call that passes an array costs more than all else that a row needs.
    """
    root = counts.size
    cap = max_entries if max_entries > 0 else NEVER
    too_old = ttl if ttl > 0 else NEVER
    older, newer = np.full(root + 1, root), np.full(root + 1, root)
    before, after = np.full(root + 1, root), np.full(root + 1, root)
    last, born = np.zeros(root, np.int64), np.zeros(root, np.int64)
    size, increments, creates, gone = 0, 0, 0, 0
    for row in range(time.size):
        who, now, counting = session[row], time[row], op[row] == INCREMENT
        increments += counting
        touched = False
        while True:
            # An entry to remove, and why: by a delete (-1), by its age (0) or by the cap (1).
            out, cause = root, -1
            if not counting:
                if counts[who] > 0:
                    out, answers[row] = who, counts[who]
            elif not touched:
                if newer[root] != root and now - born[newer[root]] > too_old:
                    out, cause = newer[root], 0
            elif size > cap:
                out, cause = after[root], 1
            if out != root:
                if cause >= 0:
                    evicted[gone, 0], evicted[gone, 1] = increments, cause
                    evicted[gone, 2], evicted[gone, 3] = last[out], counts[out]
                    gone += 1
                newer[older[out]], older[newer[out]] = newer[out], older[out]
                after[before[out]], before[after[out]] = after[out], before[out]
                counts[out] = 0
                size -= 1
            elif not counting or touched:
                break
            else:
                touched = True
                if counts[who] == 0:
                    created[creates] = increments
                    creates += 1
                    size += 1
                    born[who], newest = now, older[root]
                    older[who], newer[who], newer[newest], older[root] = newest, root, who, who
                else:
                    after[before[who]], before[after[who]] = after[who], before[who]
                newest = before[root]
                before[who], after[who], after[newest], before[root] = newest, root, who, who
                counts[who] += 1
                last[who], answers[row] = increments, counts[who]
    return creates, 0, 0, gone
