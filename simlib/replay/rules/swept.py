"""The compiled rule of `stores.swept`: a linked list of session numbers by last increment."""

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
    sweep: int,
    answers: np.ndarray,
    created: np.ndarray,
    shared: np.ndarray,
    prunes: np.ndarray,
    evicted: np.ndarray,
    counts: np.ndarray,
) -> tuple[int, int, int, int]:
    """Apply a whole trace; for the columns see `rules`; `sweep` in ns. O(1) a row, amortised.

    The list goes from the root, number `counts.size`, over the oldest to the newest and back to it. It is one long
    function because a call that passes an array costs more than all else that a row needs.
    """
    root = counts.size
    cap = max_entries if max_entries > 0 else NEVER
    older, newer = np.full(root + 1, root), np.full(root + 1, root)
    last, seen = np.zeros(root, np.int64), np.zeros(root, np.int64)
    size, increments, creates, pruned, gone = 0, 0, 0, 0, 0
    since = swept = due = np.int64(0)
    for row in range(time.size):
        who, now, counting = session[row], time[row], op[row] == INCREMENT
        increments += counting
        touched, sweeping = False, False
        if counting and ttl > 0:
            if increments == 1:
                since = swept = now
            due = now - (now - since) % sweep
            if due != swept:
                sweeping, swept = True, due
                prunes[pruned, 0], prunes[pruned, 1], prunes[pruned, 2] = increments, size, 0
                pruned += 1
        while True:
            # An entry to remove, and why: by a delete (-1), by a sweep (0) or by the cap (1).
            out, cause = root, -1
            if not counting:
                if counts[who] > 0:
                    out, answers[row] = who, counts[who]
            elif not touched:
                if sweeping and newer[root] != root and due - seen[newer[root]] > ttl:
                    out, cause = newer[root], 0
            elif size > cap:
                out, cause = newer[root], 1
            if out != root:
                if cause >= 0:
                    evicted[gone, 0], evicted[gone, 1] = increments, cause
                    evicted[gone, 2], evicted[gone, 3] = last[out], counts[out]
                    gone += 1
                newer[older[out]], older[newer[out]] = newer[out], older[out]
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
                else:
                    newer[older[who]], older[newer[who]] = newer[who], older[who]
                newest = older[root]
                older[who], newer[who], newer[newest], older[root] = newest, root, who, who
                counts[who] += 1
                last[who], seen[who], answers[row] = increments, now, counts[who]
    return creates, 0, pruned, gone
