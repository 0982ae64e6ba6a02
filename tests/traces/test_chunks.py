"""Chunks: a Parquet file in chunks is refused in the same words as when it is read whole, and gives the same times."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.errors import InputError
from simlib.traces.chunks import open_stream
from simlib.traces.files import read_trace
from tests.traces.helpers import write


def test_the_first_row_says_whether_text_is_seconds_or_dates(tmp_path):
    for time, complaint in (
        (
            [*"0123456789", "2026-01-01"],
            r"row 11: time '2026-01-01' must be seconds as a number, as in",
        ),
        (["2026-01-01"] * 10 + ["11"], r"row 11: time '11' must be an ISO 8601 date, as in row 1"),
        ([1, 2, 3, 2**62], r"row 4: time '4611686018427387904' must be less than 292 years of seconds"),
    ):
        path = write(tmp_path / "trace.parquet", time=time, session=["a"] * len(time))
        for read in (read_trace, lambda path: list(open_stream(path, 1)())):
            with pytest.raises(InputError, match=complaint):
                read(path)


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (("time", pa.array([], pa.bool_())), "column 'time' holds bool; it must hold"),
        (("session", pa.array([], pa.float64())), "column 'session' holds double; it must hold"),
        (("session", pa.array([], pa.list_(pa.string()))), "column 'session' holds list<"),
        (("op", pa.array([], pa.list_(pa.string()))), "column 'op' holds list<"),
        (("counter", pa.array([], pa.list_(pa.string()))), "column 'counter' holds list<"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_types_are_refused_even_where_there_are_no_rows(column, complaint, tmp_path):
    name, empty = column
    columns = {"time": pa.array([], pa.float64()), "session": pa.array([], pa.string()), name: empty}
    path = write(tmp_path / "trace.parquet", **columns)
    for read in (read_trace, lambda path: list(open_stream(path)())):
        with pytest.raises(InputError, match=complaint):
            read(path)


def test_text_that_is_not_unicode_is_refused_as_when_it_is_read_whole(tmp_path):
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    path = write(tmp_path / "trace.parquet", time=[0, 1], session=broken)
    for read in (read_trace, lambda path: list(open_stream(path)())):
        with pytest.raises(InputError, match="not UTF-8 text"):
            read(path)


def test_a_float_of_seconds_is_the_same_instant_in_every_format_and_chunk(tmp_path):
    time = np.sort(np.random.default_rng(1).uniform(0, 4e6, 3000))
    names = ["a"] * 3000
    parquet, text = write(tmp_path / "trace.parquet", time=time, session=names), tmp_path / "trace.csv"
    text.write_text("time,session\n" + "".join(f"{cell!r},a\n" for cell in time.tolist()), encoding="utf-8")
    whole = read_trace(text).time
    np.testing.assert_array_equal(read_trace(parquet).time, whole)
    np.testing.assert_array_equal(np.concatenate([chunk.time for chunk in open_stream(parquet, 100)()]), whole)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            {"time": [0.0] * 70 + [-301.0]},
            r"row 71: time goes backwards, from 0 to -301, by more than .*: sort the rows",
        ),
        (
            {"time": [0.0] * 50 + [-999.0, -1e4]},
            r"row 51: time goes backwards, from 0 to -999, .* --sort-window 10000s",
        ),
        ({"time": [0.0] * 60 + [None]}, r"row 61: time is missing"),
        ({"time": [0.0] * 60 + [float("nan")]}, r"row 61: time 'nan' must be seconds as a number"),
        ({"time": [0] * 60 + [2**62]}, r"row 61: time '4611686018427387904' must be"),
        ({"op": ["increment"] * 60 + ["incr"]}, r"row 61: op 'incr' must be one of increment, delete"),
        ({"counter": ["drops"] * 60 + ["x"]}, r"row 61: counter 'x' must be one of no_client, drops"),
        ({"session": [1.5] * 61}, r"column 'session' holds double; it must hold"),
        ({"time": [-(2**63) / 1e9 + 1] + [1.0] * 60}, r"are over 292 years apart"),
    ],
)
def test_a_complaint_counts_rows_from_the_beginning_of_the_file(columns, complaint, tmp_path):
    """In chunks of 50 as when the file is read whole."""
    rows = max(map(len, columns.values()))
    columns = {"time": [0.0] * rows, "session": ["a"] * rows, **columns}
    path = write(tmp_path / "trace.parquet", **columns)
    with pytest.raises(InputError, match=complaint):
        list(open_stream(path, 50)())
    with pytest.raises(InputError, match=complaint):
        read_trace(path)


def test_a_damaged_file_is_refused_however_far_it_was_read(tmp_path):
    path = tmp_path / "trace.parquet"
    names = pa.array([f"session {number}" for number in range(200_000)])
    table = pa.table({"time": np.arange(200_000), "session": names})
    pq.write_table(table, path, row_group_size=20_000)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 2000] = bytes(2000)
    path.write_bytes(whole)
    with pytest.raises(InputError, match="not a readable Parquet file"):
        list(open_stream(path, 10_000)())
