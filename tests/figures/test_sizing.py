"""The maps of `04_sizing`: cells in the colour of their value, an outline that closes, and marks with names."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from simlib.core.units import HOUR, MINUTE
from simlib.figures.sizing import COLOURS, Grid, Panel, maps

CAPS, TTLS = [64, 128, 256, 512, 1024, 0], [MINUTE, 5 * MINUTE, HOUR, 0]
VALUES = np.array([[0.05, 0.5, 5.0, 50.0]] * 6)
OUTLINED = np.zeros((6, 4), dtype=bool)
OUTLINED[1:3, 1] = True
LABELS = [(1, "0.1 %"), (2, "1 %"), (3, "10 %")]


def drawn(panels=1, marks=None, outlined=OUTLINED):
    panel = Panel("lost", VALUES, (0.1, 1, 10), LABELS)
    marks = {"today": (64, MINUTE), "recommended": (0, 0)} if marks is None else marks
    return maps([panel] * panels, Grid(CAPS, TTLS, outlined), marks, "Outlined: good.", "All", pd.DataFrame({"a": [1]}))


def test_a_cell_has_the_colour_of_its_value_and_the_cells_without_a_bound_stand_apart():
    axes = drawn().figure.axes[0]
    (mesh,) = axes.collections
    values = mesh.get_array()
    assert values.shape == (5, 7)
    assert values.mask[3].all()
    assert values.mask[:, 5].all()
    colours = [to_hex(mesh.cmap(mesh.norm(value))) for value in VALUES[0]]
    assert colours == list(COLOURS)


def sides(outlined):
    """The sides of cells that are drawn."""
    return [line for line in drawn(outlined=np.array(outlined)).figure.axes[0].lines if len(line.get_xdata()) == 2]


def test_the_outline_closes_around_its_cells_and_never_crosses_the_gap():
    # Two cells beside each other have six sides between them and others.
    assert len(sides(OUTLINED)) == 6
    # Four blocks: 5 x 3 cells, a row and a column without a bound, and the corner.
    assert len(sides(np.ones((6, 4)))) == 2 * (5 + 3) + 2 * (5 + 1) + 2 * (1 + 3) + 4
    assert not sides(np.zeros((6, 4)))


def test_names_stand_in_the_first_map_only_and_do_not_meet():
    figure = drawn(4, {"today": (256, 0), "recommended": (512, 0)}).figure
    maps_ = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(maps_) == 4
    assert [text.get_text() for text in maps_[0].texts] == ["today", "recommended"]
    assert not any(axes.texts for axes in maps_[1:])
    figure.draw_without_rendering()
    first, second = (text.get_window_extent() for text in maps_[0].texts)
    assert not first.overlaps(second)
    title = maps_[0].title.get_window_extent()
    assert not first.overlaps(title)
    assert not second.overlaps(title)


def test_ticks_are_round_and_say_none_at_the_end():
    axes = drawn().figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["64", "128", "none"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1 min", "5 min", "none"]
