"""A trace: the operations of a stream as columns, and their order within each session."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.units import MAX_NS
from simlib.stores.contract import MISSING
from simlib.traces.cells import check_order
from simlib.traces.codes import COUNTERS, INCREMENT


@dataclass(frozen=True, eq=False)
class Trace:
    """n operations in time order; those of equal time stand in the order they happened.

    `time` int64 ns, `session` int32 index into `ids`, `op` and `counter` uint8 index into OPS and COUNTERS, all of
    shape (n,). `ids` are the session ids in order of first appearance, so `session` numbers them by arrival.
    """

    time: np.ndarray
    session: np.ndarray
    op: np.ndarray
    counter: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, time: Iterable[int], sessions: Iterable[str], op: Iterable[int], counter: Iterable[int]) -> "Trace":
        """Build a trace from columns of one value a row; an empty id that increments counts as `__missing__`.

        Raises ValueError, naming the row (from 1), where time goes backwards.
        """
        time = np.array(time, dtype=np.int64)
        check_order(time)
        op, counter = np.asarray(op, dtype=np.uint8), np.asarray(counter, dtype=np.uint8)
        names = np.asarray(sessions, dtype=object)
        if (empty := (names == "") & (op == INCREMENT)).any():
            names = np.where(empty, MISSING, names)
        codes, ids = pd.factorize(names)
        return cls(time, codes.astype(np.int32), op, counter, ids)

    def __len__(self) -> int:
        return self.time.size

    def only(self, counter: str) -> "Trace":
        """Return the operations of one counter, with sessions numbered anew."""
        return self._part(self.counter == COUNTERS.index(counter))

    def first(self, rows: int) -> "Trace":
        """Return the first `rows` operations, with sessions numbered anew."""
        return self._part(slice(rows))

    def last(self, rows: int) -> "Trace":
        """Return the last `rows` operations, with sessions numbered anew."""
        return self._part(slice(max(len(self) - rows, 0), None))

    def _part(self, rows: slice | np.ndarray) -> "Trace":
        codes, kept = pd.factorize(self.session[rows])
        return Trace(self.time[rows], codes.astype(np.int32), self.op[rows], self.counter[rows], self.ids[kept])

    @cached_property
    def next_row(self) -> np.ndarray:
        """The row of the same session's next operation, n where there is none; int64, (n,)."""
        by_session = np.argsort(self.session, kind="stable")
        found = np.full(len(self), len(self), dtype=np.int64)
        same = self.session[by_session[1:]] == self.session[by_session[:-1]]
        found[by_session[:-1][same]] = by_session[1:][same]
        return found

    @cached_property
    def comes_back(self) -> np.ndarray:
        """Whether the session's next operation is an increment: its eviction now would be false; bool, (n,)."""
        return np.append(self.op == INCREMENT, False)[self.next_row]

    @cached_property
    def previous_row(self) -> np.ndarray:
        """The row of the same session's previous operation, -1 where there is none; int64, (n,)."""
        found = np.full(len(self), -1, dtype=np.int64)
        rows = np.flatnonzero(self.next_row < len(self))
        found[self.next_row[rows]] = rows
        return found

    @cached_property
    def rank(self) -> np.ndarray:
        """The place of each session's id in their order by code point; uint32, (sessions,)."""
        rank = np.empty(self.ids.size, dtype=np.uint32)
        rank[np.argsort(self.ids)] = np.arange(self.ids.size)
        return rank

    @cached_property
    def key_length(self) -> float:
        """The mean bytes of a session's id as UTF-8; 0 where there are none."""
        return sum(len(name.encode()) for name in self.ids) / max(self.ids.size, 1)

    @cached_property
    def has_ties(self) -> bool:
        """Whether any two operations have the same time."""
        return bool((self.time[1:] == self.time[:-1]).any())

    def faster(self, speed: float) -> "Trace":
        """Return the same operations `speed` times as fast, beginning at 0.

        Raises ValueError where the stream would be longer than nanoseconds can hold.
        """
        time = (self.time - self.time[:1].sum()) / speed
        if time[-1:].sum() >= MAX_NS:
            raise ValueError(f"at {speed:g} times its speed the stream lasts over 292 years")
        trace = replace(self, time=time.astype(np.int64))
        # These depend on the order of the rows alone, and are expensive to compute.
        vars(trace).update(next_row=self.next_row, previous_row=self.previous_row, rank=self.rank)
        return trace

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the operations, whatever file they came from."""
        sha = hashlib.sha256()
        for column, dtype in ((self.time, "<i8"), (self.session, "<i4"), (self.op, "u1"), (self.counter, "u1")):
            sha.update(np.ascontiguousarray(column, dtype=dtype).tobytes())
        # Each id as JSON, a line each: encoded at once, as a call for each takes five times as long.
        sha.update(json.dumps(list(map(str, self.ids)), separators=("\n", ":"))[1:-1].encode())
        return sha.hexdigest()
