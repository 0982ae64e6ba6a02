"""Every total of the ledger over a whole (cap x TTL) map in one call: exact, deletes and equal times included.

One store is gone through by its `watermark`. Many TTLs are gone through together: without a TTL the watermark of a cap
depends on the stream alone, and with one an overflow takes it to the same place, unless something has expired. So for
each cap the stream is gone through twice, once for that place at each row, once for all TTLs side by side in the
processor's vectors.

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

from simlib.core.units import MAX_NS, seconds
from simlib.replay.ledger import Totals
from simlib.replay.links import NEVER, Links
from simlib.stores.contract import Settings
from simlib.traces.trace import DELETE, Trace

FIELDS = tuple(Totals.__dataclass_fields__)

FEW = 3
"""So many TTLs are gone through sooner one by one."""


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
    settings = [[Settings(index(cap), index(ttl), prune_every) for ttl in ttls] for cap in caps]
    links = Links.of(trace)
    lanes = _Lanes.of(links, ttls, prune_every) if len(set(ttls)) > FEW else None

    def of_cap(row: Sequence[Settings]) -> list[Totals]:
        return (lanes and lanes.totals(row[0].max_entries)) or [links.totals(each) for each in row]

    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(of_cap, settings))
    totals = {name: np.array([[getattr(each, name) for each in row] for row in rows]) for name in FIELDS}
    return Surface(np.array(caps), np.array(ttls), prune_every, totals)


@njit(int64(int32[::1], uint8[::1], int64, int32[::1], int32[::1]), cache=True, nogil=True)
def _lives(session, op, sessions, count, life):
    """Fill in, for increments, what each session then counts in the unbounded map, and the number of its life.

    Lives of a single increment have none: -1. Returns how many there are of the others.
    """
    lives = 0
    counts, number, first = np.zeros(sessions, np.int32), np.empty(sessions, np.int32), np.empty(sessions, np.int32)
    for row in range(session.size):
        who = session[row]
        if op[row] == DELETE:
            counts[who] = 0
            continue
        counts[who] += 1
        if counts[who] == 1:
            first[who], number[who] = row, -1
        elif counts[who] == 2:
            number[who] = life[first[who]] = lives
            lives += 1
        count[row], life[row] = counts[who], number[who]
    return lives


@njit(boolean(uint8[::1], int32[::1], int32[::1], int32[::1], int32[::1], int64, int32[::1]), cache=True, nogil=True)
def _watermarks(op, place, row_at, previous, until, cap, marks):
    """Fill in the watermark of a cap without a TTL after each row; return whether it tells all, as `watermark` does."""
    mark, size, tied = 0, 0, place.size > 0
    for row in range(op.size):
        at = place[row] if tied else row + 1
        if op[row] == DELETE:
            size -= previous[row] > mark
        elif previous[row] <= mark:
            size += 1
            if size > cap:
                # What is new may itself be the first to go.
                if at > mark:
                    mark += 1
                    while until[mark] <= row + 1 or (tied and row_at[mark] > row + 1):
                        mark += 1
                size -= 1
            elif at <= mark:
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
        before, now = previous[row], time[row + 1]
        if op[row] == DELETE:
            if before > 0:
                for c in range(lanes):
                    hit = int32(before > lane[MARK, c])
                    lane[DELETED, c] += hit
                    lane[SIZE, c] -= hit
            continue
        increments += 1
        which, now_at = life[row], count[row]
        if before == 0:
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
                                gone += int32(until[at] > row + 1)
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


@dataclass(frozen=True, eq=False)
class _Lanes:
    """A trace and TTLs for which it is gone through side by side.

    `ttl` are the different ones of them, ascending, MAX_NS where there is none, and `column` says which is whose. By
    row, for increments: `count` in the unbounded map, `life` the number of the session's life if that has several
    increments, else -1, int32, (n,).
    """

    links: Links
    ttl: np.ndarray
    expires: np.ndarray
    column: list[int]
    prune_every: int
    count: np.ndarray
    life: np.ndarray
    lives: int

    @classmethod
    def of(cls, links: Links, ttls: Sequence[int], prune_every: int) -> "_Lanes":
        limits = [min(ttl, MAX_NS) if ttl > 0 else MAX_NS + 1 for ttl in ttls]
        lanes = sorted(set(limits))
        expires = np.array([limit <= MAX_NS for limit in lanes])
        ttl = np.minimum(np.array(lanes, dtype=object), MAX_NS).astype(np.int64)
        trace = links.trace
        count, life = np.empty((2, len(trace)), dtype=np.int32)
        lives = _lives(links.session, links.op, trace.ids.size, count, life)
        return cls(links, ttl, expires, [*map(lanes.index, limits)], prune_every, count, life, lives)

    def totals(self, cap: int) -> list[Totals] | None:
        """The totals of one cap for each TTL; None where watermarks do not tell all."""
        links, lanes, n = self.links, self.ttl.size, len(self.links.trace)
        op, limit = links.op, min(cap, NEVER) if cap > 0 else NEVER
        marks = np.empty(n, dtype=np.int32)
        if not _watermarks(op, links.place, links.row, links.previous, links.until, limit, marks):
            return None
        start = np.empty((self.lives, lanes), dtype=np.int32)
        lane, work, oldest = np.zeros((9, lanes), np.int32), np.zeros((5, lanes), np.int64), np.zeros(lanes, np.int64)
        _lanes(
            *(links.time, op, links.previous, self.count, self.life, links.until, marks),
            *(limit, self.prune_every, self.ttl, self.expires, start, lane, work, oldest),
        )
        lane, is_increment = lane.astype(np.int64), op != DELETE
        new = int((is_increment & (links.previous == 0)).sum())
        # What is left: lives that have not ended, by their last increment's place.
        lowest = int(lane[MARK].min()) + 1
        left = lowest + np.flatnonzero(links.until[lowest : n + 1] == NEVER)
        last = (links.row[left] if links.row.size else left) - 1
        several = self.life[last] >= 0
        counts = np.ones((left.size, lanes), dtype=np.int64)
        counts[several] = self.count[last[several], None] - start[self.life[last[several]]] + 1
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
            "entries_scanned": work[SCANNED] + np.where(self.expires, plain * (limit + 1), 0),
            "entries_sorted": work[SORTED] + plain * (limit + 1),
            "peak_entries": lane[PEAK],
            "final_entries": lane[SIZE],
            "final_count_sum": (counts * kept).sum(axis=0),
            "log_lines": lane[LINES] + new,
        }
        assert (creates == totals["cap_evictions"] + totals["ttl_evictions"] + lane[DELETED] + lane[SIZE]).all()
        assert (kept.sum(axis=0) == lane[SIZE]).all()
        return [Totals(**{name: int(values[at]) for name, values in totals.items()}) for at in self.column]
