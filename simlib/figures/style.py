"""How every figure looks: colours, axes, labels, legends, and one way to save a drawing.

The same numbers give the same bytes.
"""

import re
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from simlib.core.numbers import format_count
from simlib.core.units import DAY, HOUR, MINUTE

# Okabe and Ito's colours, safe for the colour-blind; the lines differ in dash and weight too, for print in grey.
VERMILION, BLUE, BLACK, GREY, PALE = "#d55e00", "#0072b2", "#000000", "#6b6b6b", "#d9d9d9"
# Light to dark in even steps of lightness, so that neighbours differ in grey as well.
LAYERS = ("#f5d76e", "#e69f4f", "#b8627a", "#5d4a8c", "#1f2d54")

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 2,
    "svg.hashsalt": "simlib",
    "svg.fonttype": "path",
    "figure.dpi": 100,
}

_SHIPPED = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}

SIZE = (6.0, 3.9)
"""Inches; at half a page's width the type is then still 6 points high."""


OVER_LINES = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
"""The box of a text that lines run behind."""


@dataclass(frozen=True)
class Drawing:
    """A figure, the table behind it, and its message."""

    figure: Figure
    data: pd.DataFrame
    message: str


@dataclass(frozen=True)
class LeftOut:
    """A figure that would have nothing to show, and why, in a sentence."""

    reason: str


def styled() -> AbstractContextManager[None]:
    """Draw in STYLE and for the rest as matplotlib ships, whatever its user has configured."""
    return matplotlib.rc_context({**_SHIPPED, **STYLE})


def save(drawing: Drawing, directory: Path, name: str) -> None:
    """Write `name`.svg, .png and .csv (the table) into a folder. The same drawing gives the same bytes."""
    with styled():
        drawing.figure.savefig(directory / f"{name}.svg", metadata={"Date": None, "Creator": None})
        drawing.figure.savefig(directory / f"{name}.png", dpi=200, metadata={"Software": None})
    drawing.data.to_csv(directory / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n")


def new_axes(message: str, x: str, y: str) -> tuple[Figure, Axes]:
    """Begin a figure of one pair of axes with its title and the labels of the axes."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    write_title(figure, message)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def write_title(figure: Figure, message: str) -> None:
    """Write the message above a figure, in as many lines as it needs."""
    # A dollar sign in a name would start mathematics; a number stays with its unit.
    text = textwrap.fill(re.sub(r"(?<=\d) ", "\N{NO-BREAK SPACE}", message), 54).replace("$", r"\$")
    figure.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


def label_ends(
    axes: Axes, labels: Sequence[tuple[float, str, str]], lines: int = 1, swatches: Sequence[str] = ()
) -> None:
    """Write each (y, text, colour) right of the axes at its y, moved apart where they would overlap.

    `swatches`, a colour a label, say which area is meant where a label does not stand beside its own.
    """
    if axes.get_yscale() == "log":
        to, back = np.log10, lambda y: 10.0**y
    else:
        to = back = float
    low, high = (to(end) for end in axes.get_ylim())
    height = 0.075 * (high - low)
    order = sorted(range(len(labels)), key=lambda place: labels[place][0])
    halves = [height * max(lines, labels[place][1].count("\n") + 1) / 2 for place in order]
    heights, taken = [], low
    for place, half in zip(order, halves, strict=True):
        heights.append(max(to(labels[place][0]), taken + half))
        taken = heights[-1] + half
    free = high + height / 2
    for number in reversed(range(len(order))):
        heights[number] = min(heights[number], free - halves[number])
        free = heights[number] - halves[number]
    for place, y in zip(order, heights, strict=True):
        _, text, colour = labels[place]
        if swatches:
            axes.plot(
                [1.035],
                [back(y)],
                transform=axes.get_yaxis_transform(),
                marker="s",
                markersize=8,
                color=swatches[place],
                markeredgecolor=GREY,
                clip_on=False,
            )
        axes.annotate(
            text.replace("$", r"\$"),
            (1.06 if swatches else 1.01, back(y)),
            xycoords=("axes fraction", "data"),
            va="center",
            color=colour,
            fontsize=10,
            annotation_clip=False,
        )


def draw_band(axes: Axes, table: pd.DataFrame, x: str, low: str, high: str, unit: float = 1) -> None:
    """Shade the interval around a line, where the table has one."""
    if low in table:
        bounds = table[low].clip(lower=0) / unit, table[high] / unit
        axes.fill_between(table[x], *bounds, color=VERMILION, alpha=0.25, linewidth=0)


def write_legend(axes: Axes, labels: Sequence[tuple[str, str, object]], right: bool = False) -> None:
    """Write each (text, colour, dash) below the last, upper left or lower right: a rising curve leaves one of them."""
    left, top = (0.5, 0.3) if right else (0.03, 0.93)
    write_legend_at(axes, labels, left, top, 0.09)


def write_legend_at(
    axes: Axes,
    labels: Sequence[tuple[str, str, object]],
    left: float,
    top: float,
    apart: float,
    fontsize: float = STYLE["font.size"],
) -> None:
    """Write each (text, colour, dash) below the last, `apart` from it; places in fractions of the axes."""
    for place, (text, colour, dash) in enumerate(labels):
        y = top - apart * place
        axes.plot([left, left + 0.08], [y, y], color=colour, linestyle=dash, transform=axes.transAxes)
        axes.annotate(text, (left + 0.1, y), xycoords="axes fraction", va="center", color=colour, fontsize=fontsize)


def write_legend_above(axes: Axes) -> None:
    """Write the labels of the lines in a row above the axes, where no line runs."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        ncols=3,
        frameon=False,
        fontsize=9,
        handlelength=1.8,
        handletextpad=0.5,
        columnspacing=1.2,
        labelcolor="linecolor",
    )


def write_note(axes: Axes, text: str) -> None:
    """Say above the axes, where no line runs, what marks and dashes mean."""
    axes.annotate(text, (0, 1.02), xycoords="axes fraction", va="bottom", fontsize=9)


def thousands(value: float, place: int) -> str:
    """Write a whole number at a tick."""
    return format_count(value)


def plain_ticks(axes: Axes) -> None:
    """Label logarithmic axes in plain numbers: decades, and 2 and 5 between where an axis spans less than two."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())


def plain(value: float, place: int) -> str:
    """Write any number at a tick."""
    return format_count(value) if value >= 1000 else f"{value:g}"


def powers_of_ten(axis: Axis) -> None:
    """Place the ticks of a logarithmic axis at powers of ten, written out as long as they are short."""
    axis.set_major_locator(LogLocator(numticks=9))
    axis.set_major_formatter(_thousands_or_power)
    axis.set_minor_formatter(NullFormatter())


def _thousands_or_power(value: float, place: int) -> str:
    """Write a plain number as long as it is short, else a power of ten."""
    if 1e-3 <= value < 1e5:
        return plain(value, place)
    return f"$10^{{{round(np.log10(value))}}}$" if value > 0 else "0"


def layer_colours(count: int) -> list[str]:
    """Choose `count` colours from light to dark, evenly spread over those there are."""
    return [LAYERS[round(i * (len(LAYERS) - 1) / max(count - 1, 1))] for i in range(count)]


def time_unit(duration: int) -> tuple[str, int]:
    """Choose the unit, and its ns, in which a duration (ns) reads best on an axis."""
    return ("days", DAY) if duration > 4 * DAY else ("hours", HOUR) if duration > 2 * HOUR else ("minutes", MINUTE)


def memory_unit(mib: float) -> tuple[str, float]:
    """Choose the unit, and how many of it are a MiB, in which memory of up to `mib` MiB reads best on an axis."""
    return ("KiB", 1024.0) if mib < 1 else ("MiB", 1.0) if mib < 1024 else ("GiB", 1 / 1024)
