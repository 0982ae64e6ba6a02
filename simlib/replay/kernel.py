"""The compiled rule of the LRU family: applies a chunk of a stream to entries that are nodes of a doubly linked list.

`stores` is the definition, and tests hold every answer, creation, prune, eviction and total here to it. Entries stand
in a pool of nodes, found by a hash table and linked in the order of their last increment, which is also that of expiry.
Compiled for these types when first imported and cached beside this file.
"""

from heapq import heapify, heappop, heappush

import numpy as np
from numba import boolean, from_dtype, int64, njit, types, uint8, uint32, uint64

from simlib.stores.contract import Mode
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS

NODE = np.dtype(
    [
        *((name, "i8") for name in ("key", "word", "seen", "count", "row")),
        *((name, "u4") for name in ("older", "newer", "chain", "rank", "comes_back")),
    ],
    align=True,
)
"""An entry. `older` and `newer` link the list, `chain` those of one hash; node 0 is the root of the list, and none.

`row` is that of the last increment, `rank` its id's place among those it may be tied with, and `comes_back` whether the
session's next operation is an increment, where the stream says so.
"""

ABSENT = np.dtype([(name, "i8") for name in ("key", "word", "count")])
"""A session that has no entry: a positive `count` is that of the entry that was evicted.

In a log 0 stands for an increment and -1 for a delete. In a table -1 is a session of which no eviction awaits its
truth, and 0 a free place.
"""

TOTALS = (
    *("increments", "deletes", "deletes_hit", "creates", "stale_hits", "cap_evictions", "ttl_evictions", "prunes"),
    *("entries_scanned", "entries_sorted", "peak_entries", "log_lines", "overflow_counts"),
)
"""Totals of the ledger that are counted as the stream goes by, in their places in a store's state."""

INCREMENTS, DELETES, DELETES_HIT, CREATES, STALE_HITS, CAP_EVICTIONS, TTL_EVICTIONS, PRUNES = range(8)
ENTRIES_SCANNED, ENTRIES_SORTED, PEAK_ENTRIES, LOG_LINES, OVERFLOW_COUNTS = range(8, 13)
DELETED_COUNTS, EVICTED_COUNTS, SIZE, FREE, FRESH, HIGHEST, LOGGED, PRUNED, GONE, STATE = range(13, 23)
assert len(TOTALS) == DELETED_COUNTS

NEVER = np.iinfo(np.int64).max

_, PERIODIC, LISTS, STALE_ONLY, REFUSES, LISTS_AND_REFUSES = map(int, Mode)


@njit
def place_of(key: int, size: int) -> int:
    """A place in a table of a power of two for a key: Fibonacci hashing, which spreads consecutive keys evenly.

    Source: Knuth, The Art of Computer Programming, volume 3, section 6.4.
    """
    return (uint64(key) * uint64(0x9E3779B97F4A7C15)) >> uint64(32) & uint64(size - 1)


nodes_type, absent_type = from_dtype(NODE)[::1], from_dtype(ABSENT)[::1]
_read = {kind: types.Array(kind, 1, "C", readonly=True) for kind in (int64, uint8, uint32)}


@njit(
    int64(
        nodes_type,
        uint32[::1],
        int64[::1],
        int64[:, ::1],
        absent_type,
        _read[int64],
        _read[int64],
        _read[int64],
        _read[uint8],
        _read[uint32],
        int64,
        int64,
        int64,
        int64,
        int64,
        int64,
        int64,
        int64,
        int64[::1],
        int64[::1],
        int64[::1],
        int64[:, ::1],
        int64[:, ::1],
    ),
    cache=True,
    nogil=True,
)
def advance(
    nodes: np.ndarray,
    heads: np.ndarray,
    state: np.ndarray,
    false: np.ndarray,
    log: np.ndarray,
    time: np.ndarray,
    session: np.ndarray,
    word: np.ndarray,
    code: np.ndarray,
    rank: np.ndarray,
    begins: int,
    counter: int,
    rows_before: int,
    max_entries: int,
    keep: int,
    ttl: int,
    prune_every: int,
    mode: int,
    answers: np.ndarray,
    created: np.ndarray,
    shared: np.ndarray,
    prunes: np.ndarray,
    evicted: np.ndarray,
) -> int:
    """Apply a chunk from row `begins` on to a store; return the row reached.

    That is the end, or a row before which `log` has to be settled, as of `awaiting`; where `log` is empty, the stream
    itself says whether a session comes back. `max_entries` to `mode` are those of `stores.RecencyRule`.
    `time` (ns), `session`, `word` and `code` are columns of n rows: a session is known by its number and, where the
    column is not empty, a second word. `rank` orders equal times; empty where no two are equal. Rows of the other
    counter are passed over. O(1) a row, amortised, and O(log entries) for each eviction by the cap among simultaneous
    entries.

    Unless they are empty, `answers` (n,), `created` and `shared` (the number of each increment that created an entry,
    or that the shared counter took), `prunes` (rows as of `Prune`) and `evicted` are filled in: for each entry evicted
    the increment, 1 if by the cap, the row of its last increment, and its count. Within a prune and an instant
    evictions by the TTL have no order.

    It is one long function because a call that passes an array costs more than everything else that a row needs.
    """
    increments, size, log_lines, peak = state[INCREMENTS], state[SIZE], state[LOG_LINES], state[PEAK_ENTRIES]
    highest, logged = state[HIGHEST], state[LOGGED]
    worded, ranked, detailed, logging = word.size > 0, rank.size > 0, answers.size > 0, log.size > 0
    newest, of_counter = nodes[0].older, uint8(counter * IS_DROPS)
    if mode >= LISTS or (ttl <= 0 and (mode != PERIODIC or max_entries <= 0)):
        prune_every = NEVER
    if max_entries <= 0:
        max_entries = NEVER
    # A new session that may be refused finds the store full before it has an entry.
    over = max_entries - (mode == REFUSES)
    keep = min(keep, over)
    overflows_at = NEVER if mode == PERIODIC else max_entries
    stale_after = ttl if ttl > 0 else NEVER
    listing = mode in (LISTS, LISTS_AND_REFUSES)
    expiring, only_stale, by_id = ttl > 0 and (mode <= LISTS or listing), mode >= STALE_ONLY, mode <= PERIODIC
    ticks_in = prune_every - increments % prune_every
    creates, free, fresh = state[CREATES], uint32(state[FREE]), uint32(state[FRESH])
    # As in `stores.bounded`: of several entries last seen at the oldest instant, the heap gives the first by id.
    tied_at, is_tied = int64(0), boolean(False)
    tied = [uint64(0) for _ in range(0)]
    # A row that cannot be negative need not be tested for it at each access.
    row, end, one = uint64(begins), uint64(time.size), uint64(1)
    while row < end:
        what = code[row]
        if what & IS_DROPS != of_counter:
            row += one
            continue
        if logging and logged + size + 2 > log.size:
            break
        key, second = session[row], word[row] if worded else 0
        at = place_of(key, heads.size)
        node = heads[at]
        while node and (nodes[node].key != key or nodes[node].word != second):
            node = nodes[node].chain
        now, pruning, expired, capped = time[row], False, 0, 0
        before, gone = size, node
        # Where room is made first, the row is gone through again with the room there.
        making_room, refused = False, False
        if mode >= LISTS and not what & IS_DELETE and size:
            idle = now - nodes[nodes[0].newer].seen
            wanting = mode >= REFUSES and not node and size >= max_entries
            if listing or wanting:
                making_room = idle > stale_after
                refused = wanting and not making_room
        if refused:
            increments += 1
            state[OVERFLOW_COUNTS] += 1
            count = state[OVERFLOW_COUNTS]
            log_lines += count & (count - 1) == 0
            if logging and key <= highest:
                log[logged].key, log[logged].word, log[logged].count = key, second, 0
                logged += 1
            highest = max(highest, key)
            if detailed:
                answers[row], shared[count - 1] = count, increments
            row += one
            continue
        if making_room:
            gone, pruning, nodes[0].older = uint32(0), True, newest
        elif what & IS_DELETE:
            nodes[0].older = newest
            state[DELETES] += 1
            if node:
                state[DELETES_HIT] += 1
                state[DELETED_COUNTS] += nodes[node].count
                if detailed:
                    answers[row] = nodes[node].count
            elif logging and key <= highest:
                log[logged].key, log[logged].word, log[logged].count = key, second, -1
                logged += 1
        else:
            increments += 1
            ticks_in -= 1
            push = is_tied and tied_at == now
            if node:
                seen = nodes[node].seen
                if now - seen > stale_after:
                    state[STALE_HITS] += 1
                push = push and seen != now
                count = nodes[node].count + 1
                older, newer = nodes[node].older, nodes[node].newer
                if newer:
                    nodes[older].newer, nodes[newer].older = newer, older
            else:
                count = 1
                # A key above all others was never here before.
                if logging and key <= highest:
                    log[logged].key, log[logged].word, log[logged].count = key, second, 0
                    logged += 1
                highest = max(highest, key)
                node = free
                if node:
                    free = nodes[node].newer
                else:
                    node = fresh
                    fresh += uint32(1)
                nodes[node].key, nodes[node].word, nodes[node].chain = key, second, heads[at]
                heads[at] = node
                newer = uint32(1)
                if detailed:
                    created[creates] = increments
                creates += 1
                size += 1
                before = size
            log_lines += count & (count - 1) == 0
            nodes[node].count, nodes[node].seen, nodes[node].row = count, now, int64(row) + rows_before
            nodes[node].comes_back = what & COMES_BACK
            if ranked:
                nodes[node].rank = rank[row]
            if push:
                heappush(tied, uint64(rank[row]) << uint64(32) | uint64(node))
            if newer:
                nodes[newest].newer, nodes[node].older, nodes[node].newer = node, newest, 0
                newest = node
            if detailed:
                answers[row] = count
            if size <= overflows_at and ticks_in > 0:
                peak = max(peak, size)
                row += one
                continue
            gone, pruning, nodes[0].older = uint32(0), True, newest
            if ticks_in == 0:
                ticks_in = prune_every

        while True:
            if pruning:
                gone = nodes[0].newer
                if expiring and gone and now - nodes[gone].seen > ttl:
                    expired += 1
                elif size > (keep if capped else over) and (not only_stale or now - nodes[gone].seen > stale_after):
                    capped += 1
                    after = nodes[gone].newer
                    if by_id and after and nodes[after].seen == nodes[gone].seen:
                        if not (is_tied and tied_at == nodes[gone].seen):
                            tied_at, is_tied = nodes[gone].seen, True
                            tied.clear()
                            while gone and nodes[gone].seen == tied_at:
                                tied.append(uint64(nodes[gone].rank) << uint64(32) | uint64(gone))
                                gone = nodes[gone].newer
                            heapify(tied)
                        # Deletes and later increments do not reach the heap: the items they left are skipped.
                        while True:
                            first = heappop(tied)
                            gone = uint32(first)
                            if (
                                nodes[gone].count > 0
                                and nodes[gone].seen == tied_at
                                and uint64(nodes[gone].rank) == first >> uint64(32)
                            ):
                                break
                else:
                    gone = uint32(0)
            if not gone:
                break
            older, newer = nodes[gone].older, nodes[gone].newer
            nodes[older].newer, nodes[newer].older = newer, older
            at = place_of(nodes[gone].key, heads.size)
            chained = heads[at]
            if chained == gone:
                heads[at] = nodes[gone].chain
            else:
                while nodes[chained].chain != gone:
                    chained = nodes[chained].chain
                nodes[chained].chain = nodes[gone].chain
            held = nodes[gone].count
            nodes[gone].count, nodes[gone].newer = 0, free
            free = gone
            size -= 1
            newest = nodes[0].older
            if not pruning:
                break
            state[EVICTED_COUNTS] += held
            if detailed:
                at = state[GONE]
                evicted[at, 0], evicted[at, 1] = increments + making_room, capped > 0
                evicted[at, 2], evicted[at, 3] = nodes[gone].row, held
                state[GONE] += 1
            if nodes[gone].comes_back:
                false[0, 0] += 1
                false[0, 1] += held
            elif logging:
                log[logged].key, log[logged].word, log[logged].count = nodes[gone].key, nodes[gone].word, held
                logged += 1

        if pruning:
            state[TTL_EVICTIONS] += expired
            state[CAP_EVICTIONS] += capped
        if pruning and mode <= PERIODIC:
            scanned, in_order = before if ttl > 0 else 0, before - expired if capped else 0
            state[PRUNES] += 1
            state[ENTRIES_SCANNED] += scanned
            state[ENTRIES_SORTED] += in_order
            if detailed:
                pruned = state[PRUNED]
                prunes[pruned, 0], prunes[pruned, 1], prunes[pruned, 2] = increments, scanned, in_order
                state[PRUNED] += 1
        if not making_room:
            peak = max(peak, size)
            row += one
    state[INCREMENTS], state[SIZE], state[LOG_LINES], state[PEAK_ENTRIES] = increments, size, log_lines, peak
    state[HIGHEST], state[LOGGED] = highest, logged
    state[CREATES], state[FREE], state[FRESH], nodes[0].older = creates, free, fresh, newest
    return int64(row)


@njit(int64(nodes_type, uint32[::1], int64), cache=True)
def rehash(nodes: np.ndarray, heads: np.ndarray, fresh: int) -> int:
    """Enter every node in use, of those below `fresh`, into an empty hash table; return their number."""
    entered = 0
    for node in range(1, fresh):
        if nodes[node].count > 0:
            at = place_of(nodes[node].key, heads.size)
            nodes[node].chain = heads[at]
            heads[at] = node
            entered += 1
    return entered
