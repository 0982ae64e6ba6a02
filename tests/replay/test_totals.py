"""Totals over streams in chunks: the reference's ledger on every stream, whatever the chunks, file or memory."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.replay import ledger
from simlib.replay.observe import reference
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.chunks import open_stream, stream_of
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from tests.traces.helpers import write


def expected(trace, spec):
    counter = trace.only(spec.counter)
    return ledger.totals(counter, reference(counter, spec.design, spec.settings))


def assert_alike(trace, stream, specs, **options):
    assert stream_totals(stream, specs, **options) == [expected(trace, spec) for spec in specs]


def test_sessions_known_by_number_are_ordered_as_text(tmp_path):
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


@pytest.mark.parametrize("max_awaiting", [1, 1 << 20])
def test_numbers_that_end_to_be_numbers_by_arrival_lose_no_eviction(max_awaiting, tmp_path):
    """Negative, huge and missing ids in later chunks, while evictions are still waited for."""
    for odd in ([-1], [2**62], [None], [-1, None], [2**40, None, -5]):
        session = pa.array([5, 6, *odd, *range(7, 20), None, 5, 6, *odd, 5])
        path = write(tmp_path / "trace.parquet", time=np.arange(len(session)), session=session)
        for chunk in (1, 2, 5):
            assert_alike(
                read_trace(path), open_stream(path, chunk), [Spec("bounded", Settings(1, 0))], max_awaiting=max_awaiting
            )


def test_a_dictionary_as_large_as_its_indices_can_distinguish(tmp_path):
    names = pa.array([f"s{number}" for number in range(128)])
    session = pa.DictionaryArray.from_arrays(pa.array(range(128), pa.int8()), names)
    path = write(tmp_path / "trace.parquet", time=np.arange(128), session=session)
    assert_alike(read_trace(path), open_stream(path, 50), [Spec()])


def test_more_evicted_sessions_than_there_is_room_to_wait_for_take_more_passes():
    random = np.random.default_rng(1)
    names = [str(number) for number in random.integers(0, 20_000, 60_000)]
    trace = Trace.of(np.arange(60_000), names, random.random(60_000) < 0.05, np.zeros(60_000))
    passes, chunks = [], stream_of(trace, 7000)

    def stream():
        passes.append(1)
        return chunks()

    assert_alike(trace, stream, [Spec("bounded", Settings(100, 0))], max_awaiting=4000)
    assert 1 < len(passes) <= 8


@pytest.mark.parametrize(
    "session",
    [
        pa.array(["a", None, "", "__missing__", "a"] * 20),
        pa.array(["a", None, "", "__missing__", "a"] * 20, pa.large_string()),
        pa.array(["a", None, "", "__missing__", "a"] * 20, pa.string_view()),
        pa.array(["a", None, "", "__missing__", "a"] * 20).dictionary_encode(),
        pa.array([3, None, 3, 10, 2**40] * 20).dictionary_encode(),
        pa.array([3, None, 7, 10, 2**63] * 20, pa.uint64()),
        pa.array([3, None, 7, 10, 3] * 20, pa.uint16()),
        pa.nulls(100),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize(
    "time",
    [
        pa.array(range(100)),
        pa.array(np.arange(100) / 7),
        pa.array(np.arange(100), pa.timestamp("ms")),
        pa.array(np.arange(100) // 5, pa.timestamp("ns", "UTC")),
        pa.array(np.arange(100) // 5).cast(pa.decimal128(22, 3)),
        pa.array([f"2026-01-01T00:{at // 5:02d}:00" for at in range(100)]),
    ],
    ids=lambda column: str(column.type),
)
def test_every_type_that_is_read_whole_is_read_in_chunks(time, session, tmp_path):
    op = pa.array(["increment", None, "", "delete", "increment"] * 20)
    path = write(tmp_path / "trace.parquet", time=time, session=session, op=op, more=pa.array(range(100)))
    specs = [Spec("bounded", Settings(cap, 20, 7)) for cap in (1, 2, 3)] + [Spec("unbounded")]
    assert_alike(read_trace(path), open_stream(path, 7), specs)


PEAK = """
import sys
from tests.growth import peak_mib
from simlib.traces.chunks import open_stream
from simlib.replay.totals import Spec, stream_totals
print(stream_totals(open_stream(sys.argv[1]), [Spec()])[0].increments, peak_mib())
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    """One row group as large as the file: 16 times the rows, of sessions by number and by text, and no more memory."""
    peaks = {}
    for kind in ("number", "text"):
        for rows in (500_000, 8_000_000):
            path = tmp_path / f"{kind}.parquet"
            session = pa.array(np.arange(rows) % 1500 + np.arange(rows) // 100_000)
            columns = {
                "time": np.arange(rows) // 100,
                "session": session if kind == "number" else session.cast("string"),
            }
            pq.write_table(pa.table(columns), path, row_group_size=rows)
            ran = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
            read, peak = ran.stdout.split()
            assert int(read) == rows
            peaks[kind, rows] = float(peak)
        # The file's columns take over 100 MiB more.
        assert peaks[kind, 8_000_000] < peaks[kind, 500_000] + 40, peaks


def test_everything_compiled_is_found_compiled_the_second_time():
    """Whoever starts again does not wait for a compiler."""
    code = "import simlib.replay.surface, simlib.experiments.sweep, simlib.workloads.generator, simlib.traces.chunks"
    for _ in range(2):
        environment = {**os.environ, "NUMBA_DEBUG_CACHE": "1"}
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.count("data loaded from") >= 10
    assert "data saved to" not in ran.stdout
