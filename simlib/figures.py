"""One function a figure: a message in the title, labels at the lines, units on the axes. And one way to save.

Owns how results look. A function takes numbers and returns the drawing with the table behind it; it works nothing out
beyond what a picture needs. The same numbers give the same bytes. Next: `pack` files them.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlib.units import DAY, HOUR, MINUTE

# Okabe and Ito's colours, safe for the colour-blind; the lines differ in dash and weight too, for print in grey.
VERMILION, BLUE, BLACK, GREY = "#d55e00", "#0072b2", "#000000", "#6b6b6b"
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

SIZE = (6.0, 3.9)
"""Inches; at half a page's width the type is then still 6 points high."""


@dataclass(frozen=True)
class Drawing:
    """A figure, the table behind it, and its message."""

    figure: Figure
    data: pd.DataFrame
    message: str


def heap(
    at: np.ndarray,
    unbounded_mib: Mapping[str, np.ndarray],
    bounded_mib: np.ndarray,
    limit_mib: float,
    message: str,
    death_hours: float,
) -> Drawing:
    """Resident memory of both maps over time, unbounded and bounded on one axis, with the limit.

    `at` ns from the start, (n,); `unbounded_mib` holds `low`, `middle`, `high` and `bounded_mib` is one line, each MiB
    of shape (n,). `death_hours` is where the unbounded line meets the limit; inf or later than the end: not drawn.
    """
    unit, scale = _time_unit(at[-1])
    hours, middle = at / scale, unbounded_mib["middle"]
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, f"time from the start ({unit})", "resident memory (MiB)")
        axes.fill_between(hours, unbounded_mib["low"], unbounded_mib["high"], color=VERMILION, alpha=0.25, linewidth=0)
        axes.plot(hours, middle, color=VERMILION)
        axes.plot(hours, bounded_mib, color=BLUE, linewidth=2.6, linestyle=(0, (4, 1.2)))
        top = max(unbounded_mib["high"].max(), bounded_mib.max(), 1e-6)
        if top > limit_mib / 3:
            top = max(top, limit_mib)
            axes.axhline(limit_mib, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
            axes.annotate(
                f"limit {limit_mib:g} MiB", (0, limit_mib), xytext=(3, 3), textcoords="offset points", va="bottom"
            )
        else:
            axes.annotate(f"limit {limit_mib:g} MiB, far above", (0.01, 0.98), xycoords="axes fraction", va="top")
        if death_hours * HOUR <= at[-1]:
            axes.plot([death_hours * HOUR / scale], [limit_mib], marker="X", markersize=10, color=BLACK)
        axes.set_ylim(0, top * 1.12)
        axes.set_xlim(0, max(hours[-1], 1e-9))
        _label_ends(
            axes,
            [
                (float(middle[-1]), "unbounded\n(range of bytes\nper entry)", VERMILION),
                (float(bounded_mib[-1]), "bounded", BLUE),
            ],
        )
    data = pd.DataFrame({f"time_{unit}": hours, **{f"unbounded_{k}_mib": v for k, v in unbounded_mib.items()}})
    return Drawing(figure, data.assign(bounded_mib=bounded_mib, limit_mib=limit_mib), message)


def growth_by_class(at: np.ndarray, entries: pd.DataFrame, message: str) -> Drawing:
    """Entries of the unbounded maps over time, stacked by class of session.

    `at` ns from the start, (n,); `entries` a column a class, (n, classes).
    """
    unit, scale = _time_unit(at[-1])
    time, total = at / scale, entries.sum(axis=1).to_numpy()
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, f"time from the start ({unit})", "entries in the unbounded maps")
        axes.stackplot(time, entries.to_numpy().T, colors=_layers(entries.shape[1]), edgecolor="white", linewidth=0.8)
        axes.set_xlim(0, max(time[-1], 1e-9))
        axes.set_ylim(0, max(total.max(), 1) * 1.05)
        axes.yaxis.set_major_formatter(_thousands)
        last = entries.iloc[-1].to_numpy()
        middles = np.cumsum(last) - last / 2
        share = last / max(last.sum(), 1)
        labels = [
            (float(y), f"{name}\n{part:.0%}", BLACK)
            for y, name, part in zip(middles, entries.columns, share, strict=True)
        ]
        _label_ends(axes, labels, lines=2)
    return Drawing(figure, entries.assign(**{f"time_{unit}": time})[[f"time_{unit}", *entries.columns]], message)


def bound(at: np.ndarray, kept: np.ndarray, in_use: np.ndarray, cap: int, message: str) -> Drawing:
    """Entries of the bounded stores over time, those among them that will be used again, and the cap.

    `at` ns from the start; `kept` and `in_use` counts; all (n,). A cap of 0 or less is off and not drawn.
    """
    unit, scale = _time_unit(at[-1])
    time = at / scale
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, f"time from the start ({unit})", "entries in the bounded stores")
        axes.plot(time, kept, color=BLUE)
        axes.fill_between(time, in_use, color=GREY, alpha=0.5, linewidth=0)
        top = max(kept.max(), 1)
        if cap > 0 and top > cap / 3:
            top = max(top, cap)
            axes.axhline(cap, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
            axes.annotate(f"cap {cap:,}", (0, cap), xytext=(3, 3), textcoords="offset points", va="bottom")
        elif cap > 0:
            axes.annotate(f"cap {cap:,}, far above", (0.01, 0.98), xycoords="axes fraction", va="top")
        axes.set_ylim(0, top * 1.12)
        axes.set_xlim(0, max(time[-1], 1e-9))
        axes.yaxis.set_major_formatter(_thousands)
        _label_ends(axes, [(float(kept[-1]), "kept", BLUE), (float(in_use[-1]), "of these,\nused again", GREY)])
    return Drawing(
        figure, pd.DataFrame({f"time_{unit}": time, "kept": kept, "used_again": in_use, "cap": cap}), message
    )


def save(drawing: Drawing, folder: Path, name: str) -> None:
    """Write `name`.svg, .png and .csv (the table) into a folder. The same drawing gives the same bytes."""
    with matplotlib.rc_context(STYLE):
        drawing.figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        drawing.figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
    drawing.data.to_csv(folder / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n")


def _axes(message: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    # A dollar sign in a name would start mathematics.
    figure.suptitle(textwrap.fill(message, 54).replace("$", r"\$"), x=0.01, ha="left", fontsize=12, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _label_ends(axes: Axes, labels: Sequence[tuple[float, str, str]], lines: int = 1) -> None:
    """Write each (y, text, colour) right of the axes at its y, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    height = 0.075 * (high - low)
    taken = low
    for y, text, colour in sorted(labels, key=lambda label: label[0]):
        half = height * max(lines, text.count("\n") + 1) / 2
        y = max(y, taken + half)
        taken = y + half
        axes.annotate(
            text.replace("$", r"\$"),
            (1.01, y),
            xycoords=("axes fraction", "data"),
            va="center",
            color=colour,
            fontsize=10,
            annotation_clip=False,
        )


def _thousands(value: float, place: int) -> str:
    return f"{value:,.0f}"


def _layers(count: int) -> list[str]:
    """So many colours from light to dark, evenly spread over those there are."""
    return [LAYERS[round(i * (len(LAYERS) - 1) / max(count - 1, 1))] for i in range(count)]


def _time_unit(duration: int) -> tuple[str, int]:
    """The unit, and its ns, in which a duration reads best on an axis."""
    return ("days", DAY) if duration > 4 * DAY else ("hours", HOUR) if duration > 2 * HOUR else ("minutes", MINUTE)
