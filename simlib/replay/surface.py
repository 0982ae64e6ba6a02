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

from simlib.core.units import MAX_NS, seconds
from simlib.replay.ledger import Totals
from simlib.replay.links import Links
from simlib.replay.stack import stack_totals
from simlib.replay.watermark import (
    BY_CAP,
    BY_TTL,
    CREATES,
    DELETED,
    LINES,
    LOST,
    MARK,
    NEVER,
    PEAK,
    PLAIN,
    PRUNES,
    SCANNED,
    SIZE,
    SORTED,
    STALE,
    number_lives,
    replay_lanes,
    watermarks,
)
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED, decides_as_shipped, is_exact_lru
from simlib.traces.codes import DELETE
from simlib.traces.trace import Trace

FIELDS = tuple(Totals.__dataclass_fields__)

FEW = 3
"""Up to this number of TTLs it is quicker to go through them one by one."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The totals of a store for each cap (rows) and TTL in ns (columns), each int64, (caps, ttls)."""

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
    trace: Trace,
    caps: Sequence[int],
    ttls: Sequence[int],
    prune_every: int = 256,
    threads: int = 1,
    design: str = SHIPPED,
) -> Surface:
    """The map of a design over a trace of one counter; a cap or a TTL (ns) of 0 or less is off.

    `design` is the shipped one or any other with its decisions, or exact LRU, whose caps come all at once (`stack`).
    `threads` caps or TTLs are computed at a time, which changes nothing else. O(rows x caps x TTLs / vector width)
    time, and some 50 bytes a row and 4 x TTLs a session that comes back in memory.

    Raises ValueError where there is nothing to compute, the trace is of both counters, or the design is another, and
    TypeError for a cap or a TTL that is no whole number.
    """
    if not (len(caps) and len(ttls) and threads > 0):
        raise ValueError("a surface needs at least one cap, one TTL and one thread")
    settings = [[Settings(index(cap), index(ttl), prune_every) for ttl in ttls] for cap in caps]
    if is_exact_lru(design):
        with ThreadPoolExecutor(threads) as pool:
            columns = list(pool.map(lambda ttl: stack_totals(trace, caps, ttl), ttls))
        return _of_rows([[column[row] for column in columns] for row in range(len(caps))], caps, ttls, prune_every)
    if not decides_as_shipped(design):
        raise ValueError(f"there is no surface of {design}: its decisions are those of neither {SHIPPED} nor exact LRU")
    links = Links.of(trace)
    lanes = _Lanes.of(links, ttls, prune_every) if len(set(ttls)) > FEW else None

    def of_cap(row: Sequence[Settings]) -> list[Totals]:
        return (lanes and lanes.totals(row[0].max_entries)) or [links.totals(each) for each in row]

    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(of_cap, settings))
    return _of_rows(rows, caps, ttls, prune_every)


def _of_rows(rows: Sequence[Sequence[Totals]], caps: Sequence[int], ttls: Sequence[int], prune_every: int) -> Surface:
    totals = {name: np.array([[getattr(each, name) for each in row] for row in rows]) for name in FIELDS}
    return Surface(np.array(caps), np.array(ttls), prune_every, totals)


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
        lives = number_lives(links.session, links.op, trace.ids.size, count, life)
        return cls(links, ttl, expires, [*map(lanes.index, limits)], prune_every, count, life, lives)

    def totals(self, cap: int) -> list[Totals] | None:
        """The totals of one cap for each TTL; None where watermarks do not determine them."""
        links, lanes, n = self.links, self.ttl.size, len(self.links.trace)
        op, limit = links.op, min(cap, NEVER) if cap > 0 else NEVER
        marks = np.empty(n, dtype=np.int32)
        if not watermarks(op, links.place, links.row, links.previous, links.until, limit, marks):
            return None
        start = np.empty((self.lives, lanes), dtype=np.int32)
        lane, work, oldest = np.zeros((9, lanes), np.int32), np.zeros((5, lanes), np.int64), np.zeros(lanes, np.int64)
        replay_lanes(
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
