"""Reading: units, clocks, order, operations from rows, and the one line that says how a log was read."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.errors import InputError
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.traces.chunks import open_stream
from simlib.traces.files import read_trace
from simlib.traces.mapping import How
from simlib.traces.notes import Notes
from simlib.traces.source import log_name
from tests.traces.helpers import read, refused


def noted(path, how=None):
    """The trace of a file, and the notes of reading it."""
    notes = Notes()
    return read_trace(path, how, notes), notes


def csv_of(tmp_path, rows, header="time,session"):
    path = tmp_path / "log.csv"
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1767323045", "seconds since 1970"),
        ("1767323045000", "milliseconds since 1970"),
        ("1767323045000000", "microseconds since 1970"),
        ("1767323045000000000", "nanoseconds since 1970"),
        ("2026-01-02T03:04:05Z", "dates (ISO 8601)"),
        ("2026-01-02 03:04:05 UTC", "dates (ISO 8601)"),
        ("2026-01-02 04:04:05,000+0100", "dates (ISO 8601)"),
        ("2026-01-02 03:04:05.000000000 +0000 UTC m=+0.012", "dates (ISO 8601)"),
        ("2026-01-02T04:04:05.000+01:00[Europe/Berlin]", "dates (ISO 8601)"),
        ("20260102T030405Z", "dates (ISO 8601)"),
        ("20260102030405", "dates (digits)"),
        ("260102 030405", "dates (digits)"),
        ("02/Jan/2026:03:04:05 +0000", "dates (access log)"),
        ("Fri Jan  2 03:04:05 2026", "dates (syslog)"),
        ("Fri, 02 Jan 2026 03:04:05 GMT", "dates (mail)"),
        ("2/1/2026 3:04:05 AM", None),
        ("2.1.2026 03:04:05", "dates (day first)"),
    ],
)
def test_an_instant_is_the_same_however_it_is_written(tmp_path, cell, words):
    path = tmp_path / "log.tsv"
    path.write_text(f"time\tsession\n{cell}\ta\n")
    if words is None:
        assert "--unit dmy or --unit mdy" in refused(path)
        trace, _ = noted(path, How(unit="dmy"))
        assert noted(path, How(unit="mdy"))[0].time.tolist() == [1_769_915_045 * SECOND]
    else:
        trace, notes = noted(path)
        assert words in notes.summary()
    assert trace.time.tolist() == [1_767_323_045 * SECOND]


def test_a_column_of_days_and_months_decides_itself_where_one_is_above_12(tmp_path):
    rows = [("1/2/2026 00:00", "a"), ("1/13/2026 00:00", "a")]
    trace, notes = noted(csv_of(tmp_path, rows))
    assert np.diff(trace.time).tolist() == [11 * 24 * HOUR]
    assert "month first" in notes.summary()


def test_a_unit_may_be_given_or_stand_in_the_name_of_the_column(tmp_path):
    assert noted(csv_of(tmp_path, [(1500, "a")]), How(unit="ms"))[0].time.tolist() == [1_500_000_000]
    assert noted(csv_of(tmp_path, [(1500, "a")], "time_ms,session"))[0].time.tolist() == [1_500_000_000]
    assert noted(csv_of(tmp_path, [("1500.25", "a")]), How(unit="us"))[0].time.tolist() == [1_500_250]


def test_a_span_that_makes_no_sense_is_warned_of(tmp_path):
    _, notes = noted(csv_of(tmp_path, [(number * 600_000, "a") for number in range(200)]))
    assert notes.warnings() == [
        "log.csv: the median gap between rows is 6.94 days: if the times are milliseconds, say --unit ms"
    ]
    time = pa.array([1_767_323, 1_767_324], pa.timestamp("s"))
    pq.write_table(pa.table({"time": time, "session": ["a", "b"]}), tmp_path / "log.parquet")
    assert "of 1970" in noted(tmp_path / "log.parquet")[1].warnings()[0]
    time = np.array([1_767_323_045, 1_767_323_200], np.float32)
    pq.write_table(pa.table({"time": time, "session": ["a", "b"]}), tmp_path / "log.parquet")
    assert "exact to 128 of their unit" in noted(tmp_path / "log.parquet")[1].warnings()[0]
    _, notes = noted(csv_of(tmp_path, [(1_767_323_008 + 128 * number, "a") for number in range(5)]))
    assert "multiple of 64 s" in notes.warnings()[0]


def test_a_local_clock_that_falls_back_runs_on(tmp_path):
    minutes = [*range(100, 180, 7), *(each - 60 for each in range(184, 260, 7))]
    rows = [(f"2025-10-26 {each // 60:02d}:{each % 60:02d}:00", "a") for each in minutes]
    trace, notes = noted(csv_of(tmp_path, rows))
    assert np.diff(trace.time).tolist() == [7 * MINUTE] * (len(rows) - 1)
    assert "falls back by an hour" in notes.warnings()[0]
    # With an offset the clock says itself which hour it means, and a late row is no change of the clock.
    assert "--sort-window" in refused(csv_of(tmp_path, [(f"{time}Z", who) for time, who in rows]))
    late = [("2025-10-26 02:50:00", "a"), ("2025-10-26 02:10:00", "a"), ("2025-10-26 02:51:00", "a")]
    assert "--sort-window 2400s" in refused(csv_of(tmp_path, late))


def test_rows_out_of_order_within_the_window_are_sorted_and_counted(tmp_path):
    rows = [(0, "a"), (10, "b"), (4, "c"), (10, "d"), (4, "e"), (300, "f"), (10, "g")]
    trace, notes = noted(csv_of(tmp_path, rows))
    assert trace.ids[trace.session].tolist() == ["a", "c", "e", "b", "d", "g", "f"]
    assert notes.warnings() == ["log.csv: sorted by time: 3 rows out of order, by 4.83 min at most"]
    path = csv_of(tmp_path, [*rows, (-1000, "h"), (-2000, "i")])
    assert "row 8: time goes backwards, from 300 to -1000" in refused(path)
    assert refused(path).endswith("or say --sort-window 2300s")
    assert read_trace(path, How(sort_window=2300 * SECOND)).time[0] == -2000 * SECOND
    with pytest.raises(InputError, match="row 3: time goes backwards"):
        read_trace(path, How(sort_window=0))


def test_a_long_log_out_of_order_is_sorted_alike_whole_and_in_chunks(tmp_path):
    rng = np.random.default_rng(3)
    time = np.arange(200_000) // 3 / 100 + np.where(rng.random(200_000) < 0.1, -rng.uniform(0, 200, 200_000), 0)
    path = csv_of(tmp_path, zip(np.round(time, 2).tolist(), rng.integers(0, 99, 200_000).tolist(), strict=True))
    trace, notes = noted(path, How(sort_window=201 * SECOND))
    order = np.argsort(np.rint(np.round(time, 2) * 100), kind="stable")
    np.testing.assert_array_equal(trace.time, np.rint(np.round(time, 2)[order] * 100).astype(np.int64) * 10_000_000)
    np.testing.assert_array_equal(trace.time, np.concatenate([chunk.time for chunk in open_stream(path, 999)()]))
    assert notes.moved > 10_000


def test_a_start_and_a_duration_or_an_end_are_two_operations(tmp_path):
    path = csv_of(tmp_path, [(0, "a", "5"), (1, "b", ""), (2, "c", "0"), (3, "d", "2")], "time,session,took")
    trace, _ = noted(path, How(columns={"duration": "took"}))
    rows = list(zip((trace.time // SECOND).tolist(), trace.ids[trace.session], trace.op.tolist(), strict=True))
    assert rows == [(0, "a", 0), (1, "b", 0), (2, "c", 0), (2, "c", 1), (3, "d", 0), (5, "a", 1), (5, "d", 1)]
    path = csv_of(tmp_path, [(0, "a", "5"), (1, "b", ""), (2, "c", "2")], "start_time,session,End")
    ended, _ = noted(path, How(columns={"end": "end"}))
    assert ended.time.tolist() == [each * SECOND for each in (0, 1, 2, 2, 5)]
    path = csv_of(tmp_path, [(0, "a", 1500)], "time,session,took_ms")
    assert noted(path, How(columns={"duration": "took_ms"}))[0].time.tolist() == [0, 1_500_000_000]
    path = csv_of(tmp_path, [(5, "a", 1)], "time,session,end")
    with pytest.raises(InputError, match="row 1: it ends before it begins"):
        read_trace(path, How(columns={"end": "end"}))


def test_operations_are_mapped_and_an_unknown_one_is_refused(tmp_path):
    path = csv_of(tmp_path, [(0, "a", "open"), (1, "a", "data"), (2, "a", "close")], "time,session,what")
    how = How(columns={"op": "what"}, ops={"open": "increment", "close": "delete", "*": "ignore"})
    trace, notes = noted(path, how)
    assert trace.op.tolist() == [0, 1]
    assert "left out: 1 row with an operation that is to be ignored" in notes.warnings()[0]
    with pytest.raises(InputError, match=r"row 2: op 'data' must be one of open, close, as --ops says"):
        read_trace(path, How(columns={"op": "what"}, ops={"open": "increment", "close": "delete"}))
    with pytest.raises(InputError, match=r"row 1: op 'open' must be one of increment, delete; map it with --ops"):
        read_trace(path, How(columns={"op": "what"}))


def test_a_column_op_of_other_things_is_ignored_with_a_word(tmp_path):
    path = csv_of(tmp_path, [(0, "a", "GET", "7")], "time,session,op,counter")
    trace, notes = noted(path)
    assert trace.op.tolist() == trace.counter.tolist() == [0]
    assert len(notes.warnings()) == 2
    assert "its column op is ignored: it holds 'GET', not increment or delete" in notes.warnings()[0]


def test_a_key_may_be_two_columns(tmp_path):
    path = csv_of(tmp_path, [(0, "a", 1), (1, "a", 2)], "time,host,port")
    assert noted(path, How(columns={"session": "host+port"}))[0].ids.tolist() == ["a 1", "a 2"]


@pytest.mark.parametrize(
    ("header", "columns", "complaint"),
    [
        ("ts,timestamp,session", {}, "the time can be 'ts' or 'timestamp': say --columns time=NAME"),
        ("time,uid,x,visitorid", {}, "the session can be 'uid' or 'visitorid': say --columns session=NAME"),
        ("time,user,path", {}, "there is no column 'session'; the columns are: 'time', 'user', 'path'; name it with"),
        (
            "at,user",
            {},
            "no column 'time' and no 'session'; .*'at', 'user'; name them with --columns time=NAME,session=NA",
        ),
        ("time,user,path", {"session": "usr"}, "there is no column 'usr'; the columns are: 'time', 'user', 'path'"),
        ("time,user,path", {"key": "user"}, "--columns: unknown role 'key': choose of time, session, op"),
    ],
)
def test_whatever_is_open_is_refused_with_the_option_that_decides(tmp_path, header, columns, complaint):
    path = csv_of(tmp_path, [("1", *"abc"[: header.count(",")])], header)
    with pytest.raises(InputError, match=complaint):
        read_trace(path, How(columns=columns))


def test_a_pattern_for_no_known_format_must_name_the_time(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("time=2026-01-02T03:04:05Z level=INFO sid=a\n")
    with pytest.raises(InputError, match=r"gives the time: add a group \(\?P<time>…\) to the pattern"):
        read_trace(path, How(pattern=r"sid=(?P<session>\w+)"))
    assert len(read_trace(path, How(pattern=r"time=(?P<time>\S+) .*sid=(?P<session>\w+)"))) == 1


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        (How(format="cobol"), "unknown format 'cobol': choose of alb, apache"),
        (How(format="envoy"), "no line of the file's beginning fits the format envoy"),
        (How(pattern="(?P<time>.*) (?P<user>.*)"), "names no session"),
        (How(pattern=r"(?P<time>\S+) \Q(?P<session>.*)\E"), "a named group is within a class or quoted"),
        (How(pattern="(?P<time>.*) [(?P<session>]"), "a named group is within a class or quoted"),
        (How(pattern="(?P<session>a"), "--pattern: Invalid regular expression: missing"),
        (How(pattern="(?=a)(?P<session>b)"), "write it as RE2 does, without look-ahead"),
        (How(pattern="x" * 20_000), "--pattern is longer than 10,000 characters"),
        (How(pattern="(?P<time>nothing)(?P<session>x)"), "no line fits the given pattern; the first is line 1: '10.0"),
    ],
)
def test_a_format_or_pattern_that_will_not_do_is_refused_in_one_line(tmp_path, how, complaint):
    path = tmp_path / "access.log"
    path.write_text('10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1\n')
    with pytest.raises(InputError, match=complaint):
        read_trace(path, how)


def test_a_log_is_called_by_its_whole_name():
    names = ["access.log.1", "access.log.2.gz", "access.log", "e.csv.gz", ".csv"]
    assert list(map(log_name, names)) == ["access.log.1", "access.log.2", "access", "e", ".csv"]


def test_lines_that_are_no_text_are_read_where_that_does_not_matter(tmp_path):
    line = b'10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /\xff\xfe HTTP/1.1" 200 1\n'
    assert read(tmp_path, line, "access.log").ids.tolist() == ["10.0.0.1"]


@pytest.mark.parametrize("name", ["log.txt", "log", "LOG.CSV", "log.tsv"])
@pytest.mark.parametrize("delimiter", ["\t", "|", ";", ",", "~"])
@pytest.mark.parametrize(
    "header", ["Time|Session ID", "EVENT TIME|sessionid", "Time Stamp|Visitor-Id", "timestamp|Session"]
)
def test_a_table_is_recognised_by_its_header_whatever_its_name_and_delimiter(tmp_path, name, delimiter, header):
    rows = [header, "2026-02-10 08:00:00|a", "2026-02-10 08:00:01|b"]
    (tmp_path / name).write_text("\n".join(rows).replace("|", delimiter))
    assert read_trace(tmp_path / name).ids.tolist() == ["a", "b"]
    (tmp_path / name).write_text("\n".join(["Seen|Who Is", *rows[1:]]).replace("|", delimiter))
    with pytest.raises(
        InputError, match="the columns are: 'Seen', 'Who Is'; name them with --columns time=NAME,session"
    ):
        read_trace(tmp_path / name)
    assert len(read_trace(tmp_path / name, How(columns={"time": "seen", "session": "who_is"}))) == 2


def test_a_log_of_lines_whose_first_is_another_is_no_table(tmp_path):
    line = '10.0.0.{} - - [10/Feb/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 0 "-" "KHTML, like Gecko"\n'
    (tmp_path / "log").write_text("server 1.0, started\n" + line.format(1) + line.format(2))
    assert read_trace(tmp_path / "log").ids.tolist() == ["10.0.0.1", "10.0.0.2"]
