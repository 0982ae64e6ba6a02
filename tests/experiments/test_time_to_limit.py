"""The time to a limit, computed by hand."""

import math

import numpy as np
import pytest

from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR, MINUTE
from simlib.experiments.replication import Replication
from simlib.experiments.time_to_limit import TimeToLimit, time_to_limit
from simlib.replay.observe import replay
from simlib.traces.trace import Trace


def steady(per_minute, minutes):
    """A run that gains entries at an even rate: session number i at i / rate."""
    times = np.arange(per_minute * minutes, dtype=np.int64) * (MINUTE // per_minute)
    names = [f"s{i}" for i in range(times.size)]
    trace = Trace.of(times, names, np.zeros(times.size), np.zeros(times.size))
    observed = {(counter, "unbounded"): replay(trace.only(counter), "unbounded") for counter in ("no_client", "drops")}
    return Replication(trace, 0, minutes * MINUTE, observed, ("all",), np.zeros(times.size, dtype=np.int64))


def test_a_limit_that_was_reached_is_a_fact():
    # Entry number 601 comes at minute 60 of a run of 10 a minute.
    found = time_to_limit([steady(10, 120)], "unbounded", 601)
    assert found.reached
    assert found.hours.mean == pytest.approx(1)
    assert math.isnan(found.hours.low)


def test_a_limit_beyond_the_end_is_projected_at_the_growth_of_the_second_half():
    # 600 an hour, 1 200 at the end: 6 000 after ten hours, and even growth leaves no doubt.
    found = time_to_limit([steady(10, 120)], "unbounded", 6000)
    assert not found.reached
    assert found.growth.mean == pytest.approx(600, rel=0.01)
    assert found.hours.mean == pytest.approx(10, rel=0.01)
    assert found.hours.low == pytest.approx(10, rel=0.01)


def test_over_replications_the_interval_is_that_of_their_mean():
    found = time_to_limit([steady(10, 120), steady(12, 120), steady(15, 120)], "unbounded", 601)
    expected = estimate([1, 50 / 60, 40 / 60])
    assert found.reached
    assert found.hours.mean == pytest.approx(expected.mean)
    assert found.hours.high == pytest.approx(expected.high)


def test_where_nothing_grows_it_takes_for_ever():
    trace = Trace.of([0, HOUR], ["a", "a"], [0, 0], [0, 0])
    observed = {(counter, "unbounded"): replay(trace.only(counter), "unbounded") for counter in ("no_client", "drops")}
    found = time_to_limit([Replication(trace, 0, HOUR, observed, ("all",), np.zeros(1, int))], "unbounded", 10)
    assert found.hours.mean == math.inf
    assert found.text() == "never"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (math.nan, math.nan, "none"),
        (33, 34.5, "33 h to 34.5 h"),
        (33.001, 33.002, "33.001 h to 33.002 h"),
        (0, 40, "up to 40 h"),
        (40, math.inf, "40 h or later"),
    ],
)
def test_an_interval_for_people(low, high, text):
    assert TimeToLimit(Estimate(33, low, high, 2), False, Estimate(1, 1, 1, 1)).interval() == text
