"""Totals over streams in chunks: the reference's ledger on every stream, whatever the chunks, file or memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib import ledger
from simlib.churn import simulate
from simlib.replay import reference
from simlib.stores import Settings
from simlib.stream import open_stream, stream_of
from simlib.tally import Spec, tally
from simlib.trace import COUNTERS, Trace, read_trace, write_trace
from simlib.units import HOUR, MINUTE
from simlib.workload import load_workload, workload_names

LOGS = sorted((Path(__file__).parents[2] / "shared/traces").glob("*.csv.gz"))
CHOSEN = (Settings(), Settings(100, 5 * MINUTE, 10), Settings(50, 0), Settings(0, MINUTE))


def expected(trace, spec):
    counter = trace.only(spec.counter)
    return ledger.totals(counter, reference(counter, spec.design, spec.settings))


def assert_alike(trace, stream, specs, **options):
    assert tally(stream, specs, **options) == [expected(trace, spec) for spec in specs]


sessions = st.sampled_from(["", "__missing__", "a", "b", "c", "B", "é", "日", "\U0001f600", "ab", *"defghij"])
rows = st.tuples(
    st.sampled_from([0, 0, 0, 1, 2, 7]), sessions, st.sampled_from([0, 0, 0, 0, 1]), st.sampled_from([0, 0, 1])
)
bounds = st.builds(Settings, max_entries=st.integers(-1, 8), ttl=st.integers(-1, 12), prune_every=st.integers(1, 6))


def trace_of(stream):
    steps, names, ops, counters = zip(*stream, strict=True) if stream else ((), (), (), ())
    return Trace.of(np.cumsum(np.array(steps, dtype=np.int64)), names, ops, counters)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    stream=st.lists(rows, max_size=120),
    chosen=bounds,
    chunk=st.integers(1, 40),
    most_ghosts=st.sampled_from([1, 4, 1 << 20]),
)
def test_any_stream_in_any_chunks_ties_included(stream, chosen, chunk, most_ghosts):
    trace = trace_of(stream)
    specs = [Spec(design, chosen, counter) for design in ("bounded", "unbounded") for counter in COUNTERS]
    assert_alike(trace, stream_of(trace, chunk), specs, most_ghosts=most_ghosts)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=120), chosen=bounds, chunk=st.integers(1, 40))
def test_any_stream_from_parquet(stream, chosen, chunk, tmp_path_factory):
    trace, path = trace_of(stream), tmp_path_factory.mktemp("stream") / "trace.parquet"
    write_trace(trace, path)
    specs = [Spec(design, chosen, counter) for design in ("bounded", "unbounded") for counter in COUNTERS]
    assert_alike(trace, open_stream(path, chunk), specs)


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(workload, tmp_path):
    trace = simulate(load_workload(workload).lasting(4 * HOUR), 3)
    specs = [Spec("bounded", chosen, counter) for chosen in CHOSEN for counter in COUNTERS] + [Spec("unbounded")]
    assert_alike(trace, stream_of(trace, 5000), specs)
    write_trace(trace, tmp_path / "trace.parquet")
    assert_alike(trace, open_stream(tmp_path / "trace.parquet", 5000), specs)


def test_every_log(tmp_path):
    # The logs lie beside the project, where they are at all.
    for log in LOGS:
        trace = read_trace(log)
        specs = [Spec("bounded", chosen) for chosen in CHOSEN]
        write_trace(trace, tmp_path / "trace.parquet")
        assert_alike(trace, open_stream(tmp_path / "trace.parquet", 30_000), specs, most_ghosts=1000)


def test_sessions_known_by_number_are_told_apart_as_text(tmp_path):
    """Simultaneous entries go in the order of their decimal strings: '10' before '9', '-1' before all."""
    random = np.random.default_rng(1)
    numbers = random.choice([9, 10, 100, -1, 2**62, 0], 3000).tolist()
    missing = random.random(3000) < 0.05
    ids = ["" if gone else str(number) for number, gone in zip(numbers, missing, strict=True)]
    time = np.sort(random.integers(0, 300, 3000))
    op = (random.random(3000) < 0.1).astype(np.uint8)
    column = pa.array([None if gone else number for number, gone in zip(numbers, missing, strict=True)])
    words = pa.array(["delete" if code else None for code in op])
    pq.write_table(pa.table({"time": time, "session": column, "op": words}), tmp_path / "trace.parquet")
    trace = Trace.of(time * 10**9, ids, op, np.zeros(3000))
    specs = [Spec("bounded", Settings(cap, 20 * 10**9, 7)) for cap in (1, 2, 3, 4)]
    assert_alike(trace, open_stream(tmp_path / "trace.parquet", 100), specs)
    assert_alike(trace, stream_of(read_trace(tmp_path / "trace.parquet")), specs)


def test_more_evicted_sessions_than_there_is_room_to_wait_for_take_more_passes():
    random = np.random.default_rng(1)
    names = [str(number) for number in random.integers(0, 20_000, 60_000)]
    trace = Trace.of(np.arange(60_000), names, random.random(60_000) < 0.05, np.zeros(60_000))
    passes, chunks = [], stream_of(trace, 7000)

    def stream():
        passes.append(1)
        return chunks()

    assert_alike(trace, stream, [Spec("bounded", Settings(100, 0))], most_ghosts=4000)
    assert 1 < len(passes) <= 8
