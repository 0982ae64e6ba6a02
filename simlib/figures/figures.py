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
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

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
                (float(middle[-1]), "unbounded\n(within 10 %)", VERMILION),
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
        _label_ends(axes, labels, lines=2, swatches=_layers(entries.shape[1]))
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


def causes(table: pd.DataFrame, message: str) -> Drawing:
    """Evictions by cause (rows) and truth (columns `dead`, `undecided`, `alive`), as bars with their counts."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "evictions", "")
        left, top = np.zeros(len(table)), max(table.sum(axis=1).max(), 1)
        for truth, colour, hatch in zip(table.columns, (PALE, "white", VERMILION), ("", "////", ""), strict=True):
            axes.barh(table.index, table[truth], left=left, color=colour, hatch=hatch, edgecolor=GREY, linewidth=0.8)
            left += table[truth].to_numpy()
        for place, (_, row) in enumerate(table.iterrows()):
            parts = ", ".join(f"{count:,.0f} {truth}" for truth, count in row.items() if count > 0)
            axes.annotate(parts or "none", (0, place + 0.43), va="bottom", fontsize=10)
        axes.set_xlim(0, top * 1.05)
        axes.set_ylim(-0.6, len(table) - 0.2)
        axes.set_yticks(range(len(table)), [f"by the {cause}" for cause in table.index])
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(_thousands)
        axes.grid(visible=False)
    return Drawing(figure, table.rename_axis("cause").reset_index(), message)


def idle(ages: Mapping[str, np.ndarray], ttl: int, message: str) -> Drawing:
    """Share of evicted entries by how long they had been idle at most; `ages` in ns, sorted, by truth."""
    unit, scale = _time_unit(max([*(int(age[-1]) for age in ages.values() if len(age)), ttl, 1]))
    levels = np.linspace(0, 1, 201)
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, f"idle for at most ({unit})", "share of evicted entries (%)")
        data, labels = {"share_percent": 100 * levels}, []
        for (truth, age), colour, dash in zip(ages.items(), (GREY, VERMILION), ((0, (4, 1.2)), "-"), strict=True):
            if len(age):
                data[f"{truth}_{unit}"] = np.quantile(age, levels) / scale
                axes.plot(data[f"{truth}_{unit}"], 100 * levels, color=colour, linestyle=dash)
                labels.append((f"{truth} ({len(age):,})", colour, dash))
        if not labels:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
        if ttl > 0:
            axes.axvline(ttl / scale, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
            axes.annotate("TTL", (ttl / scale, 104), xytext=(3, -2), textcoords="offset points", va="top")
        axes.set_ylim(0, 104)
        axes.set_xlim(left=0)
        middle = np.median(np.concatenate(list(ages.values())) / scale) if labels else 0
        _legend(axes, labels, right=middle < axes.get_xlim()[1] / 2)
    return Drawing(figure, pd.DataFrame(data), message)


def snapshots(table: pd.DataFrame, warm_up: int, message: str) -> Drawing:
    """Undercount and overlap of the top sessions over time; columns as of `ledger.snapshot_error`, and `time` ns."""
    unit, scale = _time_unit(int(table["time"].max()) if len(table) else 1)
    time = table["time"] / scale
    lines = (
        ("undercount", "counts\nmissing", VERMILION, "-"),
        ("top_10", "top 10\nshown", BLUE, (0, (4, 1.2))),
        ("top_100", "top 100\nshown", BLACK, (0, (1.5, 1))),
    )
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, f"time from the start ({unit})", "share (%)")
        for name, _, colour, dash in lines:
            axes.plot(time, 100 * table[name], color=colour, linestyle=dash)
        axes.set_ylim(0, 104)
        axes.set_xlim(0, max(time.max(), 1e-9) if len(time) else 1)
        axes.axvspan(0, warm_up / scale, color=PALE, linewidth=0)
        axes.annotate(
            "warm-up",
            (warm_up / scale, 50),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox=OVER_LINES,
        )
        _label_ends(axes, [(100 * float(table[name].iloc[-1]), text, colour) for name, text, colour, _ in lines])
    return Drawing(figure, table.assign(**{f"time_{unit}": time}).drop(columns="time"), message)


def caps(table: pd.DataFrame, live: int, shipped: int, message: str) -> Drawing:
    """Live sessions evicted by the cap for 1 000 increments, against the cap; columns as of `Accuracy.caps`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "cap (entries)", "live sessions evicted\nper 1,000 increments")
        _band(axes, table, "cap", "low", "high")
        axes.plot(table["cap"], table["per_1000"], color=VERMILION, marker="o", markersize=5)
        axes.set_xscale("log")
        wide = table["cap"].max() > 500 * table["cap"].min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(_thousands)
        axes.xaxis.set_minor_locator(NullLocator())
        top = max(table["per_1000"].max(), 1e-3) * 1.15
        axes.set_ylim(0, top)
        for x, text, down in ((live, "most sessions\nlive at once", 2), (shipped, "cap in use", 32)):
            if x > 0:
                axes.axvline(x, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
                axes.annotate(text, (x, top), xytext=(3, -down), textcoords="offset points", va="top", fontsize=9)
    return Drawing(figure, table, message)


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
        figure, axes = _axes(message, "an increment holds the lock for at least (µs)", "share of increments (%)")
        axes.step(times / 1000, share, where="pre", color=VERMILION)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes)
        axes.set_xlim(0.1, max(1000, 2 * times[-1] / 1000 if times.size else 0))
        axes.set_ylim(1e-3, 150)
        if times.size:
            axes.plot([times[-1] / 1000] * 2, [share[-1], 1e-3], color=VERMILION)
    return Drawing(figure, pd.DataFrame({"at_least_us": times / 1000, "share_percent": share}), message)


def prune_work(entries: Mapping[str, np.ndarray], message: str) -> Drawing:
    """Share of prunes by the entries they visit at most; `entries` sorted, by trigger."""
    levels = np.linspace(0, 1, 201)
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "entries visited in a prune, at most", "share of prunes (%)")
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
                labels.append((f"{trigger} ({len(visited):,})", colour, dash))
        _legend(axes, labels)
        axes.set_ylim(0, 104)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(_thousands)
    return Drawing(figure, pd.DataFrame(data), message)


def cliff(table: pd.DataFrame, marks: Mapping[str, float], message: str) -> Drawing:
    """Mean time of an increment against the rate of new sessions, with such rates marked; 0 and inf are not drawn.

    Columns of `table` as of `PruneCost.cliff`.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "new sessions a second", "mean time of an increment (µs)")
        _band(axes, table, "new_per_second", "mean_ns_low", "mean_ns_high", 1000)
        axes.plot(table["new_per_second"], table["mean_ns"] / 1000, color=VERMILION, marker="o", markersize=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes)
        # Whole decades, so that there is a label at either end.
        decades = np.log10(np.clip([table["mean_ns"].min() / 1000, table["mean_ns"].max() / 1000], 1e-3, None))
        axes.set_ylim(10 ** np.floor(decades[0]), 10 ** np.floor(decades[1] + 1))
        for (text, x), height in zip(marks.items(), (0.62, 0.42, 0.22), strict=True):
            if np.isfinite(x) and x > 0:
                axes.axvline(x, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
                axes.annotate(
                    text,
                    (x, height),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, 0),
                    textcoords="offset points",
                    fontsize=9,
                    bbox=OVER_LINES,
                )
    return Drawing(figure, table, message)


def heap_model(
    data: pd.DataFrame, points: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], message: str
) -> Drawing:
    """Live heap bytes an entry against entries: modelled lines, measured points.

    `data` has `entries` and a column a design; `points` of each the entries, the bytes and whether it was held back.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "entries", "live heap (bytes an entry)")
        for (design, measured), colour, dash in zip(
            points.items(), (VERMILION, BLUE), ("-", (0, (4, 1.2))), strict=True
        ):
            axes.plot(data["entries"], data[design], color=colour, linestyle=dash, linewidth=1.5)
            _points(axes, measured, colour)
        axes.set_xscale("log")
        axes.set_ylim(0, 1.15 * max(data[list(points)].max()))
        axes.xaxis.set_major_formatter(_thousands)
        _label_ends(
            axes,
            [
                (float(data[d].iloc[-1]), f"{d}\n({m})", c)
                for (d, m), c in zip((("unbounded", "sync.Map"), ("bounded", "map")), (VERMILION, BLUE), strict=True)
            ],
        )
        axes.annotate(
            "line: model, dots: measured (hollow: held back)", (0.02, 0.04), xycoords="axes fraction", fontsize=9
        )
    return Drawing(figure, data, message)


def prune_prices(
    data: pd.DataFrame, points: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], message: str
) -> Drawing:
    """Time of a prune against the entries in the store; `data` and `points` as of `heap_model`, in us, by part."""
    labels = {"scan": "finds\nnothing", "sort": "sorts\nthe store"}
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "entries in the store", "time of a prune (µs)")
        ends = []
        for (part, measured), colour, dash in zip(points.items(), (BLUE, VERMILION), ((0, (4, 1.2)), "-"), strict=True):
            axes.plot(data["entries"], data[part], color=colour, linestyle=dash, linewidth=1.5)
            _points(axes, measured, colour)
            ends.append((part, float(data[part].iloc[-1]), colour))
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes)
        for part, y, colour in ends:
            axes.annotate(
                labels[part], (1.01, y), xycoords=("axes fraction", "data"), va="center", color=colour, fontsize=10
            )
        axes.annotate(
            "line: model, dots: measured (hollow: held back)", (0.02, 0.93), xycoords="axes fraction", fontsize=9
        )
    return Drawing(figure, data, message)


def incident(samples: pd.DataFrame, limit_mib: float, message: str) -> Drawing:
    """Resident memory of real processes and as modelled; columns `seed`, `hours`, `resident_mib`, `model_mib`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "time from the start (hours)", "resident memory (MiB)")
        for number, (_, run) in enumerate(samples.groupby("seed")):
            axes.plot(
                run["hours"],
                run["resident_mib"],
                color=VERMILION,
                linewidth=1,
                alpha=0.8,
                label="real" if not number else None,
            )
        run = samples[samples["seed"] == samples["seed"].min()]
        axes.plot(run["hours"], run["model_mib"], color=BLACK, linewidth=2, linestyle=(0, (4, 1.2)))
        axes.fill_between(
            run["hours"], 0.9 * run["model_mib"], 1.1 * run["model_mib"], color=GREY, alpha=0.25, linewidth=0
        )
        axes.axhline(limit_mib, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
        axes.annotate(
            f"limit {limit_mib:g} MiB", (0, limit_mib), xytext=(3, 3), textcoords="offset points", va="bottom"
        )
        axes.set_xlim(0, run["hours"].max())
        axes.set_ylim(0, 1.25 * limit_mib)
        _legend(
            axes, [("three real processes", VERMILION, "-"), ("model, within 10 %", BLACK, (0, (4, 1.2)))], right=True
        )
    return Drawing(figure, samples, message)


def stall(table: pd.DataFrame, message: str) -> Drawing:
    """Mean time of an increment against the rate of new sessions; columns as of `Validation.stall`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "new sessions a second", "mean time of an increment (µs)")
        axes.plot(table["new_per_second"], table["model_ns"] / 1000, color=BLACK, linestyle=(0, (4, 1.2)))
        axes.plot(
            table["new_per_second"], table["measured_ns"] / 1000, color=VERMILION, marker="o", linewidth=0, markersize=7
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes)
        _legend(axes, [("real, at full speed (dots)", VERMILION, "-"), ("model", BLACK, (0, (4, 1.2)))], right=True)
    return Drawing(figure, table, message)


def ratios(table: pd.DataFrame, message: str) -> Drawing:
    """Simulated over expected of closed forms with 95 % intervals; columns `name`, `exact`, `ratio`, `low`, `high`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "simulated over closed form (bar: 95 % interval)", "")
        places = np.arange(len(table))[::-1]
        axes.axvline(1, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
        axes.axvspan(0.95, 1.05, color=PALE, alpha=0.5, linewidth=0)
        for place, row in zip(places, table.itertuples(), strict=True):
            colour = BLUE if row.exact else VERMILION
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=3)
            axes.plot([row.ratio], [place], color=colour, marker="o" if row.exact else "D", markersize=7)
        names = [row.name if row.exact else f"{row.name}\n(approximate)" for row in table.itertuples(index=False)]
        axes.set_yticks(places, names)
        axes.set_ylim(-0.6, max(len(table) - 0.4, 0.4))
        if table.empty:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
            axes.set_xticks([])
        axes.grid(visible=False)
    return Drawing(figure, table, message)


def che(table: pd.DataFrame, message: str) -> Drawing:
    """Live sessions evicted by LRU against the cap; columns `cap`, `expected`, `simulated`, `low`, `high`."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(message, "cap (entries), TTL off", "live sessions evicted\nper 1,000 increments")
        axes.plot(table["cap"], table["expected"], color=BLACK, linestyle=(0, (4, 1.2)))
        if not table["low"].isna().any():
            axes.vlines(table["cap"], table["low"], table["high"], color=VERMILION, linewidth=2)
        axes.plot(table["cap"], table["simulated"], color=VERMILION, marker="o", linewidth=0, markersize=7)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter(_thousands)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if len(table):
            axes.annotate(
                "dashed: Che's approximation\ndots: simulated",
                (0.98, 0.95),
                xycoords="axes fraction",
                ha="right",
                va="top",
            )
        else:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
            axes.set_xticks([])
            axes.set_yticks([])
    return Drawing(figure, table.dropna(axis="columns", how="all") if len(table) else table, message)


def _points(axes: Axes, measured: tuple[np.ndarray, np.ndarray, np.ndarray], colour: str) -> None:
    """Measured (x, y), hollow where held back from a fit."""
    x, y, held_back = measured
    axes.plot(x[~held_back], y[~held_back], color=colour, marker="o", linewidth=0, markersize=4)
    axes.plot(x[held_back], y[held_back], color=colour, marker="o", linewidth=0, markersize=5, markerfacecolor="white")


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
        figure, axes = _axes(message, "load (times the traffic)", "entries in a store")
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
                (float(last[name]), f"{name}\n{mebibytes(float(last[f'{name}_mib']))}", colour)
                for name, colour in (("unbounded", VERMILION), ("bounded", BLUE))
                if last[name] > 0
            ]
            _label_ends(axes, labels)
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
        figure, axes = _axes(message, "load (times the traffic)", "time the lock is held (%)")
        if "expected_busy_percent" in table:
            axes.plot(table["load"], table["expected_busy_percent"], color=GREY, linewidth=4, alpha=0.4)
        _measured(axes, table, "busy_percent", VERMILION, "o")
        _powers(axes, lines)
        _over_load(axes, table)
        if len(table) and table["busy_percent"].max() > 5:
            _mark_level(axes, 100, "100 %")
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
        figure, axes = _axes(message, "exponent of the load (bar: 95 % interval)", "")
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
        _title(figure, message)
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
        figure.axes[0].yaxis.set_major_formatter(_plain)
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
        figure, axes = _axes(message, "traffic of the whole fleet (times the case's)", units[0])
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
        _powers_of_ten(axes.xaxis)
        if shown:
            values = points[shown].to_numpy(dtype=float)
            values = values[values > 0]
            values = np.append(values, level if level > 0 else values.max())
            axes.set_yscale("log")
            # A rising curve leaves the upper left or the lower right to the legend.
            axes.set_ylim(values.min() / 2, values.max() * (3 if legend_right else 30))
            right = axes.secondary_yaxis("right", functions=(lambda y: y * scale, lambda y: y / scale))
            right.set_ylabel(units[1])
            _powers_of_ten(axes.yaxis)
            _powers_of_ten(right.yaxis)
            if level > 0:
                _mark_level(axes, level, f"{level:g} %")
        else:
            axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center")
            axes.set_yticks([])
        left, top = (0.52, 0.24) if legend_right else (0.03, 0.95)
        _legend_at(axes, legend, left, top, 0.065, fontsize=9)
        axes.annotate(
            "filled: simulated\nhollow and lines: projection",
            (left, top - 0.065 * len(legend) + 0.03),
            xycoords="axes fraction",
            va="top",
            fontsize=9,
        )
    data = pd.concat([points.assign(line=False), curves.assign(line=True, simulated=False)], ignore_index=True)
    return Drawing(figure, data, message)


def mebibytes(mib: float) -> str:
    """Memory in the unit that fits, for people."""
    for unit, size in (("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)):
        if mib >= size:
            return f"{mib / size:.3g} {unit}"
    return f"{mib * 1024:.3g} KiB"


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
    _powers_of_ten(axes.xaxis)
    _powers_of_ten(axes.yaxis)


def _powers_of_ten(axis: Axis) -> None:
    """Ticks of a logarithmic axis at powers of ten, written out as long as they are short."""
    axis.set_major_locator(LogLocator(numticks=9))
    axis.set_major_formatter(_thousands_or_power)
    axis.set_minor_formatter(NullFormatter())


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


def _mark_level(axes: Axes, level: float, text: str) -> None:
    """A horizontal line at a level, with a text under it on the left."""
    axes.axhline(level, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    axes.annotate(
        text,
        (0, level),
        xycoords=("axes fraction", "data"),
        xytext=(3, -3),
        textcoords="offset points",
        va="top",
        fontsize=9,
    )


def _thousands_or_power(value: float, place: int) -> str:
    """Plain numbers as long as they are short, else powers of ten."""
    if 1e-3 <= value < 1e5:
        return f"{value:,.10g}"
    return f"$10^{{{round(np.log10(value))}}}$" if value > 0 else "0"


def save(drawing: Drawing, folder: Path, name: str) -> None:
    """Write `name`.svg, .png and .csv (the table) into a folder. The same drawing gives the same bytes."""
    with matplotlib.rc_context(STYLE):
        drawing.figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        drawing.figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
    drawing.data.to_csv(folder / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n")


def _title(figure: Figure, message: str) -> None:
    # A dollar sign in a name would start mathematics.
    figure.suptitle(textwrap.fill(message, 54).replace("$", r"\$"), x=0.01, ha="left", fontsize=12, fontweight="bold")


def _axes(message: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    _title(figure, message)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _label_ends(
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


def _band(axes: Axes, table: pd.DataFrame, x: str, low: str, high: str, unit: float = 1) -> None:
    """The interval around a line, where the table has one."""
    if low in table:
        bounds = table[low].clip(lower=0) / unit, table[high] / unit
        axes.fill_between(table[x], *bounds, color=VERMILION, alpha=0.25, linewidth=0)


def _legend(axes: Axes, labels: Sequence[tuple[str, str, object]], right: bool = False) -> None:
    """Write each (text, colour, dash) below the last, upper left or lower right: a rising curve leaves one of them."""
    left, top = (0.5, 0.3) if right else (0.03, 0.93)
    _legend_at(axes, labels, left, top, 0.09)


def _legend_at(
    axes: Axes,
    labels: Sequence[tuple[str, str, object]],
    left: float,
    top: float,
    apart: float,
    fontsize: float = STYLE["font.size"],
) -> None:
    """Write each (text, colour, dash) below the last, from a place on and so far apart, in fractions of the axes."""
    for place, (text, colour, dash) in enumerate(labels):
        y = top - apart * place
        axes.plot([left, left + 0.08], [y, y], color=colour, linestyle=dash, transform=axes.transAxes)
        axes.annotate(text, (left + 0.1, y), xycoords="axes fraction", va="center", color=colour, fontsize=fontsize)


def _thousands(value: float, place: int) -> str:
    return f"{value:,.0f}"


def _plain_ticks(axes: Axes) -> None:
    """Logarithmic axes in plain numbers: decades, and 2 and 5 between where an axis is shorter than two of them."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(_plain)
        axis.set_minor_formatter(NullFormatter())


def _plain(value: float, place: int) -> str:
    return f"{value:g}"


def _layers(count: int) -> list[str]:
    """So many colours from light to dark, evenly spread over those there are."""
    return [LAYERS[round(i * (len(LAYERS) - 1) / max(count - 1, 1))] for i in range(count)]


def _time_unit(duration: int) -> tuple[str, int]:
    """The unit, and its ns, in which a duration reads best on an axis."""
    return ("days", DAY) if duration > 4 * DAY else ("hours", HOUR) if duration > 2 * HOUR else ("minutes", MINUTE)
