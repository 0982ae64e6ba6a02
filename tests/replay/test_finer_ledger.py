"""The finer parts of the ledger: what ends undecided, why a prune ran, what a snapshot misses, mean occupancy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import MINUTE
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.stores.registry import make_store
from simlib.traces.codes import OPS
from simlib.traces.trace import Trace


def trace_of(operations):
    times, sessions, ops = zip(*operations, strict=True)
    return Trace.of(times, sessions, [OPS.index(op) for op in ops], np.zeros(len(ops)))


@pytest.mark.parametrize(("ttl", "patience"), [(10, 10), (0, 30 * MINUTE)])
def test_an_eviction_near_the_end_is_undecided(ttl, patience):
    # Each new session evicts the one before. The stream ends at 3 x patience: a and b had that long to come back or
    # longer, c one nanosecond less, d is evicted at the end itself.
    end = 3 * patience
    operations = [
        (time, name, "increment")
        for time, name in zip((0, 1, end - patience, end - patience + 1, end), "abcde", strict=True)
    ]
    trace = trace_of(operations)
    rows = ledger.evictions(trace, replay(trace, "bounded", Settings(1, ttl, 10**6)))
    assert [trace.ids[code] for code in rows["session"]] == list("abcd")
    assert rows["dead"].all()
    assert rows["undecided"].tolist() == [False, False, True, True]


def test_one_that_comes_back_or_is_deleted_is_decided():
    operations = [(0, "a", "increment"), (1, "b", "increment"), (2, "a", "increment"), (3, "b", "delete")]
    trace = trace_of(operations)
    rows = ledger.evictions(trace, replay(trace, "bounded", Settings(1, 10, 10**6)))
    assert rows["dead"].tolist() == [False, True]
    assert not rows["undecided"].any()


def test_why_a_prune_ran():
    # Every second increment looks for expired entries; the third overflows a cap of 2; the fourth does both at once.
    operations = [(time, name, "increment") for time, name in enumerate("abcd")]
    trace = trace_of(operations)
    rows = ledger.prunes(trace, replay(trace, "bounded", Settings(2, 10, 2)))
    assert rows["row"].tolist() == [1, 2, 3]
    assert rows["overflow"].tolist() == [False, True, True]
    rows = ledger.prunes(trace, replay(trace, "bounded", Settings(2, 0, 2)))
    assert rows["overflow"].tolist() == [True, True]


streams = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abcdefgh"), st.sampled_from(["increment"] * 5 + ["delete"])),
    min_size=1,
    max_size=60,
).map(lambda rows: [(int(t), s, op) for t, (_, s, op) in zip(np.cumsum([row[0] for row in rows]), rows, strict=True)])


def naive_overlap(truth, counts, order, k):
    k = min(k, len(truth))
    if k == 0:
        return 1.0
    top, found = (set(sorted(held, key=lambda name: (-held[name], order.index(name)))[:k]) for held in (truth, counts))
    return len(top & found) / k


@settings(max_examples=200, deadline=None, derandomize=True)
@given(streams, st.integers(1, 4), st.integers(0, 8))
def test_a_snapshot_misses_what_a_comparison_of_snapshots_says(operations, cap, ttl):
    chosen = Settings(cap, ttl, 3)
    trace = trace_of(operations)
    truth, bounded = (replay(trace, design, chosen) for design in ("unbounded", "bounded"))
    found = ledger.snapshot_error(trace, truth, bounded, np.arange(len(trace)))
    stores = [make_store(design, chosen) for design in ("unbounded", "bounded")]
    for row, (time, session, op) in enumerate(operations):
        for store in stores:
            store.increment(session, time) if op == "increment" else store.delete(session)
        true_counts, counts = (store.snapshot() for store in stores)
        total = sum(true_counts.values())
        assert found["undercount"][row] == pytest.approx(1 - sum(counts.values()) / total if total else 0)
        order = trace.ids.tolist()
        assert found["top_10"][row] == pytest.approx(naive_overlap(true_counts, counts, order, 10))


def test_mean_occupancy_by_hand():
    # Stream of 100 ns, TTL 30, so seen from 30 on. a: 0 to 20, then to 50; b: from 50, deleted at 60; c: from 100.
    operations = [(0, "a", "increment"), (20, "a", "increment"), (50, "b", "increment"), (60, "b", "delete")]
    trace = trace_of([*operations, (100, "c", "increment")])
    assert ledger.occupancy(trace, 30, 1.0) == pytest.approx((20 + 10) / 70)
    # Half as fast: gaps double, the TTL does not. Seen from 30 of 200 on: a from 40 to 70, b from 100 to 120.
    assert ledger.occupancy(trace, 30, 0.5) == pytest.approx((30 + 20) / 170)
    # Too fast to be seen for a TTL after the first; and no stream at all.
    assert math.isnan(ledger.occupancy(trace, 30, 2.0))
    assert math.isnan(ledger.occupancy(trace_of([(5, "a", "increment")]), 30, 1.0))
