"""The stores once more, compiled: one pass over the columns of a trace, for streams that the readable ones are slow on.

Owns speed and nothing of the meaning: `stores` is the definition, and tests hold every answer, prune and eviction here
to it. Entries stand in a list doubly linked in the order of their last increment, which is also that of expiry.
Compiled for these types when first imported and cached beside this file. Next: `replay`.
"""

import numpy as np
from numba import boolean, int32, int64, njit, uint8, void
from numba.types import Tuple


@njit(void(int64[:], int32[:], int32[:], int32[:]), cache=True)
def _sort_oldest(last_seen, rank, older, newer):
    """Bring the entries last seen at the oldest instant into the order of their ids."""
    root = last_seen.size - 1
    first = newer[root]
    after, size = first, 0
    while after != root and last_seen[after] == last_seen[first]:
        after = newer[after]
        size += 1
    group = np.empty(size, np.int32)
    ranks = np.empty(size, np.int32)
    entry = first
    for place in range(size):
        group[place], ranks[place] = entry, rank[entry]
        entry = newer[entry]
    before = root
    for place in np.argsort(ranks):
        entry = group[place]
        newer[before], older[entry] = entry, before
        before = entry
    newer[before], older[after] = after, before


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
    Within a prune and an instant evictions by the TTL have no order. O(1) a row, but O(entries) where more increments
    than the store holds share one instant.
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
    sorted_at, is_sorted = int64(0), boolean(False)
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
        last_seen[entry], last_row[entry] = now, row
        before = older[root]
        if is_sorted and sorted_at == now:
            while before != root and last_seen[before] == now and rank[before] > rank[entry]:
                before = older[before]
        after = newer[before]
        newer[before], older[entry] = entry, before
        newer[entry], older[after] = after, entry

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
            if not (is_sorted and sorted_at == last_seen[oldest]):
                second = newer[oldest]
                if second != root and last_seen[second] == last_seen[oldest]:
                    _sort_oldest(last_seen, rank, older, newer)
                    sorted_at, is_sorted = last_seen[oldest], True
                    oldest = newer[root]
            evicted[gone] = last_row[oldest]
            gone += 1
            counts[oldest] = 0
            size -= 1
            newer[root] = newer[oldest]
            older[newer[root]] = root
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
