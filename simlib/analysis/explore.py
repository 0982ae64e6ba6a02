"""The exact surfaces that the explorer shows: each measure at each cap and TTL, of several designs and traffics.

All are of the first replication, or of the log.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from simlib.analysis.commands import option_of, replay_commands
from simlib.analysis.points import Point, Points
from simlib.analysis.sizing import Sizing
from simlib.analysis.state import DESIGNS, MEASURES, TRAFFIC, Measure, State, finite, placed
from simlib.analysis.surfaces import AN_OCTAVE, caps_of, figures, ttls_of
from simlib.analysis.verdict import advised_as
from simlib.core.progress import progress
from simlib.core.units import HOUR, MINUTE, SECOND, seconds
from simlib.models.miniature import LEAST_CAP
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED, find_design

OCTAVES = 11
"""Doublings of the cap on the map, down from one that holds every session."""

TTLS = (
    *(count * SECOND for count in (5, 10, 15, 20, 30, 45)),
    *(count * MINUTE // 2 for count in (2, 3, 4, 6, 8, 10, 14, 20, 30, 40, 50, 60, 90)),
    *(count * HOUR // 2 for count in (2, 3, 4, 6, 8, 12, 16, 24)),
    *(count * HOUR for count in (24, 48, 72, 168)),
)
"""TTLs to explore, ns, as far as the stream is long."""

COLOURS = ("#f3f6fa", "#d3e2ef", "#a6c6df", "#71a3ca", "#417cae", "#205688", "#0b305c")
"""From low to high, in even steps of lightness, so that they differ in grey too."""

DIGITS = {"share": 3, "ns": 3, "mib": 6}
"""Significant digits of a value on the page, which shows three of them; units of memory are no powers of ten."""


@dataclass(frozen=True, eq=False)
class Explorer:
    """The explorer of the store that a sizing is about; `at` is the state to begin with, as `State.written` has it."""

    sizing: Sizing
    at: str = ""

    @cached_property
    def start(self) -> State:
        """The state to begin with: today's point, as far as `at` names no other. Raises InputError."""
        return State(self.sizing.advice.now, self.sizing.targets).changed(self.at)

    @cached_property
    def points(self) -> Points:
        """The points of the first replication, or of the log."""
        return self.sizing.advice.alone[0]

    @cached_property
    def known(self) -> dict[str, Point]:
        """The points that the map has a row and a column for: today's, the advised one, and where it begins."""
        advice = self.sizing.advice
        advised = {} if advice.refusal else {advised_as(advice): advice.found[0]}
        known = {"today": advice.now, **advised}
        return known if self.start.point in known.values() else {**known, "here": self.start.point}

    @cached_property
    def caps(self) -> list[int]:
        """Caps ascending; last 0, for none."""
        known = [*self.known.values()]
        peak = self.points.totals(Point(SHIPPED, Settings(0, 0))).peak_entries
        most = max(2 * max(point.settings.max_entries for point in known), peak * 2 ** (1 / AN_OCTAVE), LEAST_CAP)
        return caps_of(known, most / 2**OCTAVES, most, AN_OCTAVE)

    @cached_property
    def ttls(self) -> list[int]:
        """TTLs in ns ascending; last 0, for none."""
        return ttls_of([*self.known.values()], TTLS, self.points.span)

    def cells(self, design: str) -> list[Point]:
        """The points of a design, all TTLs of the first cap first."""
        every = self.sizing.advice.now.settings.prune_every
        return [Point(design, Settings(cap, ttl, every)) for cap, ttl in product(self.caps, self.ttls)]

    @cached_property
    def surfaces(self) -> dict[tuple[str, float], list[dict[str, float]]]:
        """The values of each cell, by design and traffic."""
        found = {}
        for design in progress(DESIGNS, "designs"):
            cells = self.cells(design)
            self.points.replay_all(cells, TRAFFIC)
            for times in TRAFFIC:
                found[design, times] = [values(self.points, cell, times) for cell in cells]
        return found

    def data(self) -> dict[str, object]:
        """Return all that the page needs, ready for JSON: caps and TTLs in s with 0 for none, and the surfaces.

        `surfaces` holds by design, traffic and measure the values of `cells`, as `packed`; None stands for what is not
        measured, or too small to simulate. `commands` reproduce a point once its design and the options of this follow:
        `designs` holds by design the option of each setting that it uses.
        """
        advice, targets = self.sizing.advice, self.sizing.targets
        surfaces: dict[str, dict[str, dict[str, list]]] = {design: {} for design in DESIGNS}
        for (design, times), rows in self.surfaces.items():
            shown = [self.rounded(row) for row in rows]
            surfaces[design][f"{times:g}"] = {key: packed(row[key] for row in shown) for key in MEASURES}
        known = self.known
        return {
            "case": self.sizing.experiment.name,
            "caps": self.caps,
            "ttls": [seconds(ttl) for ttl in self.ttls],
            "designs": {design: {name: option_of(name) for name in find_design(design).settings} for design in DESIGNS},
            "traffic": TRAFFIC,
            "colours": COLOURS,
            "measures": [{**measure._asdict(), "bounds": self.bounds(measure)} for measure in MEASURES.values()],
            "points": {name: placed(point) for name, point in known.items() if name != "here"},
            "most_cap": finite(targets.entries),
            "least_ttl": seconds(int(targets.quiet_ns)),
            "prune_every": advice.now.settings.prune_every,
            "commands": replay_commands(advice.counter, self.sizing.source),
            "start": self.start.as_json(),
            "surfaces": surfaces,
        }

    def bounds(self, measure: Measure) -> list[float]:
        """Return the values between the colours, closer together where they are small.

        Shares go by their square root, others by their logarithm.
        """
        found = (row.get(measure.key, math.nan) for rows in self.surfaces.values() for row in rows)
        known = [value for value in found if math.isfinite(value)]
        steps = np.arange(1, len(COLOURS)) / len(COLOURS)
        if measure.kind == "share":
            bounds = (max(known, default=0.0) or 1.0) * steps**2
        else:
            low, high = (max(end(known, default=1.0), 1e-9) for end in (min, max))
            bounds = low * (high / low) ** steps
        return [float(f"{bound:.2g}") for bound in bounds]

    def rounded(self, found: Mapping[str, float | None]) -> dict[str, float | None]:
        """Round the values of a point as the page shows them, on the map or off it; None for what is not known.

        A value above its target stays above it, and none becomes so.
        """
        return {
            key: _rounded(found.get(key), measure.limit(self.sizing.targets), DIGITS[measure.kind])
            for key, measure in MEASURES.items()
        }

    def replay(self, state: State) -> dict[str, float | None]:
        """Replay the point of a state, exactly, on the map or off it; None for what is not known."""
        found = values(self.points, state.point, state.times)
        return {key: finite(found.get(key, math.nan)) for key in MEASURES}

    def agrees(self) -> bool:
        """Whether the points in question have on the map the values that a replay alone gives them."""
        alone, every = Points(self.points.traces, entry=self.points.entry), self.sizing.advice.now.settings.prune_every

        def same(point: Point, times: float) -> bool:
            cap, ttl = max(point.settings.max_entries, 0), max(point.settings.ttl, 0)
            cell = Point(point.design, Settings(cap, ttl, every))
            on_map = self.surfaces[point.design, times][self.cells(point.design).index(cell)]
            return repr(on_map) == repr(values(alone, cell, times))

        return all(same(point, times) for point in self.known.values() for times in TRAFFIC)


def values(points: Points, point: Point, times: float = 1.0) -> dict[str, float]:
    """Return the MEASURES of a point under `times` the traffic, by key; none where its miniature is too small."""
    if times > 1 and 0 < point.settings.max_entries < LEAST_CAP * times:
        return {}
    found = figures(points, point, times)
    return {key: found[key] for key in MEASURES}


def packed(found: Iterable[float | None]) -> list[float | None]:
    """Shorten values: a negative number repeats the value before it that number of times."""
    short: list[float | None] = []
    for value in found:
        repeats = bool(short) and short[-1] is not None and short[-1] < 0
        if short and value == short[-2 if repeats else -1]:
            short.append(short.pop() - 1 if repeats else -1)
        else:
            short.append(value)
    return short


def _rounded(value: float | None, limit: float, digits: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return rounded if (rounded > limit) == (value > limit) else value
