"""The stream of a workload in a file: that of the generator, window by window."""

import pytest

from simlib.core.errors import InputError
from simlib.core.units import DAY, HOUR
from simlib.traces import windows
from simlib.traces.files import read_trace, write_trace
from simlib.workloads.generator import generate
from simlib.workloads.recording import simulated_recording
from simlib.workloads.schema import load_workload
from tests.builders import kind, workload


@pytest.fixture(params=[100, 10**9], ids=["many windows", "one window"])
def rows(request, monkeypatch):
    monkeypatch.setattr(windows, "ROWS", request.param)


@pytest.mark.parametrize("ending", ["csv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("name", ["orphans", "incident", "dormant"])
@pytest.mark.usefixtures("rows")
def test_a_file_holds_the_stream_whatever_its_windows(tmp_path, name, ending):
    chosen = load_workload(name).lasting(HOUR)
    trace, advanced = generate(chosen, 2), []
    recorded = simulated_recording(chosen, 2, advanced.append)
    recorded.write(tmp_path / f"a.{ending}")
    assert read_trace(tmp_path / f"a.{ending}").digest == trace.digest
    assert (recorded.operations, recorded.sessions) == (len(trace), trace.ids.size)
    assert sum(advanced) == trace.time[-1]
    if ending != "parquet":
        # Nothing in text shows where a window ends.
        write_trace(trace, tmp_path / f"b.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.usefixtures("rows")
def test_times_beyond_what_a_float_holds_are_written_to_the_nanosecond(tmp_path):
    chosen = workload("40d", one=kind(2.0, "exponential 10m", "exponential 2h"))
    simulated_recording(chosen, 1).write(tmp_path / "a.parquet")
    trace = generate(chosen, 1)
    assert trace.time[0] < DAY < 39 * DAY < trace.time[-1]
    assert read_trace(tmp_path / "a.parquet").digest == trace.digest


def test_a_stream_without_operations_is_a_file_without_rows(tmp_path):
    recorded = simulated_recording(workload(one=kind(0.0)), 1)
    recorded.write(tmp_path / "a.parquet")
    assert (recorded.operations, recorded.sessions, len(read_trace(tmp_path / "a.parquet"))) == (0, 0, 0)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="the end of the name must say the format"):
        simulated_recording(workload(one=kind()), 1).write(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
