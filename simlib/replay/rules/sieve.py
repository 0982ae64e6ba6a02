"""The compiled rule of `stores.sieve`: two linked lists of session numbers, by insertion and by last increment."""

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

    Both lists go from the root, number `counts.size`, over the oldest to the newest and back to it. The order of last
    increments is kept only where there is a TTL. It is one long function because a call that passes an array costs more
    than all else that a row needs.
    """
    root = counts.size
    cap = max_entries if max_entries > 0 else NEVER
    expires = ttl > 0
    ticks_in = prune_every if expires else NEVER
    older, newer = np.full(root + 1, root), np.full(root + 1, root)
    before, after = np.full(root + 1, root), np.full(root + 1, root)
    last, seen, visited = np.zeros(root, np.int64), np.zeros(root, np.int64), np.zeros(root, np.bool_)
    hand, size, increments, creates, pruned, gone = root, 0, 0, 0, 0, 0
    for row in range(time.size):
        who = session[row]
        # An entry to remove, and why: by a delete (-1), by the TTL (0) or by the cap (1).
        out, cause, pruning = root, -1, False
        now = time[row]
        if op[row] != INCREMENT:
            if counts[who] > 0:
                out, answers[row] = who, counts[who]
        else:
            increments += 1
            ticks_in -= 1
            pruning = ticks_in == 0
            if counts[who] == 0 and size >= cap:
                out, cause = hand if hand != root else newer[root], 1
                while visited[out]:
                    visited[out] = False
                    out = newer[out]
                    if out == root:
                        out = newer[root]
                hand = out
        touching = op[row] == INCREMENT
        scanned = 0
        while True:
            if out != root:
                if cause >= 0:
                    evicted[gone, 0], evicted[gone, 1] = increments, cause
                    evicted[gone, 2], evicted[gone, 3] = last[out], counts[out]
                    gone += 1
                if hand == out:
                    hand = newer[out]
                newer[older[out]], older[newer[out]] = newer[out], older[out]
                if expires:
                    after[before[out]], before[after[out]] = after[out], before[out]
                counts[out] = 0
                size -= 1
            if touching:
                touching = False
                if counts[who] == 0:
                    created[creates] = increments
                    creates += 1
                    size += 1
                    visited[who] = False
                    newest = older[root]
                    older[who], newer[who], newer[newest], older[root] = newest, root, who, who
                else:
                    visited[who] = True
                    if expires:
                        after[before[who]], before[after[who]] = after[who], before[who]
                if expires:
                    newest = before[root]
                    before[who], after[who], after[newest], before[root] = newest, root, who, who
                counts[who] += 1
                last[who], seen[who], answers[row] = increments, now, counts[who]
                scanned = size
            if not pruning:
                break
            out, cause = after[root], 0
            if out == root or now - seen[out] <= ttl:
                break
        if pruning:
            ticks_in = prune_every
            prunes[pruned, 0], prunes[pruned, 1], prunes[pruned, 2] = increments, scanned, 0
            pruned += 1
    return creates, 0, pruned, gone
