"""Evicted sessions awaiting return, where a stream does not say what each session does next.

The kernel logs each eviction, and each operation of a session without an entry. Going through the log shows which
evicted session was incremented next: its eviction was false. That is a second way to find out, beside the look ahead of
`ledger.evictions` and of streams with COMES_BACK: a file that is read once, in memory that does not grow with it, has
no look ahead. It takes up to six times as long as one, so it is not the only way. Compiled when first imported.
"""

import numpy as np
from numba import boolean, int64, njit, uint64

from simlib.core.variates import mixed
from simlib.replay.kernel import ABSENT, absent_type, place_of

PARTS = 1024
"""The number of parts that sessions fall into, by hash, where not all can be awaited at once."""

MAX_AWAITING = 1 << 22
"""Evicted sessions that are awaited at a time, before another pass is taken: some 300 MB."""


@njit
def part_of(key: int) -> int:
    """Return the part of PARTS that a session falls into."""
    return mixed(uint64(key)) & uint64(PARTS - 1)


@njit(int64(absent_type, absent_type, int64, int64[:, ::1], int64, int64, boolean), cache=True, nogil=True)
def settle(
    log: np.ndarray, table: np.ndarray, filled: int, false: np.ndarray, parts: int, part: int, moving: bool
) -> int:
    """Go through a log for the sessions of one part in `parts`; return the number of places then taken in the table.

    The table must have room for all of the log. `false` gains, by part, the false evictions and the counts that those
    entries held. `moving` says that the log is an older table, of which only the sessions awaited are taken over.
    A loop of its own, as the table is larger than the cache: here the processor waits for many places at a time.
    """
    mask = uint64(table.size - 1)
    for entry in range(log.size):
        key, word, count = log[entry].key, log[entry].word, log[entry].count
        of = part_of(key)
        if of & uint64(parts - 1) != uint64(part) or (moving and count <= 0):
            continue
        at = place_of(key, table.size)
        while table[at].count and (table[at].key != key or table[at].word != word):
            at = (at + uint64(1)) & mask
        held = table[at].count
        if count > 0:
            filled += held == 0
            table[at].key, table[at].word, table[at].count = key, word, count
        elif held > 0:
            if count == 0:
                false[of, 0] += 1
                false[of, 1] += held
            table[at].count = -1
    return filled


@njit(int64(absent_type, int64[::1], int64[:, ::1]), cache=True, nogil=True)
def settle_numbered(log: np.ndarray, held: np.ndarray, false: np.ndarray) -> int:
    """Do as `settle` where sessions are numbered from 0 on: `held` has the evicted counts by number, 0 for none."""
    for entry in range(log.size):
        key, count = log[entry].key, log[entry].count
        if count > 0:
            held[key] = count
        elif held[key] > 0:
            if count == 0:
                false[part_of(key), 0] += 1
                false[part_of(key), 1] += held[key]
            held[key] = 0
    return log.size


class Awaiting:
    """Settles the logs of one store: the evicted sessions of one `part` in `parts` that await their truth.

    Where more than `most` sessions would have to be awaited, `parts` doubles: the sessions of fewer parts are followed,
    and it takes as many passes over the stream to know of all.
    """

    def __init__(self, most: int, part: int, parts: int):
        self.part, self.parts, self._most = part, parts, most
        self.false = np.zeros((PARTS, 2), np.int64)
        """By part: false evictions, and the counts that those entries held."""
        self._table, self._filled = np.zeros(1 << 12, ABSENT), 0
        self._held = np.zeros(1 << 12, np.int64)
        """The evicted counts by number, while those go up with arrival or nearly so: far quicker than a table."""
        self._is_numbered = parts == 1

    def totals(self) -> tuple[int, int]:
        """Return the false evictions of this part of the sessions, and the counts lost with them."""
        false, lost = self.false[self.part :: self.parts].sum(axis=0).tolist()
        return false, lost

    def settle(self, log: np.ndarray, highest: int, created: int) -> None:
        """Go through a log; `highest` is the greatest key in the stream so far, `created` the entries created."""
        if self._is_numbered:
            room = min(4 * created + self._held.size, 3 * self._most)
            if int(log["key"].min(initial=0)) >= 0 and highest < room:
                if highest >= self._held.size:
                    held, self._held = self._held, np.zeros(max(highest + 1, 4 * self._held.size), np.int64)
                    self._held[: held.size] = held
                settle_numbered(log, self._held, self.false)
                return
            self.number_no_more()
        if (self._filled + log.size) * 4 > self._table.size * 3:
            awaited = int(np.count_nonzero(self._table["count"] > 0))
            if awaited > self._most and self.parts < PARTS:
                self.parts *= 2
            self._move(self._table, 1 << (5 * (awaited + log.size) // 3).bit_length())
        self._filled = settle(log, self._table, self._filled, self.false, self.parts, self.part, False)

    def number_no_more(self) -> None:
        """Move the sessions known by number into the table, unless that is done."""
        if not self._is_numbered:
            return
        numbers = np.flatnonzero(self._held)
        known = np.zeros(numbers.size, ABSENT)
        known["key"], known["count"] = numbers, self._held[numbers]
        self._move(known, 1 << max((5 * numbers.size // 3).bit_length(), 12))
        self._held, self._is_numbered = self._held[:0], False

    def _move(self, awaited: np.ndarray, places: int) -> None:
        self._table = np.zeros(places, ABSENT)
        self._filled = settle(awaited, self._table, 0, self.false, self.parts, self.part, True)
