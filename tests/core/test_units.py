"""Durations as they are written: read to the nanosecond, or refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import DAY, HOUR, MAX_NS, MINUTE, SECOND, UNITS, exact_duration, parse_duration, seconds


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_parts_add_up(parts):
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == sum(number * UNITS[unit] for number, unit in parts)
    assert parse_duration(f"-{text}") == -parse_duration(text)


@given(st.integers(-MAX_NS, MAX_NS))
def test_seconds_are_read_back_to_the_nanosecond(ns):
    whole, rest = divmod(abs(ns), SECOND)
    assert parse_duration(f"{'-' if ns < 0 else ''}{whole}.{rest:09d}") == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1h30m", HOUR + 30 * MINUTE), ("1.5s", 1_500_000_000), (".5d", DAY // 2), (" 90 ", 90 * SECOND), ("0", 0)],
)
def test_durations_as_go_writes_them(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is not a duration: write a number and a unit"),
        ("30 m", "is not a duration: write a number and a unit"),
        ("1e3", "is not a duration: write a number and a unit"),
        ("٣s", "is not a duration: write a number and a unit"),
        ("9" * 100, "is not a duration: it is too long to be one"),
        ("106752d", "is too long: a duration may be at most 106751 d"),
        ("0.1ns", "is too short: a duration is a whole number of nanoseconds"),
    ],
)
def test_what_is_no_duration_is_refused_in_one_line(text, expected):
    with pytest.raises(InputError, match=expected) as caught:
        parse_duration(text)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


def test_whole_seconds_are_an_int():
    assert [seconds(ns) for ns in (0, 2 * SECOND, SECOND // 2)] == [0, 2, 0.5]
    assert isinstance(seconds(2 * SECOND), int)


@given(st.integers(-MAX_NS, MAX_NS))
def test_an_exact_duration_is_read_back_to_the_nanosecond(ns):
    assert parse_duration(exact_duration(ns)) == ns
