"""The recommendation of `05_designs`: which design to take, at what price, and from which rate on it is needed.

Real Go libraries stand beside the designs whose rule they have.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.designs import BOUND, Designs
from simlib.core.numbers import format_count, format_duration, format_number, format_percent
from simlib.core.units import SECOND
from simlib.models import cost, peers
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, LEAKED, SHIPPED

NEAR, NEARER = 0.1, 0.001
"""Two designs are equally accurate within this share of what the better one loses, or this share of all counts."""

HALF = 0.5
"""Share of the time for which the lock is held from which on the mean wait for it exceeds the time it is held."""

EXACT = {"ttlcache": "linked_list"}
"""Libraries that make exactly the evictions of a design, on every stream tried."""


@dataclass(frozen=True)
class Replacement:
    """The design to take, and the answer to the incident's open question."""

    designs: Designs

    @cached_property
    def design(self) -> str:
        """The design to take: of those eligible and as accurate as the best, the one with the fewest mean steps.

        One that by its rule may outgrow the cap only where no other is as accurate. The shipped one stays where it is
        as accurate and no other takes less than half of its steps.
        """
        lost, steps = {name: self._lost(name) for name in self.designs.eligible}, self.designs.steps["mean"]
        least = min(lost.values())
        near = [name for name in lost if lost[name] <= least + max(NEAR * least, NEARER)]
        near = [name for name in near if not DESIGNS[name].exceeds_cap] or near
        best = min(near, key=lambda name: (steps[name], name))
        return SHIPPED if SHIPPED in near and steps[best] > steps[SHIPPED] / 2 else best

    @cached_property
    def beyond_the_cap(self) -> str | None:
        """The design that loses least of those that may outgrow the cap; None where there is none."""
        names = [name for name, each in DESIGNS.items() if each.exceeds_cap and name != LEAKED]
        return min(names, key=lambda name: (self._lost(name), name), default=None)

    def _lost(self, design: str) -> float:
        return self.designs.mean(design, lambda outcome: outcome.lost_share).mean

    # --- Whether pruning is a bottleneck

    @cached_property
    def sort_ns(self) -> float:
        """Time in ns of an increment that creates an entry in a full shipped store, which sorts it."""
        at, settings = cost.prices(self.designs.go_version), self.designs.experiment.settings
        sort = float(at.of("sort", settings.max_entries + 1))
        if settings.ttl <= 0:
            sort -= float(at.of("scan", settings.max_entries + 1))
        return sort + float(at.of("known", settings.max_entries)) + at.creating

    @cached_property
    def increments_per_new(self) -> float:
        """Increments for each new session; NaN where there is none."""
        totals = [each.totals(self.designs.experiment.counter, LEAKED) for each in self.designs.experiment.replications]
        new = sum(each.creates for each in totals)
        return sum(each.increments for each in totals) / new if new else np.nan

    @cached_property
    def saturates_at(self) -> float:
        """New sessions a second from which on the shipped store may hold its lock for half of the time.

        In closed form, and the earliest: as if every increment sorted a full store. Inf without a cap.
        """
        if self.designs.experiment.settings.max_entries <= 0:
            return np.inf
        return HALF * SECOND / (self.increments_per_new * self.sort_ns)

    def bound_agrees(self) -> bool | None:
        """Whether at no simulated traffic an increment takes longer on average than one that sorts a full store.

        Within 5 %. None where no other traffic is simulated, or no full store is ever sorted.
        """
        prune, cap = self.designs.prune, self.designs.experiment.settings.max_entries
        if self.designs.silence or not (self.designs.experiment.simulated and prune.steps) or cap <= 0:
            return None
        return bool((prune.cliff["mean_ns"] <= 1.05 * self.sort_ns).all())

    def bottleneck(self) -> str:
        """Answer the incident's open question in one sentence."""
        prune, settings = self.designs.prune, self.designs.experiment.settings
        if self.designs.silence:
            return ""
        held, stalled, new = prune.utilisation.mean, prune.stalled.mean, prune.new_per_second.mean
        verdict = "is a bottleneck" if held >= HALF else "is no bottleneck"
        says = (
            f"At {format_number(new)} new sessions a second pruning {verdict}: the lock is held for "
            f"{format_percent(held)} of the time"
        )
        if settings.max_entries <= 0:
            return f"{says}; without a cap nothing is ever sorted."
        begins = prune.cliff_simulated.mean
        if stalled:
            pause = format_duration(self.sort_ns)
            says += f", though {format_percent(stalled)} of the increments sort the store, {pause} each"
        if 0 < begins < np.inf:
            says += f"; the cliff, where new ones begin to sort it, is at {format_number(begins)} a second"
        return (
            f"{says}; from {format_number(self.saturates_at)} a second on the lock may be held half of the time, and "
            f"{self.remedy()}."
        )

    def remedy(self) -> str:
        """Name the file to copy or the library to import in place of the shipped store, as part of a sentence."""
        design = self.design
        if design == SHIPPED:
            return "no other design is as accurate and takes less than half of the steps"
        lines = self.designs.costs["lines_of_go"][design]
        written = f"copy {design}, {format_count(lines)} lines of Go" if np.isfinite(lines) else f"write {design} in Go"
        return f"the remedy is to {written}" + (f", or to import {self.library}" if self.library else "")

    @cached_property
    def library(self) -> str:
        """The module and version to import for the design, the first listed of those; empty without one."""
        name = next((name for name, peer in peers.PEERS.items() if peer.design == self.design), None)
        if name is None:
            return ""
        version = peers.speeds().set_index("library")["version"][name].iloc[0]
        return f"{peers.PEERS[name].module.removeprefix('github.com/')} {version}"

    # --- Sentences

    def answer(self) -> str:
        """Answer the notebook's question in two sentences."""
        if self.designs.silence:
            return self.designs.silence
        design, mean = self.design, self.designs.steps["mean"]
        mine, shipped = format_percent(self._lost(design)), format_percent(self._lost(SHIPPED))
        bound = f" (the clairvoyant bound: {format_percent(self._lost(BOUND))})" if BOUND else ""
        if design == SHIPPED:
            return (
                f"Keep {SHIPPED}: no other design is as accurate and takes less than half of its steps. It loses "
                f"{shipped} of the counts{bound}; mean steps of an operation: {format_number(mean[SHIPPED])}."
            )
        return (
            f"Take {design}: it loses {mine} of the counts, {SHIPPED} {shipped}{bound}. An operation takes "
            f"{format_number(mean[design])} steps on average in place of {format_number(mean[SHIPPED])}."
        )

    def price(self) -> str:
        """Say what the recommended design costs, in sentences."""
        if self.designs.silence:
            return ""
        design, costs = self.design, self.designs.costs
        most = self.designs.steps["worst"][design]
        worst = f"{format_count(most)} step{'s' if most != 1 else ''} in the worst operation"
        says = f"The price of keeping {design}: {worst}."
        if design != SHIPPED:
            more = costs["bytes_an_entry"][design] - costs["bytes_an_entry"][SHIPPED]
            memory = "bytes in Go that are not measured"
            if np.isfinite(more):
                memory = f"{format_number(abs(more))} bytes {'less' if more < 0 else 'more'} an entry than {SHIPPED}"
            says = f"The price of {design}: {memory}, and {worst}."
        if design != SHIPPED and np.isfinite(costs["mean_ns"][design]):
            mine, shipped = (format_duration(costs["mean_ns"][name]) for name in (design, SHIPPED))
            says += f" In Go an increment that meets a full store takes {mine} on average, in {SHIPPED} {shipped}."
        if DESIGNS[design].exceeds_cap:
            says += f" By its rule it may outgrow the cap; here it held {self._peak(design)} entries at most."
        other = self.beyond_the_cap
        if other and self._lost(other) < self._lost(design):
            says += (
                f" If memory may follow the traffic, {other} loses {format_percent(self._lost(other))} of the counts"
            )
            says += f", with {self._peak(other)} entries at the peak."
        return says

    def _peak(self, design: str) -> str:
        return format_count(max(found[design].totals.peak_entries for found in self.designs.replications))

    # --- Real libraries

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

    def libraries(self) -> pd.DataFrame:
        """The real libraries, a row each: the design whose rule it has, its speed, and its totals on this stream."""
        speed = peers.speeds()
        speed = speed[(speed["traffic"] == "churn") & (speed["goroutines"] == 1)].set_index("library")
        table = pd.DataFrame(
            {name: {"design": peer.design or "none", "rule": peer.about} for name, peer in peers.PEERS.items()}
        ).T.rename_axis("library")
        table = table.join(speed[["version", "mean_ns", "p99_ns", "worst_ns", "garbage_bytes", "heap_bytes"]])
        return table.join(self.replays[["creates", "false_evictions", "lost_counts"]]) if len(self.replays) else table

    def libraries_agree(self) -> bool | None:
        """Whether each library of EXACT has its design's ledger on this stream; None if it was not replayed there."""
        found = self.designs.replications[0] if not self.designs.silence else {}
        pairs = [
            (self.replays.loc[library], found[design].totals)
            for library, design in EXACT.items()
            if design in found and library in self.replays.index
        ]
        return all(row[name] == getattr(mine, name) for row, mine in pairs for name in peers.TOTALS) if pairs else None
