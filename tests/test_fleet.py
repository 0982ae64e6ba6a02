"""The routing of a stream to the instances of a fleet: nothing lost, nothing twice, and the reference's ledgers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib import ledger
from simlib.churn import simulate
from simlib.errors import InputError
from simlib.fleet import check_instances, dealt, instance_of, routed
from simlib.generate import generated
from simlib.replay import reference
from simlib.stores import Settings
from simlib.stream import stream_of
from simlib.tally import Spec, tally
from simlib.trace import COUNTERS, Trace
from simlib.units import HOUR, MINUTE
from simlib.workload import load_workload

COLUMNS = ("time", "session", "code")


def columns(stream):
    chunks = list(stream())
    return [np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in COLUMNS]


rows = st.tuples(st.sampled_from([0, 0, 1, 5]), st.sampled_from("abcdefgh"), st.sampled_from([0, 0, 0, 1]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=80), instances=st.integers(1, 5), chunk=st.integers(1, 90))
def test_every_operation_reaches_just_one_instance_however_the_stream_is_cut(stream, instances, chunk):
    steps, names, ops = zip(*stream, strict=True)
    trace = Trace.of(np.cumsum(steps), names, ops, np.zeros(len(ops)))
    for affinity in (True, False):
        heard = [columns(routed(stream_of(trace, chunk), instances, each, affinity)) for each in range(instances)]
        whole = [columns(routed(stream_of(trace), instances, each, affinity)) for each in range(instances)]
        for some, all_ in zip(heard, whole, strict=True):
            for left, right in zip(some, all_, strict=True):
                np.testing.assert_array_equal(left, right)
        assert sum(each[0].size for each in heard) == len(trace)
        if affinity:
            sessions = [set(each[1].tolist()) for each in heard]
            assert sum(map(len, sessions)) == len(set.union(*sessions))


@pytest.mark.parametrize("affinity", [True, False])
def test_each_instance_keeps_the_ledger_that_the_reference_keeps_of_what_it_hears(affinity):
    workload, chosen = load_workload("orphans").lasting(3 * HOUR), Settings(60, 10 * MINUTE, 100)
    trace, instances = simulate(workload, 1), 4
    (chunk,) = stream_of(trace, len(trace))()
    # A generated session bears another number than a recorded one, so only the routing by operation is the same.
    of = instance_of(chunk, 0, instances, affinity)
    for number in range(instances):
        stream = routed(stream_of(trace), instances, number, affinity)
        if not affinity:
            assert columns(routed(generated(workload, 1), instances, number, affinity))[0].size == (of == number).sum()
        part = of == number
        heard = Trace.of(trace.time[part], trace.ids[trace.session[part]], trace.op[part], trace.counter[part])
        for counter in COUNTERS:
            only = heard.only(counter)
            expected = ledger.totals(only, reference(only, "bounded", chosen))
            assert tally(stream, [Spec("bounded", chosen, counter)]) == [expected]


@pytest.mark.parametrize("affinity", [True, False])
def test_generated_streams_tell_of_their_instance_alone(affinity):
    """What a session does next elsewhere must not count here: as told, and as found out by waiting for it."""
    workload, chosen = load_workload("incident").lasting(3 * HOUR), Settings(100, 10 * MINUTE, 100)
    traffic = generated(workload, 2)
    stream = routed(traffic, 3, 1, affinity)
    trace_columns = columns(stream)
    names = [str(number) for number in trace_columns[1]]
    trace = Trace.of(trace_columns[0], names, trace_columns[2] & 1, trace_columns[2] >> 1 & 1).only("no_client")
    assert tally(stream, [Spec("bounded", chosen)]) == [ledger.totals(trace, reference(trace, "bounded", chosen))]


def test_a_chunk_is_dealt_as_it_is_routed():
    workload = load_workload("incident").lasting(HOUR)
    for affinity in (True, False):
        for number in range(3):
            first, parts = 0, []
            for chunk in generated(workload, 1, rows=500)():
                parts.append(dealt(chunk, first, 7, affinity, heard=3)[number])
                first += chunk.time.size
            for name, expected in zip(
                COLUMNS, columns(routed(generated(workload, 1), 7, number, affinity)), strict=True
            ):
                np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), expected)


def test_instances_get_even_shares():
    (chunk,) = generated(load_workload("incident").lasting(12 * HOUR), 1, rows=10**9)()
    shares = np.bincount(instance_of(chunk, 0, 10, affinity=False)) / chunk.time.size
    assert np.abs(shares - 0.1).max() < 0.005
    sessions = np.unique(chunk.session, return_index=True)[1]
    shares = np.bincount(instance_of(chunk, 0, 10, affinity=True)[sessions]) / sessions.size
    assert np.abs(shares - 0.1).max() < 0.01


@pytest.mark.parametrize("instances", [0, -1, 1_000_001])
def test_a_fleet_of_no_size_is_refused(instances):
    with pytest.raises(InputError, match=f"instances: {instances} is out of range"):
        check_instances(instances)
