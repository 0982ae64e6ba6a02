"""Distributions as a workload file writes them."""

import pytest

from simlib.core.distributions import Distribution
from simlib.core.errors import InputError
from simlib.core.units import MINUTE


def test_the_three_laws():
    assert Distribution.parse("fixed 2m") == Distribution("fixed", 2 * MINUTE, 2 * MINUTE)
    assert Distribution.parse("uniform 1m 3m") == Distribution("uniform", MINUTE, 3 * MINUTE)
    assert [Distribution.parse(text).mean for text in ("fixed 2m", "uniform 1m 3m", "exponential 2m")] == [
        2 * MINUTE
    ] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gamma 2m", "is not a distribution"),
        ("fixed", "is not a distribution"),
        ("fixed 1m 2m", "is not a distribution"),
        ("", "is not a distribution"),
        (None, "is not a distribution"),
        ("uniform 3m 1m", "ends before it begins"),
        ("fixed -1s", "is out of range: from 0 to 366d"),
        ("fixed 367d", "is out of range: from 0 to 366d"),
        ("fixed soon", "is not a duration"),
        ("x" * 10_000, "is not a distribution"),
    ],
)
def test_what_is_none_is_refused(text, expected):
    with pytest.raises(InputError, match=expected) as caught:
        Distribution.parse(text)
    assert len(str(caught.value)) < 300
