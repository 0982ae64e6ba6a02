"""The figures of `06_validation`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from simlib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    VERMILION,
    Drawing,
    label_ends,
    new_axes,
    plain_ticks,
    styled,
    thousands,
    write_legend,
    write_note,
)


def heap_model(
    data: pd.DataFrame,
    points: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    designs: Mapping[str, tuple[str, str]],
    message: str,
) -> Drawing:
    """Draw live heap bytes an entry against entries: modelled lines, measured points.

    `data` has `entries` and a column a design; `points` of each the entries, the bytes and whether it was held back;
    `designs` of each its Go map and its colour.
    """
    with styled():
        figure, axes = new_axes(message, "entries", "live heap (bytes an entry)")
        ends = []
        for (design, (go_map, colour)), dash in zip(designs.items(), ("-", (0, (4, 1.2))), strict=True):
            axes.plot(data["entries"], data[design], color=colour, linestyle=dash, linewidth=1.5)
            _points(axes, points[design], colour)
            ends.append((float(data[design].iloc[-1]), f"{design}\n({go_map})", colour))
        axes.set_xscale("log")
        axes.set_ylim(0, 1.15 * max(data[list(points)].max()))
        axes.xaxis.set_major_formatter(thousands)
        label_ends(axes, ends)
        write_note(axes, "line: model, dots: measured (hollow: not fitted)")
    return Drawing(figure, data, message)


def prune_prices(
    data: pd.DataFrame, points: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], message: str
) -> Drawing:
    """Draw the time of a prune against the entries; `data` and `points` as of `heap_model`, in µs, by part."""
    labels = {"scan": "finds\nnothing", "sort": "sorts\nthe store"}
    with styled():
        figure, axes = new_axes(message, "entries in the store", "time of a prune (µs)")
        ends = []
        for (part, measured), colour, dash in zip(points.items(), (BLUE, VERMILION), ((0, (4, 1.2)), "-"), strict=True):
            axes.plot(data["entries"], data[part], color=colour, linestyle=dash, linewidth=1.5)
            _points(axes, measured, colour)
            ends.append((part, float(data[part].iloc[-1]), colour))
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_ticks(axes)
        for part, y, colour in ends:
            axes.annotate(
                labels[part], (1.01, y), xycoords=("axes fraction", "data"), va="center", color=colour, fontsize=10
            )
        write_note(axes, "line: model, dots: measured (hollow: not fitted)")
    return Drawing(figure, data, message)


def incident(samples: pd.DataFrame, limit_mib: float, message: str) -> Drawing:
    """Draw resident memory, real and modelled; columns `seed`, `hours`, `resident_mib`, `model_mib`."""
    with styled():
        figure, axes = new_axes(message, "time from the start (hours)", "resident memory (MiB)")
        for number, (_, mine) in enumerate(samples.groupby("seed")):
            axes.plot(
                mine["hours"],
                mine["resident_mib"],
                color=VERMILION,
                linewidth=1,
                alpha=0.8,
                label="real" if not number else None,
            )
        mine = samples[samples["seed"] == samples["seed"].min()]
        axes.plot(mine["hours"], mine["model_mib"], color=BLACK, linewidth=2, linestyle=(0, (4, 1.2)))
        axes.fill_between(
            mine["hours"],
            0.9 * mine["model_mib"],
            1.1 * mine["model_mib"],
            color=GREY,
            alpha=0.25,
            linewidth=0,
        )
        axes.axhline(limit_mib, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
        axes.annotate(
            f"limit {limit_mib:g} MiB", (0, limit_mib), xytext=(3, 3), textcoords="offset points", va="bottom"
        )
        axes.set_xlim(0, mine["hours"].max())
        axes.set_ylim(0, 1.25 * limit_mib)
        write_legend(
            axes, [("three real processes", VERMILION, "-"), ("model, within 10 %", BLACK, (0, (4, 1.2)))], right=True
        )
    return Drawing(figure, samples, message)


def stall(table: pd.DataFrame, message: str) -> Drawing:
    """Draw the mean time of an increment against the rate of new sessions; columns as of `Validation.stall`."""
    with styled():
        figure, axes = new_axes(message, "new sessions a second", "mean time of an increment (µs)")
        axes.plot(table["new_per_second"], table["model_ns"] / 1000, color=BLACK, linestyle=(0, (4, 1.2)))
        axes.plot(
            table["new_per_second"], table["measured_ns"] / 1000, color=VERMILION, marker="o", linewidth=0, markersize=7
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_ticks(axes)
        write_note(axes, "dashed: model, dots: real, at full speed")
    return Drawing(figure, table, message)


def ratios(table: pd.DataFrame, message: str) -> Drawing:
    """Draw simulated over expected with 95 % intervals; columns `name`, `exact`, `ratio`, `low`, `high`."""
    with styled():
        figure, axes = new_axes(message, "simulated over closed form (bar: 95 % interval)", "")
        places = np.arange(len(table))[::-1]
        axes.axvline(1, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
        axes.axvspan(0.95, 1.05, color=PALE, alpha=0.5, linewidth=0)
        for place, row in zip(places, table.itertuples(), strict=True):
            colour = BLUE if row.exact else VERMILION
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=3)
            axes.plot([row.ratio], [place], color=colour, marker="o" if row.exact else "D", markersize=7)
        write_note(axes, "grey: within 5 %")
        names = [row.name if row.exact else f"{row.name}\n(approximate)" for row in table.itertuples(index=False)]
        axes.set_yticks(places, names)
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.grid(visible=False)
    return Drawing(figure, table, message)


def che(table: pd.DataFrame, message: str) -> Drawing:
    """Draw the live sessions evicted by LRU; columns `cap`, `expected`, `simulated`, `low`, `high`."""
    with styled():
        figure, axes = new_axes(message, "cap (entries), TTL off", "live sessions evicted\nper 1000 increments")
        axes.plot(table["cap"], table["expected"], color=BLACK, linestyle=(0, (4, 1.2)))
        if not table["low"].isna().any():
            axes.vlines(table["cap"], table["low"], table["high"], color=VERMILION, linewidth=2)
        axes.plot(table["cap"], table["simulated"], color=VERMILION, marker="o", linewidth=0, markersize=7)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter(thousands)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        write_note(axes, "dashed: Che's approximation, dots: simulated")
    return Drawing(figure, table.dropna(axis="columns", how="all"), message)


def _points(axes: Axes, measured: tuple[np.ndarray, np.ndarray, np.ndarray], colour: str) -> None:
    """Draw measured (x, y), hollow where held back from a fit."""
    x, y, held_back = measured
    axes.plot(x[~held_back], y[~held_back], color=colour, marker="o", linewidth=0, markersize=4)
    axes.plot(x[held_back], y[held_back], color=colour, marker="o", linewidth=0, markersize=5, markerfacecolor="white")
