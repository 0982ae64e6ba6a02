"""Routing: each operation reaches one instance, by session or by itself, whatever the chunks; nothing is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.observe import reference
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.chunks import open_stream, stream_of
from simlib.traces.codes import COMES_BACK, COUNTERS, IS_DELETE
from simlib.traces.files import write_trace
from simlib.traces.routing import check_instances, instance_of, rows_of
from simlib.traces.trace import Trace
from simlib.workloads.generator import generated
from simlib.workloads.schema import load_workload

SMALL = Settings(5, 6, 3)

sessions = st.sampled_from(["", "a", "b", "B", "é", "日", "ab", *"cdefghij", "10", "9"])
rows = st.tuples(
    st.sampled_from([0, 0, 0, 1, 2, 7]), sessions, st.sampled_from([0, 0, 0, 0, 1]), st.sampled_from([0, 0, 1])
)
streams = st.lists(rows, min_size=1, max_size=120)


def trace_of(stream):
    steps, names, ops, counters = zip(*stream, strict=True)
    return Trace.of(np.cumsum(np.array(steps, dtype=np.int64)), names, ops, counters)


def part(trace, rows):
    """Some rows of a trace, as a trace."""
    return Trace.of(trace.time[rows], trace.ids[trace.session[rows]], trace.op[rows], trace.counter[rows])


def instances_of(trace, instances, affinity):
    (chunk,) = stream_of(trace, len(trace))()
    return instance_of(chunk, 0, instances, affinity)


def routed(stream, instances, number, affinity):
    """The part of a stream that one instance receives, by itself."""

    def chunks():
        first = 0
        for chunk in stream():
            yield rows_of(chunk, np.flatnonzero(instance_of(chunk, first, instances, affinity) == number), affinity)
            first += chunk.time.size

    return chunks


def columns(stream):
    chunks = list(stream())
    names = ("time", "session", "code")
    return [np.concatenate([getattr(chunk, name) for chunk in chunks]).tolist() for name in names]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    stream=streams,
    instances=st.integers(1, 9),
    checked=st.integers(0, 8),
    chunk=st.integers(1, 40),
    affinity=st.booleans(),
)
def test_the_totals_of_an_instance_are_the_references_for_its_part(stream, instances, checked, chunk, affinity):
    trace = trace_of(stream)
    by = instances_of(trace, instances, affinity)
    specs = [Spec(design, SMALL, counter) for design in ("bounded", "unbounded") for counter in COUNTERS]
    increments = 0
    for number in range(instances):
        found = stream_totals(routed(stream_of(trace, chunk), instances, number, affinity), specs, max_awaiting=2)
        increments += sum(
            totals.increments for spec, totals in zip(specs, found, strict=True) if spec.design == "bounded"
        )
        # The reference takes most of the time, and any instance is as good as another.
        if number == checked % instances:
            mine = part(trace, by == number)
            for spec, totals in zip(specs, found, strict=True):
                only = mine.only(spec.counter)
                assert totals == ledger.totals(only, reference(only, spec.design, spec.settings))
    assert increments == int((trace.op == 0).sum())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(stream=streams, instances=st.integers(1, 9), affinity=st.booleans(), chunk=st.integers(1, 40))
def test_instances_share_the_stream_out(stream, instances, affinity, chunk):
    """With affinity session by session, without operation by operation; each exactly once, in order, in any chunks."""
    trace = trace_of(stream)
    parts = [
        list(zip(*columns(routed(stream_of(trace, chunk), instances, number, affinity)), strict=True))
        for number in range(instances)
    ]
    whole = list(zip(*columns(stream_of(trace)), strict=True))
    assert sorted(row for mine in parts for row in mine) == sorted(whole)
    for mine in parts:
        assert [row[0] for row in mine] == sorted(row[0] for row in mine)
    homes = [
        {number for number, mine in enumerate(parts) for row in mine if row[1] == who} for who in range(len(trace.ids))
    ]
    if affinity:
        assert all(len(home) <= 1 for home in homes)


@pytest.mark.parametrize("affinity", [True, False])
def test_texts_go_by_all_of_their_hash_from_parquet_as_from_memory_alike(tmp_path, affinity):
    random = np.random.default_rng(1)
    names = [f"s{number}" for number in random.integers(0, 300, 4000)]
    trace = Trace.of(np.sort(random.integers(0, 900, 4000)), names, random.random(4000) < 0.1, np.zeros(4000))
    write_trace(trace, tmp_path / "trace.parquet")
    received = [
        sum(
            totals.increments for totals in stream_totals(routed(stream, 7, number, affinity), [Spec("bounded", SMALL)])
        )
        for stream in [open_stream(tmp_path / "trace.parquet", 500)]
        for number in range(7)
    ]
    assert sum(received) == int((trace.op == 0).sum())
    assert min(received) > 300


def test_hashes_spread_evenly():
    trace = Trace.of(np.arange(20_000), [str(number) for number in range(20_000)], np.zeros(20_000), np.zeros(20_000))
    for affinity in (True, False):
        counts = np.bincount(instances_of(trace, 10, affinity), minlength=10)
        # A binomial number of mean 2,000 strays by more than 5 standard deviations once in a million times.
        assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000 * 0.9)


def test_only_with_affinity_a_part_of_the_stream_knows_what_each_session_does_next():
    """Compiled streams say what each session does next; on one instance of a fleet without affinity that is no use."""
    chosen = load_workload("orphans").lasting(HOUR)
    small = Settings(20, 5 * MINUTE, 50)
    for affinity in (True, False):
        stream = routed(generated(chosen, 1), 4, 2, affinity)
        chunks = list(stream())
        assert all(chunk.next_known == affinity for chunk in chunks)
        known = any((chunk.code & COMES_BACK).any() for chunk in chunks)
        assert known == affinity
        blind = [rows_of(chunk, np.arange(chunk.time.size), next_known=False) for chunk in chunks]
        specs = [Spec("bounded", small, counter) for counter in COUNTERS]
        assert stream_totals(stream, specs) == stream_totals(lambda blind=blind: blind, specs)
    assert any((chunk.code & IS_DELETE).any() for chunk in chunks)


@pytest.mark.parametrize("instances", [0, -3, 1_000_001])
def test_a_number_of_instances_out_of_range_is_refused(instances):
    with pytest.raises(InputError, match=r"instances: .* is out of range: at least 1, at most 1,000,000"):
        check_instances(instances)
