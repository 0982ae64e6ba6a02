"""The figures of `03_prune_cost`."""

import numpy as np
import pandas as pd

from simlib.figures.style import (
    BLACK,
    VERMILION,
    Drawing,
    draw_band,
    new_axes,
    plain_ticks,
    styled,
    write_note,
)


def cliff(table: pd.DataFrame, own: str, simulated: float, closed_form: float, message: str) -> Drawing:
    """Draw the mean time of an increment against the traffic; columns of `table` as of `PruneCost.cliff`.

    `own` is the rate of new sessions at its own traffic. The traffic at which the cliff begins, as `simulated` and in
    `closed_form`, is marked where it lies within that of the table: so not at 0 or inf.
    """
    with styled():
        figure, axes = new_axes(message, "traffic (times its own)", "mean time of an increment (µs)")
        draw_band(axes, table, "traffic", "mean_ns_low", "mean_ns_high", 1000)
        axes.plot(table["traffic"], table["mean_ns"] / 1000, color=VERMILION, marker="o", markersize=5)
        notes = [f"circle: this stream, {own}"]
        here = table[table["traffic"] == 1]
        axes.plot(1, here["mean_ns"] / 1000, color=BLACK, marker="o", markersize=11, fillstyle="none", linewidth=0)
        for x, dash, note in (
            (simulated, (0, (4, 1.2)), "dashed: 1 new entry in 20 sorts the store"),
            (closed_form, (0, (1, 1)), "dotted: closed form"),
        ):
            if table["traffic"].min() <= x <= table["traffic"].max():
                axes.axvline(x, color=BLACK, linewidth=1.2, linestyle=dash)
                notes.append(note)
        write_note(axes, "\n".join([notes[0], "; ".join(notes[1:])]).strip())
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Whole decades, so that there is a label at either end.
        decades = np.log10(np.clip([table["mean_ns"].min() / 1000, table["mean_ns"].max() / 1000], 1e-3, None))
        axes.set_ylim(10 ** np.floor(decades[0]), 10 ** np.floor(decades[1] + 1))
        plain_ticks(axes)
    return Drawing(figure, table, message)
