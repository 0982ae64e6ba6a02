"""Distributions as a workload file writes them."""

import math

import pytest

from simlib.core.distributions import Distribution
from simlib.core.errors import InputError
from simlib.core.units import MINUTE


def test_the_laws():
    assert Distribution.parse("lognormal 5m 1.2") == Distribution("lognormal", 5 * MINUTE, 5 * MINUTE, 1.2)
    assert Distribution.parse("pareto 1m 1.5") == Distribution("pareto", MINUTE, MINUTE, 1.5)
    assert Distribution.parse("fixed 2m") == Distribution("fixed", 2 * MINUTE, 2 * MINUTE)
    assert Distribution.parse("uniform 1m 3m") == Distribution("uniform", MINUTE, 3 * MINUTE)
    assert [Distribution.parse(text).mean for text in ("fixed 2m", "uniform 1m 3m", "exponential 2m")] == [
        2 * MINUTE
    ] * 3


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        # By hand: median x e^(1/2); minimum x 3 / 2; a tail of exponent 1 lasts up to the cut at 366 days = 527 040 m.
        ("lognormal 5m 1", 5 * math.exp(0.5)),
        ("pareto 1m 3", 1.5),
        ("pareto 1m 1", 1 + math.log(527_040)),
        ("lognormal 0s 1", 0),
        ("pareto 0s 1", 0),
    ],
)
def test_means_of_heavy_tails(text, mean):
    assert Distribution.parse(text).mean / MINUTE == pytest.approx(mean, rel=1e-9)


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
        ("lognormal 5m", "is not a distribution"),
        ("lognormal 5m 1h", "the sigma must be a number from 0.01 to 5"),
        ("lognormal 5m 0", "the sigma must be a number from 0.01 to 5"),
        ("pareto 1m 21", "the exponent must be a number from 0.1 to 20"),
        ("pareto 1m -1", "the exponent must be a number from 0.1 to 20"),
        ("pareto 1m nan", "the exponent must be a number from 0.1 to 20"),
        ("x" * 10_000, "is not a distribution"),
    ],
)
def test_what_is_none_is_refused(text, expected):
    with pytest.raises(InputError, match=expected) as caught:
        Distribution.parse(text)
    assert len(str(caught.value)) < 300
