"""The findings of `07_scale` on a fleet: each instance and all together, with session affinity and without.

With affinity an instance is a process with its share of the traffic. Without it a session's events are spread over all
instances (`models.miniature.spread`), and its delete reaches only one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.points import HALF
from simlib.analysis.scale import COLUMNS, HARDLY, LEAST_SHOWN, TRAFFIC, Point, Scale, half_used, sorts, table_of
from simlib.core.numbers import format_count, format_hours, format_memory, format_number, format_percent
from simlib.core.progress import progress
from simlib.figures import scale as figures
from simlib.figures.style import Drawing, LeftOut

ROUTINGS = {True: "affinity", False: "no affinity"}

QUANTITIES = {
    "entries": "unbounded {maps}: entries at the end",
    "mib": "unbounded {maps}: MiB at the end",
    "hours": "unbounded {maps}: time to the limit (projection)",
    "peak": "bounded {stores}: peak entries",
    "bounded_mib": "bounded {stores}: MiB at the peak",
    "utilisation": "{one_store}: lock held, share of the time",
    "false_share": "{one_store}: false evictions, share of all",
    "lost_share": "{one_store}: counts lost, share of all",
}
"""The rows of the table, named by `Fleet.quantity`, an instance each.

Shares and hours have no sum, but that of locks is in processors.
"""

MOST = TRAFFIC[-1]

ADDS_UP = ("entries", "mib", "peak", "bounded_mib", "utilisation")

LIMITS = {
    half_used: f"instances that hold the lock for less than {HALF:.0%} of the time",
    sorts: "instances that do not reach their cap",
}
"""Limits that an instance may be asked to keep."""


@dataclass(frozen=True)
class Fleet:
    """An experiment on `scale.instances` instances, each with stores of its own."""

    scale: Scale

    def point(self, traffic: float, affinity: bool) -> Point:
        """An average instance at `traffic` times the experiment's traffic on the whole fleet."""
        return self.scale.point(traffic / self.scale.instances, affinity)

    def quantity(self, name: str) -> str:
        """Name one of QUANTITIES for people: each counter of the experiment has a map and a store."""
        experiment = self.scale.experiment
        several = len(experiment.counters) > 1
        return QUANTITIES[name].format(
            maps=experiment.named("map"),
            stores=experiment.named("store"),
            one_store="bounded store in most use" if several else "bounded store",
        )

    def table(self) -> pd.DataFrame:
        """Per instance and in sum by routing (rows), by traffic (columns, which say what is a projection)."""
        columns = {}
        for traffic in () if self.scale.silence else TRAFFIC:
            column, simulated = {}, self.point(traffic, True).simulated
            for affinity, routing in ROUTINGS.items():
                for name, value in self._values(traffic, affinity).items():
                    least = "at least " if name == "utilisation" and not simulated and value > 0 else ""
                    column[routing, self.quantity(name), "per instance"] = least + _shown(name, value, simulated)
                    if name in ADDS_UP:
                        total = _shown(name, self.scale.instances * value, simulated, in_sum=True)
                        column[routing, self.quantity(name), "in sum"] = least + total
            columns[f"{format_count(traffic)} x{'' if simulated else ' (projection)'}"] = column
        return pd.DataFrame(columns).rename_axis(["routing", "of an instance", ""]) if columns else pd.DataFrame()

    def _values(self, traffic: float, affinity: bool) -> dict[str, float]:
        point, scale = self.point(traffic, affinity), self.scale
        values = {name: point.values[name].mean for name in COLUMNS}
        values |= {"mib": scale.unbounded_mib(point.traffic, affinity), "bounded_mib": scale.bounded_mib(point.peaks)}
        values |= {"hours": scale.hours_to_limit(point.traffic, affinity)}
        return {name: values[name] for name in QUANTITIES}

    # --- What affinity is worth

    @cached_property
    def entries_ratio(self) -> float:
        """Entries of all unbounded maps without affinity, to those with it; NaN where there are none with it."""
        kept, spread = (sum(g.entries.sum() for g in self.scale.growth[affinity]) for affinity in (True, False))
        return spread / kept if kept else np.nan

    def claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """The claims about a fleet, each with whether it holds and its numbers."""
        if self.scale.silence:
            return []
        pairs = zip(self.scale.growth[True], self.scale.growth[False], strict=True)
        # Each instance's share is simulated at the same traffic, but perhaps of different sessions.
        holds = all((spread.entries >= kept.entries * (1 - 1e-9)).all() for kept, spread in pairs)
        missing = {
            f"deletes_missing_{ROUTINGS[affinity]}".replace(" ", "_"): float(np.mean([g.deletes_missing for g in each]))
            for affinity, each in self.scale.growth.items()
        }
        text = "Without affinity the unbounded maps hold no fewer entries"
        return [(text, holds, {"times_the_entries": self.entries_ratio, **missing})]

    # --- How many instances it takes

    def fewest(self, limit: Callable[[Point], bool], traffic: float, affinity: bool) -> str:
        """The fewest instances that keep a limit, for people."""
        most = self.scale.highest(limit, affinity)
        if most == 0:
            return f"over {format_count(int(traffic / self.scale.grid[0]))}"
        known = min(most, max(self.scale.grid[-1], self.scale.reach if self.scale.reach < np.inf else 0))
        least = max(int(np.ceil(traffic / known)), 1)
        return format_count(least) if most < np.inf or least == 1 else f"{format_count(least)} or fewer"

    def sizes(self) -> pd.DataFrame:
        """The smallest fleets for people: by routing and limit (rows) and traffic (columns)."""
        if self.scale.silence:
            return pd.DataFrame()
        rows = {
            (routing, text): {f"{format_count(k)} x": self.fewest(limit, k, affinity) for k in TRAFFIC}
            for affinity, routing in ROUTINGS.items()
            for limit, text in LIMITS.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=["routing", "fewest"])

    # --- In words and pictures

    def answer(self) -> str:
        """The answer for the fleet, in a sentence; empty where there is none."""
        if self.scale.silence:
            return ""
        return f"At {format_count(MOST)} times, {self.fewest(half_used, MOST, True)} instances keep it under half."

    def draw_time(self) -> Drawing | LeftOut:
        """Utilisation of an instance's lock by the traffic of the fleet."""
        if self.scale.silence:
            return LeftOut(self.scale.silence)
        rows = []
        for affinity, routing in ROUTINGS.items():
            points = table_of([self.point(traffic, affinity) for traffic in progress(TRAFFIC, "traffics")])
            curve = self.scale.curve(affinity).assign(routing=routing, line=True)
            rows += [curve, points.assign(routing=routing, line=False)]
        table = pd.concat(rows, ignore_index=True)
        table["traffic"] *= self.scale.instances
        if table["utilisation"].max() < LEAST_SHOWN:
            return LeftOut(HARDLY)
        known = max(traffic for traffic in TRAFFIC if self.point(traffic, True).values["utilisation"].mean >= 0)
        held = f"each lock is needed {self.scale.held(known / self.scale.instances)} of the time"
        return figures.fleet_time(table, self.scale.instances, f"At {format_count(known)} times the traffic {held}")


def _shown(name: str, value: float, simulated: bool = True, in_sum: bool = False) -> str:
    """A quantity for people."""
    if np.isnan(value) and name == "hours":
        return "no limit given"
    if np.isnan(value):
        return "none evicted" if simulated else "not known"
    if name == "utilisation" and in_sum:
        return f"{format_number(value)} processors"
    if name in ("entries", "peak"):
        return format_count(value) if value >= 10 else format_number(value, 2)
    return {"hours": format_hours, "mib": format_memory, "bounded_mib": format_memory}.get(name, format_percent)(value)
