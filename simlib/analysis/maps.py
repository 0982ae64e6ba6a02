"""The figures of `04_sizing`: every cap and TTL beside the point in use and the recommended one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simlib.analysis.advise import Advice
from simlib.analysis.points import TARGETS, Point
from simlib.analysis.surfaces import Surfaces
from simlib.analysis.verdict import advised_as, keeps_today, meets, setting, short
from simlib.core.numbers import format_duration, format_memory, format_number, format_percent
from simlib.figures import sizing as figures
from simlib.figures.sizing import Grid, Panel
from simlib.figures.style import Drawing, LeftOut
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED


@dataclass(frozen=True)
class Maps:
    """The maps of an advice."""

    surfaces: Surfaces

    @property
    def advice(self) -> Advice:
        return self.surfaces.advice

    def draw(self) -> Drawing:
        """Draw the four measures at each cap and TTL, with where every target is met."""
        targets, of = self.advice.targets, self.surfaces.of
        lost, false = targets.lost or TARGETS.lost, targets.false or TARGETS.false
        panels = [
            _panel("counts lost", of("lost_share"), lost, 10, format_percent),
            _panel("evicted while still in use", of("false_share"), false, 10, format_percent),
            _panel("memory of the full map", of("heap_mib"), self._memory_limit(), 8, format_memory),
            _panel("longest stall of an increment", of("worst_ns"), targets.stall_ns, 10, format_duration),
        ]
        note = "Colours: today's traffic; the limit is bold."
        if not (targets.lost and targets.false):
            note += f" A limit of 0 % is drawn as {format_percent(TARGETS.lost)}."
        if of("meets_all").any():
            note += f"\nOutlined: every target is met up to {format_number(self.advice.levels[-1])} times the traffic."
        return figures.maps(panels, self._grid(), self._marks(), note, self._message(), self.surfaces.table)

    def draw_agreement(self) -> Drawing | LeftOut:
        """Draw the number of replications, or of parts of the log, in which each cap and TTL is accurate enough."""
        parts = len(self.advice.parts)
        what = "replications" if self.advice.simulated else "parts of the log"
        if parts < 2:
            return LeftOut("There is a single stream, so nothing says how much chance there is in it.")
        agreeing = self.surfaces.of("parts_that_agree")
        labels = [(0.5, f"all {parts}"), (1.5, "most"), (2.5, "few"), (3.5, "none")]
        panel = Panel(f"{what} in which it is accurate enough", parts - agreeing, (0.5, parts / 2, parts - 0.5), labels)
        some = int(((agreeing > 0) & (agreeing < parts)).sum())
        message = f"The {parts} {what} agree on accuracy at all {agreeing.size} caps and TTLs"
        if some:
            message = f"At {some} of {agreeing.size} caps and TTLs the {parts} {what} disagree on accuracy"
        note = "Accurate enough: both shares of the first two maps are within their limits."
        data = self.surfaces.table[["max_entries", "ttl_seconds", "parts_that_agree"]]
        return figures.maps([panel], self._grid(), self._marks(), note, message, data)

    def _memory_limit(self) -> float:
        """The memory that a map may take: its limit, or that of the number of entries to which it is limited."""
        targets = self.advice.targets
        if np.isinf(targets.entries):
            return targets.memory_mib
        return min(targets.memory_mib, self.advice.heap_mib(Point(SHIPPED, Settings(int(targets.entries), 0))))

    def _grid(self) -> Grid:
        return Grid(self.surfaces.caps, self.surfaces.ttls, self.surfaces.of("meets_all"))

    def _marks(self) -> dict[str, tuple[int, int]]:
        advice, names = self.advice, {"today": "today"}
        if not advice.refusal:
            names["recommended"] = advised_as(advice)
        return {
            names[name]: (max(at.settings.max_entries, 0), max(at.settings.ttl, 0))
            for name, at in self.surfaces.marked.items()
        }

    def _message(self) -> str:
        advice = self.advice
        if advice.refusal:
            return "Every cap and TTL; none is advised, as there is too little to judge by"
        (point, met), now = advice.found, advice.now
        if not met:
            return f"No cap and TTL {meets(advice)} every target"
        if keeps_today(advice):
            return f"Today's {short(now)} meets every target"
        if point.design != SHIPPED:
            return f"{point.design} meets every target at {short(point)}"
        words = setting(point).replace("a cap", "A cap").replace(" entries", "")
        return f"{words} meet every target; {short(now)} {'has no limit' if advice.meets_all(now) else 'does not'}"


def _panel(title: str, values: np.ndarray, limit: float, step: float, write: Callable[[float], str]) -> Panel:
    """A panel whose colours change at the limit, and at a `step` below and above it."""
    # A value at the limit meets it, and a colour begins at its bound.
    bounds = (limit / step, float(np.nextafter(limit, np.inf)), limit * step)
    return Panel(title, values, bounds, [(place, write(bound)) for place, bound in enumerate(bounds, 1)])
