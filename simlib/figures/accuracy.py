"""The figures of `02_eviction_accuracy`."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from simlib.core.numbers import format_count
from simlib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    OVER_LINES,
    PALE,
    STYLE,
    VERMILION,
    Drawing,
    draw_band,
    label_ends,
    new_axes,
    thousands,
    time_unit,
    write_legend,
)

TRUTHS = {"dead": "dead", "undecided": "undecided", "in_use": "still in use"}
"""Labels of what an evicted session turned out to be."""


def causes(table: pd.DataFrame, message: str) -> Drawing:
    """Draw evictions by cause (rows) and truth (columns `dead`, `undecided`, `in_use`), as bars with their counts."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "evictions", "")
        left, top = np.zeros(len(table)), max(table.sum(axis=1).max(), 1)
        for truth, colour, hatch in zip(table.columns, (PALE, "white", VERMILION), ("", "////", ""), strict=True):
            axes.barh(table.index, table[truth], left=left, color=colour, hatch=hatch, edgecolor=GREY, linewidth=0.8)
            left += table[truth].to_numpy()
        for place, (_, row) in enumerate(table.iterrows()):
            parts = ", ".join(f"{format_count(count)} {TRUTHS[truth]}" for truth, count in row.items() if count > 0)
            axes.annotate(
                parts or "none",
                (0, place + (0.43 if parts else 0)),
                xytext=(3, 0),
                textcoords="offset points",
                va="bottom" if parts else "center",
                fontsize=10,
            )
        axes.set_xlim(0, top * 1.05)
        axes.set_ylim(-0.6, len(table) - 0.2)
        axes.set_yticks(range(len(table)), [f"by the {cause}" for cause in table.index])
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(thousands)
        axes.grid(visible=False)
    return Drawing(figure, table.rename_axis("cause").reset_index(), message)


def idle(ages: Mapping[str, np.ndarray], ttl: int, message: str) -> Drawing:
    """Draw the share of evicted entries by their longest idle time; `ages` in ns, sorted, by truth."""
    unit, scale = time_unit(max(int(age[-1]) for age in ages.values() if len(age)))
    levels = np.linspace(0, 1, 201)
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, f"idle for at most ({unit})", "share of evicted entries (%)")
        data, labels = {"share_percent": 100 * levels}, []
        for (truth, age), colour, dash in zip(ages.items(), (GREY, VERMILION), ((0, (4, 1.2)), "-"), strict=True):
            if len(age):
                data[f"{truth}_{unit}"] = np.quantile(age, levels) / scale
                axes.plot(data[f"{truth}_{unit}"], 100 * levels, color=colour, linestyle=dash)
                labels.append((f"{TRUTHS[truth]} ({format_count(len(age))})", colour, dash))
        every = np.concatenate(list(ages.values())) / scale
        axes.set_ylim(0, 104)
        axes.set_xlim(0.97 * every.min(), max(1.03 * every.max(), 1e-9))
        write_legend(axes, labels, right=np.median(every) < np.mean(axes.get_xlim()))
        if axes.get_xlim()[0] <= ttl / scale <= axes.get_xlim()[1]:
            axes.axvline(ttl / scale, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
            axes.annotate("TTL", (ttl / scale, 50), xytext=(-3, 0), textcoords="offset points", va="center", ha="right")
    return Drawing(figure, pd.DataFrame(data), message)


def snapshots(table: pd.DataFrame, warm_up: int, message: str) -> Drawing:
    """Draw undercount and overlap of the top sessions; columns as of `ledger.snapshot_error`, and `time` in ns."""
    unit, scale = time_unit(int(table["time"].max()) if len(table) else 1)
    time = table["time"] / scale
    lines = (
        ("undercount", "counts\nmissing", VERMILION, "-"),
        ("top_10", "top 10\nshown", BLUE, (0, (4, 1.2))),
        ("top_100", "top 100\nshown", BLACK, (0, (1.5, 1))),
    )
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, f"time from the start ({unit})", "share (%)")
        for name, _, colour, dash in lines:
            axes.plot(time, 100 * table[name], color=colour, linestyle=dash)
        axes.set_ylim(0, 104)
        axes.set_xlim(0, max(time.max(), 1e-9) if len(time) else 1)
        axes.axvspan(0, warm_up / scale, color=PALE, linewidth=0)
        if warm_up > 0:
            axes.annotate("grey: warm-up", (0, 1.01), xycoords="axes fraction", va="bottom", fontsize=9)
        label_ends(axes, [(100 * float(table[name].iloc[-1]), text, colour) for name, text, colour, _ in lines])
    return Drawing(figure, table.assign(**{f"time_{unit}": time}).drop(columns="time"), message)


def caps(table: pd.DataFrame, live: int, shipped: int, message: str) -> Drawing:
    """Draw the live sessions evicted by the cap for 1 000 increments; columns as of `Accuracy.caps`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, "cap (entries)", "live sessions evicted\nper 1000 increments")
        draw_band(axes, table, "cap", "low", "high")
        axes.plot(table["cap"], table["per_1000"], color=VERMILION, marker="o", markersize=5)
        axes.set_xscale("log")
        wide = table["cap"].max() > 500 * table["cap"].min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(thousands)
        axes.xaxis.set_minor_locator(NullLocator())
        top = max(table["per_1000"].max(), 1e-3) * 1.15
        axes.set_ylim(0, top)
        for x, text, down in ((live, "most sessions\nlive at once", 2), (shipped, "cap in use", 32)):
            if x > 0:
                axes.axvline(x, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
                axes.annotate(
                    text, (x, top), xytext=(3, -down), textcoords="offset points", va="top", fontsize=9, bbox=OVER_LINES
                )
    return Drawing(figure, table, message)
