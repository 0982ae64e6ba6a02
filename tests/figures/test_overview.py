"""The figure of `00_overview`: a panel a measure, a row an experiment, a value beside each dot."""

import numpy as np
import pytest

from simlib.figures.overview import Panel, dots
from simlib.figures.style import save

NAN = np.array([np.nan, np.nan])
NAMES = ["incident", "a log with a very long name $1"]
PANELS = [
    Panel(
        "hours",
        np.array([2.0, np.nan]),
        np.array([1.0, np.nan]),
        np.array([4.0, np.nan]),
        ["2 h", "never"],
        "#010203",
        True,
    ),
    Panel("share", np.array([0.5, 0.0]), NAN, NAN, ["50 %", "0 %"], "#040506", False),
    Panel("traffic", np.array([0.1, 0.2]), NAN, NAN, ["a", "b"], "#040506", True, (1.0, "this traffic")),
]


@pytest.fixture
def drawing():
    return dots(NAMES, PANELS, "Two are compared")


def test_each_value_stands_beside_its_dot_and_a_word_without_one(drawing):
    hours, share, traffic = drawing.figure.axes
    assert [text.get_text() for text in hours.texts] == ["2 h", "never"]
    dotted = [line for line in hours.lines if line.get_marker() == "o"]
    assert len(dotted) == 1
    assert dotted[0].get_color() == "#010203"
    # Three powers of two between the ends of the whisker, on a scale of powers of ten.
    whisker = next(line for line in hours.lines if line.get_marker() == "None")
    assert np.diff(whisker.get_xdata()) == pytest.approx([np.log10(4)])
    # Shares stand on a scale from 0, and leave room for their texts.
    assert [line.get_xdata()[0] for line in share.lines if line.get_marker() == "o"] == [0.5, 0.0]
    assert share.get_xlim()[0] <= 0 < 1 < share.get_xlim()[1]
    assert "this traffic" in [text.get_text() for text in traffic.texts]


def test_a_long_name_is_shortened_in_its_middle_and_stays_plain(drawing):
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels == ["incident", r"a log wi…name \$1"]


def test_its_data_are_what_is_drawn(drawing, tmp_path):
    table = drawing.data.set_index(["measure", "name"])
    assert table.loc["hours", "incident"].tolist() == [2, 1, 4, "2 h"]
    assert table.loc["hours", NAMES[1]]["text"] == "never"
    save(drawing, tmp_path, "first")
    save(dots(NAMES, PANELS, "Two are compared"), tmp_path, "second")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_many_rows_and_few_panels_fit():
    many = dots(
        [f"log {n}" for n in range(30)],
        [
            PANELS[1]._replace(
                means=np.zeros(30), lows=np.full(30, np.nan), highs=np.full(30, np.nan), texts=["0 %"] * 30
            )
        ],
        "Thirty",
    )
    assert many.figure.get_size_inches()[1] > 7
    assert len(many.figure.axes) == 1
