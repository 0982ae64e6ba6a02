"""Go nanoseconds from the work of a store: how long an increment and its prune hold the lock.

The prices are measured on the Go program by entries in the store, kept in `data/calibration/cost.csv` and fitted
(`make calibrate`).
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from simlib.models.heap import CALIBRATION, GO_VERSIONS, designs_measured, table_bytes
from simlib.replay import ledger
from simlib.replay.ledger import Totals
from simlib.replay.observe import Observation
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED, find_design
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

PARTS = ("known", "scan", "sort", "expired")
"""The parts that were measured by entries: an increment of a known session; a prune that finds nothing, and one that
sorts the whole store and removes one entry; and for each entry, a prune that expires all."""

_FOR_ALL = ("scan", "sort")
"""Parts measured for all entries together; the others are for each entry."""


@dataclass(frozen=True)
class Prices:
    """Nanoseconds on one Go version by entries in the store.

    `base` is fitted: a factor for each entry, for each comparison of a sort and for each byte of the table, whose slots
    a scan visits whether filled or not. `ratio` is measured over fitted, for instance where the processor's caches
    become too small, at `sizes` (n,) ascending, and interpolated between. An increment that makes a new entry takes
    `creating` ns more, the median over all sizes: it varies by some tens of ns with how full the table happens to be.
    """

    go_version: str
    sizes: np.ndarray
    base: dict[str, np.ndarray]
    ratio: dict[str, np.ndarray]
    creating: float

    def of(self, part: str, entries: np.ndarray) -> np.ndarray:
        """Return the nanoseconds of one of PARTS by entries, as it was measured; 0 for 0 entries; float64."""
        # Few sizes occur, many times: each is priced once.
        distinct, which = np.unique(np.asarray(entries, dtype=np.float64), return_inverse=True)
        return self._of(part, distinct)[which].reshape(np.shape(entries))

    def _of(self, part: str, entries: np.ndarray) -> np.ndarray:
        n = np.maximum(entries, 1)
        ratio = np.interp(np.log(n), np.log(self.sizes), self.ratio[part])
        total = _terms(n, self.go_version) @ self.base[part] * ratio
        return np.where(entries > 0, total if part in _FOR_ALL else total / n, 0.0)


def _terms(n: np.ndarray, go_version: str) -> np.ndarray:
    """Return the terms of `Prices.base`, (..., 3): entries, comparisons, bytes of the table."""
    table = table_bytes(SHIPPED, go_version, n, n, deleted=True)
    return np.stack([n, n * np.log2(n), table], axis=-1)


@cache
def prices(go_version: str = GO_VERSIONS[-1]) -> Prices:
    """Return the prices on a Go version, fitted without the sizes that are held back to check them."""
    table = pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str})
    return prices_of(table[(table["go_version"] == go_version) & ~table["held_back"]])


@cache
def price(part: str, entries: float, go_version: str = GO_VERSIONS[-1]) -> float:
    """Return the nanoseconds of one of PARTS at a number of entries, as `Prices.of` does; each is computed once."""
    return float(prices(go_version).of(part, np.array(entries)))


def prices_of(table: pd.DataFrame) -> Prices:
    """Fit prices to measurements on one Go version: columns `go_version`, `entries`, `created` and PARTS.

    The least of the repeats counts, each a median itself: other work on the machine only ever adds to it.
    """
    least = table.groupby("entries")[[*PARTS, "created"]].min()
    sizes, go_version = least.index.to_numpy(dtype=np.float64), table["go_version"].iloc[0]
    terms, base, ratio = _terms(sizes, go_version), {}, {}
    for part in PARTS:
        total = least[part].to_numpy() * (1 if part in _FOR_ALL else sizes)
        base[part], _ = nnls(terms / total[:, None], np.ones_like(total))
        ratio[part] = total / (terms @ base[part])
    creating = float((least["created"] - least["known"]).median())
    return Prices(go_version, sizes, base, ratio, creating)


def increment_ns(trace: Trace, observed: Observation, go_version: str = GO_VERSIONS[-1]) -> np.ndarray:
    """Return the time in ns that each increment holds the lock, its prune included; float64, (increments,)."""
    at = prices(go_version)
    increment = trace.op == INCREMENT
    sizes = np.maximum(np.cumsum(ledger.changes(trace, observed)), 1)
    cost = at.of("known", sizes) + at.creating * ledger.created(trace, observed)
    work = ledger.prunes(trace, observed)
    scanned, expired, in_order = (work[name].to_numpy() for name in ("scanned", "expired", "sorted"))
    per_expired = np.maximum(at.of("expired", scanned) - at.of("scan", scanned) / np.maximum(scanned, 1), 0)
    cost[work["row"]] += (
        at.of("scan", scanned) + expired * per_expired + at.of("sort", in_order) - at.of("scan", in_order)
    )
    return cost[increment]


def held_ns(totals: Totals, settings: Settings, go_version: str = GO_VERSIONS[-1]) -> float:
    """Return the time in ns that all increments of a bounded store hold the lock, from its totals or those of a part.

    The shipped store is never more than one entry over its cap, so each eviction by the cap is a sort of that size. The
    other entries scanned are assumed to be spread evenly over the other prunes, and every increment to meet the entries
    of a mean prune or, without one, those held half way. With the shipped settings and a thousand increments or more
    the result is within 3 % of the sum of `increment_ns` on every preset, in any case within 15 %.
    """
    at, full, sorts = prices(go_version), settings.max_entries + 1, totals.cap_evictions
    scanned = totals.entries_scanned - (sorts * full if settings.ttl > 0 else 0)
    scans = totals.prunes - sorts if settings.ttl > 0 else 0
    size = scanned / scans if scans else 0.0
    visited = max(totals.entries_scanned, totals.entries_sorted)
    gained = totals.creates - totals.deletes_hit
    mean = visited / totals.prunes if totals.prunes else totals.final_entries - gained / 2
    plain = totals.increments * float(at.of("known", max(mean, 1))) + totals.creates * at.creating
    per_expired = max(float(at.of("expired", size)) - float(at.of("scan", size)) / size, 0.0) if scans else 0.0
    sort = float(at.of("sort", full)) - (0.0 if settings.ttl > 0 else float(at.of("scan", full)))
    return plain + scans * float(at.of("scan", size)) + totals.ttl_evictions * per_expired + sorts * sort


class DesignCost(NamedTuple):
    """Nanoseconds of one increment at the cap."""

    mean_ns: float
    p99_ns: float
    worst_ns: float


@cache
def design_cost(design: str, traffic: str = "churn", goroutines: int = 1) -> DesignCost | None:
    """Return the measured cost of an increment of a design in Go with the shipped cap full; None without a Go version.

    `traffic` is `churn`, a new session each time, or `incident`, the incident's mix. With 1 or 8 `goroutines` on one
    store the wait for its lock is included. The least of the repeats counts, each figure by itself: other work on the
    machine only ever adds to it. Raises InputError for an unknown design.
    """
    table = designs_measured()
    mine = table[
        (table["design"] == find_design(design).name)
        & (table["traffic"] == traffic)
        & (table["goroutines"] == goroutines)
    ]
    return None if mine.empty else DesignCost(*mine[list(DesignCost._fields)].min())
