"""The compiled store against the readable one: every answer, every prune, every eviction, on every kind of stream."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names
from tests.paths import LOGS


def assert_alike(trace, design, chosen):
    expected, compiled = (run(trace, design, chosen) for run in (reference, replay))
    np.testing.assert_array_equal(compiled.answers, expected.answers)
    np.testing.assert_array_equal(compiled.prunes, expected.prunes)
    assert sorted(compiled.final_counts) == sorted(expected.final_counts)
    assert ledger.totals(trace, compiled) == ledger.totals(trace, expected)
    # A map has no order: which of the expired ones of one instant goes first is left open.
    rows = [
        ledger.evictions(trace, run).sort_values(["row", "cause", "idle", "session"], ignore_index=True)
        for run in (expected, compiled)
    ]
    pd.testing.assert_frame_equal(*rows)


def by_the_cap(trace, observed):
    rows = ledger.evictions(trace, observed)
    return rows["session"][rows["cause"] == "cap"].tolist()


sessions = st.sampled_from(["", "__missing__", "a", "b", "c", "B", "é", "日", "\U0001f600", "ab", *"defghij"])
rows = st.tuples(st.sampled_from([0, 0, 0, 1, 2, 7]), sessions, st.sampled_from([0, 0, 0, 0, 1]))
bounds = st.builds(Settings, max_entries=st.integers(-1, 8), ttl=st.integers(-1, 12), prune_every=st.integers(1, 6))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(stream=st.lists(rows, max_size=150), chosen=bounds)
def test_any_stream_ties_included(stream, chosen):
    steps, names, ops = zip(*stream, strict=True) if stream else ((), (), ())
    trace = Trace.of(np.cumsum(np.array(steps, dtype=np.int64)), names, ops, np.zeros(len(ops)))
    assert_alike(trace, "bounded", chosen)
    assert_alike(trace, "unbounded", chosen)
    # Among those that the cap removes just one order is right.
    expected, compiled = (run(trace, "bounded", chosen) for run in (reference, replay))
    assert by_the_cap(trace, compiled) == by_the_cap(trace, expected)


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(workload):
    trace = simulate(load_workload(workload).lasting(4 * HOUR), 3)
    for counter in COUNTERS:
        for chosen in (Settings(), Settings(100, 5 * MINUTE, 10), Settings(50, 0), Settings(0, MINUTE)):
            assert_alike(trace.only(counter), "bounded", chosen)


def test_every_log():
    # The logs lie beside the project, where they are at all.
    for log in LOGS:
        trace = read_trace(log).only("no_client")
        for chosen in (Settings(), Settings(100, 5 * MINUTE, 10), Settings(50, 0)):
            assert_alike(trace, "bounded", chosen)
        assert_alike(trace, "unbounded", Settings())


def test_many_more_increments_in_one_instant_than_the_store_holds():
    random = np.random.default_rng(1)
    names = [f"{number:04d}" for number in random.integers(0, 3000, 20_000)]
    trace = Trace.of(np.arange(20_000) // 7000, names, np.zeros(20_000), np.zeros(20_000))
    assert_alike(trace, "bounded", Settings(max_entries=500, ttl=0))


def test_logs_of_prunes_and_evictions_grow_as_needed():
    trace = Trace.of(np.arange(5000), [str(number) for number in range(5000)], np.zeros(5000), np.zeros(5000))
    observed = replay(trace, "bounded", Settings(max_entries=1, ttl=0))
    assert len(observed.prunes) == len(observed.evicted) == 4999
    assert ledger.totals(trace, observed).cap_evictions == 4999


def test_a_stream_replayed_faster_is_the_same_stream_with_shorter_gaps():
    trace = Trace.of([10, 30, 50], ["a", "b", "a"], [0, 0, 0], [0, 0, 0])
    faster = trace.faster(2)
    assert faster.time.tolist() == [0, 10, 20]
    assert faster.next_row.tolist() == [2, 3, 3]
    assert len(astuple(ledger.totals(faster, replay(faster)))) == 16
