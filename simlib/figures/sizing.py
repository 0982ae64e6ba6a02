"""The maps of `04_sizing`: a measure at each cap and TTL, in few colours, with what is set and what should be."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from simlib.core.numbers import format_count, format_duration
from simlib.core.units import HOUR, MINUTE
from simlib.figures.style import BLACK, OVER_LINES, SIZE, Drawing, styled, write_title

COLOURS = ("#fcf3d4", "#f2bd6b", "#b8627a", "#3a2f66")
"""From well within a limit to far beyond it, in even steps of lightness, so that they differ in grey too."""

ROUND = (*(minutes * MINUTE for minutes in (1, 5, 30)), *(hours * HOUR for hours in (2, 8, 48)))
"""TTLs to label, ns, where they are on the map."""

APART = 0.8
"""Cells between the last cap or TTL and the cells without one."""

MARKS = {
    "today": ("o", "white"),
    **dict.fromkeys(("recommended", "enough", "nearest"), ("D", BLACK)),
    "here": ("s", "#e69f00"),
}
"""The marker and the colour of its inside, by the name of a point."""


class Panel(NamedTuple):
    """One map: its title, its values (caps, TTLs), the values between its colours, and labels of the colours.

    A label is a place, from 0 below the first colour to their number above the last, and a text.
    """

    title: str
    values: np.ndarray
    bounds: Sequence[float]
    labels: Sequence[tuple[float, str]]
    colours: Sequence[str] = COLOURS


class Grid(NamedTuple):
    """The cells of a map: caps and TTLs in ns, both ascending with 0, for none, last; and which are to be outlined."""

    caps: Sequence[int]
    ttls: Sequence[int]
    outlined: np.ndarray


def maps(
    panels: Sequence[Panel],
    grid: Grid,
    marks: Mapping[str, tuple[int, int]],
    note: str,
    message: str,
    data: pd.DataFrame,
) -> Drawing:
    """Draw a map for each panel, four or one, with the points of `marks` (cap, TTL) and a note on the outline below."""
    several = len(panels) > 1
    with styled():
        figure = Figure(figsize=(SIZE[0], 5.4 if several else SIZE[1]), layout="constrained")
        write_title(figure, message)
        shape = (2, 2) if several else (1, 1)
        for place, (axes, panel) in enumerate(
            zip(np.ravel(figure.subplots(*shape, sharex=True, sharey=True)), panels, strict=True)
        ):
            _draw(axes, panel, grid)
            _mark(axes, grid, marks, named=place == 0)
        height = (0.17 * (note.count("\n") + 1) + 0.05) / figure.get_figheight()
        figure.get_layout_engine().set(rect=(0, height, 1, 1 - height))
        figure.text(0.01, 0.01, note, fontsize=9, va="bottom")
    return Drawing(figure, data, message)


def edges(count: int) -> np.ndarray:
    """Return the edges of cells of width 1, the last of them apart; float64, (count + 2,)."""
    return np.append(np.arange(count, dtype=float), [count - 1 + APART, count + APART])


def _draw(axes: Axes, panel: Panel, grid: Grid) -> None:
    x, y = edges(len(grid.caps)), edges(len(grid.ttls))
    # The gap before the last row and column stays empty.
    values = np.insert(np.insert(panel.values.astype(float), -1, np.nan, axis=0), -1, np.nan, axis=1)
    count = len(panel.colours)
    norm = BoundaryNorm([-np.inf, *panel.bounds, np.inf], count)
    colours = ListedColormap(list(panel.colours))
    axes.pcolormesh(x, y, np.ma.masked_invalid(values).T, cmap=colours, norm=norm, linewidth=0)
    _outline(axes, grid, x, y)
    axes.set_title(panel.title, fontsize=10, fontweight="normal", pad=4)
    axes.set_xticks(*_ticks(grid.caps, x, format_count, _powers(grid.caps)))
    axes.set_yticks(*_ticks(grid.ttls, y, format_duration, ROUND))
    axes.set_xlabel("cap (entries)", fontsize=9)
    axes.set_ylabel("TTL", fontsize=9)
    axes.label_outer()
    axes.tick_params(labelsize=8, length=2)
    axes.spines[:].set_visible(False)
    # The strip of colours; of three values between them the middle one is the limit.
    strip = axes.inset_axes((1.03, 0.0, 0.05, 1.0))
    places = np.arange(count + 1)
    strip.pcolormesh([0, 1], places, places[:-1, None], cmap=colours, norm=BoundaryNorm(places, count))
    strip.set_xticks([])
    strip.set_yticks(*zip(*panel.labels, strict=True), fontsize=8)
    strip.yaxis.tick_right()
    if len(panel.labels) == 3:
        strip.get_yticklabels()[1].set_fontweight("bold")
    strip.tick_params(length=0)
    strip.spines[:].set_visible(False)


def _outline(axes: Axes, grid: Grid, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the edges between outlined cells and others; the gap before the last row and column is an edge."""
    inside = np.pad(np.insert(np.insert(grid.outlined.astype(bool), -1, False, axis=0), -1, False, axis=1), 1)
    for cap, ttl in zip(*np.nonzero(inside), strict=True):
        left, right, low, high = x[cap - 1], x[cap], y[ttl - 1], y[ttl]
        sides = {
            (-1, 0): ((left, left), (low, high)),
            (1, 0): ((right, right), (low, high)),
            (0, -1): ((left, right), (low, low)),
            (0, 1): ((left, right), (high, high)),
        }
        for (across, up), side in sides.items():
            if not inside[cap + across, ttl + up]:
                axes.plot(*side, color=BLACK, linewidth=2, solid_capstyle="projecting", zorder=3, clip_on=False)


def _mark(axes: Axes, grid: Grid, marks: Mapping[str, tuple[int, int]], named: bool) -> None:
    """Draw the marked points, with their names beside them: the higher one above its point unless at the top."""
    places = {name: (_middle(grid.caps, cap), _middle(grid.ttls, ttl)) for name, (cap, ttl) in marks.items()}
    heights = [y for _, y in places.values()]
    below = {name: y >= len(grid.ttls) - 2 or (y == min(heights) and y > 2) for name, (_, y) in places.items()}
    for name, (x, y) in places.items():
        marker, inside = MARKS[name]
        look = {"marker": marker, "markersize": 6.5, "color": inside, "markeredgecolor": BLACK, "markeredgewidth": 1.3}
        axes.plot([x], [y], **look, zorder=5)
        if not named:
            continue
        crowded = len(set(below.values())) == 1 and max(heights) - min(heights) < 2 and name == "today"
        away, is_left = 18 if crowded and len(places) > 1 else 7, x < len(grid.caps) / 2
        axes.annotate(
            name,
            (x, y),
            xytext=(6 if is_left else -6, -away if below[name] else away),
            textcoords="offset points",
            ha="left" if is_left else "right",
            va="top" if below[name] else "bottom",
            fontsize=8,
            bbox=OVER_LINES,
            zorder=6,
        )


def _middle(values: Sequence[int], value: int) -> float:
    at = list(values).index(value)
    return at + 0.5 + (APART if at == len(values) - 1 else 0)


def _powers(caps: Sequence[int]) -> list[int]:
    """The caps to label: some powers of two on the map, none so near the end that it meets the word there."""
    powers = [cap for cap in caps[:-4] if cap & (cap - 1) == 0]
    return powers[:: max(1, -(-len(powers) // 3))]


def _ticks(
    values: Sequence[int], at: np.ndarray, write: Callable[[float], str], labelled: Sequence[int]
) -> tuple[list[float], list[str]]:
    ticks = {_middle(values, value): write(value) for value in values if value in labelled}
    ticks[_middle(values, 0)] = "none"
    return [*ticks], [*ticks.values()]
