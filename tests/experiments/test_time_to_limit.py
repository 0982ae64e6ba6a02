"""The time to a limit, computed by hand."""

import math

import numpy as np
import pytest

from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR, MINUTE
from simlib.experiments.replication import Replication
from simlib.experiments.time_to_limit import WINDOWS, TimeToLimit, growth_by_class, time_to_limit
from simlib.replay.observe import replay
from simlib.traces.trace import Trace
from tests.builders import trace_of


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


def replication_of(rows, duration, classes=("all",), of=None):
    """A replication of rows of (time in ns, session, op) in the unbounded map."""
    trace = trace_of(rows)
    observed = {(counter, "unbounded"): replay(trace.only(counter), "unbounded") for counter in ("no_client", "drops")}
    of = np.zeros(trace.ids.size, dtype=np.int64) if of is None else np.array([of[name] for name in trace.ids])
    return Replication(trace, 0, duration, observed, classes, of)


def test_where_nothing_grows_it_takes_for_ever():
    same = replication_of([(minute * MINUTE, "a", "increment") for minute in range(61)], HOUR)
    found = time_to_limit([same], "unbounded", 10)
    assert found.hours.mean == math.inf
    assert (found.text(), found.interval()) == ("never", "none")


def test_nothing_is_projected_from_a_few_instants():
    two = replication_of([(0, "a", "increment"), (HOUR, "b", "increment")], HOUR)
    found = time_to_limit([two], "unbounded", 10)
    assert not found.known
    assert not found.finite
    assert (found.text(), found.interval()) == ("too few instants to say", "none")
    # What they reach they have reached.
    assert time_to_limit([two], "unbounded", 2).text() == "1 h"
    # One replication of two that leaves it open leaves the mean open.
    assert not time_to_limit([two, steady(10, 120)], "unbounded", 6000).known


def test_the_class_that_grows_is_not_the_one_that_lies_there():
    # Two workers from the start; from minute 31 on an orphan a minute, one of which is deleted at once.
    rows = [(0, "w1", "increment"), (0, "w2", "increment")]
    rows += [(minute * MINUTE, f"o{minute}", "increment") for minute in range(31, 61)]
    rows += [(HOUR, "o60", "delete")]
    of = {name: int(name.startswith("o")) for _, name, _ in rows}
    growth = growth_by_class([replication_of(rows, HOUR, ("worker", "orphan"), of)], "unbounded")
    assert growth.mean().to_dict() == pytest.approx({"worker": 0, "orphan": 58})
    assert len(growth) == WINDOWS
    instant = replication_of([(0, "w1", "increment")], 0)
    assert growth_by_class([instant], "unbounded").isna().all(axis=None)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (math.nan, math.nan, "none"),
        (33, 34.5, "33 h to 34.5 h"),
        (33.001, 33.002, "33.001 h to 33.002 h"),
        (33, 33, "none"),
        (0, 40, "up to 40 h"),
        (40, math.inf, "40 h or later"),
    ],
)
def test_an_interval_for_people(low, high, text):
    assert TimeToLimit(Estimate(33, low, high, 2), False, Estimate(1, 1, 1, 1), 33).interval() == text
