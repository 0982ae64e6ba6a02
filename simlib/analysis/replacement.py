"""The recommendation of `05_designs`: which design to take, what it gains and costs, and whether pruning needs it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.designs import BOUND, SHIPPED_CAP, Designs
from simlib.analysis.points import HALF
from simlib.core.numbers import format_count, format_counted, format_duration, format_number, format_percent, quantity
from simlib.core.units import SECOND
from simlib.figures import designs as figures
from simlib.figures.designs import Panel
from simlib.figures.style import Drawing, LeftOut, memory_unit
from simlib.models import cost, peers
from simlib.stores.registry import DESIGNS, LEAKED, SHIPPED

NEAR, NEARER = 0.1, 0.001
"""Two designs are equally accurate within this share of what the better one loses, or this share of all counts."""

PROFILED = (SHIPPED, "heap", "linked_list")
"""The shipped design, the one that the write-up considers, and the textbook's LRU."""


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

    @property
    def _counts(self) -> str:
        return self.designs.experiment.its_counts

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
        if self.designs.silence or not (self.designs.experiment.simulated and not prune.cliff.fixed) or cap <= 0:
            return None
        return bool((prune.cliff.table["mean_ns"] <= 1.05 * self.sort_ns).all())

    @property
    def is_bottleneck(self) -> bool:
        """Whether the shipped store holds its lock for half of the time or more."""
        return self.designs.prune.utilisation.mean >= HALF

    @property
    def _measured_cap(self) -> bool:
        """Whether the cap in use is that at which the designs were measured in Go."""
        return self.designs.experiment.settings.max_entries == SHIPPED_CAP

    def pruning(self) -> pd.DataFrame:
        """Say whether pruning is a bottleneck of the shipped store, as text: a row a number, its `value`."""
        if self.designs.silence or self.designs.prune.silence or not self.designs.experiment.first.duration:
            return pd.DataFrame()
        prune = self.designs.prune
        cliff, sorts = prune.cliff.simulated.mean, prune.stalled.mean
        rows = {
            "new sessions a second": format_number(prune.cliff.new_per_second.mean),
            "share of the time for which the lock is held": format_percent(prune.utilisation.mean),
            "increments that sort the whole store": format_percent(sorts) if sorts else "none",
            "time of one of them, without garbage collection": format_duration(self.sort_ns) if sorts else "",
            "new sessions a second from which on new ones sort the store": (
                "any" if cliff == 0 else format_number(cliff) if np.isfinite(cliff) else "none that was simulated"
            ),
            "new sessions a second from which on the lock may be held half of the time": (
                format_number(self.saturates_at)
                if np.isfinite(self.saturates_at)
                else "none, as without a cap none sorts"
            ),
            "library to import": self.library,
        }
        return pd.DataFrame({"value": {name: value for name, value in rows.items() if value}}).rename_axis("number")

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
        """Answer the notebook's question in three short sentences at most: what to take, its gain, and its price."""
        if self.designs.silence:
            return self.designs.silence
        mine, shipped = format_percent(self._lost(self.design)), format_percent(self._lost(SHIPPED))
        needed = "pruning is a bottleneck" if self.is_bottleneck else "pruning is no bottleneck"
        if not self.designs.experiment.first.duration:
            needed = "whether pruning is a bottleneck cannot be said"
        if self.design == SHIPPED:
            return (
                f"At the cap and TTL in use keep {SHIPPED}: no other design is as accurate and takes less than half of "
                f"its steps. It loses {shipped} of {self._counts}, and {needed}."
            )
        than = f"as {SHIPPED} does" if mine == shipped else f"{SHIPPED} {shipped}"
        return (
            f"At the cap and TTL in use take {self.design}, {'as' if self.is_bottleneck else 'though'} {needed} here. "
            f"It loses {mine} of {self._counts}, {than}, and {self._speed()}. {self._price()}"
        )

    def _speed(self) -> str:
        """Compare the time of the design with the shipped one's, as a clause: in Go, or in steps of this stream."""
        ns, reached = (
            self.designs.costs["mean_ns"],
            any(found[SHIPPED].totals.cap_evictions for found in self.designs.replications),
        )
        if reached and self._measured_cap and np.isfinite(ns[self.design]):
            mine, shipped = format_duration(ns[self.design]), format_duration(ns[SHIPPED])
            return f"a new session at the cap takes {mine} in Go ({SHIPPED}: {shipped})"
        mine, shipped = (format_number(self.designs.steps["mean"][name]) for name in (self.design, SHIPPED))
        return f"the mean operation takes {quantity(mine, 'steps')} ({SHIPPED}: {shipped})"

    def _price(self) -> str:
        """Say what the design costs in code and bytes, in a sentence."""
        costs, lines = self.designs.costs["bytes_an_entry"], self.designs.costs["lines_of_go"][self.design]
        says = f"It costs {format_counted(lines, 'lines')} of Go"
        if np.isnan(lines):
            says = (
                f"There is no file to copy: import {self.library}" if self.library else "It must be written in Go first"
            )
        if np.isfinite(more := costs[self.design] - costs[SHIPPED]):
            says += f" and {'saves ' if more < 0 else ''}{format_number(abs(more))} bytes an entry"
        if DESIGNS[self.design].exceeds_cap:
            peak = max(found[self.design].totals.peak_entries for found in self.designs.replications)
            says += f", and may outgrow the cap: here it held {format_counted(peak, 'entries')}"
        return f"{says}."

    # --- Pictures

    @property
    def _rival(self) -> str:
        """The design to compare with the shipped one: the one to take, else the most accurate, then fewest steps."""
        steps = self.designs.steps["mean"]
        lost = {name: (self._lost(name), steps[name], name) for name in self.designs.eligible if name != SHIPPED}
        return self.design if self.design != SHIPPED else min(lost, key=lambda name: lost[name])

    @property
    def _colours(self) -> dict[str, str]:
        return {name: design.colour for name, design in DESIGNS.items()}

    def draw_trade_off(self) -> Drawing | LeftOut:
        """Draw memory and accuracy of every design beside each other."""
        if self.designs.silence:
            return LeftOut(self.designs.silence)
        table = self.designs.table().sort_values(["wrong_answers_percent", "lost_percent"], kind="stable")
        lost = {name: format_percent(self._lost(name)) for name in (SHIPPED, self._rival)}
        message = f"{SHIPPED} loses {lost[SHIPPED]} of {self._counts}, {self._rival} {lost[self._rival]}"
        if lost[SHIPPED] == lost[self._rival]:
            message = f"{self._rival} loses {lost[SHIPPED]} of {self._counts}, as {SHIPPED} does"
        unit, scale = memory_unit(float(table["heap_mib"].max()))
        panels = [Panel(f"memory at\nthe peak ({unit})", ("memory",))]
        panels += [
            panel
            for panel in (
                Panel("counts\nlost (%)", ("lost_percent",), percent=True),
                Panel("answers\nwrong (%)", ("wrong_answers_percent",), percent=True),
            )
            if table[panel.columns[0]].any()
        ]
        table = table.assign(memory=scale * table["heap_mib"])
        bounds = {panel.columns[0]: float(table[panel.columns[0]][BOUND]) for panel in panels[1:] if BOUND}
        return figures.rows(table, panels, self._colours, message, bounds)

    def draw_costs(self) -> Drawing | LeftOut:
        """Draw the mean, the 99th percentile and the worst of one operation of every design."""
        if self.designs.silence:
            return LeftOut(self.designs.silence)
        costs = self.designs.costs.sort_values("steps_mean", kind="stable")
        parts = ("mean", "p99", "worst")
        costs = costs.assign(**{f"{part}_us": costs[f"{part}_ns"] / 1000 for part in parts})
        panels = (
            Panel("steps of an operation:\nmean, 99 %, worst", tuple(f"steps_{part}" for part in parts)),
            Panel(f"µs in Go, {SHIPPED_CAP} entries:\nmean, 99 %, worst", tuple(f"{part}_us" for part in parts)),
        )
        ns = costs["mean_ns"][[SHIPPED, self._rival]]
        if self._measured_cap and ns.notna().all():
            times = [format_duration(each) for each in ns]
            message = f"A new session at the cap takes {times[0]} in {SHIPPED}, {times[1]} in {self._rival}"
        else:
            steps = [format_number(each) for each in costs["steps_mean"][[SHIPPED, self._rival]]]
            message = f"An operation takes {steps[0]} steps in {SHIPPED}, {steps[1]} in {self._rival}"
        return figures.rows(costs, panels, self._colours, message)

    def draw_regret(self) -> Drawing | LeftOut:
        """Draw how much more often each design misses than the clairvoyant bound."""
        if self.designs.silence or BOUND is None:
            return LeftOut(self.designs.silence or "No figure: no registered design knows the future.")
        table = self.designs.regret.clip(lower=0).sort_values("misses_percent", kind="stable")
        misses = table["misses_percent"]
        if not misses.any():
            return LeftOut("No figure: no design within the cap misses more often than the clairvoyant one.")
        message = f"{SHIPPED} misses no more often than the clairvoyant design"
        if misses[SHIPPED]:
            message = f"{format_percent(misses[SHIPPED] / 100)} of increments miss needlessly in {SHIPPED}"
        if misses[SHIPPED] and self._rival in misses:
            message += f", {format_percent(misses[self._rival] / 100)} in {self._rival}"
        panel = Panel("misses beyond the clairvoyant bound (% of increments)", ("misses_percent",), percent=True)
        return figures.rows(table, [panel], self._colours, message)


def lesson() -> str:
    """Show by what was measured in Go why to profile early, in a sentence."""
    times = {name: cost.design_cost(name) for name in PROFILED}
    parts = [f"{format_duration(each.mean_ns)} in {name}" for name, each in times.items() if each]
    return (
        f"Profile early: at {format_count(SHIPPED_CAP)} entries an increment that brings a new session takes "
        f"{', '.join(parts[:-1])} and {parts[-1]} (mean, measured in Go with garbage collection)."
    )
