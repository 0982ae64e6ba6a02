"""The figures of `02_eviction_accuracy`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from simlib.core.numbers import format_count, format_duration
from simlib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    VERMILION,
    Drawing,
    draw_band,
    new_axes,
    plain,
    styled,
    thousands,
    time_unit,
    write_legend_above,
)

TRUTHS = {"dead": "dead", "undecided": "undecided", "in_use": "still in use"}
"""Labels of what an evicted session turned out to be."""

WIDE = 20
"""Idle times that differ by more than this factor stand on a logarithmic axis."""


def causes(table: pd.DataFrame, message: str) -> Drawing:
    """Draw evictions by cause (rows) and truth (columns `dead`, `undecided`, `in_use`), as bars with their counts."""
    with styled():
        figure, axes = new_axes(message, "evictions", "")
        left, top = np.zeros(len(table)), max(table.sum(axis=1).max(), 1)
        for truth, colour, hatch in zip(table.columns, (PALE, "white", VERMILION), ("", "////", ""), strict=True):
            axes.barh(table.index, table[truth], left=left, color=colour, hatch=hatch, edgecolor=GREY, linewidth=0.8)
            left += table[truth].to_numpy()
        for place, (_, row) in enumerate(table.iterrows()):
            parts = ", ".join(f"{format_count(count)} {TRUTHS[truth]}" for truth, count in row.items() if count > 0)
            axes.annotate(parts, (0, place + 0.43), xytext=(3, 0), textcoords="offset points", va="bottom", fontsize=10)
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
    with styled():
        figure, axes = new_axes(message, f"idle for at most ({unit})", "share of evicted entries (%)")
        data = {"share_percent": 100 * levels}
        for (truth, age), colour, dash in zip(ages.items(), (GREY, VERMILION), ((0, (4, 1.2)), "-"), strict=True):
            if len(age):
                data[f"{truth}_{unit}"] = np.quantile(age, levels) / scale
                label = f"{TRUTHS[truth]} ({format_count(len(age))})"
                axes.plot(data[f"{truth}_{unit}"], 100 * levels, color=colour, linestyle=dash, label=label)
        every = np.concatenate(list(ages.values())) / scale
        axes.set_ylim(0, 104)
        axes.set_xlim(0.97 * every.min(), 1.03 * every.max())
        if every.max() > WIDE * every.min() > 0:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(plain)
        if ttl > 0 and axes.get_xlim()[0] <= ttl / scale <= axes.get_xlim()[1]:
            label = f"TTL ({format_duration(ttl)})"
            axes.axvline(ttl / scale, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)), label=label)
        write_legend_above(axes)
    return Drawing(figure, pd.DataFrame(data), message)


def snapshots(table: pd.DataFrame, message: str) -> Drawing:
    """Draw the counts that a snapshot lacks, and the top ten; columns as of `ledger.snapshot_error`, `time` in ns."""
    unit, scale = time_unit(int(table["time"].max()))
    time = table["time"] / scale
    lines = (
        ("in_use_undercount", "missing of those in use", VERMILION, "-"),
        ("undercount", "missing of all", BLACK, (0, (1.5, 1))),
        ("in_use_top_10", "top 10 in use that it shows", BLUE, (0, (4, 1.2))),
    )
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", "share (%)")
        for name, label, colour, dash in lines:
            axes.plot(time, 100 * table[name], color=colour, linestyle=dash, label=label)
        axes.set_ylim(0, 104)
        axes.set_xlim(time.min(), time.max())
        write_legend_above(axes)
    data = table[["time", *(name for name, *_ in lines)]]
    return Drawing(figure, data.assign(time=time).rename(columns={"time": f"time_{unit}"}), message)


def caps(table: pd.DataFrame, cap: int, none_from: float, message: str) -> Drawing:
    """Draw the sessions in use that are evicted by the cap; columns as of `Caps.table`.

    Marked are the cap in use, if there is one, and the size from which on it evicts none, if that was found.
    """
    with styled():
        figure, axes = new_axes(message, "cap (entries)", "sessions still in use\nthat the cap evicts")
        draw_band(axes, table, "cap", "low", "high")
        axes.plot(table["cap"], table["in_use"], color=VERMILION, marker="o", markersize=5)
        axes.set_xscale("log")
        wide = table["cap"].max() > 500 * table["cap"].min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(thousands)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(thousands)
        axes.set_ylim(0, 1.05 * table["in_use"].max())
        marks = [(cap, f"today: {format_count(cap)}")] if cap > 0 else []
        marks += [(none_from, f"none from {format_count(none_from)}")] if np.isfinite(none_from) else []
        for (x, text), side in zip(sorted(marks), ("right", "left"), strict=False):
            axes.axvline(x, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
            axes.annotate(text, (x, 1.01), xycoords=("data", "axes fraction"), ha=side, va="bottom", fontsize=9)
    return Drawing(figure, table, message)
