"""The figures of `03_prune_cost`."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd

from simlib.core.numbers import format_count
from simlib.figures.style import (
    BLUE,
    STYLE,
    VERMILION,
    Drawing,
    draw_band,
    mark_place,
    new_axes,
    plain_ticks,
    thousands,
    write_legend,
)


def tail(ns: np.ndarray, message: str) -> Drawing:
    """Share of increments that hold the lock for longer than a time; `ns` sorted, one for each increment."""
    times, last = np.unique(ns, return_index=True)
    longer = 100 * (1 - np.append(last[1:], ns.size) / max(ns.size, 1))
    # Each step is drawn where the share falls; the last falls to nothing, which a log scale has no place for.
    share = np.concatenate([[100.0], longer])[:-1] if times.size else np.array([])
    if times.size > 400:
        keep = np.unique(np.linspace(0, times.size - 1, 400).astype(int))
        times, share = times[keep], share[keep]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "an increment holds the lock for at least (µs)", "share of increments (%)")
        axes.step(times / 1000, share, where="pre", color=VERMILION)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.1, max(1000, 2 * times[-1] / 1000 if times.size else 0))
        axes.set_ylim(1e-3, 150)
        plain_ticks(axes)
        if times.size:
            axes.plot([times[-1] / 1000] * 2, [share[-1], 1e-3], color=VERMILION)
    return Drawing(figure, pd.DataFrame({"at_least_us": times / 1000, "share_percent": share}), message)


def prune_work(entries: Mapping[str, np.ndarray], message: str) -> Drawing:
    """Share of prunes by the entries they visit at most; `entries` sorted, by trigger."""
    levels = np.linspace(0, 1, 201)
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "entries visited in a prune, at most", "share of prunes (%)")
        data, labels = {"share_percent": 100 * levels}, []
        for (trigger, visited), colour, dash in zip(
            entries.items(), (BLUE, VERMILION), ((0, (4, 1.2)), "-"), strict=True
        ):
            if len(visited):
                name = trigger.replace(" ", "_")
                data[name] = np.quantile(visited, levels, method="inverted_cdf")
                # From nothing, and on to the right where others go further.
                reach = max(int(other[-1]) for other in entries.values() if len(other))
                axes.step(
                    [data[name][0], *data[name], reach],
                    [0, *(100 * levels), 100],
                    where="post",
                    color=colour,
                    linestyle=dash,
                    zorder=3 if dash != "-" else 2,
                )
                labels.append((f"{trigger} ({format_count(len(visited))})", colour, dash))
        write_legend(axes, labels)
        axes.set_ylim(0, 104)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(thousands)
    return Drawing(figure, pd.DataFrame(data), message)


def cliff(table: pd.DataFrame, marks: Mapping[str, float], message: str) -> Drawing:
    """Mean time of an increment against the rate of new sessions, with such rates marked; 0 and inf are not drawn.

    Columns of `table` as of `PruneCost.cliff`.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "new sessions a second", "mean time of an increment (µs)")
        draw_band(axes, table, "new_per_second", "mean_ns_low", "mean_ns_high", 1000)
        axes.plot(table["new_per_second"], table["mean_ns"] / 1000, color=VERMILION, marker="o", markersize=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Whole decades, so that there is a label at either end.
        decades = np.log10(np.clip([table["mean_ns"].min() / 1000, table["mean_ns"].max() / 1000], 1e-3, None))
        axes.set_ylim(10 ** np.floor(decades[0]), 10 ** np.floor(decades[1] + 1))
        plain_ticks(axes)
        # The curve rises: there is room on the left above it, and on the right below it.
        places = ((0.93, 0.93, 0), (0.42, 0.66, 0.35), (0.2, 0.82, 0.74))
        for (text, x), place in zip(marks.items(), places, strict=True):
            mark_place(axes, x, text, *place)
    return Drawing(figure, table, message)
