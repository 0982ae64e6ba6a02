"""Intervals, computed by hand and by how often they contain the truth."""

import math

import numpy as np
import pytest

from simlib.core.statistics import estimate


def test_an_interval_by_hand():
    # mean 2, standard deviation 1, t(0.975, 2 degrees) = 4.3027: half width 4.3027 / sqrt(3) = 2.4841.
    result = estimate([1, 2, 3])
    assert (result.mean, result.n) == (2, 3)
    assert result.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert result.high == pytest.approx(2 + 2.4841, abs=1e-4)


def test_one_value_has_no_interval():
    result = estimate([5])
    assert result.mean == 5
    assert math.isnan(result.low)


@pytest.mark.parametrize("n", [2, 5, 20])
def test_intervals_cover_the_truth_about_as_often_as_they_say(n):
    draws = (
        np.random.default_rng(1).exponential(size=(4000, n))
        if n == 20
        else np.random.default_rng(1).normal(1, 1, size=(4000, n))
    )
    covered = np.mean([interval.low <= 1 <= interval.high for interval in map(estimate, draws)])
    # 0.95 +- 4 standard errors; for n = 20 the values are skewed, which costs Student's t some 3 %.
    assert 0.95 - 0.014 - (0.03 if n == 20 else 0) < covered < 0.95 + 0.014
