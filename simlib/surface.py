"""Every total of the ledger over a whole (cap x TTL) map in one call: exact, deletes and equal times included.

For any cap and TTL the bounded store is just the entries whose last increment is later than one moving watermark: an
increment is a miss where the session's previous one lies at or below it, and a prune moves it up. Without a TTL the
watermark of a cap depends on the stream alone. With one, an overflow takes it to the same place, unless something has
expired: so for each cap the stream is gone through twice, once for that place at each row, once for all TTLs together,
side by side in the processor's vectors.

Nothing is interpolated, in either direction. With a TTL the stores are not nested in the cap: an overflow also looks
for expired entries, so a larger cap, which overflows less often, may keep less, and may create more. Stack distances
(Mattson, Gecsei, Slutz and Traiger, Evaluation Techniques for Storage Hierarchies, 1970) would be wrong here.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import index

import numpy as np
import pandas as pd
from numba import boolean, int32, int64, njit, uint8, void

from simlib.ledger import Totals
from simlib.stores import Settings
from simlib.stream import stream_of
from simlib.tally import Spec, tally
from simlib.trace import COUNTERS, DELETE, Trace
from simlib.units import MAX_NS, seconds

FIELDS = tuple(Totals.__dataclass_fields__)

NOT_REACHED = np.iinfo(np.int32).max
"""A cap that no stream of 2**31 rows reaches: none."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The totals of the bounded store for each cap (rows) and TTL in ns (columns), each int64, (caps, ttls)."""

    caps: np.ndarray
    ttls: np.ndarray
    prune_every: int
    totals: dict[str, np.ndarray]

    def at(self, cap: int, ttl: int) -> Totals:
        """The ledger of one cap and TTL (ns) of the map. Raises KeyError for others."""
        row, column = np.flatnonzero(self.caps == cap), np.flatnonzero(self.ttls == ttl)
        if not (row.size and column.size):
            raise KeyError(f"the map holds no cap {cap} with a TTL of {ttl} ns")
        return Totals(**{name: int(values[row[0], column[0]]) for name, values in self.totals.items()})

    def table(self) -> pd.DataFrame:
        """A row a cap and TTL: `max_entries`, `ttl_seconds` and every total."""
        caps, ttls = np.meshgrid(self.caps, self.ttls, indexing="ij")
        columns = {"max_entries": caps.ravel(), "ttl_seconds": [seconds(ttl) for ttl in ttls.ravel().tolist()]}
        return pd.DataFrame({**columns, **{name: values.ravel() for name, values in self.totals.items()}})


def surface(
    trace: Trace, caps: Sequence[int], ttls: Sequence[int], prune_every: int = 256, threads: int = 1
) -> Surface:
    """The map of the bounded store over a trace of one counter; a cap or a TTL (ns) of 0 or less is off.

    `threads` caps are worked out at a time, which changes nothing else. O(rows x caps x TTLs / vector width) time, and
    some 50 bytes a row and 4 x TTLs a session that comes back in memory.

    Raises ValueError where there is nothing to work out, or the trace is of both counters, and TypeError for a cap or a
    TTL that is no whole number.
    """
    if not (len(caps) and len(ttls) and threads > 0):
        raise ValueError("a surface needs at least one cap, one TTL and one thread")
    if len(trace) and (trace.counter != trace.counter[0]).any():
        raise ValueError("the trace holds both counters, each of which has its own store: take `trace.only(counter)`")
    for cap in caps:
        for ttl in ttls:
            Settings(index(cap), index(ttl), prune_every)
    lanes = sorted({min(ttl, MAX_NS) if ttl > 0 else MAX_NS + 1 for ttl in ttls})
    column = [lanes.index(min(ttl, MAX_NS) if ttl > 0 else MAX_NS + 1) for ttl in ttls]
    expires = np.array([ttl <= MAX_NS for ttl in lanes])
    stream = _Links.of(trace)
    limits = np.minimum(np.array(lanes, dtype=object), MAX_NS).astype(np.int64)
    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda cap: _of_cap(trace, stream, cap, limits, expires, prune_every), caps))
    totals = {name: np.array([row[place] for row in rows])[:, column] for place, name in enumerate(FIELDS)}
    return Surface(np.array(caps), np.array(ttls), prune_every, totals)


@dataclass(frozen=True, eq=False)
class _Links:
    """What does not depend on cap or TTL, by row of the stream or by place in its order of (time, id).

    A life of a session reaches from an increment with no entry to a delete or the end, as in the unbounded map. By row:
    `place`; `previous`, the place of the life's previous increment, -1 for its first; `count` in the unbounded map;
    `life`, a number for each life of several increments, -1 for the others. By place: `row`, and `until`, the row of
    the life's next operation, n where there is none, 0 for a delete.
    """

    time: np.ndarray
    op: np.ndarray
    place: np.ndarray
    previous: np.ndarray
    count: np.ndarray
    life: np.ndarray
    row: np.ndarray
    until: np.ndarray
    lives: int
    tied: bool

    @classmethod
    def of(cls, trace: Trace) -> "_Links":
        n = len(trace)
        row = np.arange(n, dtype=np.int32)
        if trace.has_ties:
            row = np.lexsort((trace.rank[trace.session], trace.time)).astype(np.int32)
        place = np.empty(n, dtype=np.int32)
        place[row] = np.arange(n, dtype=np.int32)
        previous, count, life, until = np.empty((4, n), dtype=np.int32)
        lives = _link(trace.session, trace.op, place, trace.ids.size, previous, count, life, until)
        time = trace.time - trace.time[:1].sum()
        return cls(time, trace.op, place, previous, count, life, row, until, lives, trace.has_ties)


@njit(
    int64(int32[::1], uint8[::1], int32[::1], int64, int32[::1], int32[::1], int32[::1], int32[::1]),
    cache=True,
    nogil=True,
)
def _link(session, op, place, sessions, previous, count, life, until):
    """Fill in the last four columns of `_Links`; return the number of lives of several increments."""
    n, lives = session.size, 0
    last, counts, number = np.full(sessions, -1, np.int32), np.zeros(sessions, np.int32), np.empty(sessions, np.int32)
    for row in range(n):
        who = session[row]
        before = last[who]
        previous[row] = place[before] if before >= 0 else -1
        if before >= 0:
            until[place[before]] = row
        if op[row]:
            count[row] = counts[who]
            life[row] = number[who] if counts[who] > 1 else -1
            until[place[row]] = 0
            last[who], counts[who] = -1, 0
            continue
        counts[who] += 1
        if counts[who] == 2:
            number[who] = lives
            life[before] = lives
            lives += 1
        count[row] = counts[who]
        life[row] = number[who] if counts[who] > 1 else -1
        until[place[row]] = n
        last[who] = row
    return lives


@njit(boolean(uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1], int64, int32[::1]), cache=True, nogil=True)
def _watermarks(op, place, previous, row_at, until, cap, marks):
    """Fill in the watermark of a cap without a TTL after each row; -1 before the first eviction.

    Returns whether it tells all. It does not where the cap cuts through one instant, a delete in that instant makes
    room again, and an id that comes before those evicted takes it: that entry lies below the watermark.
    """
    mark, size = -1, 0
    for row in range(op.size):
        if op[row]:
            size -= previous[row] > mark
        elif previous[row] <= mark:
            size += 1
            if size > cap:
                # What is new may itself be the first to go.
                if place[row] > mark:
                    mark += 1
                    while until[mark] <= row or row_at[mark] > row:
                        mark += 1
                size -= 1
            elif place[row] <= mark:
                return False
        marks[row] = mark
    return True


@njit
def _last_before(time, mark, limit):
    """The last place after `mark` with a time below `limit`, `mark` itself if there is none. O(log of the distance)."""
    step, low = 1, mark
    while low + step < time.size and time[low + step] < limit:
        low += step
        step *= 2
    while step > 0:
        if low + step < time.size and time[low + step] < limit:
            low += step
        step //= 2
    return low


MARK, SIZE, CREATES, LOST, STALE, LINES, DELETED, PLAIN, PEAK = range(9)
PRUNES, SCANNED, SORTED, BY_CAP, BY_TTL = range(5)


@njit(
    void(
        *(int64[::1], uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1], int32[::1]),
        *(int64, int64, int64[::1], boolean[::1], int32[:, ::1], int32[:, ::1], int64[:, ::1], int64[::1]),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _lanes(time, op, previous, count, life, until, marks, cap, prune_every, ttl, expires, start, lane, work, oldest):
    """Go through a stream with a store for each TTL, ascending, all of one cap; a lane each.

    `marks` are the watermarks of the cap without a TTL. `start` holds, for each life and lane, the life's count as its
    entry was made; `lane` and `work` what each lane knows and counts, by the names above; `oldest` a time before which
    none of its entries was last seen. The inner loops are what the processor does side by side: they have no branches.
    """
    lanes, increments = ttl.size, 0
    for row in range(op.size):
        before, now = previous[row], time[row]
        if op[row]:
            if before >= 0:
                for c in range(lanes):
                    hit = int32(before > lane[MARK, c])
                    lane[DELETED, c] += hit
                    lane[SIZE, c] -= hit
            continue
        increments += 1
        which, now_at = life[row], count[row]
        if before < 0:
            for c in range(lanes):
                lane[SIZE, c] += int32(1)
            if which >= 0:
                for c in range(lanes):
                    start[which, c] = int32(1)
        else:
            idle, stale, any_miss = now - time[before], 0, int32(0)
            while stale < lanes and idle > ttl[stale] and expires[stale]:
                stale += 1
            for c in range(lanes):
                miss = int32(before <= lane[MARK, c])
                begun = start[which, c]
                held = int32(now_at - begun) if miss == 0 else int32(0)
                any_miss |= miss
                lane[CREATES, c] += miss
                lane[SIZE, c] += miss
                lane[LOST, c] += int32(now_at - begun) if miss else int32(0)
                lane[STALE, c] += int32(miss == 0) & int32(c < stale)
                lane[LINES, c] += int32(held & (held + 1) == 0)
            if any_miss:
                for c in range(lanes):
                    start[which, c] = now_at if before <= lane[MARK, c] else start[which, c]
        ticks = increments % prune_every == 0
        over = int32(0)
        for c in range(lanes):
            over |= int32(lane[SIZE, c] > cap)
        if over or ticks:
            to = marks[row]
            expired = int32(ticks)
            for c in range(lanes):
                expired |= int32(lane[SIZE, c] > cap) & int32(oldest[c] < now - ttl[c])
            if expired == 0:
                # One in, one out: what a full store does all the time.
                for c in range(lanes):
                    full = lane[SIZE, c] > cap
                    lane[MARK, c] = to if full else lane[MARK, c]
                    lane[SIZE, c] -= int32(full)
                    lane[PLAIN, c] += int32(full)
                for c in range(lanes):
                    oldest[c] = max(oldest[c], time[lane[MARK, c] + 1])
            else:
                for c in range(lanes):
                    size = int64(lane[SIZE, c])
                    if size <= cap and not (ticks and expires[c]):
                        continue
                    work[PRUNES, c] += 1
                    if expires[c]:
                        work[SCANNED, c] += size
                        if oldest[c] < now - ttl[c]:
                            mark = lane[MARK, c]
                            last = _last_before(time, mark, now - ttl[c])
                            gone = int32(0)
                            for at in range(mark + 1, last + 1):
                                gone += int32(until[at] > row)
                            size -= gone
                            work[BY_TTL, c] += gone
                            lane[MARK, c], oldest[c] = last, time[last + 1]
                    if size > cap:
                        work[SORTED, c] += size
                        work[BY_CAP, c] += 1
                        size -= 1
                        lane[MARK, c], oldest[c] = to, time[to + 1]
                    lane[SIZE, c] = size
        for c in range(lanes):
            lane[PEAK, c] = max(lane[PEAK, c], lane[SIZE, c])


def _of_cap(
    trace: Trace, links: _Links, cap: int, ttl: np.ndarray, expires: np.ndarray, prune_every: int
) -> list[np.ndarray]:
    """The totals of one cap, in the order of FIELDS, each int64, (ttls,)."""
    n, lanes = len(trace), ttl.size
    limit = min(cap, NOT_REACHED) if cap > 0 else NOT_REACHED
    marks = np.full(n, -1, dtype=np.int32)
    if not _watermarks(links.op, links.place, links.previous, links.row, links.until, limit, marks):
        counter = int(trace.counter[0]) if n else 0
        settings = [
            Settings(cap, int(each) if is_on else 0, prune_every) for each, is_on in zip(ttl, expires, strict=True)
        ]
        found = tally(stream_of(trace), [Spec("bounded", each, COUNTERS[counter]) for each in settings])
        return [np.array([getattr(each, name) for each in found]) for name in FIELDS]
    time = np.append(links.time, MAX_NS)
    start = np.empty((links.lives, lanes), dtype=np.int32)
    lane, work, oldest = np.zeros((9, lanes), np.int32), np.zeros((5, lanes), np.int64), np.zeros(lanes, np.int64)
    lane[MARK] = -1
    _lanes(
        *(time, links.op, links.previous, links.count, links.life, links.until, marks),
        *(limit, prune_every, ttl, expires, start, lane, work, oldest),
    )
    lane, is_increment = lane.astype(np.int64), links.op != DELETE
    new = int((is_increment & (links.previous < 0)).sum())
    # What is left: lives that have not ended, by their last increment's place.
    left = np.flatnonzero((links.until == n) & (np.arange(n) > lane[MARK].min()))
    last_row = links.row[left]
    several = links.life[last_row] >= 0
    counts = np.ones((left.size, lanes), dtype=np.int64)
    counts[several] = links.count[last_row[several], None] - start[links.life[last_row[several]]] + 1
    kept = left[:, None] > lane[MARK]
    plain, creates = lane[PLAIN], lane[CREATES] + new
    totals = {
        "increments": np.full(lanes, int(is_increment.sum())),
        "deletes": np.full(lanes, n - int(is_increment.sum())),
        "deletes_hit": lane[DELETED],
        "creates": creates,
        "stale_hits": lane[STALE],
        "cap_evictions": work[BY_CAP] + plain,
        "ttl_evictions": work[BY_TTL],
        "false_evictions": lane[CREATES],
        "lost_counts": lane[LOST],
        "prunes": work[PRUNES] + plain,
        "entries_scanned": work[SCANNED] + np.where(expires, plain * (limit + 1), 0),
        "entries_sorted": work[SORTED] + plain * (limit + 1),
        "peak_entries": lane[PEAK],
        "final_entries": lane[SIZE],
        "final_count_sum": (counts * kept).sum(axis=0),
        "log_lines": lane[LINES] + new,
    }
    assert (creates == totals["cap_evictions"] + totals["ttl_evictions"] + lane[DELETED] + lane[SIZE]).all()
    assert (kept.sum(axis=0) == lane[SIZE]).all()
    return [totals[name] for name in FIELDS]
