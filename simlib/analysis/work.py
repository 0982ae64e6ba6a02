"""The work and the time of each increment: whether it prunes, the entries visited, and how long it holds the lock."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simlib.core.numbers import format_count, format_duration, format_percent
from simlib.core.units import SECOND
from simlib.models import cost
from simlib.replay import ledger
from simlib.replay.observe import Observation
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

PLAIN, VISITS, SORTS = range(3)
KINDS = {PLAIN: "does not prune", VISITS: "visits all entries", SORTS: "visits and sorts all entries"}
"""The kinds of increments, by the work of their prune."""


@dataclass(frozen=True)
class Work:
    """The increments of one stream after its warm-up, which take `lasts` ns, and the number of entries they created.

    For each increment: `ns` for which it holds the lock, its `kind`, one of KINDS, and the entries `visited` by
    its prune; (increments,) each.
    """

    ns: np.ndarray
    kind: np.ndarray
    visited: np.ndarray
    creates: int
    lasts: float

    @classmethod
    def of(cls, trace: Trace, observed: Observation, begins: float, ends: float, go_version: str) -> "Work":
        """The work of a store in the increments from `begins` to `ends` (ns), at the prices of a Go version."""
        increment, after, prunes = trace.op == INCREMENT, trace.time >= begins, ledger.prunes(trace, observed)
        scanned, in_order = prunes["scanned"].to_numpy(), prunes["sorted"].to_numpy()
        kind, visited = np.zeros((2, len(trace)), dtype=np.int64)
        kind[prunes["row"]], visited[prunes["row"]] = (
            np.where(in_order > 0, SORTS, VISITS),
            np.maximum(scanned, in_order),
        )
        return cls(
            ns=cost.increment_ns(trace, observed, go_version)[after[increment]],
            kind=kind[increment & after],
            visited=visited[increment & after],
            creates=int(ledger.created(trace, observed)[after].sum()),
            lasts=max(ends - begins, SECOND),
        )

    @property
    def mean_ns(self) -> float:
        """Mean time of an increment; 0 without any."""
        return float(self.ns.mean()) if self.ns.size else 0.0

    @property
    def utilisation(self) -> float:
        """Share of the time for which the lock is held."""
        return float(self.ns.sum()) / self.lasts

    @property
    def sorts_per_create(self) -> float:
        """Share of the new entries for which the whole store is sorted."""
        return int((self.kind == SORTS).sum()) / max(self.creates, 1)

    def share(self, kind: int) -> float:
        """Share of the increments that are of a kind; 0 without any."""
        return float((self.kind == kind).mean()) if self.kind.size else 0.0


def by_kind(works: Sequence[Work]) -> pd.DataFrame:
    """Describe the increments of several streams together, a row for each of KINDS that there is.

    Columns: `increments_percent` of all, `entries_visited` (mean), `mean_ns` and `worst_ns` of one, `time_percent` of
    the time for which all hold the lock.
    """
    ns, kind, visited = (np.concatenate([getattr(work, name) for work in works]) for name in ("ns", "kind", "visited"))
    rows = {
        number: {
            "increments_percent": 100 * float(np.mean([work.share(number) for work in works])),
            "entries_visited": float(visited[mine].mean()),
            "mean_ns": float(ns[mine].mean()),
            "worst_ns": float(ns[mine].max()),
            "time_percent": 100 * float(ns[mine].sum() / ns.sum()),
        }
        for number in KINDS
        for mine in [kind == number]
        if mine.any()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("increment")


def as_text(kinds: pd.DataFrame) -> pd.DataFrame:
    """Write the table of `by_kind` for people."""
    if kinds.empty:
        return kinds
    text = {
        "share of increments": (kinds["increments_percent"] / 100).map(format_percent),
        "entries visited, mean": kinds["entries_visited"].map(format_count),
        "time of one, mean": kinds["mean_ns"].map(format_duration),
        "worst": kinds["worst_ns"].map(format_duration),
        "share of the time under the lock": (kinds["time_percent"] / 100).map(format_percent),
    }
    return pd.DataFrame(text).rename(index=KINDS)
