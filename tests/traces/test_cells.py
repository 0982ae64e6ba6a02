"""Cells: times to the nanosecond, ids as they are written, and what cannot be read is refused by its row."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.units import SECOND
from simlib.stores.contract import MISSING
from simlib.traces.files import read_trace
from tests.traces.helpers import read, refused


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


def test_ids_are_text_as_written(tmp_path):
    trace = read(tmp_path, "time,session\n0,007\n0,NA\n0,null\n0,1e3\n0, a \n")
    assert trace.ids.tolist() == ["007", "NA", "null", "1e3", " a "]
    trace = read(tmp_path, '{"time":0,"session":7}\n{"time":0,"session":"7"}\n', "log.jsonl")
    assert trace.ids.tolist() == ["7"]


def test_an_empty_id_counts_as_missing_where_it_increments(tmp_path):
    trace = read(tmp_path, "time,session,op\n0,,\n1,__missing__,increment\n2,,delete\n")
    # The store ignores the delete of an empty id, so it must not become a delete of `__missing__`.
    assert trace.ids[trace.session].tolist() == [MISSING, MISSING, ""]


def test_dates_of_unlike_precision_and_offset_in_one_column(tmp_path):
    # The first rows are coarser than the later ones: nothing may be rounded to the first row's unit.
    text = (
        "time,session\n2026-02-10,a\n2026-02-10T00:00:00.000000001Z,a\n2026-02-10T05:30:00.000001+05:30,a\n"
        "2026-02-09 23:00:00.123456789-01:00,a\n2026-02-10T00:00:01,a\n"
    )
    first = 1_770_681_600 * SECOND
    expected = [first, first + 1, first + 1000, first + 123_456_789, first + SECOND]
    assert read(tmp_path, text).time.tolist() == expected


@pytest.mark.parametrize("line", ["time,session\n{},a\n", '{{"time": {}, "session": "a"}}\n'])
def test_the_last_nanosecond_of_64_bits_is_read_and_the_next_refused(tmp_path, line):
    name = "log.csv" if line.startswith("time") else "log.jsonl"
    assert read(tmp_path, line.format("9223372036.854775807"), name).time.tolist() == [2**63 - 1]
    for more in ("9223372036.854775808", "9999999999", "10000000000"):
        (tmp_path / name).write_text(line.format(more))
        assert "row 1: time" in refused(tmp_path / name)


def test_a_session_that_is_null_counts_as_missing(tmp_path):
    trace = read(tmp_path, '{"time": 0, "session": null}\n{"time": 1, "session": ""}\n', "log.jsonl")
    assert trace.ids.tolist() == ["__missing__"]
    for column in (pa.array(["a", None]), pa.array([7, None])):
        pq.write_table(pa.table({"time": [0, 1], "session": column}), tmp_path / "log.parquet")
        assert read_trace(tmp_path / "log.parquet").ids.tolist()[1:] == ["__missing__"]


def test_a_long_cell_is_shown_by_its_beginning(tmp_path):
    (tmp_path / "log.csv").write_text(f"time,session\n{'9' * 5000},a\n")
    message = refused(tmp_path / "log.csv")
    assert f"'{'9' * 50}" in message
    assert len(message.removeprefix(str(tmp_path))) < 250
    (tmp_path / "log.csv").write_text("time,session,op\n0,a,delete\n0,a,remove\n")
    assert "op 'remove' must be one of" in refused(tmp_path / "log.csv")


def test_times_centuries_apart_are_refused(tmp_path):
    # Each fits 64 bits of nanoseconds, their difference does not: idle ages would wrap around, unnoticed.
    (tmp_path / "log.csv").write_text("time,session\n-9000000000,a\n9000000000,a\n")
    assert "292 years apart" in refused(tmp_path / "log.csv")
    assert read(tmp_path, "time,session\n-4000000000,a\n5000000000,a\n").time.tolist() == [-4 * 10**18, 5 * 10**18]


@pytest.mark.parametrize(
    "cell",
    # pandas would take a number for nanoseconds since 1970, and these words for a date that each day is another.
    ["1770681600", "1770681600.5", '"today"', '"now"', '"1770681600"', "null", "true", '["2026-02-10"]', '""'],
)
def test_only_dates_stand_in_a_column_of_dates(tmp_path, cell):
    (tmp_path / "log.jsonl").write_text(
        f'{{"time": "2026-02-10", "session": "a"}}\n{{"time": {cell}, "session": "a"}}\n'
    )
    assert "row 2: time" in refused(tmp_path / "log.jsonl")


def test_a_long_header_is_shown_by_its_beginning(tmp_path):
    (tmp_path / "log.csv").write_text(",".join(["a name"] * 5000) + "\n")
    message = refused(tmp_path / "log.csv")
    assert "there is no column 'time' and no 'session'; the columns are: 'a name', 'a name'" in message
    assert len(message.removeprefix(str(tmp_path))) < 300
