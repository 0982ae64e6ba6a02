"""The figures of `07_scale`."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from simlib.core.numbers import format_memory
from simlib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    OVER_LINES,
    SIZE,
    STYLE,
    VERMILION,
    Drawing,
    label_ends,
    mark_level,
    new_axes,
    plain,
    powers_of_ten,
    write_legend_at,
    write_title,
)


def load_memory(
    table: pd.DataFrame,
    lines: Sequence[tuple[np.ndarray, np.ndarray]],
    cap: int,
    binds_at: float,
    message: str,
) -> Drawing:
    """Entries of both stores against the load, measured with intervals, fitted power `lines`, the cap and its load.

    Columns of `table` as of `Scale.growth`; a cap of 0 or less and a load of inf are not drawn.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "load (times the traffic)", "entries in a store")
        for name, colour, marker in (("unbounded", VERMILION, "o"), ("bounded", BLUE, "s")):
            _measured(axes, table, name, colour, marker)
        _powers(axes, lines)
        if len(table) and cap > 0 and table["unbounded"].max() > cap / 3:
            axes.axhline(cap, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
        _over_load(axes, table)
        _mark_load(axes, binds_at, f"the cap of\n{cap:,} binds", 0.05)
        if len(table):
            last = table.iloc[-1]
            labels = [
                (float(last[name]), f"{name}\n{format_memory(float(last[f'{name}_mib']))}", colour)
                for name, colour in (("unbounded", VERMILION), ("bounded", BLUE))
                if last[name] > 0
            ]
            label_ends(axes, labels)
    return Drawing(figure, table, message)


def load_time(
    table: pd.DataFrame,
    lines: Sequence[tuple[np.ndarray, np.ndarray]],
    texts: Sequence[str],
    binds_at: float,
    message: str,
) -> Drawing:
    """Share of the time for which the lock is held against the load: measured, as reckoned, and fitted `lines`.

    `texts` say what each line is. Columns of `table` as of `Scale.growth`.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "load (times the traffic)", "time the lock is held (%)")
        if "expected_busy_percent" in table:
            axes.plot(table["load"], table["expected_busy_percent"], color=GREY, linewidth=4, alpha=0.4)
        _measured(axes, table, "busy_percent", VERMILION, "o")
        _powers(axes, lines)
        _over_load(axes, table)
        if len(table) and table["busy_percent"].max() > 5:
            mark_level(axes, 100, "100 %")
            axes.set_ylim(top=max(300, 2 * table["busy_percent"].max()))
        if (table["busy_percent"] > 0).any():
            axes.set_ylim(bottom=table["busy_percent"][table["busy_percent"] > 0].min() / 20)
        _mark_load(axes, binds_at, "the cap\nbinds", 0.1)
        for (x, y), text in zip(lines, texts, strict=True):
            # Before the cliff there is room above the line; else, a third of the way up, to the right of it.
            before = x[-1] < binds_at
            axes.annotate(
                text,
                (x[0], y[-1]) if before else (x[0] * (x[-1] / x[0]) ** 0.35, y[0] * (y[-1] / y[0]) ** 0.35),
                xytext=(0, 4) if before else (8, -8),
                textcoords="offset points",
                va="bottom" if before else "top",
                fontsize=10,
                bbox=OVER_LINES,
            )
        if "expected_busy_percent" in table:
            axes.annotate(
                "grey: as the structure says",
                (0.98, 0.04),
                xycoords="axes fraction",
                ha="right",
                fontsize=9,
                bbox=OVER_LINES,
            )
    return Drawing(figure, table, message)


def exponents(table: pd.DataFrame, tolerance: float, message: str) -> Drawing:
    """Fitted exponents with 95 % intervals beside what is expected, give or take; columns as of `Scale.exponents`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "exponent of the load (bar: 95 % interval)", "")
        places = np.arange(len(table))[::-1]
        for place, row in zip(places, table.itertuples(index=False), strict=True):
            axes.barh(place, 2 * tolerance, 0.6, row.expected - tolerance, color=GREY, alpha=0.4)
            axes.plot([row.expected] * 2, [place - 0.3, place + 0.3], color=BLACK, linewidth=2.5)
            axes.plot([row.low, row.high], [place, place], color=VERMILION, linewidth=3)
            axes.plot([row.exponent], [place], color=VERMILION, marker="o", markersize=7)
            interval = "" if np.isnan(row.low) else f" ({row.low:.2f} to {row.high:.2f})"
            axes.annotate(
                f"{row.exponent:.2f}{interval},\nexpected {row.expected:.2f}",
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=9,
            )
        labels = [f"{row.what},\n{row.regime},\nloads {row.loads}" for row in table.itertuples()]
        axes.set_yticks(places, labels, fontsize=9)
        axes.set_ylim(-0.6, max(len(table) - 0.4, 0.4))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="x", color="#dddddd", linewidth=0.8)
        axes.grid(visible=False, axis="y")
        if table.empty:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
            axes.set_xticks([])
        else:
            axes.annotate(
                f"black: as the structure says; grey: within {tolerance}",
                (0.0, 1.01),
                xycoords="axes fraction",
                va="bottom",
                fontsize=9,
            )
    return Drawing(figure, table.dropna(axis="columns", how="all") if len(table) else table, message)


def simulator(table: pd.DataFrame, message: str) -> Drawing:
    """Seconds and peak memory against operations; columns `operations`, `repeat`, `seconds`, `peak_mib`."""
    means = table.groupby("operations", as_index=False)[["seconds", "peak_mib"]].mean()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        write_title(figure, message)
        for axes, (name, label, colour, marker) in zip(
            figure.subplots(1, 2),
            (("seconds", "time (s)", VERMILION, "o"), ("peak_mib", "peak resident memory (MiB)", BLUE, "s")),
            strict=True,
        ):
            axes.plot(means["operations"], means[name], color=colour, linewidth=1.5)
            axes.plot(table["operations"], table[name], color=colour, marker=marker, linewidth=0, markersize=5)
            axes.set_xscale("log")
            axes.set_xlabel("operations")
            axes.set_ylabel(label)
            axes.grid(axis="y", color="#dddddd", linewidth=0.8)
            axes.xaxis.set_major_locator(LogLocator(numticks=6))
            axes.xaxis.set_minor_locator(NullLocator())
        figure.axes[0].set_yscale("log")
        figure.axes[0].yaxis.set_major_formatter(plain)
        figure.axes[0].yaxis.set_minor_formatter(NullFormatter())
        figure.axes[1].set_ylim(0, 1.3 * table["peak_mib"].max())
    return Drawing(figure, table, message)


def fleet(
    points: pd.DataFrame,
    curves: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    units: tuple[str, str],
    scale: float,
    level: float,
    message: str,
    legend_right: bool = False,
) -> Drawing:
    """What an instance of a fleet holds or spends against the traffic, and in sum on the right, with affinity and not.

    `points` has `traffic`, `affinity`, `simulated`, and for each of `columns` (a name, its label and colour) what one
    instance has, with `_low` and `_high` where it is simulated; `curves` the first two and the columns, as projected.
    `units` name the axes, of one instance and in sum, which is `scale` times as much. `level` is one of an
    instance in percent; 0 is not drawn.
    """
    shown = [name for name in columns if (points[name] > 0).any()]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "traffic of the whole fleet (times the case's)", units[0])
        legend = []
        for name in shown:
            label, colour = columns[name]
            for affinity, marker, dash in ((True, "o", "-"), (False, "D", (0, (3, 1.2)))):
                curve = curves[(curves["affinity"] == affinity) & (curves[name] > 0)]
                axes.plot(curve["traffic"], curve[name], color=colour, linestyle=dash, linewidth=1.5)
                rows = points[(points["affinity"] == affinity) & (points[name] > 0)]
                _interval(axes, rows[rows["simulated"]], "traffic", name, colour)
                for simulated, fill in ((True, colour), (False, "white")):
                    some = rows[rows["simulated"] == simulated]
                    axes.plot(
                        some["traffic"],
                        some[name],
                        color=colour,
                        marker=marker,
                        linewidth=0,
                        markersize=7,
                        markerfacecolor=fill,
                    )
                legend.append((f"{label}, {'affinity' if affinity else 'no affinity'}", colour, dash))
        axes.set_xscale("log")
        axes.set_xlim(0.4, 2.5 * points["traffic"].max())
        powers_of_ten(axes.xaxis)
        if shown:
            values = points[shown].to_numpy(dtype=float)
            values = values[values > 0]
            values = np.append(values, level if level > 0 else values.max())
            axes.set_yscale("log")
            # A rising curve leaves the upper left or the lower right to the legend.
            axes.set_ylim(values.min() / 2, values.max() * (3 if legend_right else 30))
            right = axes.secondary_yaxis("right", functions=(lambda y: y * scale, lambda y: y / scale))
            right.set_ylabel(units[1])
            powers_of_ten(axes.yaxis)
            powers_of_ten(right.yaxis)
            if level > 0:
                mark_level(axes, level, f"{level:g} %")
        else:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
            axes.set_yticks([])
        left, top = (0.52, 0.24) if legend_right else (0.03, 0.95)
        write_legend_at(axes, legend, left, top, 0.065, fontsize=9)
        axes.annotate(
            "filled: simulated\nhollow and lines: projection",
            (left, top - 0.065 * len(legend) + 0.03),
            xycoords="axes fraction",
            va="top",
            fontsize=9,
        )
    data = pd.concat([points.assign(line=False), curves.assign(line=True, simulated=False)], ignore_index=True)
    return Drawing(figure, data, message)


def _measured(axes: Axes, table: pd.DataFrame, name: str, colour: str, marker: str) -> None:
    """Points of a column against the load, with the interval where the table has one; none at 0."""
    some = table[table[name] > 0]
    _interval(axes, some, "load", name, colour)
    axes.plot(some["load"], some[name], color=colour, marker=marker, linewidth=0, markersize=6)


def _interval(axes: Axes, table: pd.DataFrame, x: str, name: str, colour: str) -> None:
    """The interval of each point of a column above 0, as far as a logarithmic axis can show it."""
    if f"{name}_low" in table:
        low = np.maximum(table[f"{name}_low"], table[name] / 100)
        axes.vlines(table[x], low, table[f"{name}_high"], color=colour, linewidth=3, alpha=0.4)


def _powers(axes: Axes, lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Fitted power laws, each by its ends."""
    for x, y in lines:
        axes.plot(x, y, color=BLACK, linewidth=1.5, linestyle=(0, (4, 1.2)))


def _over_load(axes: Axes, table: pd.DataFrame) -> None:
    """Logarithmic axes over loads, or none where there is nothing."""
    if table.empty:
        axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(table["load"].min() / 1.6, table["load"].max() * 1.6)
    powers_of_ten(axes.xaxis)
    powers_of_ten(axes.yaxis)


def _mark_load(axes: Axes, load: float, text: str, height: float) -> None:
    """A vertical line at a load, with a text beside it at a height of the axes; none at 0, at inf or outside."""
    low, high = axes.get_xlim()
    if not low < load < high:
        return
    axes.axvline(load, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    left = np.log(load / low) > 0.75 * np.log(high / low)
    axes.annotate(
        text,
        (load, height),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if left else 3, 0),
        textcoords="offset points",
        fontsize=9,
        ha="right" if left else "left",
        bbox=OVER_LINES,
    )
