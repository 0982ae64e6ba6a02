"""Trace files: what is written is read back, and what cannot be read or written is refused in one line."""

import gzip
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import SECOND
from simlib.traces.files import FORMATS, read_trace, write_trace
from simlib.traces.trace import Trace
from tests.traces.helpers import read, refused, same, trace_of

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


def test_what_is_left_out_has_its_default_and_what_is_more_is_ignored(tmp_path):
    trace = read(tmp_path, "\ufefftime,who,session,op\r\n0,x,a,\r\n\r\n1,y,b,delete\r\n")
    assert trace.op.tolist() == [0, 1]
    assert trace.counter.tolist() == [0, 0]
    trace = read(
        tmp_path, '{"time":0,"session":"a"}\n\n{"time":1,"session":"a","op":null,"counter":"drops"}\n', "l.jsonl"
    )
    assert trace.op.tolist() == [0, 0]
    assert trace.counter.tolist() == [0, 1]


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
    "time beyond floats": ("log.jsonl", '{"time":1' + "0" * 400 + ',"session":"a"}\n', "less than 292 years"),
    "milliseconds among dates": ("log.csv", "time,session\n2026-02-10,a\n1700000000000,b\n", "ISO 8601"),
    "time with underscore": ("log.csv", "time,session\n1_0,a\n", "row 1: time '1_0'"),
    "date among numbers": ("log.csv", "time,session\n0,a\n2026-02-10,b\n", "row 2: time '2026-02-10'"),
    "number among dates": ("log.csv", "time,session\n2026-02-10,a\n17,b\n", "row 2: time '17'"),
    "no such date": ("log.csv", "time,session\n2026-02-10,a\n2026-02-30,b\n", "row 2: time '2026-02-30'"),
    "date too far": ("log.csv", "time,session\n2026-02-10,a\n9026-02-10,b\n", "row 2: time '9026-02-10'"),
    "time goes backwards": (
        "log.csv",
        "time,session\n1,a\n500,b\n4.5,c\n",
        "row 3: time goes backwards, from 500 to 4.5",
    ),
    "unknown op": ("log.csv", "time,session,op\n0,a,increment\n0,a,reset\n", "row 2: op 'reset'"),
    "unknown counter": ("log.csv", "time,session,counter\n0,a,drops\n0,a,errors\n", "row 2: counter 'errors'"),
    "too few cells": ("log.csv", "time,session\n0,a\n1\n", "row 2: 1 cells"),
    "too many cells": ("log.csv", "time,session\n0,a,x\n", "row 1: 3 cells"),
    "open quote": ("log.csv", 'time,session\n0,"a\n', "not CSV"),
    "not UTF-8": ("log.csv", b"time,session\n0,\xff\xfe\n", "not UTF-8"),
    "not UTF-8 in gz": ("log.csv.gz", b"time,session\n0,\xff\xfe\n", "not UTF-8"),
    "nothing known": ("log.txt", "lorem ipsum\ndolor\n", "the format is not recognised: say --format"),
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
    "op a number": (
        "log.jsonl",
        '{"time":0,"session":"a","op":"delete"}\n{"time":0,"session":"a","op":1}\n',
        "row 2: op",
    ),
    "time null": ("log.jsonl", '{"time":null,"session":"a"}\n', "row 1: time None"),
    "time a boolean": ("log.jsonl", '{"time":true,"session":"a"}\n', "row 1: time True"),
    "time NaN": ("log.jsonl", '{"time":NaN,"session":"a"}\n', "row 1: time NaN"),
    "deep nesting": ("log.jsonl", "[" * 100_000, "row 1: not a JSON object"),
    "parquet that is none": ("log.parquet", GOOD, "not a readable Parquet file"),
}


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
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])
    (tmp_path / "bent.csv.gz").write_bytes(whole[:30] + bytes(20) + whole[50:])
    assert "truncated or damaged" in refused(tmp_path / "cut.csv.gz")
    refused(tmp_path / "bent.csv.gz")


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

    monkeypatch.setattr("simlib.traces.writing.seconds_text", fail)
    with pytest.raises(InputError, match="No space left"):
        write_trace(trace_of((5, "b", 0, 0)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("ending", FORMATS)
def test_times_before_the_epoch_of_a_log_are_written_and_read_back(tmp_path, ending):
    times = [-(10**18) - 1, -SECOND, -1, 0, 1]
    trace = Trace.of(times, ["a"] * 5, [0] * 5, [0] * 5)
    write_trace(trace, tmp_path / f"log{ending}")
    assert read_trace(tmp_path / f"log{ending}").time.tolist() == times


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_file_without_a_byte_is_refused_for_that(tmp_path, ending):
    # The name must not hold the word that is looked for.
    path = tmp_path / f"log{ending}"
    path.touch()
    assert "the file is empty" in refused(path).removeprefix(str(path))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_whatever_stops_a_write_leaves_what_was_there(tmp_path, monkeypatch, ending, error):
    path = tmp_path / f"log{ending}"
    write_trace(trace_of((0, "a", 0, 0)), path)
    before = path.read_bytes()

    def stop(*_):
        raise error

    # The last step of all: every byte is written, and the file has not yet its name.
    monkeypatch.setattr("simlib.core.files.os.replace", stop)
    with pytest.raises(type(error)):
        write_trace(trace_of((1, "b", 0, 0)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_name_that_the_file_system_refuses_is_refused_in_one_line(tmp_path):
    long = tmp_path / ("x" * 300 + ".csv")
    assert "too long" in refused(long)
    for path in (long, tmp_path / ("x" * 300) / "log.csv"):
        with pytest.raises(InputError, match="too long"):
            write_trace(trace_of((0, "a", 0, 0)), path)
    assert os.listdir(tmp_path) == []


def test_a_directory_that_may_not_be_entered_is_refused_in_one_line(tmp_path, monkeypatch):
    # The tests may run as root, whom no directory keeps out: so the refusal is the system's answer, made up.
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", forbidden)
    with pytest.raises(InputError, match="Permission denied"):
        read_trace(tmp_path / "log.csv")
    with pytest.raises(InputError, match="Permission denied"):
        write_trace(trace_of((0, "a", 0, 0)), tmp_path / "log.csv")


def test_a_damaged_checksum_is_not_called_no_gzip_file(tmp_path):
    path = tmp_path / "log.csv.gz"
    write_trace(trace_of((0, "a", 0, 0)), path)
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    assert "not a gzip file" not in refused(path)
