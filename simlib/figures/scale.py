"""The figures of `07_scale`."""

import matplotlib
import pandas as pd
from matplotlib.axes import Axes

from simlib.core.numbers import format_count
from simlib.figures.style import (
    BLACK,
    BLUE,
    STYLE,
    VERMILION,
    Drawing,
    draw_band,
    label_ends,
    mark_level,
    mark_place,
    new_axes,
    powers_of_ten,
    write_legend_at,
)

DASHED = (0, (3, 1.2))

SHOWN = 1e-6
"""Utilisation, as a share of the highest, below which it does not matter."""


def memory(table: pd.DataFrame, cap_reached_at: float, message: str) -> Drawing:
    """Entries in the maps of one process against its traffic; columns as of `Scale.curve`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "traffic (times its own)", "entries in a process")
        labels = []
        for name, label, colour, dash in (
            ("entries", "unbounded,\nat the end", VERMILION, "-"),
            ("peak", "bounded,\nat its peak", BLUE, DASHED),
        ):
            some = table[table[name] > 0]
            axes.plot(some["traffic"], some[name], color=colour, linestyle=dash)
            if len(some):
                labels.append((float(some[name].iloc[-1]), label, colour))
        _over_traffic(axes, table["traffic"])
        mark_place(axes, cap_reached_at, "the cap\nis reached", 0.05, 0.05)
        label_ends(axes, labels)
    return Drawing(figure, table, message)


def time(table: pd.DataFrame, direct: pd.DataFrame, cap_reached_at: float, message: str) -> Drawing:
    """Utilisation of a process's lock against its traffic, with `direct` simulation where there is any.

    Columns as of `Scale.curve` and `Scale.agreement`.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "traffic (times its own)", "time the lock is held (%)")
        some = table[table["utilisation"] > 0]
        draw_band(axes, some, "traffic", "utilisation_low", "utilisation_high", 0.01)
        axes.plot(some["traffic"], 100 * some["utilisation"], color=VERMILION, marker="o", markersize=5)
        axes.plot(direct["traffic"], 100 * direct["direct"], color=BLACK, marker="x", markersize=9, linewidth=0)
        _over_traffic(axes, table["traffic"])
        _levels(axes, some["utilisation"].max())
        mark_place(axes, cap_reached_at, "the cap\nis reached", 0.05, 0.05)
        if len(direct):
            note = "x: direct simulation"
            axes.annotate(note, (0.02, 0.64), xycoords="axes fraction", fontsize=9)
    return Drawing(figure, table, message)


def fleet_time(table: pd.DataFrame, instances: int, message: str) -> Drawing:
    """Utilisation of an instance's lock against the traffic of the fleet; on the right, all locks in processors.

    Columns as of `Scale.curve`, with `routing`, and `line` where a row belongs to the line, not to a point.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "traffic of the whole fleet (times its own)", "time a lock is held (%)")
        legend, shown = [], table[table["utilisation"] > 0]
        for (routing, rows), colour, dash, marker in zip(
            shown.groupby("routing"), (VERMILION, BLUE), ("-", DASHED), ("o", "D"), strict=False
        ):
            lines, points = rows[rows["line"]], rows[~rows["line"]]
            axes.plot(lines["traffic"], 100 * lines["utilisation"], color=colour, linestyle=dash, linewidth=1.5)
            fill = [colour if simulated else "white" for simulated in points["simulated"]]
            x, y = points["traffic"], 100 * points["utilisation"]
            axes.scatter(x, y, 49, fill, marker=marker, edgecolors=colour, zorder=3)
            legend.append((routing, colour, dash))
        _over_traffic(axes, table["traffic"])
        _levels(axes, shown["utilisation"].max())
        right = axes.secondary_yaxis("right", functions=(lambda y: y * instances / 100, lambda y: y * 100 / instances))
        right.set_ylabel(f"processors, all {format_count(instances)} locks")
        powers_of_ten(right.yaxis)
        write_legend_at(axes, legend, 0.03, 0.66, 0.08, fontsize=9)
        if not table["simulated"].all():
            axes.annotate("hollow: projection, at least", (0.03, 0.46), xycoords="axes fraction", fontsize=9)
    return Drawing(figure, table, message)


def _over_traffic(axes: Axes, traffic: pd.Series) -> None:
    """Logarithmic axes over traffic."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(traffic.min() / 1.6, traffic.max() * 1.6)
    powers_of_ten(axes.xaxis)
    powers_of_ten(axes.yaxis)


def _levels(axes: Axes, most: float) -> None:
    """Decades that matter, and all of the time and half of it where the lines come near."""
    axes.set_ylim(bottom=max(axes.get_ylim()[0], 100 * most * SHOWN))
    if most > 0.05:
        axes.set_ylim(top=max(500, 200 * most))
        for level, text in ((100, ""), (50, "50 %: waits exceed the service time")):
            mark_level(axes, level, text)
