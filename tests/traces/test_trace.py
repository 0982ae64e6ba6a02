"""Trace files: what is written is read back to the nanosecond, and what cannot be read is told in one line."""

import gzip
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.stores.contract import MISSING
from simlib.traces.files import FORMATS, read_trace, write_trace
from simlib.traces.trace import Trace

SECOND = 10**9


def trace_of(*rows):
    return Trace.of(*zip(*rows, strict=True))


def same(a, b):
    columns = [(a.time, b.time), (a.ids[a.session], b.ids[b.session]), (a.op, b.op), (a.counter, b.counter)]
    return all(np.array_equal(x, y) for x, y in columns)


rows = st.lists(
    st.tuples(
        st.integers(0, 3 * 365 * 86_400 * SECOND),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(['a,b"c', "x\ny", "\r", "NA"]),
        st.integers(0, 1),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows)
def test_what_is_written_is_read_back_and_written_alike(tmp_path, ending, rows):
    trace = trace_of(*rows)
    first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    write_trace(trace, first)
    again = read_trace(first)
    assert same(trace, again)
    assert trace.digest == again.digest
    write_trace(again, second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted({first.name, second.name})


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_a_stream_without_operations(tmp_path, ending):
    write_trace(Trace.of([], [], [], []), tmp_path / f"a{ending}")
    assert len(read_trace(tmp_path / f"a{ending}")) == 0


def test_a_gz_file_names_neither_its_file_nor_its_time(tmp_path):
    write_trace(trace_of((0, "a", 0, 0)), tmp_path / "name.csv.gz")
    head = (tmp_path / "name.csv.gz").read_bytes()[:10]
    assert head[3] == 0
    assert head[4:8] == bytes(4)


def read(tmp_path, content, name="log.csv"):
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_trace(path)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("1.5", 1_500_000_000),
        ("1429747200.123456789", 1_429_747_200_123_456_789),
        ("0.1", 100_000_000),
        (".5", 500_000_000),
        ("-2.25", -2_250_000_000),
        ("1e3", 1_000 * SECOND),
        ("1.0000000005", SECOND),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T00:00:00.000000001", 1),
        ("1970-01-01 02:00:00+02:00", 0),
        ("2026-02-10", 1_770_681_600 * SECOND),
    ],
)
def test_times_are_read_to_the_nanosecond(tmp_path, text, ns):
    assert read(tmp_path, f"time,session\n{text},a\n").time.tolist() == [ns]
    assert read(tmp_path, json.dumps({"time": text, "session": "a"}), "log.jsonl").time.tolist() == [ns]


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


def test_ids_are_text_as_written(tmp_path):
    trace = read(tmp_path, "time,session\n0,007\n0,NA\n0,null\n0,1e3\n0, a \n")
    assert trace.ids.tolist() == ["007", "NA", "null", "1e3", " a "]
    trace = read(tmp_path, '{"time":0,"session":7}\n{"time":0,"session":"7"}\n', "log.jsonl")
    assert trace.ids.tolist() == ["7"]


def test_an_empty_id_counts_as_missing_where_it_increments(tmp_path):
    trace = read(tmp_path, "time,session,op\n0,,\n1,__missing__,increment\n2,,delete\n")
    # The store ignores the delete of an empty id, so it must not become a delete of `__missing__`.
    assert trace.ids[trace.session].tolist() == [MISSING, MISSING, ""]


def test_what_is_left_out_has_its_default_and_what_is_more_is_ignored(tmp_path):
    trace = read(tmp_path, "\ufefftime,who,session,op\r\n0,x,a,\r\n\r\n1,y,b,delete\r\n")
    assert trace.op.tolist() == [0, 1]
    assert trace.counter.tolist() == [0, 0]
    trace = read(
        tmp_path, '{"time":0,"session":"a"}\n\n{"time":1,"session":"a","op":null,"counter":"drops"}\n', "l.jsonl"
    )
    assert trace.op.tolist() == [0, 0]
    assert trace.counter.tolist() == [0, 1]


def test_only_one_counter():
    trace = trace_of((0, "a", 0, 0), (1, "b", 0, 1), (2, "a", 1, 1))
    drops = trace.only("drops")
    assert drops.time.tolist() == [1, 2]
    assert drops.ids[drops.session].tolist() == ["b", "a"]
    assert drops.session.tolist() == [0, 1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_neighbours_of_a_session(names):
    trace = Trace.of(range(len(names)), names, [0] * len(names), [0] * len(names))
    n = len(names)
    assert trace.next_row.tolist() == [next((j for j in range(i + 1, n) if names[j] == names[i]), n) for i in range(n)]
    assert trace.previous_row.tolist() == [
        next((j for j in range(i - 1, -1, -1) if names[j] == names[i]), -1) for i in range(n)
    ]


def test_the_digest_tells_streams_apart():
    base = ((0, "a", 0, 0), (1, "b", 0, 0))
    others = [
        ((0, "a", 0, 0), (2, "b", 0, 0)),
        ((0, "a", 0, 0), (1, "c", 0, 0)),
        ((0, "a", 0, 0), (1, "b", 1, 0)),
        ((0, "a", 0, 0), (1, "b", 0, 1)),
        ((0, "a", 0, 0), (1, "a", 0, 0)),
    ]
    assert len({trace_of(*rows).digest for rows in [base, *others]}) == 6
    assert trace_of(*base).digest == trace_of(*base).digest


GOOD = "time,session\n0,a\n1,b\n"

BAD_TEXT = {
    "no column time": ("log.csv", "when,session\n0,a\n", "no column 'time'"),
    "no column session": ("log.csv", "time,who\n0,a\n", "no column 'session'"),
    "column twice": ("log.csv", "time,session,time\n0,a,1\n", "column 'time' appears twice"),
    "only blank lines": ("log.csv", "\n\n", "the file is empty"),
    "time no number": ("log.csv", "time,session\n0,a\nnoon,b\n", "row 2: time 'noon'"),
    "first time no number": ("log.csv", "time,session\nnoon,a\n", "row 1: time 'noon'"),
    "time blank": ("log.csv", "time,session\n0,a\n,b\n", "row 2: time ''"),
    "time nan": ("log.csv", "time,session\n0,a\nNaN,b\n", "row 2: time 'NaN'"),
    "first time nan": ("log.csv", "time,session\nnan,a\n", "row 1: time 'nan'"),
    "time inf": ("log.csv", "time,session\n0,a\ninf,b\n", "row 2: time 'inf'"),
    "time too large": ("log.csv", "time,session\n0,a\n1e300,b\n", "row 2: time '1e300'"),
    "time absurd": ("log.csv", "time,session\n0,a\n1e999999999,b\n", "row 2: time"),
    "time in milliseconds": (
        "log.csv",
        "time,session\n1700000000000,a\n",
        "a clock in milliseconds has to be divided by 1000",
    ),
    "time beyond floats": ("log.jsonl", '{"time":1' + "0" * 400 + ',"session":"a"}\n', "less than 292 years"),
    "milliseconds among dates": ("log.csv", "time,session\n2026-02-10,a\n1700000000000,b\n", "ISO 8601"),
    "time with underscore": ("log.csv", "time,session\n1_0,a\n", "row 1: time '1_0'"),
    "date among numbers": ("log.csv", "time,session\n0,a\n2026-02-10,b\n", "row 2: time '2026-02-10'"),
    "number among dates": ("log.csv", "time,session\n2026-02-10,a\n17,b\n", "row 2: time '17'"),
    "no such date": ("log.csv", "time,session\n2026-02-10,a\n2026-02-30,b\n", "row 2: time '2026-02-30'"),
    "date too far": ("log.csv", "time,session\n2026-02-10,a\n9026-02-10,b\n", "row 2: time '9026-02-10'"),
    "time goes backwards": ("log.csv", "time,session\n1,a\n5,b\n4.5,c\n", "row 3: time goes backwards, from 5 to 4.5"),
    "unknown op": ("log.csv", "time,session,op\n0,a,increment\n0,a,reset\n", "row 2: op 'reset'"),
    "unknown counter": ("log.csv", "time,session,counter\n0,a,errors\n", "row 1: counter 'errors'"),
    "too few cells": ("log.csv", "time,session\n0,a\n1\n", "row 2: 1 cells"),
    "too many cells": ("log.csv", "time,session\n0,a,x\n", "row 1: 3 cells"),
    "open quote": ("log.csv", 'time,session\n0,"a\n', "not CSV"),
    "not UTF-8": ("log.csv", b"time,session\n0,\xff\xfe\n", "not UTF-8"),
    "not UTF-8 in gz": ("log.csv.gz", b"time,session\n0,\xff\xfe\n", "not UTF-8"),
    "gz under a plain name": ("log.csv", gzip.compress(GOOD.encode()), "this is gzip data; its name must end in .gz"),
    "unknown ending": ("log.txt", GOOD, "the end of the name must say the format"),
    "not an object": ("log.jsonl", '{"time":0,"session":"a"}\n[1]\n', "row 2: not a JSON object"),
    "not JSON": ("log.jsonl", "time,session\n", "row 1: not a JSON object"),
    "key missing in a row": (
        "log.jsonl",
        '{"time":0,"session":"a"}\n{"time":1}\n',
        "row 2: there is no column 'session'",
    ),
    "key twice in a row": ("log.jsonl", '{"time":0,"session":"a","time":1}\n', "row 1: column 'time' appears twice"),
    "session a float": ("log.jsonl", '{"time":0,"session":1.5}\n', "row 1: session 1.5"),
    "session a list": ("log.jsonl", '{"time":0,"session":["a"]}\n', "row 1: session ['a']"),
    "session a boolean": ("log.jsonl", '{"time":0,"session":true}\n', "row 1: session True"),
    "session no Unicode": ("log.jsonl", '{"time":0,"session":"\\ud800"}\n', "row 1: session"),
    "op a number": ("log.jsonl", '{"time":0,"session":"a","op":1}\n', "row 1: op 1"),
    "time null": ("log.jsonl", '{"time":null,"session":"a"}\n', "row 1: time None"),
    "time a boolean": ("log.jsonl", '{"time":true,"session":"a"}\n', "row 1: time True"),
    "time NaN": ("log.jsonl", '{"time":NaN,"session":"a"}\n', "row 1: time NaN"),
    "deep nesting": ("log.jsonl", "[" * 100_000, "row 1: not a JSON object"),
    "parquet that is none": ("log.parquet", GOOD, "not a readable Parquet file"),
}


def refused(path):
    with pytest.raises(InputError) as caught:
        read_trace(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_content_is_refused_in_one_line_that_says_where(tmp_path, case):
    name, content, expected = BAD_TEXT[case]
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert expected in refused(path)


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "empty.csv").touch()
    (tmp_path / "empty.parquet").touch()
    assert "No such file" in refused(tmp_path / "none.csv")
    assert "directory" in refused(tmp_path / "dir.csv")
    assert "the file is empty" in refused(tmp_path / "empty.csv")
    assert "the file is empty" in refused(tmp_path / "empty.parquet")


def test_a_damaged_gz_is_refused(tmp_path):
    whole = gzip.compress(GOOD.encode() * 1000)
    (tmp_path / "plain.csv.gz").write_bytes(GOOD.encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])
    (tmp_path / "bent.csv.gz").write_bytes(whole[:30] + bytes(20) + whole[50:])
    assert "not a gzip file" in refused(tmp_path / "plain.csv.gz")
    assert "truncated or damaged" in refused(tmp_path / "cut.csv.gz")
    refused(tmp_path / "bent.csv.gz")


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
        ({"time": [1.0, 0.0], "session": ["a", "b"]}, "row 2: time goes backwards"),
    ],
)
def test_bad_parquet_is_refused(tmp_path, columns, expected):
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert expected in refused(tmp_path / "log.parquet")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    trace = trace_of((0, "a", 0, 0))
    (tmp_path / "file").touch()
    for name, expected in (
        ("file/out.csv", "cannot be written"),
        ("out.txt", "the end of the name"),
        (".", "directory"),
        ("", "directory"),
    ):
        with pytest.raises(InputError, match=expected):
            write_trace(trace, tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_fails_midway_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    write_trace(trace_of((0, "a", 0, 0)), path)
    before = path.read_bytes()

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simlib.traces.text.seconds_text", fail)
    with pytest.raises(InputError, match="No space left"):
        write_trace(trace_of((5, "b", 0, 0)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.csv"]
