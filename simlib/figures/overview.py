"""The figure of `00_overview`: a small panel a measure, a row an experiment, each dot with its value in words."""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlib.figures.style import BLACK, GREY, PALE, SIZE, Drawing, styled, write_title

COLUMNS = 3
"""Panels beside each other."""

ROW, HEAD, TITLE = 0.25, 0.6, 0.7
"""Inches for a row of a panel, for its head, and for the title of the figure."""

REACH = 0.45
"""Share of a panel's width at which its largest value stands: the rest is for the text beside it."""

LONGEST_NAME = 16
"""Letters of a name; a longer one is shortened."""


class Panel(NamedTuple):
    """One measure: its `label`, a mean with its interval and a text for each row, a colour, and its scale.

    A mean that is not finite has no dot, only its text; an end of an interval that is not finite is not drawn.
    `logarithmic` or from 0. `mark` is a value and the text of a line at it.
    """

    label: str
    means: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    texts: Sequence[str]
    colour: str
    logarithmic: bool = False
    mark: tuple[float, str] | None = None


def dots(names: Sequence[str], panels: Sequence[Panel], message: str) -> Drawing:
    """Draw a row for each name in each panel: a dot at the mean, a whisker over its interval, and the text."""
    lines = math.ceil(len(panels) / COLUMNS)
    height = TITLE + lines * (HEAD + ROW * (len(names) + 0.6))
    with styled():
        figure = Figure(figsize=(SIZE[0], height), layout="constrained")
        write_title(figure, message)
        grid = figure.subplots(lines, min(COLUMNS, len(panels)), sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, panel)
        grid[0, 0].set_ylim(len(names) - 0.4, -0.6)
        grid[0, 0].set_yticks(range(len(names)), [_short(name) for name in names])
    return Drawing(figure, _long(names, panels), message)


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_title(textwrap.fill(panel.label, 16), fontsize=10)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.set_xticks([])
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    begin, span = _scale(panel)
    axes.set_xlim(begin - 0.08 * span, begin + span / REACH)
    if panel.mark and begin <= (at := _places(panel, np.array(panel.mark[0]))) <= begin + span / REACH:
        axes.axvline(at, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)), zorder=1)
        axes.annotate(
            panel.mark[1],
            (at, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=9,
        )
    means, lows, highs = (_places(panel, values) for values in (panel.means, panel.lows, panel.highs))
    for row, text in enumerate(panel.texts):
        drawn = np.isfinite(means[row])
        end = begin
        if drawn:
            low, high = (each if np.isfinite(each) else means[row] for each in (lows[row], highs[row]))
            low, end = max(low, begin), min(high, begin + span)
            axes.plot([low, end], [row, row], color=panel.colour, linewidth=1.5, solid_capstyle="butt")
            axes.plot([low, end], [row, row], color=panel.colour, marker="|", markersize=6, linestyle="")
            axes.plot([means[row]], [row], color=panel.colour, marker="o", markersize=6)
        axes.annotate(
            text,
            (end, row),
            xytext=(6 if drawn else 0, 0),
            textcoords="offset points",
            va="center",
            fontsize=10 if drawn else 9,
            color=BLACK if drawn else GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )


def _places(panel: Panel, values: np.ndarray) -> np.ndarray:
    """Where values stand on the axis of a panel: their logarithms, or they themselves; NaN for no place."""
    values = np.where(np.isfinite(values), values, np.nan)
    return np.log10(np.where(values > 0, values, np.nan)) if panel.logarithmic else values


def _scale(panel: Panel) -> tuple[float, float]:
    """Find the place at which an axis begins, and the span up to its largest value: at least a power of ten."""
    places = np.append(_places(panel, panel.means), _places(panel, panel.highs))
    if panel.mark:
        places = np.append(places, _places(panel, np.array(panel.mark[0])))
    places = places[np.isfinite(places)]
    if not panel.logarithmic:
        return 0.0, float(places.max(initial=0.0)) or 1.0
    most = float(places.max()) if places.size else 0.0
    span = max(most - float(places.min(initial=most)), 1.0)
    return most - span, span


def _short(name: str) -> str:
    """Shorten a long name in its middle, as logs of one place differ at their ends."""
    half = LONGEST_NAME // 2
    shown = name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[1 - half :]}"
    # A dollar sign would start mathematics.
    return shown.replace("$", r"\$")


def _long(names: Sequence[str], panels: Sequence[Panel]) -> pd.DataFrame:
    """List what is drawn, a row each: the experiment's `name`, `measure`, `mean`, `low`, `high` and `text`."""
    return pd.DataFrame(
        [
            {"name": name, "measure": panel.label, "mean": mean, "low": low, "high": high, "text": text}
            for panel in panels
            for name, mean, low, high, text in zip(
                names, panel.means, panel.lows, panel.highs, panel.texts, strict=True
            )
        ]
    ).replace([np.inf, -np.inf], np.nan)
