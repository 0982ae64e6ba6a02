"""The options of commands that take a log, and `convert`."""

import gzip
import io
import json
import os
import shlex
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from simlib.cli.jobs import plan
from simlib.cli.main import _parser, main
from simlib.core.errors import InputError
from simlib.core.units import SECOND, exact_duration
from simlib.traces.files import read_trace
from simlib.traces.measured import read_measured
from tests.cli.test_cli import run

EVENTS = "at;who;what\n1500;a;open\n2500;b;open\n3000;a;data\n3500;a;close\n"
OPTIONS = ["--columns", "time=at,session=who,op=what", "--ops", "open=increment,close=delete,*=ignore", "--unit", "ms"]


def test_a_log_of_any_kind_is_converted_to_a_trace_file_that_needs_no_option(capsys, tmp_path):
    (tmp_path / "events").write_bytes(gzip.compress(EVENTS.encode()))
    status, out, err = run(capsys, "convert", tmp_path / "events", *OPTIONS, "--out", tmp_path / "t.parquet")
    assert status == 0
    assert out.startswith(f"{tmp_path / 't.parquet'}: 3 operations of 2 sessions, sha256 of the file ")
    assert err.splitlines() == [
        "events: CSV with semicolons, time at, session who, op what, milliseconds from a start; "
        "3 operations, 1.5 s to 3.5 s (2 s)",
        "events: left out: 1 row with an operation that is to be ignored",
    ]
    assert read_trace(tmp_path / "t.parquet").time.tolist() == [1_500_000_000, 2_500_000_000, 3_500_000_000]
    straight = json.loads(run(capsys, "replay", tmp_path / "events", *OPTIONS, "--json")[1])
    assert json.loads(run(capsys, "replay", tmp_path / "t.parquet", "--json")[1]) == straight
    assert (straight["increments"], straight["deletes_hit"]) == (2, 1)


def test_several_files_are_one_log(capsys, tmp_path):
    for number, name in enumerate(("b", "a")):
        (tmp_path / f"{name}.csv").write_text(f"time,session\n{number},x\n{number},y\n")
    status, out, err = run(capsys, "replay", tmp_path / "a.csv", tmp_path / "b.csv", "--json")
    assert status == 0
    assert json.loads(out)["increments"] == 4
    assert err.startswith("a.csv and 1 more: CSV, ")


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--columns", "time", "'time' is no pair: write such as time=ts,session=uid"),
        ("--columns", "time=a,time=b", "'time' is given twice"),
        ("--ops", "open=create", "'create' is no operation: choose of increment, delete, ignore"),
        ("--sort-window", "-5s", "a window of less than 0 s is none"),
        ("--sort-window", "5 parsecs", "'5 parsecs' is not a duration"),
        ("--unit", "weeks", "invalid choice: 'weeks'"),
    ],
)
def test_an_option_that_will_not_do_is_refused_in_one_line(capsys, tmp_path, option, value, complaint):
    (tmp_path / "log.csv").write_text("time,session\n0,a\n")
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(tmp_path / "log.csv"), f"{option}={value}"])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert complaint in message


def test_notebooks_get_a_log_that_needs_options_as_a_file_that_needs_none(capsys, tmp_path, monkeypatch):
    given, rows = [], []

    def run_jobs(jobs, *_):
        given.extend(jobs)
        rows.append(len(read_trace(jobs[0].parameters["trace"])))
        return []

    monkeypatch.setattr("simlib.report.runner.run_jobs", run_jobs)
    (tmp_path / "events.log.1").write_text(EVENTS)
    (tmp_path / "own.csv").write_text("time,session\n0,a\n")
    for name, options in (("events.log.1", OPTIONS), ("own.csv", [])):
        arguments = ["--trace", tmp_path / name, *options, "--notebook", "01_memory", "--out", tmp_path / "out"]
        assert run(capsys, "run", *arguments)[0] == 0
    copied, own = given
    assert (copied.experiment, own.experiment) == ("events.log.1", "own")
    assert own.inputs == (tmp_path / "own.csv",)
    (copy,) = copied.inputs
    assert copy.is_relative_to(tmp_path / "out")
    assert copy.name == "events.log.1.parquet"
    # No result needs the copy, so it is gone when the run is over.
    assert (rows, copy.exists()) == ([3, 1], False)


def test_advice_and_sweeps_read_a_log_as_replay_does_and_their_commands_say_how(capsys, tmp_path):
    rows = (f"{500 * row};s{row % 40};{'open' if row % 7 else 'data'}\n" for row in range(4000))
    for name, lines in (("b", rows), ("a", ["2000000;s1;close\n"])):
        (tmp_path / name).write_text("at;who;what\n" + "".join(lines))
    log = [str(tmp_path / "a"), str(tmp_path / "b")]
    replayed = json.loads(run(capsys, "replay", *log, *OPTIONS, "--json")[1])

    status, out, err = run(capsys, "advise", *log, *OPTIONS, "--headroom", 1, "--json")
    assert status == 0
    assert err.startswith("a and 1 more: CSV with semicolons, ")
    advised = json.loads(out)
    point = advised["recommended"]
    assert advised["evidence"]["operations"] == replayed["increments"] + replayed["deletes"]
    assert advised["commands"] == [
        f"python -m simlib advise {shlex.join([*log, *OPTIONS])} --headroom 1",
        f"python -m simlib replay {shlex.join([*log, *OPTIONS])} --counter no_client "
        f"--design {point['design']} --max-entries {point['max_entries']} "
        f"--ttl {exact_duration(point['ttl_seconds'] * SECOND)} --prune-every 256",
    ]

    status, _, err = run(capsys, "sweep", "--trace", *log, *OPTIONS, "--jobs", 1, "--out", tmp_path / "sweep")
    assert status == 0
    assert err.startswith("a and 1 more: CSV with semicolons, ")
    table = pd.read_csv(tmp_path / "sweep" / "sweep.csv").set_index(["counter", "design"]).loc["no_client", "bounded"]
    assert {name: table[name] for name in ("increments", "deletes_hit", "creates")} == {
        name: replayed[name] for name in ("increments", "deletes_hit", "creates")
    }


LOG = "time,session\n" + "".join(f"{60 * number},{number % 7}\n" for number in range(40))


@pytest.fixture(params=["-", "pipe.csv"])
def piped(request, monkeypatch, tmp_path):
    """Feeds a text to standard input or to a named pipe; returns the argument and what messages call it."""
    monkeypatch.setattr("simlib.traces.source._copies", {})
    monkeypatch.chdir(tmp_path)

    def feed(text):
        if request.param == "-":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            return "-", "standard input"
        os.mkfifo("pipe.csv")
        threading.Thread(target=lambda: Path("pipe.csv").write_text(text)).start()
        return "pipe.csv", "pipe.csv"

    return feed


@pytest.mark.parametrize(
    "command", [["replay"], ["convert", "--out", "out.csv"], ["sweep", "--ttl", "5m", "--jobs", "1", "--trace"]]
)
def test_standard_input_and_a_pipe_are_read_like_a_file_and_called_by_their_names(capsys, piped, command):
    name, called = piped(LOG)
    status, out, err = run(capsys, *command, name)
    assert status == 0, err
    assert err.startswith(f"{called}: CSV, time time, session session")
    assert command[0] != "replay" or out.startswith(f"{called}, counter no_client: 40 increments")
    assert command[0] != "convert" or out.startswith("out.csv: 40 operations of 7 sessions")


@pytest.mark.parametrize("command", [["replay"], ["convert", "--out", "out.csv"], ["advise"], ["run", "--trace"]])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [("time,session\n0,a\nx,b\n", "row 2: time 'x'"), ("", "the file is empty"), ("time,who\n0,a\n", "no column")],
)
def test_an_error_in_a_pipe_is_in_the_pipe_and_not_in_its_copy(capsys, piped, command, text, complaint):
    name, called = piped(text)
    status, out, err = run(capsys, *command, name)
    assert (status, out) == (2, "")
    assert err.startswith(f"simlib {command[0]}: {called}: ")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in Path().iterdir() if path.name != "build"] == [name] * (name != "-")


def test_a_log_from_a_pipe_is_a_case_of_its_name(piped):
    name, _ = piped(LOG)
    (job,) = plan(_parser().parse_args(["run", "--trace", name, "--out", "out", "--notebook", "01_memory"])).jobs
    assert job.experiment == {"-": "stdin", "pipe.csv": "pipe"}[name]
    assert read_trace(job.parameters["trace"]).digest == read_trace(name).digest


def test_measured_memory_in_a_pipe_is_refused_with_what_to_do(tmp_path):
    os.mkfifo(tmp_path / "rss.csv")
    with pytest.raises(InputError, match=r"rss\.csv: this is a pipe, .*: save it to a file first"):
        read_measured(tmp_path / "rss.csv")


def test_closed_standard_input_is_refused(capsys, monkeypatch):
    monkeypatch.setattr("simlib.traces.source._copies", {})
    monkeypatch.setattr(sys, "stdin", None)
    status, _, err = run(capsys, "replay", "-")
    assert (status, err) == (
        2,
        "simlib replay: standard input is closed: name a file, or pipe a log into the command\n",
    )
