"""A log is recorded a window at a time: the same operations, whatever the windows, in memory that does not grow."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import DAY, SECOND
from simlib.traces import recording, windows
from simlib.traces.files import Log, read_trace
from simlib.traces.mapping import How
from simlib.traces.recording import recording_of

TEXT = "time,session,op\n0,a,\n1,,\n1,__missing__,\n2,,delete\n3,a,delete\n4,b,\n5,a,\n"
NUMBERS = "time,session\n0,7\n2,8\n2,7\n9,10\n"
LOGS = {"text": [TEXT], "numbers": [NUMBERS], "both": [NUMBERS, TEXT]}


@pytest.fixture(params=[1, 3, 10**9], ids=["a window a batch", "windows of three", "one window"])
def rows(request, monkeypatch):
    monkeypatch.setattr(windows, "ROWS", request.param)
    monkeypatch.setattr("simlib.traces.delimited.ROWS", 1)


def files(folder, texts):
    paths = [folder / f"{number}.log" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


@pytest.mark.parametrize("ending", ["csv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("name", LOGS)
@pytest.mark.usefixtures("rows")
def test_a_file_holds_the_operations_of_the_log_whatever_its_windows(tmp_path, name, ending):
    inputs = files(tmp_path, LOGS[name])
    whole, recorded = read_trace(inputs), recording_of(Log(inputs))
    recorded.write(tmp_path / f"out.{ending}")
    assert read_trace(tmp_path / f"out.{ending}").digest == whole.digest
    assert (recorded.operations, recorded.sessions) == (len(whole), whole.ids.size)


@pytest.mark.parametrize("kind", [pa.int64(), pa.string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
@pytest.mark.usefixtures("rows")
def test_ids_of_parquet_are_kept_whatever_their_type(tmp_path, kind):
    ids = pa.array(["3", "1", None, "3"]).cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
    column = ids.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else ids
    pq.write_table(pa.table({"time": [0, 1, 2, 3], "session": column}), tmp_path / "log.parquet")
    recorded = recording_of(Log(tmp_path / "log.parquet"))
    recorded.write(tmp_path / "out.parquet")
    assert read_trace(tmp_path / "out.parquet").digest == read_trace(tmp_path / "log.parquet").digest
    assert recorded.sessions == 3


def test_a_log_without_rows_is_a_file_without_rows(tmp_path):
    (log,) = files(tmp_path, ["time,session\n"])
    recorded = recording_of(Log(log))
    recorded.write(tmp_path / "out.parquet")
    assert (recorded.operations, recorded.sessions, len(read_trace(tmp_path / "out.parquet"))) == (0, 0, 0)


@pytest.mark.parametrize("beyond", [1, 2, 3])
@pytest.mark.usefixtures("rows")
def test_a_time_that_no_float_holds_turns_all_that_was_written_before_into_timestamps(tmp_path, beyond):
    # In floats, 30 days and a nanosecond are 30 days.
    times = [*[DAY, DAY + 1, 2 * DAY][:beyond], 30 * DAY + 1, 31 * DAY]
    (log,) = files(tmp_path, ["time,session\n" + "".join(f"{time // SECOND}.{time % SECOND:09},a\n" for time in times)])
    recording_of(Log(log, How(sort_window=0))).write(tmp_path / "out.parquet")
    assert read_trace(tmp_path / "out.parquet").time.tolist() == times
    assert str(pq.read_schema(tmp_path / "out.parquet").field("time").type) == "timestamp[ns, tz=UTC]"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.log", "out.parquet"]


@pytest.mark.usefixtures("rows")
def test_a_log_that_cannot_be_read_to_its_end_leaves_what_was_there(tmp_path):
    (log,) = files(tmp_path, [f"time,session\n0,a\n{40 * DAY // SECOND},a\nx,b\n"])
    (tmp_path / "out.parquet").write_text("older")
    with pytest.raises(InputError, match=r"0\.log: row 3: time"):
        recording_of(Log(log)).write(tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.log", "out.parquet"]


@given(st.lists(st.lists(st.text(max_size=3), unique=True)))
def test_distinct_ids_are_counted_by_their_hashes(added):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "ROWS", 4)
        sessions = recording._Distinct()
        for ids in added:
            sessions.add(pa.array(ids, pa.string()))
        assert sessions.number == len(set().union(*added))
        assert sessions.number == len(set().union(*added))
