"""The stores once more, compiled: one pass over the columns of a trace, for streams that the readable ones are slow on.

Owns speed and nothing of the meaning: `stores` is the definition, and tests hold every answer, prune and eviction here
to it. Entries stand in a list doubly linked in the order of their last increment, which is also that of expiry.
Compiled for these types when first imported and cached beside this file. Next: `replay`.
"""

from heapq import heapify, heappop, heappush

import numpy as np
from numba import boolean, int32, int64, njit, uint8
from numba.types import Tuple


@njit(
    Tuple((int64[:], int64[:, :], int32[:], int32[:]))(
        int64[:], int32[:], uint8[:], int32[:], int64, int64, int64, int64
    ),
    cache=True,
)
def bounded(time, session, op, rank, sessions, max_entries, ttl, prune_every):
    """The bounded store over a stream; with both bounds off, the unbounded map.

    `time` (ns), `session` (below `sessions`) and `op` (0 increments) are columns of n rows; `rank` is the place of each
    session's id in their order by code point, (sessions,), and of use only where times are equal.

    Returns, each as `stores` would have it: the answers, int64 (n,); the prunes, int64 (k, 5); for each eviction the
    row of the entry's last increment, int32; and for each entry that is left the row of its last increment, int32.
    Within a prune and an instant evictions by the TTL have no order. O(1) a row, amortised, and O(log entries) for each
    eviction by the cap among simultaneous entries.
    """
    root = sessions
    older, newer = np.full(sessions + 1, root, np.int32), np.full(sessions + 1, root, np.int32)
    counts, last_row, last_seen = (
        np.zeros(sessions + 1, np.int64),
        np.zeros(sessions + 1, np.int32),
        np.zeros(sessions + 1, np.int64),
    )
    answers = np.zeros(time.size, np.int64)
    prunes, pruned = np.empty((1024, 5), np.int64), 0
    evicted, gone = np.empty(1024, np.int32), 0
    size = increments = 0
    # As in `stores`: of several entries last seen at the oldest instant, the heap gives the first by id.
    by_rank = np.empty(sessions, np.int32)
    by_rank[rank] = np.arange(sessions, dtype=np.int32)
    tied_at, is_tied = int64(0), boolean(False)
    tied = [rank[0] for _ in range(0)]
    for row in range(time.size):
        entry = session[row]
        known = counts[entry] > 0
        if known:
            newer[older[entry]], older[newer[entry]] = newer[entry], older[entry]
        if op[row]:
            answers[row] = counts[entry]
            counts[entry] = 0
            size -= known
            continue
        now = time[row]
        increments += 1
        size += not known
        counts[entry] += 1
        answers[row] = counts[entry]
        if is_tied and tied_at == now and not (known and last_seen[entry] == now):
            heappush(tied, rank[entry])
        last_seen[entry], last_row[entry] = now, row
        newest = older[root]
        newer[newest], older[entry] = entry, newest
        newer[entry], older[root] = root, entry

        over = max_entries > 0 and size > max_entries
        if not over and (ttl <= 0 or increments % prune_every != 0):
            continue
        before_prune, first_gone = size, gone
        if ttl > 0:
            while newer[root] != root and now - last_seen[newer[root]] > ttl:
                if gone == evicted.size:
                    evicted = np.concatenate((evicted, np.empty_like(evicted)))
                oldest = newer[root]
                evicted[gone] = last_row[oldest]
                gone += 1
                counts[oldest] = 0
                size -= 1
                newer[root] = newer[oldest]
                older[newer[root]] = root
        expired, left = gone - first_gone, size
        while max_entries > 0 and size > max_entries:
            if gone == evicted.size:
                evicted = np.concatenate((evicted, np.empty_like(evicted)))
            oldest = newer[root]
            second = newer[oldest]
            if second != root and last_seen[second] == last_seen[oldest]:
                if not (is_tied and tied_at == last_seen[oldest]):
                    tied_at, is_tied = last_seen[oldest], True
                    tied.clear()
                    while second != root and last_seen[second] == tied_at:
                        tied.append(rank[second])
                        second = newer[second]
                    tied.append(rank[oldest])
                    heapify(tied)
                oldest = by_rank[heappop(tied)]
                # The heap is not told of deletes and later increments: what they left behind is passed over.
                while counts[oldest] == 0 or last_seen[oldest] != tied_at:
                    oldest = by_rank[heappop(tied)]
            evicted[gone] = last_row[oldest]
            gone += 1
            counts[oldest] = 0
            size -= 1
            newer[older[oldest]], older[newer[oldest]] = newer[oldest], older[oldest]
        if pruned == prunes.shape[0]:
            prunes = np.concatenate((prunes, np.empty_like(prunes)))
        prunes[pruned, 0] = increments
        prunes[pruned, 1] = before_prune if ttl > 0 else 0
        prunes[pruned, 2] = left if left > size else 0
        prunes[pruned, 3] = expired
        prunes[pruned, 4] = left - size
        pruned += 1
    kept, entry = np.empty(size, np.int32), newer[root]
    for place in range(size):
        kept[place] = last_row[entry]
        entry = newer[entry]
    return answers, prunes[:pruned], evicted[:gone], kept
