"""Input that means harm: memory and time stay within bounds, and messages show what they quote."""

import bz2
import gzip
import time

import pytest

from simlib.core.errors import InputError
from simlib.traces.files import read_trace
from simlib.traces.mapping import How
from tests.traces.helpers import read, refused


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_bomb_is_refused_after_a_bounded_part_of_it(tmp_path, pack):
    path = tmp_path / "log.csv"
    path.write_bytes(pack(b"time,session\n" + b"0,a\n" * (5 << 20)))
    assert "unpacks to over 250 times its size" in refused(path)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.json", "access.log"])
@pytest.mark.parametrize("letter", [b"x", b"[", b"1,", b'"'])
def test_a_line_without_end_is_refused(tmp_path, name, letter):
    path = tmp_path / name
    begin = {"log.csv": b"time,session\n0,", "log.json": b'[{"time": 0, "session": "'}.get(name, b'{"time": "')
    path.write_bytes(begin + letter * ((80 << 20) // len(letter)))
    message = refused(path).removeprefix(str(path))
    assert len(message) < 400


def test_a_long_cell_that_nobody_reads_does_no_harm(tmp_path):
    assert len(read(tmp_path, "time,session,text\n0,a," + "x" * 5_000_000 + "\n1,b,y\n")) == 2
    assert len(read(tmp_path, '{"time":0,"session":"a","text":"' + "x" * 5_000_000 + '"}\n', "log.jsonl")) == 1


def test_a_million_columns_are_refused(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,session," + ",".join(map(str, range(1_000_000))) + "\n")
    assert "over 10,000 columns" in refused(path)
    path.write_text("time,session\n0,a" + "," * 1_000_000 + "\n")
    assert "over 10,000 columns" in refused(path)


def test_a_pattern_cannot_hang(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("2026-01-02 03:04:05 " + "a" * 1_000_000 + "!\n")
    began = time.process_time()
    with pytest.raises(InputError, match="no line fits"):
        read_trace(path, How(pattern=r"(?P<session>(a+)+(a|aa)+(a*)*)$"))
    assert time.process_time() - began < 20


def test_control_and_bidirectional_characters_are_shown_escaped(tmp_path):
    evil = "\x1b]0;owned\x07\u202egnp.exe\u2066"
    for name, content in (
        ("log.csv", f"time,session\n{evil},a\n"),
        ("log.csv", f"{evil},b\n1,2\n"),
        ("log.jsonl", f'{{"time":0,"session":"a"}}\n{{"{evil}":0}}\n'.replace("\x1b", "\\u001b").replace("\x07", "")),
        ("app.log", f"{evil}\n" * 3),
        (f"{evil}.csv", "nothing"),
    ):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(InputError) as caught:
            read_trace(path)
        assert str(caught.value).isprintable()


def test_a_deep_or_wide_json_value_is_refused_or_read(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a":' * 100_000)
    assert "not a JSON object" in refused(path)
    path.write_text('{"time":0,"session":"a",' + ",".join(f'"k{each}":0' for each in range(200_000)) + "}\n")
    assert len(read_trace(path)) == 1
    path.write_text('{"time":0,"session":"a"}\n' + '{"time":1,"session":"a","x":' + "[" * 5000 + "]" * 5000 + "}\n")
    assert "row 2: not a JSON object" in refused(path)


@pytest.mark.parametrize(
    ("magic", "what"),
    [(b"PK\x03\x04", "a zip archive"), (b"SQLite format 3\x00", "an SQLite database"), (b"7z\xbc\xaf", "a 7z archive")],
)
def test_what_is_no_log_is_called_by_its_name(tmp_path, magic, what):
    path = tmp_path / "log.csv"
    path.write_bytes(magic + bytes(100))
    assert what in refused(path)
