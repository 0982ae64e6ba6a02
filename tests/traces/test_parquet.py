"""Parquet: every type that makes sense is read, every damage is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.errors import InputError
from simlib.core.units import SECOND
from simlib.replay.totals import gathered
from simlib.traces.chunks import open_stream
from simlib.traces.files import Log, read_labels, read_trace, write_trace
from simlib.traces.mapping import How
from simlib.traces.windows import window_of
from simlib.traces.writing import write_parquet
from tests.traces.helpers import refused, same, trace_of


def test_a_float_of_seconds_means_the_decimal_it_prints_as(tmp_path):
    times = [1429747200.1, 1429749000.1]  # 30 minutes apart, to the nanosecond
    pq.write_table(pa.table({"time": times, "session": ["a", "a"]}), tmp_path / "log.parquet")
    assert np.diff(read_trace(tmp_path / "log.parquet").time).tolist() == [1800 * SECOND]


@pytest.mark.parametrize(
    ("column", "ns"),
    [
        (pa.array([1, 2]), [SECOND, 2 * SECOND]),
        (pa.array([1, 2_000_000], pa.timestamp("us")), [1000, 2 * SECOND]),
        (pa.array(["0.1", "0.2"]), [10**8, 2 * 10**8]),
        (pa.array(["1.000000001", "2"]).cast(pa.decimal128(20, 9)), [SECOND + 1, 2 * SECOND]),
    ],
)
def test_parquet_times_of_every_sensible_type(tmp_path, column, ns):
    pq.write_table(pa.table({"time": column, "session": [7, 8]}), tmp_path / "log.parquet")
    trace = read_trace(tmp_path / "log.parquet")
    assert trace.time.tolist() == ns
    assert trace.ids.tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"time": [0.0, float("nan")], "session": ["a", "b"]}, "row 2: time"),
        ({"time": [0.0, float("inf")], "session": ["a", "b"]}, "row 2: time"),
        ({"time": [0.0, 1e300], "session": ["a", "b"]}, "row 2: time"),
        ({"time": [0.0, None], "session": ["a", "b"]}, "row 2: time is missing"),
        ({"time": [True, False], "session": ["a", "b"]}, "column 'time' holds bool"),
        ({"time": [0.0, 1.0], "session": [1.5, 2.5]}, "column 'session' holds double"),
        ({"time": [0.0, 1.0], "session": [["a"], ["b"]]}, "column 'session' holds list"),
        ({"time": [0.0, 1.0], "session": ["a", "b"], "op": ["increment", "x"]}, "row 2: op 'x'"),
        ({"time": [1000.0, 0.0], "session": ["a", "b"]}, "row 2: time goes backwards"),
    ],
)
def test_bad_parquet_is_refused(tmp_path, columns, expected):
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert expected in refused(tmp_path / "log.parquet")


@pytest.mark.parametrize(("last", "kind"), [(2**51 - 1, "double"), (2**51, "timestamp[ns, tz=UTC]")])
def test_parquet_holds_seconds_as_long_as_a_float_keeps_their_nanoseconds(tmp_path, last, kind):
    path = tmp_path / "log.parquet"
    write_trace(trace_of((last - 1, "a", 0, 0), (last, "a", 0, 0)), path)
    assert str(pq.read_schema(path).field("time").type) == kind
    assert read_trace(path).time.tolist() == [last - 1, last]


@pytest.mark.parametrize("missing", ["time", "session"])
def test_a_parquet_file_without_a_column_is_refused(tmp_path, missing):
    columns = {"time": [0.0], "session": ["a"], "more": [1]}
    del columns[missing]
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert f"no column '{missing}'" in refused(tmp_path / "log.parquet")


def in_chunks(path):
    """The digest of a file that is read in chunks, or the message that refuses it."""
    try:
        return gathered(open_stream(path)).digest
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("writer", ["ours", "plain", "dictionary"])
def test_a_parquet_file_with_any_byte_wrong_is_read_or_refused(tmp_path, writer):
    path = tmp_path / "log.parquet"
    if writer == "ours":
        # Timestamps, and ids by index: an index beyond the ids is found only when the ids are looked up.
        write_trace(trace_of((0, "a", 0, 0), (10**18, "b", 0, 0)), path)
    else:
        table = pa.table({"time": [0.0, 1.0], "session": ["a", "b"]})
        pq.write_table(table, path, use_dictionary=writer == "dictionary", compression="none", store_schema=False)
    whole = path.read_bytes()
    messages = []
    for place in range(len(whole)):
        for byte in {8, whole[place] ^ 0xFF} - {whole[place]}:
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                found = read_trace(path).digest
            except InputError as error:
                messages.append(found := str(error))
            assert found == in_chunks(path)
    assert len(messages) > 100
    assert [message.splitlines() for message in messages] == [[message] for message in messages]
    assert all(str(path) in message for message in messages)


@pytest.mark.parametrize("cut", [4, 12, 60, -60, -1])
def test_a_parquet_file_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "log.parquet"
    write_trace(trace_of((0, "a", 0, 0)), path)
    path.write_bytes(path.read_bytes()[:cut])
    refused(path)


def test_a_parquet_date_that_nanoseconds_cannot_hold_is_refused_by_row(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"time": pa.array([0, 10**12], pa.timestamp("s")), "session": ["a", "b"]}), path)
    assert "row 2: time" in refused(path)


def test_text_of_each_arrow_kind(tmp_path):
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        pq.write_table(pa.table({"time": [0, 1], "session": pa.array(["a", "007"], kind)}), tmp_path / "log.parquet")
        assert read_trace(tmp_path / "log.parquet").ids.tolist() == ["a", "007"]


def test_a_copy_keeps_a_further_column_of_the_log(tmp_path):
    log, copy = tmp_path / "log.csv", tmp_path / "copy.parquet"
    log.write_text("time,session,took,peer\n0,a,5,x\n1,b,,\n2,a,1,y\n")
    how = How(columns={"duration": "took"})
    trace = read_trace(log, how)
    labels = read_labels(trace, Log(log, how), "peer")
    assert labels.tolist() == ["x", "", "y", "y", "x"]
    write_parquet([window_of(trace)], copy, {"peer": labels, "op": labels})
    assert same(read_trace(copy), trace)
    assert read_labels(trace, Log(copy), "peer").tolist() == labels.tolist()
    with pytest.raises(InputError, match="'peer' is not in every row"):
        read_labels(trace.first(2), Log(copy), "peer")
