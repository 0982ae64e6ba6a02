"""The figures of `07_scale`."""

import pandas as pd
from matplotlib.axes import Axes

from simlib.core.numbers import format_count
from simlib.figures.style import (
    BLACK,
    BLUE,
    VERMILION,
    Drawing,
    draw_band,
    label_ends,
    new_axes,
    powers_of_ten,
    styled,
    write_note,
)

DASHED = (0, (3, 1.2))

SHOWN = 1e-6
"""Utilisation, as a share of the highest, below which it does not matter."""


def memory(table: pd.DataFrame, cap_reached_at: float, message: str) -> Drawing:
    """Entries in the maps of one process against its traffic; columns as of `Scale.curve`."""
    with styled():
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
        write_note(axes, _cap(axes, table["traffic"], cap_reached_at))
        label_ends(axes, labels)
    return Drawing(figure, table, message)


def time(table: pd.DataFrame, direct: pd.DataFrame, cap_reached_at: float, message: str) -> Drawing:
    """Utilisation of a process's lock against its traffic, with `direct` simulation where there is any.

    Columns as of `Scale.curve` and `Scale.agreement`.
    """
    with styled():
        figure, axes = new_axes(message, "traffic (times its own)", "time the lock is held (%)")
        some = table[table["utilisation"] > 0]
        draw_band(axes, some, "traffic", "utilisation_low", "utilisation_high", 0.01)
        axes.plot(some["traffic"], 100 * some["utilisation"], color=VERMILION, marker="o", markersize=5)
        axes.plot(direct["traffic"], 100 * direct["direct"], color=BLACK, marker="x", markersize=9, linewidth=0)
        _over_traffic(axes, table["traffic"])
        levels, cap = _levels(axes, some["utilisation"].max()), _cap(axes, table["traffic"], cap_reached_at)
        simulated = "x: direct simulation" if len(direct) else ""
        write_note(axes, _joined("; ".join(filter(None, (cap, simulated))), levels))
    return Drawing(figure, table, message)


def fleet_time(table: pd.DataFrame, instances: int, message: str) -> Drawing:
    """Utilisation of an instance's lock against the traffic of the fleet; on the right, all locks in processors.

    Columns as of `Scale.curve`, with `routing`, and `line` where a row belongs to the line, not to a point.
    """
    with styled():
        figure, axes = new_axes(message, "traffic of the whole fleet (times its own)", "time a lock is held (%)")
        shown = table[table["utilisation"] > 0]
        for (_, rows), colour, dash, marker in zip(
            shown.groupby("routing"), (VERMILION, BLUE), ("-", DASHED), ("o", "D"), strict=False
        ):
            lines, points = rows[rows["line"]], rows[~rows["line"]]
            axes.plot(lines["traffic"], 100 * lines["utilisation"], color=colour, linestyle=dash, linewidth=1.5)
            fill = [colour if simulated else "white" for simulated in points["simulated"]]
            x, y = points["traffic"], 100 * points["utilisation"]
            axes.scatter(x, y, 49, fill, marker=marker, edgecolors=colour, zorder=3)
        _over_traffic(axes, table["traffic"])
        levels = _levels(axes, shown["utilisation"].max())
        right = axes.secondary_yaxis("right", functions=(lambda y: y * instances / 100, lambda y: y * 100 / instances))
        right.set_ylabel(f"processors, all {format_count(instances)} locks")
        powers_of_ten(right.yaxis)
        hollow = "" if table["simulated"].all() else "; hollow: projection, at least"
        write_note(axes, _joined(f"solid: session affinity, dashed: none{hollow}", levels))
    return Drawing(figure, table, message)


def _joined(*notes: str) -> str:
    """Join the notes that there are, a line each."""
    return "\n".join(filter(None, notes))


def _cap(axes: Axes, traffic: pd.Series, reached_at: float) -> str:
    """Mark the traffic at which the cap is reached; return the note on it, empty where it lies outside of the axes."""
    if not traffic.min() <= reached_at <= traffic.max():
        return ""
    axes.axvline(reached_at, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    return "dotted upright: the cap is reached"


def _over_traffic(axes: Axes, traffic: pd.Series) -> None:
    """Logarithmic axes over traffic."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(traffic.min() / 1.6, traffic.max() * 1.6)
    powers_of_ten(axes.xaxis)
    powers_of_ten(axes.yaxis)


def _levels(axes: Axes, most: float) -> str:
    """Show the decades that matter, with all of the time and half of it where the lines come near; return the note."""
    axes.set_ylim(bottom=max(axes.get_ylim()[0], 100 * most * SHOWN))
    if most <= 0.05:
        return ""
    axes.set_ylim(top=max(500, 200 * most))
    for level in (50, 100):
        axes.axhline(level, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    return "dotted across: 50 % and 100 % of the time"
