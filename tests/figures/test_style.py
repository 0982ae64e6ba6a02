"""All figures share the same bytes from the same numbers, labels that keep apart, ticks that can be read."""

from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest

from simlib.core.units import DAY, HOUR, MINUTE
from simlib.figures.style import (
    Drawing,
    label_ends,
    layer_colours,
    memory_unit,
    new_axes,
    plain,
    save,
    styled,
    thousands,
    time_unit,
)


def drawing():
    with styled():
        figure, axes = new_axes("Sessions of kind $a$ and $b$ have a price in $", "x", "y")
        axes.plot([0, 1], [0, 1])
        label_ends(axes, [(1.0, "a $ sign", "black")])
    return Drawing(figure, pd.DataFrame({"x": [0, 1], "y": [0.1, 1 / 3]}), "A message")


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        save(drawing(), tmp_path, name)
    for suffix in ("svg", "png", "csv"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
    assert (tmp_path / "first.csv").read_text() == "x,y\n0,0.1\n1,0.333333333\n"


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("ends", [(1, 1, 1), (1, 2, 999), (1000, 1000, 1000), (500, 501, 3)])
def test_labels_at_line_ends_keep_apart_and_within_the_figure(scale, ends):
    with styled():
        figure, axes = new_axes("Three lines that end close to each other", "x", "y")
        axes.set_yscale(scale)
        axes.set_ylim(1, 1000)
        label_ends(axes, [(end, f"line {number}\nof three", "black") for number, end in enumerate(ends)])
        figure.draw_without_rendering()
        boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    for lower, upper in pairwise(boxes):
        assert lower.y1 <= upper.y0 + 1
    assert boxes[0].y0 >= 0
    assert boxes[-1].y1 <= figure.bbox.height


def test_labels_stand_in_the_order_of_their_lines():
    with styled():
        _, axes = new_axes("Lines whose order is not that of their labels", "x", "y")
        axes.set_ylim(0, 1)
        label_ends(axes, [(0.52, "upper", "black"), (0.5, "lower", "black")])
    places = {text.get_text(): text.xy[1] for text in axes.texts}
    assert places["lower"] < places["upper"]


def test_ticks_are_numbers_for_people():
    assert [thousands(value, 0) for value in (0, 2000, 10_000, 1_000_000)] == ["0", "2000", "10,000", "1,000,000"]
    assert [plain(value, 0) for value in (0.001, 0.5, 100, 1000, 20_000)] == ["0.001", "0.5", "100", "1000", "20,000"]


@pytest.mark.parametrize(
    ("duration", "unit"), [(30 * MINUTE, "minutes"), (3 * HOUR, "hours"), (4 * DAY, "hours"), (5 * DAY, "days")]
)
def test_an_axis_of_time_has_the_unit_that_fits(duration, unit):
    assert time_unit(duration)[0] == unit


@pytest.mark.parametrize(("mib", "unit"), [(0.01, "KiB"), (1, "MiB"), (1023, "MiB"), (2048, "GiB")])
def test_an_axis_of_memory_has_the_unit_that_fits(mib, unit):
    name, size = memory_unit(mib)
    assert name == unit
    assert mib * size >= 1


def test_layers_are_distinct_in_grey():
    for count in (2, 3, 4, 5):
        greys = [np.dot(matplotlib.colors.to_rgb(colour), (0.299, 0.587, 0.114)) for colour in layer_colours(count)]
        assert min(-np.diff(greys)) > 0.1
