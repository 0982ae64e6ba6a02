"""The figures of `05_designs`: a row a design, and what it holds, loses or costs as dots on axes beside each other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from simlib.core.numbers import format_number
from simlib.figures.style import BLACK, PALE, SIZE, Drawing, plain, styled, write_title

LEAST_PERCENT = 0.01
"""Shares below this, per cent, stand between it and 0 on an even scale."""


class Panel(NamedTuple):
    """One axis of a figure: its label, the columns drawn on it, and whether they are shares in per cent.

    Of several columns the first is a full dot, the last an open one, and one between them a bar.
    """

    label: str
    columns: tuple[str, ...]
    percent: bool = False


def rows(
    table: pd.DataFrame,
    panels: Sequence[Panel],
    colours: Mapping[str, str],
    message: str,
    bounds: Mapping[str, float] | None = None,
) -> Drawing:
    """Draw a row for each design of a table; numbers that are NaN are left out.

    `bounds` are marked by a dashed line in the panel whose first column they name.
    """
    names = list(table.index)
    with styled():
        figure = Figure(figsize=(SIZE[0], max(SIZE[1], 1.6 + 0.27 * len(names))), layout="constrained")
        write_title(figure, message)
        for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels, strict=True):
            _draw(axes, table, panel, colours)
            if bounds and panel.columns[0] in bounds:
                axes.axvline(bounds[panel.columns[0]], color=BLACK, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
        first = figure.axes[0]
        first.set_yticks(range(len(names)), names, fontsize=10)
        first.set_ylim(len(names) - 0.5, -0.5)
    return Drawing(figure, _long(table, panels), message)


def _draw(axes: Axes, table: pd.DataFrame, panel: Panel, colours: Mapping[str, str]) -> None:
    axes.set_xlabel(panel.label, fontsize=10)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="both", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    for y, name in enumerate(table.index):
        values = table.loc[name, list(panel.columns)].to_numpy(dtype=float)
        if np.isnan(values).all():
            axes.annotate("not measured", (0.03, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
            continue
        axes.plot([np.nanmin(values), np.nanmax(values)], [y, y], color=colours[name], linewidth=1.5, alpha=0.6)
        if len(values) == 1:
            text = format_number(values[0])
            axes.annotate(text, (values[0], y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9)
        for place, value in enumerate(values):
            last = place == len(values) - 1 > 0
            marker = "|" if 0 < place < len(values) - 1 else "o"
            axes.plot(
                [value],
                [y],
                marker=marker,
                markersize=9 if marker == "|" else 7,
                color=colours[name],
                markerfacecolor="white" if last else colours[name],
                markeredgewidth=1.6,
                zorder=3,
            )
    _scale(axes, table[list(panel.columns)].to_numpy(dtype=float), panel.percent)


def _scale(axes: Axes, values: np.ndarray, percent: bool) -> None:
    """Scale an axis by powers of ten, with a place for 0 where the values are shares; leave room for labels."""
    room = 1.8 if values.shape[1] > 1 else 5.0
    positive = values[values > 0]
    if not percent:
        axes.set_xscale("log")
        least, most = (positive.min(), positive.max()) if positive.size else (1.0, 10.0)
        axes.set_xlim(least / 1.8, most * room)
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(plain)
        axes.xaxis.set_minor_formatter(NullFormatter())
        return
    # As much of the axis below the least share as one power of ten takes.
    least = 10.0 ** np.floor(np.log10(positive.min(initial=1.0).clip(min=LEAST_PERCENT)))
    most = max(positive.max(initial=0.0), 10 * least)
    axes.set_xscale("symlog", linthresh=least)
    axes.set_xlim(-least / 3, most * room)
    ticks = [0, *(10.0**power for power in range(-2, 3) if least <= 10.0**power <= most * 1.2)]
    axes.set_xticks(ticks, [plain(tick, 0) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(0, color=PALE, linewidth=1, zorder=0)


def _long(table: pd.DataFrame, panels: Sequence[Panel]) -> pd.DataFrame:
    """The numbers drawn, a row each: `design`, `measure`, `value`."""
    drawn = table[[column for panel in panels for column in panel.columns]]
    return drawn.rename_axis("design").reset_index().melt("design", var_name="measure").dropna()
