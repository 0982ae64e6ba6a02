"""The map of all totals against separate replays, and the anomaly that forbids to interpolate it."""

from itertools import product

import numpy as np
import pytest

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.replay.surface import surface
from simlib.stores.contract import Settings
from simlib.traces.trace import Trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload


def assert_exact(trace, caps, ttls, prune_every, points, run=replay, threads=1):
    found = surface(trace, caps, ttls, prune_every, threads)
    for cap, ttl in points:
        expected = ledger.totals(trace, run(trace, "bounded", Settings(cap, ttl, prune_every)))
        assert found.at(cap, ttl) == expected, (cap, ttl)


CAPS = [0, 1, 2, 3, 7, 20, 50, 100, 200, 500, 1000, 2048, 5000, 10**6]
TTLS = [0, 1, 10**9, *(minutes * MINUTE for minutes in (1, 3, 5, 10, 20, 30, 60, 90)), 2**63 - 1]


def test_threads_change_nothing():
    trace = generate(load_workload("dormant").lasting(4 * HOUR), 1).only("no_client")
    one, two = (surface(trace, CAPS, TTLS, 256, threads) for threads in (1, 2))
    assert one.table().equals(two.table())


def test_a_cap_that_cuts_through_an_instant_with_deletes():
    """c, d, e come at once: c goes. e is deleted, and a, which comes before c, finds room below the watermark."""
    names, ops = ["c", "d", "e", "e", "a", "f", "a", "c"], [0, 0, 0, 1, 0, 0, 0, 0]
    trace = Trace.of([5, 5, 5, 5, 5, 5, 5, 9], names, ops, np.zeros(8))
    assert_exact(trace, [1, 2, 3], [0, 2, 100], 2, product([1, 2, 3], [0, 2, 100]), reference)


def test_empty_and_one():
    for names in ([], ["a"]):
        trace = Trace.of(range(len(names)), names, [0] * len(names), [0] * len(names))
        assert_exact(trace, [0, 1], [0, 1], 1, product([0, 1], [0, 1]), reference)


def test_with_a_ttl_a_larger_cap_may_keep_less_and_create_more():
    """Worked by hand, a TTL of 3 and no ticks: an overflow looks for what expired, and the larger cap looks later.

    Cap 2 overflows at 9, when a and b have expired and d is new: d stays, and its return at 14 is a (stale) hit. Cap 3
    overflows only at 13, when d has expired too: its return at 14 makes it anew.
    """
    trace = Trace.of([0, 2, 9, 13, 14], ["b", "a", "d", "c", "d"], [0] * 5, [0] * 5)
    found = surface(trace, [2, 3], [3], prune_every=100)
    assert found.totals["creates"].ravel().tolist() == [4, 5]
    assert found.totals["stale_hits"].ravel().tolist() == [1, 0]
    assert found.totals["final_entries"].ravel().tolist() == [2, 2]
    for cap in (2, 3):
        assert found.at(cap, 3) == ledger.totals(trace, reference(trace, "bounded", Settings(cap, 3, 100)))


def test_the_anomaly_is_common_and_the_map_shows_it_as_replays_do():
    """On dense random streams some larger cap creates more entries; without a TTL none ever does."""
    random = np.random.default_rng(1)
    anomalies = 0
    caps, streams = list(range(1, 30)), 40
    for _ in range(streams):
        names = [str(number) for number in random.integers(0, 40, 600)]
        trace = Trace.of(np.cumsum(random.integers(0, 3, 600)), names, np.zeros(600), np.zeros(600))
        found = surface(trace, caps, [0, 15], prune_every=64)
        without, with_ttl = found.totals["creates"].T
        assert (np.diff(without) <= 0).all()
        worse = np.flatnonzero(np.diff(with_ttl) > 0)
        anomalies += worse.size > 0
        for at in worse[:2]:
            for cap in (caps[at], caps[at + 1]):
                expected = ledger.totals(trace, reference(trace, "bounded", Settings(cap, 15, 64)))
                assert found.at(cap, 15) == expected
    assert anomalies > streams / 4


def test_what_makes_no_surface_is_refused():
    one = Trace.of([0], ["a"], [0], [0])
    for caps, ttls, threads in (([], [1], 1), ([1], [], 1), ([1], [1], 0)):
        with pytest.raises(ValueError, match="at least one cap, one TTL and one thread"):
            surface(one, caps, ttls, threads=threads)
    with pytest.raises(ValueError, match="prune_every must be at least 1"):
        surface(one, [1], [1], prune_every=0)
    with pytest.raises(TypeError):
        surface(one, [1.5], [1])
    with pytest.raises(ValueError, match="both counters"):
        surface(Trace.of([0, 1], ["a", "a"], [0, 0], [0, 1]), [1], [1])


@pytest.mark.parametrize("design", ["heap", "linked_list"])
def test_another_design(design):
    trace = generate(load_workload("dormant").lasting(4 * HOUR), 1).only("no_client")
    found = surface(trace, [2048, 50, 0], [30 * MINUTE, 0], 256, 2, design)
    for cap, ttl in product([2048, 50, 0], [30 * MINUTE, 0]):
        assert found.at(cap, ttl) == ledger.totals(trace, replay(trace, design, Settings(cap, ttl)))


@pytest.mark.parametrize("design", ["retired_total", "stale_only", "sieve", "unbounded"])
def test_a_design_with_other_decisions_has_none(design):
    with pytest.raises(ValueError, match=f"no surface of {design}"):
        surface(Trace.of([], [], [], []), [1], [1], design=design)
