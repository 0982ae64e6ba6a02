"""One store over a trace that lies in memory, by its watermark: no search, no list, an integer an operation.

For any cap and TTL the bounded store is just the entries whose last increment is later than one moving watermark: an
increment is a miss where the session's previous one lies at or below it, and a prune moves it up. Which operation of a
session comes before and after which depends on the stream alone, so it is found once and serves every setting. One case
of equal times is left to the list (`_replay`).
Next: `surface`.
"""

from dataclasses import dataclass

import numpy as np
from numba import boolean, int32, int64, njit, uint8, uint64, void

from simlib.core.units import MAX_NS
from simlib.replay.ledger import Totals
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.chunks import stream_of
from simlib.traces.trace import COUNTERS, INCREMENT, Trace

NEVER = np.iinfo(np.int32).max
"""The row of an operation that does not come, and a cap that no stream reaches."""

AHEAD = 3
"""Places that are looked at beyond the watermark without a branch; so many there are beyond the last."""


@dataclass(frozen=True, eq=False)
class Links:
    """What each of n operations of one counter is to the others of its session, whatever the cap and the TTL.

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
        previous, until = np.empty(n, dtype=np.int32), np.empty(n + 1 + AHEAD, dtype=np.int32)
        session, op = np.require(trace.session, np.int32, "CW"), np.require(trace.op, np.uint8, "CW")
        _link(session, op, place, trace.ids.size, previous, until)
        return cls(trace, time, session, op, place, row, previous, until)

    def totals(self, settings: Settings) -> Totals:
        """The ledger of the bounded store. O(rows)."""
        cap, ttl = settings.max_entries, settings.ttl
        n, expires = len(self.trace), ttl > 0
        held, found = np.empty(n + 1, dtype=np.int32), np.zeros(len(COUNTED), dtype=np.int64)
        tells_all = _replay(
            *(self.time, self.op, self.place, self.row, self.previous, self.until),
            *(min(cap, NEVER) if cap > 0 else NEVER, min(ttl, MAX_NS) if expires else MAX_NS),
            *(settings.prune_every if expires else MAX_NS, held, found),
        )
        if not tells_all:
            counter = COUNTERS[int(self.trace.counter[0])]
            return stream_totals(stream_of(self.trace), [Spec("bounded", settings, counter)])[0]
        counted = dict(zip(COUNTED, found.tolist(), strict=True))
        if not expires:
            counted["entries_scanned"] = 0
        increments = int(np.count_nonzero(self.trace.op == INCREMENT))
        totals = Totals(increments=increments, deletes=n - increments, **counted)
        gone = totals.cap_evictions + totals.ttl_evictions + totals.deletes_hit
        assert totals.creates == gone + totals.final_entries, "entries do not balance"
        return totals


COUNTED = tuple(name for name in Totals.__dataclass_fields__ if name not in ("increments", "deletes"))


@njit(void(int32[::1], uint8[::1], int32[::1], int64, int32[::1], int32[::1]), cache=True, nogil=True)
def _link(session, op, place, sessions, previous, until):
    """Fill in the last two columns of `Links`."""
    last, tied = np.zeros(sessions, np.int32), place.size > 0
    for row in range(session.size):
        who, at = session[row], place[row] if tied else row + 1
        before = last[who]
        previous[row] = before
        until[before] = row + 1
        is_delete = op[row] != INCREMENT
        until[at] = 0 if is_delete else NEVER
        last[who] = 0 if is_delete else at
    until[session.size + 1 :] = NEVER


@njit(
    boolean(
        *(int64[::1], uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1]),
        *(int64, int64, int64, int32[::1], int64[::1]),
    ),
    cache=True,
    nogil=True,
)
def _replay(time, op, place, row_at, previous, until, cap, ttl, prune_every, held, found):
    """Count what is in COUNTED; return whether the watermark tells all.

    It does not where the cap cuts through one instant, a delete in that instant makes room again, and an id that comes
    before those evicted takes it: that entry lies below the watermark.

    `held`, by place, is for the count that an entry has after each increment. Hits are told from misses without a
    branch, as the processor would guess them wrong.
    """
    one, tied = uint64(1), place.size > 0
    mark, row, end = uint64(0), uint64(0), uint64(op.size)
    size, ticks_in, peak, creates, stale, lines = int64(0), prune_every, int64(0), int64(0), int64(0), int64(0)
    hit_deletes, false, lost, by_cap, by_ttl = int64(0), int64(0), int64(0), int64(0), int64(0)
    prunes, scanned, in_order = int64(0), int64(0), int64(0)
    held[0] = 0
    while row < end:
        before, at = uint64(previous[row]), uint64(place[row]) if tied else row + one
        count, is_hit = int64(held[before]), before > mark
        if op[row] != INCREMENT:
            hit_deletes += is_hit
            size -= is_hit
            held[at] = 0
            row += one
            continue
        now = time[row + one]
        kept = count if is_hit else 0
        held[at] = kept + 1
        lost += count - kept
        false += count > kept
        lines += (kept + 1) & kept == 0
        stale += is_hit & (now - time[before] > ttl)
        size += not is_hit
        creates += not is_hit
        ticks_in -= 1
        row += one
        if size > cap or ticks_in == 0:
            if ticks_in == 0:
                ticks_in = prune_every
            prunes += 1
            scanned += size
            expired, reached = int64(0), int32(row)
            while time[mark + one] < now - ttl:
                mark += one
                expired += until[mark] > reached
            by_ttl += expired
            size -= expired
            if size > cap:
                in_order += size
                by_cap += 1
                size -= 1
                if not tied:
                    mark += one
                    first = until[mark] <= reached
                    second = first & (until[mark + one] <= reached)
                    third = second & (until[mark + one + one] <= reached)
                    mark += uint64(first) + uint64(second) + uint64(third)
                    while until[mark] <= reached:
                        mark += one
                # What is new may itself be the first to go.
                elif at > mark:
                    mark += one
                    while until[mark] <= reached or row_at[mark] > reached:
                        mark += one
            elif tied and at <= mark:
                return False
        elif tied and at <= mark:
            return False
        peak = max(peak, size)
    total = int64(0)
    for left in range(mark + one, end + one):
        if until[left] == NEVER:
            total += held[left]
    found[:] = (
        *(hit_deletes, creates, stale, by_cap, by_ttl, false, lost, prunes, scanned, in_order),
        *(peak, size, total, lines),
    )
    return True
