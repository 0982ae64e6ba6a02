"""The rows of `05_designs`: one for each design, in its colour, with what is not measured said."""

import numpy as np
import pandas as pd

from simlib.figures.designs import Panel, rows

TABLE = pd.DataFrame({"mean": [1.0, 20.0], "worst": [3.0, 900.0], "share": [0.0, 4.0]}, index=["first", "second"])
COLOURS = {"first": "#010203", "second": "#040506"}


def test_each_design_is_a_row_in_its_colour_with_its_numbers():
    panels = [Panel("steps", ("mean", "worst")), Panel("share (%)", ("share",), percent=True)]
    drawing = rows(TABLE, panels, COLOURS, "Two designs are compared", {"share": 1.0})
    left, right = drawing.figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["first", "second"]
    assert set(COLOURS.values()) <= {line.get_color() for line in left.lines}
    assert any((np.asarray(line.get_xdata()) == 1.0).all() for line in right.lines)
    assert drawing.data.set_index(["design", "measure"])["value"]["second", "worst"] == 900
    # The first of several is full, the last open.
    markers = [line for line in left.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() for line in markers[:2]] == ["#010203", "white"]


def test_where_nothing_is_measured_it_says_so_and_has_no_row_of_data():
    table = TABLE.assign(mean=[np.nan, 20.0])
    drawing = rows(table, [Panel("ns", ("mean",))], COLOURS, "One of two is measured")
    assert [text.get_text() for text in drawing.figure.axes[0].texts] == ["not measured", "20"]
    assert list(drawing.data["design"]) == ["second"]
