"""Stores over a trace in memory, linked once for any number of settings.

The order of a session's operations depends on the stream alone, so it is found once. Each setting of the shipped store
and of exact LRU is then replayed by its watermark (`watermark`, `lru`), except for one case of equal times that is left
to the compiled store, as are other designs. Refuses a trace of both counters.
"""

from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property

import numpy as np

from simlib.core.units import MAX_NS
from simlib.replay.ledger import Totals
from simlib.replay.lru import lru_totals
from simlib.replay.totals import Spec, stream_totals
from simlib.replay.watermark import NEVER, link, watermark_totals
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED, decides_as_shipped, is_exact_lru
from simlib.traces.chunks import stream_of
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace

AHEAD = 3
"""Places that are looked at beyond the watermark without a branch: as many are added beyond the last."""

COUNTED = tuple(each.name for each in fields(Totals)[2:] if each.default is MISSING)
"""The totals that watermarks count, in their order: those that are not 0 for the shipped store by design."""


@dataclass(frozen=True, eq=False)
class Links:
    """The links of n operations of one counter to the others of their sessions, whatever the cap and the TTL.

    Rows count from 1. A place is that of a row in the order of (time, id), which is the row itself unless increments
    are simultaneous; 0 stands for none. A life of a session reaches from an increment with no entry to a delete or the
    end, as in the unbounded map. By place: `time` int64 ns since the first, (n + 2,); `until` int32, the row of the
    life's next operation, NEVER where there is none, 0 for a delete, (n + 1 + AHEAD,). By row, less 1: `previous`, the
    place of the life's previous increment, int32, `session`, int32, and `op`, uint8, (n,). `place` by row, less 1, and
    `row` by place are empty where they are each other.
    """

    trace: Trace
    time: np.ndarray
    session: np.ndarray
    op: np.ndarray
    place: np.ndarray
    row: np.ndarray
    previous: np.ndarray
    until: np.ndarray

    @classmethod
    def of(cls, trace: Trace) -> "Links":
        """Link a trace. O(rows). Raises ValueError where it is of both counters."""
        if len(trace) and (trace.counter != trace.counter[0]).any():
            raise ValueError(
                "the trace holds both counters, each of which has its own store: take `trace.only(counter)`"
            )
        n = len(trace)
        time = np.empty(n + 2, dtype=np.int64)
        time[0], time[-1] = 0, MAX_NS
        np.subtract(trace.time, trace.time[:1].sum(), out=time[1:-1])
        place = row = np.empty(0, dtype=np.int32)
        if trace.has_ties:
            in_order = np.lexsort((trace.rank[trace.session], trace.time))
            row = np.concatenate([[0], in_order + 1]).astype(np.int32)
            place = np.empty(n, dtype=np.int32)
            place[in_order] = np.arange(1, n + 1)
        session, op = (
            np.require(column, kind, ["C", "W"]) for column, kind in ((trace.session, np.int32), (trace.op, np.uint8))
        )
        return cls(trace, time, session, op, place, row, *_linked(session, op, place, trace.ids.size))

    @cached_property
    def by_touch(self) -> "Links":
        """The same with equal times in the order of rows: each place is its row."""
        if not self.place.size:
            return self
        none = np.empty(0, dtype=np.int32)
        previous, until = _linked(self.session, self.op, none, self.trace.ids.size)
        return replace(self, place=none, row=none, previous=previous, until=until)

    def totals(self, settings: Settings, design: str = SHIPPED) -> Totals:
        """The ledger of a design, by its watermark if it has one, else by its compiled store. O(rows)."""
        cap, ttl = settings.max_entries, settings.ttl
        n, expires = len(self.trace), ttl > 0
        limits = min(cap, NEVER) if cap > 0 else NEVER, min(ttl, MAX_NS) if expires else MAX_NS
        held, found, complete = np.empty(n + 1, dtype=np.int32), np.zeros(len(COUNTED), dtype=np.int64), False
        if decides_as_shipped(design):
            complete = watermark_totals(
                *(self.time, self.op, self.place, self.row, self.previous, self.until),
                *(*limits, settings.prune_every if expires else MAX_NS, held, found),
            )
        elif is_exact_lru(design):
            touched, complete = self.by_touch, True
            lru_totals(touched.time, touched.op, touched.previous, touched.until, *limits, held, found)
        if not complete:
            counter = COUNTERS[int(self.trace.counter[:1].sum())]
            return stream_totals(stream_of(self.trace), [Spec(design, settings, counter)])[0]
        counted = dict(zip(COUNTED, found.tolist(), strict=True))
        if not expires:
            counted["entries_scanned"] = 0
        increments = int(np.count_nonzero(self.trace.op == INCREMENT))
        totals = Totals(increments=increments, deletes=n - increments, **counted)
        gone = totals.cap_evictions + totals.ttl_evictions + totals.deletes_hit
        assert totals.creates == gone + totals.final_entries, "entries do not balance"
        return totals


def _linked(session: np.ndarray, op: np.ndarray, place: np.ndarray, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `previous` and `until` of `Links`."""
    previous, until = np.empty(op.size, dtype=np.int32), np.empty(op.size + 1 + AHEAD, dtype=np.int32)
    link(session, op, place, sessions, previous, until)
    return previous, until
