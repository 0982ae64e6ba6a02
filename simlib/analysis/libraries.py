"""Real Go libraries beside the designs of `05_designs` whose rule they have: their speed, and their totals."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from simlib.analysis.designs import Designs
from simlib.models import peers
from simlib.stores.contract import Settings
from simlib.stores.registry import LEAKED

EXACT = {"ttlcache": "linked_list"}
"""Libraries that make exactly the evictions of a design, on every stream tried."""


@dataclass(frozen=True)
class Libraries:
    """The libraries that were replayed and measured (see `models.peers`), beside the designs on the same stream."""

    designs: Designs

    @cached_property
    def replays(self) -> pd.DataFrame:
        """Totals of each library on the stream of the first replication; empty where it was not measured on that."""
        experiment, table = self.designs.experiment, peers.peers_table()
        if experiment.settings != Settings() or self.designs.silence:
            return table.iloc[:0]
        mine = self.designs.replications[0][LEAKED].totals
        same = (table["trace"] == experiment.name) & (table["counter"] == experiment.counter)
        same &= (table["increments"] == mine.increments) & (table["deletes"] == mine.deletes)
        return table[same].groupby("library", sort=False).mean(numeric_only=True)

    def table(self) -> pd.DataFrame:
        """The real libraries, a row each: the design whose rule it has, its speed, and its totals on this stream."""
        speed = peers.speeds()
        speed = speed[(speed["traffic"] == "churn") & (speed["goroutines"] == 1)].set_index("library")
        table = pd.DataFrame(
            {name: {"design": peer.design or "none", "rule": peer.about} for name, peer in peers.PEERS.items()}
        ).T.rename_axis("library")
        table = table.join(speed[["version", "mean_ns", "p99_ns", "worst_ns", "garbage_bytes", "heap_bytes"]])
        return table.join(self.replays[["creates", "false_evictions", "lost_counts"]]) if len(self.replays) else table

    def agree(self) -> bool | None:
        """Whether each library of EXACT has its design's ledger on this stream; None if it was not replayed there."""
        found = self.designs.replications[0] if not self.designs.silence else {}
        pairs = [
            (self.replays.loc[library], found[design].totals)
            for library, design in EXACT.items()
            if design in found and library in self.replays.index
        ]
        return all(row[name] == getattr(mine, name) for row, mine in pairs for name in peers.TOTALS) if pairs else None
