"""The compiled store: memory, totals and checks around the compiled rule.

It has the decisions of the readable store of each design that names a `RecencyRule`, some fifty times as fast, in
memory that grows with the entries alone.
"""

import numpy as np

from simlib.replay.awaiting import MAX_AWAITING, Awaiting
from simlib.replay.kernel import (
    ABSENT,
    CAP_EVICTIONS,
    CREATES,
    DELETED_COUNTS,
    DELETES_HIT,
    EVICTED_COUNTS,
    FRESH,
    GONE,
    HIGHEST,
    INCREMENTS,
    LOGGED,
    NODE,
    OVERFLOW_COUNTS,
    PRUNED,
    SIZE,
    STATE,
    TOTALS,
    TTL_EVICTIONS,
    advance,
    rehash,
)
from simlib.stores.contract import Mode, RecencyRule
from simlib.traces.codes import IS_DELETE, NONE

NO_RANK = np.empty(0, np.uint32)

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Details = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]

NO_DETAILS = NONE, NONE, NONE, np.empty((0, 3), np.int64), np.empty((0, 4), np.int64)

LOG = 1 << 14
"""Entries that a log has room for beside those of one prune: few enough to stay in the cache."""


class CompiledStore:
    """A store under a compiled rule.

    An eviction is false if the session's next operation is an increment. A stream in which that is known says so; else
    evicted sessions of one `part` in `parts` are awaited, `max_awaiting` of them at a time, as of `Awaiting`. `retires`
    says that the counts of evicted entries are kept in one number.
    """

    def __init__(
        self,
        rule: RecencyRule,
        max_awaiting: int = MAX_AWAITING,
        part: int = 0,
        parts: int = 1,
        *,
        retires: bool = False,
    ):
        self.rule, self.retires, self.rows = rule, retires, 0
        self.awaiting = Awaiting(max_awaiting, part, parts)
        self.state = np.zeros(STATE, np.int64)
        self.state[FRESH], self.state[HIGHEST] = 1, np.iinfo(np.int64).min
        self.nodes, self.heads = np.zeros(64, NODE), np.zeros(128, np.uint32)
        self._log = np.empty(0, ABSENT)

    def apply(
        self,
        time: np.ndarray,
        session: np.ndarray,
        code: np.ndarray,
        *,
        word: np.ndarray = NONE,
        rank: np.ndarray = NO_RANK,
        counter: int = 0,
        next_known: bool = False,
    ) -> None:
        """Apply a chunk; for the columns see `kernel.advance`. `next_known`: COMES_BACK is set where it belongs."""
        self._make_room(time.size, logged=not next_known)
        if word.size:
            self._settle()
            self.awaiting.number_no_more()
        log, row = self._log[: 0 if next_known else None], 0
        while row < time.size:
            row = self._advance(log, (time, session, word, code, rank), row, counter)
            if row < time.size:
                self._settle()
        self.rows += time.size

    def apply_whole(
        self, time: np.ndarray, session: np.ndarray, code: np.ndarray, rank: np.ndarray, sessions: int
    ) -> Details:
        """Apply a whole stream of a number of sessions; return its record as of `observe.Observation`."""
        self._make_room(min(time.size, sessions), logged=False)
        answers, prunes = np.zeros(max(time.size, 1), np.int64), np.empty((time.size, 3), np.int64)
        (created, shared), evicted = np.empty((2, max(time.size, 1)), np.int64), np.empty((time.size, 4), np.int64)
        self._advance(
            self._log[:0], (time, session, NONE, code, rank), 0, 0, (answers, created, shared, prunes, evicted)
        )
        evicted = evicted[: self.state[GONE]].copy()
        evicted[:, 2] = np.cumsum((code & IS_DELETE) == 0)[evicted[:, 2]]
        return (
            answers[: time.size],
            created[: self.state[CREATES]].copy(),
            shared[: self.state[OVERFLOW_COUNTS]].copy(),
            prunes[: self.state[PRUNED]].copy(),
            evicted,
        )

    @property
    def entries(self) -> np.ndarray:
        """The places of the entries in `nodes`; ascending."""
        return 1 + np.flatnonzero(self.nodes["count"][1 : self.state[FRESH]])

    def totals(self) -> dict[str, int]:
        """Return the fields of `ledger.Totals`; `false_evictions` and `lost_counts` of this part of the sessions."""
        self._settle()
        false, lost = self.awaiting.totals()
        counts = self.nodes["count"][self.entries]
        return {
            **dict(zip(TOTALS, self.state.tolist(), strict=False)),
            "false_evictions": false,
            "lost_counts": lost,
            "final_entries": counts.size,
            "final_count_sum": int(counts.sum()),
            "inherited_counts": 0,
            "retired_counts": int(self.state[EVICTED_COUNTS]) if self.retires else 0,
        }

    def check(self) -> None:
        """Raise AssertionError if the entries or their counts do not balance. O(entries)."""
        s, counts = self.state, self.nodes["count"][self.entries]
        assert s[SIZE] == counts.size
        assert s[CREATES] == s[CAP_EVICTIONS] + s[TTL_EVICTIONS] + s[DELETES_HIT] + counts.size, "entries"
        kept = s[DELETED_COUNTS] + s[EVICTED_COUNTS] + s[OVERFLOW_COUNTS] + counts.sum()
        assert s[INCREMENTS] == kept, "counts do not balance"

    def _advance(self, log: np.ndarray, columns: Columns, row: int, counter: int, details: Details = NO_DETAILS) -> int:
        """Apply the rows from `row` on; return the row reached."""
        kept = self.nodes, self.heads, self.state, self.awaiting.false, log
        return int(advance(*kept, *columns, row, counter, self.rows, *map(int, self.rule), *details))

    def _make_room(self, more: int, logged: bool) -> None:
        """Make room for `more` new entries, or for as many as the cap lets in; and to log them, should all go."""
        cap, most = self.rule.max_entries, int(self.state[SIZE]) + more
        if self.rule.mode in (Mode.PERIODIC, Mode.STALE_ONLY):
            cap = 0
        if cap:
            most = min(most, cap + 1)
        if most + 1 > self.nodes.size:
            twice = 2 * self.nodes.size
            wider = np.zeros(max(most + 1, min(twice, cap + 2) if cap else twice), NODE)
            wider[: self.nodes.size] = self.nodes
            self.nodes, self.heads = wider, np.zeros(1 << (2 * most).bit_length(), np.uint32)
            rehash(self.nodes, self.heads, self.state[FRESH])
        if logged and self._log.size < self.nodes.size + LOG:
            self._settle()
            self._log = np.empty(self.nodes.size + LOG, ABSENT)

    def _settle(self) -> None:
        """Empty the log into the sessions awaited."""
        log, self.state[LOGGED] = self._log[: self.state[LOGGED]], 0
        self.awaiting.settle(log, int(self.state[HIGHEST]), int(self.state[CREATES]))
