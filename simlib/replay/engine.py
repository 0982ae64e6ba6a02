"""The stores once more, compiled: a chunk of a stream at a time, in memory that grows with the entries alone.

Owns speed and nothing of the meaning: `stores` is the definition, and tests hold every answer, prune, eviction and
total here to it. Entries stand in a pool of nodes, found by a hash table and doubly linked in the order of their last
increment, which is also that of expiry. Compiled for these types when first imported and cached beside this file.
Next: `replay` and `tally`.
"""

from heapq import heapify, heappop, heappush

import numpy as np
from numba import boolean, from_dtype, int64, njit, types, uint8, uint32, uint64

from simlib.core.variates import mixed
from simlib.traces.codes import COMES_BACK, IS_DELETE, IS_DROPS, NONE

NO_RANK, NO_PRUNES = np.empty(0, np.uint32), np.empty((0, 5), np.int64)

NODE = np.dtype(
    [
        *((name, "i8") for name in ("key", "word", "seen", "count", "row")),
        *((name, "u4") for name in ("older", "newer", "chain", "rank", "comes_back")),
    ],
    align=True,
)
"""An entry. `older` and `newer` link the list, `chain` those of one hash; node 0 is the root of the list, and none.

`row` is that of the last increment, `rank` its id's place among those it may be tied with, and `comes_back` whether the
session's next operation is an increment, where the stream tells.
"""

GHOST = np.dtype([(name, "i8") for name in ("key", "word", "count")])
"""What becomes of a session that has no entry: a positive `count` is what an entry held as it was evicted.

In a log 0 stands for an increment and -1 for a delete. In a table -1 is a session that no eviction waits for, and 0 a
free place.
"""

TOTALS = (
    *("increments", "deletes", "deletes_hit", "creates", "stale_hits", "cap_evictions", "ttl_evictions", "prunes"),
    *("entries_scanned", "entries_sorted", "peak_entries", "log_lines"),
)
"""Totals of the ledger that are counted as the stream goes by, in their places in a store's state."""

INCREMENTS, DELETES, DELETES_HIT, CREATES, STALE_HITS, CAP_EVICTIONS, TTL_EVICTIONS, PRUNES = range(8)
ENTRIES_SCANNED, ENTRIES_SORTED, PEAK_ENTRIES, LOG_LINES = range(8, 12)
DELETED_COUNTS, EVICTED_COUNTS, SIZE, FREE, FRESH, HIGHEST, LOGGED, PRUNED, GONE, STATE = range(12, 22)
assert len(TOTALS) == DELETED_COUNTS

NEVER = np.iinfo(np.int64).max

LOG = 1 << 14
"""Entries that a log has room for beside those of one prune: few enough to stay in the cache."""

PARTS = 1024
"""Into so many parts sessions fall, by hash, where not all ghosts can be held at once."""


@njit
def _place(key, size):
    """A place in a table of a power of two for a key: Fibonacci hashing, which spreads consecutive keys evenly.

    Source: Knuth, The Art of Computer Programming, volume 3, section 6.4.
    """
    return (uint64(key) * uint64(0x9E3779B97F4A7C15)) >> uint64(32) & uint64(size - 1)


@njit
def _part(key):
    """The part of PARTS that a session falls into."""
    return mixed(uint64(key)) & uint64(PARTS - 1)


_nodes, _ghosts = from_dtype(NODE)[::1], from_dtype(GHOST)[::1]
_read = {kind: types.Array(kind, 1, "C", readonly=True) for kind in (int64, uint8, uint32)}


@njit(
    int64(
        _nodes,
        uint32[::1],
        int64[::1],
        int64[:, ::1],
        _ghosts,
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
        int64[::1],
        int64[::1],
        int64[:, ::1],
        int64[::1],
    ),
    cache=True,
    nogil=True,
)
def advance(
    nodes,
    heads,
    state,
    false,
    log,
    time,
    session,
    word,
    code,
    rank,
    begins,
    counter,
    rows_before,
    max_entries,
    ttl,
    prune_every,
    answers,
    created,
    prunes,
    evicted,
):
    """Let the bounded store hear a chunk from row `begins` on; return the row that it came to.

    That is the end, or a row before which `log` has to be settled. With both bounds off it is the unbounded map.
    `time` (ns), `session`, `word` and `code` are columns of n rows: a session is known by its number and, where the
    column is not empty, a second word. `rank` tells equal times apart; empty where no two are equal. Rows of the other
    counter are passed over. O(1) a row, amortised, and O(log entries) for each eviction by the cap among simultaneous
    entries.

    Unless they are empty, `answers` (n,), `created` (the number of each increment that created an entry), `prunes`
    (rows as of `Prune`) and `evicted` (the row of the last increment of each entry evicted) are filled in. Within a
    prune and an instant evictions by the TTL have no order.

    It is one function, as each call that is passed an array costs more than all else that a row needs.
    """
    increments, size, log_lines, peak = state[INCREMENTS], state[SIZE], state[LOG_LINES], state[PEAK_ENTRIES]
    highest, logged = state[HIGHEST], state[LOGGED]
    worded, ranked, detailed, logging = word.size > 0, rank.size > 0, answers.size > 0, log.size > 0
    newest, of_counter = nodes[0].older, uint8(counter * IS_DROPS)
    if ttl <= 0:
        prune_every = NEVER
    if max_entries <= 0:
        max_entries = NEVER
    stale_after = ttl if ttl > 0 else NEVER
    ticks_in = prune_every - increments % prune_every
    creates, free, fresh = state[CREATES], uint32(state[FREE]), uint32(state[FRESH])
    # As in `stores`: of several entries last seen at the oldest instant, the heap gives the first by id.
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
        at = _place(key, heads.size)
        node = heads[at]
        while node and (nodes[node].key != key or nodes[node].word != second):
            node = nodes[node].chain
        now, pruning, expired, capped = time[row], False, 0, 0
        before, gone = size, node
        if what & IS_DELETE:
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
            if size <= max_entries and ticks_in > 0:
                peak = max(peak, size)
                row += one
                continue
            gone, pruning, nodes[0].older = uint32(0), True, newest
            if ticks_in == 0:
                ticks_in = prune_every

        while True:
            if pruning:
                gone = nodes[0].newer
                if ttl > 0 and gone and now - nodes[gone].seen > ttl:
                    expired += 1
                elif size > max_entries:
                    capped += 1
                    after = nodes[gone].newer
                    if after and nodes[after].seen == nodes[gone].seen:
                        if not (is_tied and tied_at == nodes[gone].seen):
                            tied_at, is_tied = nodes[gone].seen, True
                            tied.clear()
                            while gone and nodes[gone].seen == tied_at:
                                tied.append(uint64(nodes[gone].rank) << uint64(32) | uint64(gone))
                                gone = nodes[gone].newer
                            heapify(tied)
                        # The heap is not told of deletes and later increments: what they left is passed over.
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
            at = _place(nodes[gone].key, heads.size)
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
                evicted[state[GONE]] = nodes[gone].row
                state[GONE] += 1
            if nodes[gone].comes_back:
                false[0, 0] += 1
                false[0, 1] += held
            elif logging:
                log[logged].key, log[logged].word, log[logged].count = nodes[gone].key, nodes[gone].word, held
                logged += 1

        if pruning:
            scanned, in_order = before if ttl > 0 else 0, before - expired if capped else 0
            state[PRUNES] += 1
            state[TTL_EVICTIONS] += expired
            state[CAP_EVICTIONS] += capped
            state[ENTRIES_SCANNED] += scanned
            state[ENTRIES_SORTED] += in_order
            if detailed:
                pruned = state[PRUNED]
                prunes[pruned, 0], prunes[pruned, 1], prunes[pruned, 2] = increments, scanned, in_order
                prunes[pruned, 3], prunes[pruned, 4] = expired, capped
                state[PRUNED] += 1
        peak = max(peak, size)
        row += one
    state[INCREMENTS], state[SIZE], state[LOG_LINES], state[PEAK_ENTRIES] = increments, size, log_lines, peak
    state[HIGHEST], state[LOGGED] = highest, logged
    state[CREATES], state[FREE], state[FRESH], nodes[0].older = creates, free, fresh, newest
    return int64(row)


@njit(int64(_nodes, uint32[::1], int64), cache=True)
def rehash(nodes, heads, fresh):
    """Enter every node that is in use, of those below `fresh`, into an empty hash table; return how many there are."""
    entered = 0
    for node in range(1, fresh):
        if nodes[node].count > 0:
            at = _place(nodes[node].key, heads.size)
            nodes[node].chain = heads[at]
            heads[at] = node
            entered += 1
    return entered


@njit(int64(_ghosts, _ghosts, int64, int64[:, ::1], int64, int64, boolean), cache=True, nogil=True)
def settle(log, ghosts, filled, false, parts, part, moving):
    """Let a log tell which of the ghosts of one part in `parts` went on; return how full the table then is.

    It must have room for all of the log. `false` gains the evictions that were false, and the counts that those held.
    Where the log is a table of which the ghosts are `moving` to another, nothing else in it counts.
    A loop of its own, as the table is larger than the cache: here the processor waits for many places at a time.
    """
    mask = uint64(ghosts.size - 1)
    for entry in range(log.size):
        key, word, count = log[entry].key, log[entry].word, log[entry].count
        of = _part(key)
        if of & uint64(parts - 1) != uint64(part) or (moving and count <= 0):
            continue
        at = _place(key, ghosts.size)
        while ghosts[at].count and (ghosts[at].key != key or ghosts[at].word != word):
            at = (at + uint64(1)) & mask
        held = ghosts[at].count
        if count > 0:
            filled += held == 0
            ghosts[at].key, ghosts[at].word, ghosts[at].count = key, word, count
        elif held > 0:
            if count == 0:
                false[of, 0] += 1
                false[of, 1] += held
            ghosts[at].count = -1
    return filled


@njit(int64(_ghosts, int64[::1], int64[:, ::1]), cache=True, nogil=True)
def settle_numbered(log, held, false):
    """As `settle`, where sessions are numbered from 0 on: their ghosts stand by number in `held`, 0 for none."""
    for entry in range(log.size):
        key, count = log[entry].key, log[entry].count
        if count > 0:
            held[key] = count
        elif held[key] > 0:
            if count == 0:
                false[_part(key), 0] += 1
                false[_part(key), 1] += held[key]
            held[key] = 0
    return log.size


class CompiledStore:
    """The bounded store, compiled; with a `max_entries` and a `ttl` of 0 the unbounded map.

    Evictions are told true from false by the session's next operation: by the stream itself where it says so, else by
    the ghosts of evicted entries, which are kept until then. Of those there may be `most_ghosts`. Beyond that only the
    sessions of one `part` in `parts` are followed, and it takes as many passes over the stream to know of all.
    """

    def __init__(
        self, max_entries: int, ttl: int, prune_every: int, most_ghosts: int = 1 << 22, part: int = 0, parts: int = 1
    ):
        self.bounds = max(max_entries, 0), max(ttl, 0), prune_every
        self.part, self.parts, self._most_ghosts = part, parts, most_ghosts
        self.state = np.zeros(STATE, np.int64)
        self.state[FRESH], self.state[HIGHEST] = 1, np.iinfo(np.int64).min
        self.nodes, self.heads = np.zeros(64, NODE), np.zeros(128, np.uint32)
        self.false = np.zeros((PARTS, 2), np.int64)
        self._log, self._ghosts, self._filled = np.empty(0, GHOST), np.zeros(1 << 12, GHOST), 0
        self._held = np.zeros(1 << 12, np.int64)
        """The ghosts by number, as long as sessions are numbered by arrival or about so: far quicker than a table."""
        self._is_numbered = parts == 1
        self.rows = 0

    def hear(self, time, session, code, *, word=NONE, rank=NO_RANK, counter=0, told=False, sessions=None) -> None:
        """Hear a chunk; see `advance`. At most `sessions` different ones are in it; `told`: COMES_BACK is set."""
        self._make_room(min(time.size, sessions or time.size), logged=not told)
        if word.size and self._is_numbered:
            self._settle()
            self._number_no_more()
        log, row = self._log[: 0 if told else None], 0
        while row < time.size:
            row = self._advance(log, time, session, word, code, rank, row, counter, NONE, NONE, NO_PRUNES, NONE)
            if row < time.size:
                self._settle()
        self.rows += time.size

    def hear_in_detail(self, time, session, code, rank, sessions: int) -> tuple[np.ndarray, ...]:
        """Hear a whole stream; return `answers`, `created`, `prunes` and `evicted` as of `advance`."""
        self._make_room(min(time.size, sessions), logged=False)
        answers, prunes = np.zeros(max(time.size, 1), np.int64), np.empty((time.size, 5), np.int64)
        created, evicted = np.empty((2, max(time.size, 1)), np.int64)
        self._advance(self._log[:0], time, session, NONE, code, rank, 0, 0, answers, created, prunes, evicted)
        created = created[: self.state[CREATES]].copy()
        return answers[: time.size], created, prunes[: self.state[PRUNED]].copy(), evicted[: self.state[GONE]].copy()

    @property
    def entries(self) -> np.ndarray:
        """The places of the entries in `nodes`; ascending."""
        return 1 + np.flatnonzero(self.nodes["count"][1 : self.state[FRESH]])

    def totals(self) -> dict[str, int]:
        """The fields of `ledger.Totals`; `false_evictions` and `lost_counts` of this store's part of the sessions."""
        self._settle()
        false, lost = self.false[self.part :: self.parts].sum(axis=0).tolist()
        counts = self.nodes["count"][self.entries]
        return {
            **dict(zip(TOTALS, self.state.tolist(), strict=False)),
            "false_evictions": false,
            "lost_counts": lost,
            "final_entries": counts.size,
            "final_count_sum": int(counts.sum()),
        }

    def check(self) -> None:
        """Raise AssertionError if the entries or their counts do not balance. O(entries)."""
        s, counts = self.state, self.nodes["count"][self.entries]
        assert s[SIZE] == counts.size
        assert s[CREATES] == s[CAP_EVICTIONS] + s[TTL_EVICTIONS] + s[DELETES_HIT] + counts.size, "entries"
        assert s[INCREMENTS] == s[DELETED_COUNTS] + s[EVICTED_COUNTS] + counts.sum(), "counts do not balance"

    def _advance(self, log, time, session, word, code, rank, row, counter, *details) -> int:
        columns = time, session, word, code, rank, row, counter, self.rows
        kept = self.nodes, self.heads, self.state, self.false, log
        return advance(*kept, *columns, *self.bounds, *details)

    def _make_room(self, more: int, logged: bool) -> None:
        """Room for so many new entries, or for as many as the cap ever lets in; and to log them, should all go."""
        most = int(self.state[SIZE]) + more
        if self.bounds[0]:
            most = min(most, self.bounds[0] + 1)
        if most + 1 > self.nodes.size:
            twice = 2 * self.nodes.size
            wider = np.zeros(max(most + 1, min(twice, self.bounds[0] + 2) if self.bounds[0] else twice), NODE)
            wider[: self.nodes.size] = self.nodes
            self.nodes, self.heads = wider, np.zeros(1 << (2 * most).bit_length(), np.uint32)
            rehash(self.nodes, self.heads, self.state[FRESH])
        if logged and self._log.size < self.nodes.size + LOG:
            self._settle()
            self._log = np.empty(self.nodes.size + LOG, GHOST)

    def _settle(self) -> None:
        """Empty the log into the ghosts, of which there may have to be room for more, or fewer be followed."""
        log, self.state[LOGGED] = self._log[: self.state[LOGGED]], 0
        if self._is_numbered:
            highest, lowest = int(self.state[HIGHEST]), int(log["key"].min(initial=0))
            room = min(4 * int(self.state[CREATES]) + self._held.size, 3 * self._most_ghosts)
            if lowest >= 0 and highest < room:
                if highest >= self._held.size:
                    held, self._held = self._held, np.zeros(max(highest + 1, 4 * self._held.size), np.int64)
                    self._held[: held.size] = held
                settle_numbered(log, self._held, self.false)
                return
            self._number_no_more()
        if (self._filled + log.size) * 4 > self._ghosts.size * 3:
            pending = int(np.count_nonzero(self._ghosts["count"] > 0))
            if pending > self._most_ghosts and self.parts < PARTS:
                self.parts *= 2
            wider = np.zeros(1 << (5 * (pending + log.size) // 3).bit_length(), GHOST)
            self._filled = settle(self._ghosts, wider, 0, self.false, self.parts, self.part, True)
            self._ghosts = wider
        self._filled = settle(log, self._ghosts, self._filled, self.false, self.parts, self.part, False)

    def _number_no_more(self) -> None:
        """Move the ghosts of sessions that were known by number into the table, if it has not been done yet."""
        if not self._is_numbered:
            return
        numbers = np.flatnonzero(self._held)
        pending = np.zeros(numbers.size, GHOST)
        pending["key"], pending["count"] = numbers, self._held[numbers]
        self._ghosts = np.zeros(1 << max((5 * numbers.size // 3).bit_length(), 12), GHOST)
        self._filled = settle(pending, self._ghosts, 0, self.false, self.parts, self.part, True)
        self._held, self._is_numbered = self._held[:0], False
