"""Numbers for people: three digits, a unit, and never a sentinel."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.numbers import (
    YEAR,
    format_count,
    format_duration,
    format_hours,
    format_memory,
    format_number,
    format_percent,
)
from simlib.core.units import DAY

FORMATS = (format_number, format_percent, format_duration, format_hours, format_memory)
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12, "days": DAY, "years": YEAR}


def number_of(text):
    return float(text.partition(" ")[0].replace(",", ""))


@pytest.mark.parametrize("form", FORMATS)
@given(value=st.floats(-1e200, 1e200) | st.sampled_from([math.inf, -math.inf, math.nan]))
def test_it_is_at_most_three_digits_or_a_word(form, value):
    text = form(value)
    assert not re.search(r"\b(inf|nan|None)\b|\de[+-]?\d", text)
    if math.isfinite(value):
        number = text.removeprefix("under ").removeprefix("over ").partition(" ")[0].lstrip("-").replace(",", "")
        assert text == "over 1000 years" or len(number.replace(".", "").strip("0")) <= 3
    else:
        assert text in ("none", "never", "unlimited")


@given(st.floats(0.001, 1e12))
def test_a_number_is_near_what_it_stands_for(value):
    text = format_number(value)
    assert number_of(text) * (1e9 if "billion" in text else 1) == pytest.approx(value, rel=0.005)


@given(st.floats(1, 999 * YEAR))
def test_a_duration_is_near_what_it_stands_for(ns):
    text = format_duration(ns)
    assert number_of(text) * UNITS[text.partition(" ")[2]] == pytest.approx(ns, rel=0.005)


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 s"),
        (0.5, "30 min"),
        (33.29, "33.3 h"),
        (71.8, "71.8 h"),
        (71.9, "3 days"),
        (96, "4 days"),
        (24 * 365.25 * 14.1, "14.1 years"),
        (math.inf, "never"),
    ],
)
def test_hours(hours, text):
    assert format_hours(hours) == text


@given(st.integers(-(10**15), 10**15))
def test_a_count_keeps_all_its_digits(count):
    text = format_count(count)
    assert int(text.replace(",", "")) == count
    assert ("," in text) == (abs(count) >= 10_000)
