"""The figures of `01_memory`."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd

from simlib.core.units import HOUR
from simlib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    STYLE,
    VERMILION,
    Drawing,
    label_ends,
    layer_colours,
    new_axes,
    thousands,
    time_unit,
)


def heap(
    at: np.ndarray,
    unbounded_mib: Mapping[str, np.ndarray],
    bounded_mib: np.ndarray,
    limit_mib: float,
    message: str,
    limit_hours: float,
) -> Drawing:
    """Resident memory of both maps over time, unbounded and bounded on one axis, with the limit.

    `at` ns from the start, (n,); `unbounded_mib` holds `low`, `middle`, `high` and `bounded_mib` is one line, each MiB
    of shape (n,). `limit_hours` is where the unbounded line meets the limit; inf or later than the end: not drawn.
    """
    unit, scale = time_unit(at[-1])
    hours, middle = at / scale, unbounded_mib["middle"]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, f"time from the start ({unit})", "resident memory (MiB)")
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
        if limit_hours * HOUR <= at[-1]:
            axes.plot([limit_hours * HOUR / scale], [limit_mib], marker="X", markersize=10, color=BLACK)
        axes.set_ylim(0, top * 1.12)
        axes.set_xlim(0, max(hours[-1], 1e-9))
        label_ends(
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
    unit, scale = time_unit(at[-1])
    time, total = at / scale, entries.sum(axis=1).to_numpy()
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, f"time from the start ({unit})", "entries in the unbounded maps")
        axes.stackplot(
            time, entries.to_numpy().T, colors=layer_colours(entries.shape[1]), edgecolor="white", linewidth=0.8
        )
        axes.set_xlim(0, max(time[-1], 1e-9))
        axes.set_ylim(0, max(total.max(), 1) * 1.05)
        axes.yaxis.set_major_formatter(thousands)
        last = entries.iloc[-1].to_numpy()
        middles = np.cumsum(last) - last / 2
        share = last / max(last.sum(), 1)
        labels = [
            (float(y), f"{name}\n{part:.0%}", BLACK)
            for y, name, part in zip(middles, entries.columns, share, strict=True)
        ]
        label_ends(axes, labels, lines=2, swatches=layer_colours(entries.shape[1]))
    return Drawing(figure, entries.assign(**{f"time_{unit}": time})[[f"time_{unit}", *entries.columns]], message)


def bound(at: np.ndarray, kept: np.ndarray, in_use: np.ndarray, cap: int, message: str) -> Drawing:
    """Entries of the bounded stores over time, those among them that will be used again, and the cap.

    `at` ns from the start; `kept` and `in_use` counts; all (n,). A cap of 0 or less is off and not drawn.
    """
    unit, scale = time_unit(at[-1])
    time = at / scale
    with matplotlib.rc_context(STYLE):
        figure, axes = new_axes(message, f"time from the start ({unit})", "entries in the bounded stores")
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
        axes.yaxis.set_major_formatter(thousands)
        label_ends(axes, [(float(kept[-1]), "kept", BLUE), (float(in_use[-1]), "of these,\nused again", GREY)])
    return Drawing(
        figure, pd.DataFrame({f"time_{unit}": time, "kept": kept, "used_again": in_use, "cap": cap}), message
    )
