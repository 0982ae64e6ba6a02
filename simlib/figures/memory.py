"""The figures of `01_memory`."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from simlib.core.numbers import format_count
from simlib.figures.style import (
    BLACK,
    GREY,
    OVER_LINES,
    VERMILION,
    Drawing,
    LeftOut,
    label_ends,
    layer_colours,
    memory_unit,
    new_axes,
    styled,
    thousands,
    time_unit,
)

FARTHEST = 30
"""Times the length of a figure's lines up to which the axis is extended to where the limit is reached."""


ONE_INSTANT = LeftOut("No figure: all comes at one instant, so nothing is seen over time.")


class Limit(NamedTuple):
    """A limit of the unbounded maps: MiB, its text, and when they reach it, ns from the start, or None for never."""

    mib: float
    text: str
    reached_at: float | None


def heap(
    at: np.ndarray,
    unbounded_mib: Mapping[str, np.ndarray],
    bounded_mib: np.ndarray,
    colours: tuple[str, str],
    limit: Limit | None,
    message: str,
) -> Drawing:
    """Draw the resident memory of the maps over time, unbounded and bounded, with the limit.

    `at` ns from the start, (n,); `unbounded_mib` holds `low`, `middle`, `high` and `bounded_mib` is one line, each MiB
    of shape (n,); `colours` are theirs, in this order. A limit beyond the end is reached by a dashed line, unless that
    lies too far away.
    """
    last, reached_at = float(at[-1]), limit.reached_at if limit else None
    is_ahead = reached_at is not None and last < reached_at <= FARTHEST * last
    end = reached_at if is_ahead else last
    largest = max(unbounded_mib["high"].max(), bounded_mib.max(), limit.mib if is_ahead else 1e-6)
    unit, scale = time_unit(end)
    of, size = memory_unit(largest)
    time = at / scale
    low, middle, high, bounded = (
        size * mib for mib in (*(unbounded_mib[name] for name in ("low", "middle", "high")), bounded_mib)
    )
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", f"resident memory ({of})")
        axes.fill_between(time, low, high, color=colours[0], alpha=0.25, linewidth=0)
        axes.plot(time, middle, color=colours[0])
        axes.plot(time, bounded, color=colours[1], linewidth=2.6, linestyle=(0, (4, 1.2)))
        top, reaches = 1.14 * size * largest, float(size * limit.mib if is_ahead else middle[-1])
        limit_label: list[tuple[float, str, str]] = []
        if is_ahead:
            for line, to, colour in ((middle, reaches, colours[0]), (bounded, bounded[-1], colours[1])):
                axes.plot([time[-1], end / scale], [line[-1], to], color=colour, linewidth=1.4, linestyle=(0, (2, 2)))
        if limit is not None:
            top, limit_label = _mark_limit(axes, size * limit.mib, size * largest, limit.text)
        if reached_at is not None and reached_at <= end:
            axes.plot([reached_at / scale], [size * limit.mib], marker="X", markersize=10, color=BLACK)
        _over_time(axes, end / scale * (1.04 if is_ahead else 1), top)
        band = "\n(within 10 %)" if (low < high).any() else ""
        ends = [(reaches, f"unbounded{band}", colours[0]), (float(bounded[-1]), "bounded", colours[1])]
        label_ends(axes, [*ends, *limit_label])
    data = pd.DataFrame({f"time_{unit}": time, **{f"unbounded_{k}_mib": v for k, v in unbounded_mib.items()}})
    return Drawing(figure, data.assign(bounded_mib=bounded_mib, limit_mib=limit.mib if limit else None), message)


def measured(
    at: np.ndarray,
    mib: np.ndarray,
    maps_mib: Mapping[str, np.ndarray],
    line_mib: tuple[float, float],
    colour: str,
    limit: Limit | None,
    message: str,
) -> Drawing:
    """Draw measured memory, that of the maps, and how it would have gone on from the middle if they alone had grown.

    `at` ns from the start, (n,); `mib` was measured; `maps_mib` holds `low`, `middle` and `high`, MiB of shape (n,);
    `line_mib` are the ends of the line through the later half of what was measured; `colour` is that of the maps.
    """
    last, late = float(at[-1]), at.size // 2
    reached_at = limit.reached_at if limit else None
    is_ahead = reached_at is not None and last < reached_at <= FARTHEST * last
    end = reached_at if is_ahead else last
    alone = {name: line_mib[0] + each[late:] - each[late] for name, each in maps_mib.items()}
    largest = max(mib.max(), alone["high"].max(), maps_mib["middle"].max(), limit.mib if is_ahead else 1e-6)
    unit, scale = time_unit(end)
    of, size = memory_unit(largest)
    time = at / scale
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", f"memory ({of})")
        axes.plot(time, size * maps_mib["middle"], color=colour)
        axes.fill_between(time[late:], size * alone["low"], size * alone["high"], color=colour, alpha=0.25, linewidth=0)
        axes.plot(time[late:], size * alone["middle"], color=colour, linestyle=(0, (4, 1.2)))
        axes.plot(time, size * mib, color=BLACK, linewidth=1.4)
        top, limit_label = 1.14 * size * largest, []
        if limit is not None:
            top, limit_label = _mark_limit(axes, size * limit.mib, size * largest, limit.text)
        if limit is not None and is_ahead:
            ahead = [time[-1], end / scale], [size * line_mib[1], size * limit.mib]
            axes.plot(*ahead, color=BLACK, linewidth=1.4, linestyle=(0, (2, 2)))
        if limit is not None and reached_at is not None and reached_at <= end:
            axes.plot([reached_at / scale], [size * limit.mib], marker="X", markersize=10, color=BLACK)
        _over_time(axes, end / scale * (1.04 if is_ahead else 1), top)
        ends = (
            (limit.mib if limit and is_ahead else mib[-1], "measured", BLACK),
            (alone["middle"][-1], "if the maps\nalone grew", colour),
            (maps_mib["middle"][-1], "the maps", colour),
        )
        label_ends(axes, [*((size * float(mib), text, its) for mib, text, its in ends), *limit_label])
    data = pd.DataFrame(
        {f"time_{unit}": time, "measured_mib": mib, **{f"maps_{k}_mib": v for k, v in maps_mib.items()}}
    )
    return Drawing(figure, data.assign(limit_mib=limit.mib if limit else None), message)


def growth_by_class(at: np.ndarray, entries: pd.DataFrame, parts: Sequence[str], message: str) -> Drawing:
    """Draw the entries of the unbounded maps over time, stacked by class of session.

    `at` ns from the start, (n,); `entries` a column a class, (n, classes); `parts` say of each what it does.
    """
    unit, scale = time_unit(at[-1])
    time, total = at / scale, entries.sum(axis=1).to_numpy()
    colours = layer_colours(entries.shape[1])
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", "entries without a bound")
        axes.stackplot(time, entries.to_numpy().T, colors=colours, edgecolor="white", linewidth=0.8)
        _over_time(axes, time[-1], max(total.max(), 1) * 1.05)
        axes.yaxis.set_major_formatter(thousands)
        last = entries.iloc[-1].to_numpy()
        middles = np.cumsum(last) - last / 2
        labels = [
            (float(y), f"{textwrap.fill(name, 18)}\n{part}", BLACK)
            for y, name, part in zip(middles, entries.columns, parts, strict=True)
        ]
        label_ends(axes, labels, lines=2, swatches=colours)
    return Drawing(figure, entries.assign(**{f"time_{unit}": time})[[f"time_{unit}", *entries.columns]], message)


def bound(at: np.ndarray, kept: np.ndarray, in_use: np.ndarray, colour: str, cap: int | None, message: str) -> Drawing:
    """Draw the entries of a bounded store over time, those that will be used again, and the cap.

    `at` ns from the start; `kept`, in its `colour`, and `in_use` counts; all (n,). `cap` is None where there is none.
    """
    unit, scale = time_unit(at[-1])
    time, top = at / scale, float(max(kept.max(), 1))
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", "entries in the bounded store")
        axes.plot(time, kept, color=colour)
        axes.fill_between(time, in_use, color=GREY, alpha=0.5, linewidth=0)
        end, cap_label = (top * 1.14, []) if cap is None else _mark_limit(axes, cap, top, f"cap {format_count(cap)}")
        _over_time(axes, time[-1], end)
        axes.yaxis.set_major_formatter(thousands)
        # Near the end nothing is used again, for want of time.
        again = float(in_use[3 * in_use.size // 4])
        label_ends(axes, [(float(kept[-1]), "kept", colour), (again, "of these,\nused again", GREY), *cap_label])
    return Drawing(
        figure, pd.DataFrame({f"time_{unit}": time, "kept": kept, "used_again": in_use, "cap": cap}), message
    )


def left(at: np.ndarray, bounded_mib: np.ndarray, colour: str, third_mib: np.ndarray, message: str) -> Drawing:
    """Draw the resident memory of the bounded stores and of the third map over time.

    `at` ns from the start; all (n,). `colour` is that of the bounded stores.
    """
    unit, scale = time_unit(at[-1])
    time, largest = at / scale, max(bounded_mib.max(), third_mib.max(), 1e-6)
    of, size = memory_unit(largest)
    with styled():
        figure, axes = new_axes(message, f"time from the start ({unit})", f"resident memory ({of})")
        axes.plot(time, size * third_mib, color=VERMILION)
        axes.plot(time, size * bounded_mib, color=colour, linewidth=2.6, linestyle=(0, (4, 1.2)))
        _over_time(axes, time[-1], 1.12 * size * largest)
        ends = ((third_mib, "third map,\nnot bounded", VERMILION), (bounded_mib, "bounded", colour))
        label_ends(axes, [(size * float(mib[-1]), text, its) for mib, text, its in ends])
    data = pd.DataFrame({f"time_{unit}": time, "bounded_mib": bounded_mib, "third_map_mib": third_mib})
    return Drawing(figure, data, message)


def _mark_limit(axes: Axes, limit: float, top: float, text: str) -> tuple[float, list[tuple[float, str, str]]]:
    """Draw a limit where it is near what is shown, else only name it.

    Return the upper end of the axis, and the limit's label for `label_ends` where it is drawn.
    """
    if top <= limit / 3:
        name = f"{text.replace(chr(10), ' ')}, far above"
        axes.annotate(name, (0.01, 0.99), xycoords="axes fraction", va="top", bbox=OVER_LINES)
        return top * 1.14, []
    axes.axhline(limit, color=BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    return max(top, limit) * 1.14, [(limit, text, BLACK)]


def _over_time(axes: Axes, end: float, top: float) -> None:
    """Let the axes begin at 0 and end with the time and at `top`."""
    axes.set_ylim(0, top)
    axes.set_xlim(0, max(end, 1e-9))
    if axes.get_ylabel().startswith("entries"):
        axes.yaxis.get_major_locator().set_params(integer=True)
