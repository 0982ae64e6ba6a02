"""The commands as a public contract: what they print, and bad input in one line with status 2."""

import errno
import gzip
import json
from dataclasses import fields

import pytest

from simlib.cli.main import main
from simlib.replay.ledger import Totals
from simlib.stores.registry import INCIDENT
from simlib.traces.files import read_trace

STREAM = "time,session,op,counter\n0,a,increment,no_client\n1,b,,\n2,a,,drops\n3,c,,\n4,a,delete,\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(STREAM)
    return path


def run(capsys, *arguments):
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_replay_prints_the_contracted_object(capsys, log):
    status, out, err = run(capsys, "replay", log, "--max-entries", 1, "--ttl", "1h30m", "--prune-every", 2, "--json")
    assert (status, err) == (
        0,
        "log.csv: CSV, time time, session session, op op, counter counter, seconds from a start; "
        "5 operations, 0 s to 4 s (4 s)\n",
    )
    result = json.loads(out)
    assert set(result) == {field.name for field in fields(Totals)} | {
        "design",
        "max_entries",
        "ttl_seconds",
        "prune_every",
    }
    # a, then b evicts a (whose next op is a delete: dead), then c evicts b; the delete of a finds nothing.
    # Prunes: at b (tick and overflow at once: 2 scanned, 2 sorted) and at c (2 and 2).
    assert result == {
        "design": "bounded",
        "max_entries": 1,
        "ttl_seconds": 5400,
        "prune_every": 2,
        "increments": 3,
        "deletes": 1,
        "deletes_hit": 0,
        "creates": 3,
        "stale_hits": 0,
        "cap_evictions": 2,
        "ttl_evictions": 0,
        "false_evictions": 0,
        "lost_counts": 0,
        "prunes": 2,
        "entries_scanned": 4,
        "entries_sorted": 4,
        "peak_entries": 1,
        "final_entries": 1,
        "final_count_sum": 1,
        "log_lines": 3,
        "overflow_counts": 0,
        "inherited_counts": 0,
        "retired_counts": 0,
    }


def test_replay_takes_one_counter_and_any_design(capsys, log):
    drops = json.loads(run(capsys, "replay", log, "--counter", "drops", "--json")[1])
    assert (drops["increments"], drops["ttl_seconds"]) == (1, 1800)
    unbounded = json.loads(run(capsys, "replay", log, "--design", "unbounded", "--json")[1])
    assert (unbounded["creates"], unbounded["deletes_hit"], unbounded["max_entries"]) == (3, 1, None)


@pytest.mark.parametrize("design", ["bounded", "aged"])
@pytest.mark.parametrize("since", ["10m", "2026-02-10T08:10:00Z", "2026-02-10 09:10:00+01:00"])
def test_replay_counts_from_an_instant_on_in_a_store_that_is_not_empty(capsys, tmp_path, design, since):
    log, day = tmp_path / "log.csv", "2026-02-10T08:"
    rows = [("00:00", "a"), ("00:01", "b"), ("10:00", "a"), ("10:00", "c"), ("10:02", "d")]
    log.write_text("time,session\n" + "".join(f"{day}{at}Z,{name}\n" for at, name in rows))
    call = ["replay", str(log), "--design", design, "--max-entries", "2", "--count-from", since]
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    # a is there already; c takes the place of b, and d that of a.
    assert (found["increments"], found["creates"], found["cap_evictions"]) == (3, 2, 2)
    assert main(call) == 0
    assert "3 increments and 0 deletes in 2 s." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ("11m", "log.csv: no row of no_client comes at --count-from or after it"),
        ("2026-02-31", "'2026-02-31' is neither a date, such as 2026-02-10T08:00:00Z, nor a time such as 30m"),
        ("30", "'30' has no unit"),
    ],
)
def test_a_beginning_that_will_not_do_is_refused_in_one_line(capsys, tmp_path, since, reason):
    (tmp_path / "log.csv").write_text("time,session\n0,a\n600,b\n")
    try:
        status = main(["replay", str(tmp_path / "log.csv"), "--count-from", since])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_replay_takes_the_interval_of_a_sweep_where_the_design_has_one(capsys, log):
    status, out, err = run(capsys, "replay", log, "--design", "swept", "--ttl", "1s", "--sweep", "2s", "--json")
    assert (status, json.loads(out)["sweep_seconds"]) == (0, 2)
    assert "not use" not in err
    status, out, err = run(capsys, "replay", log, "--sweep", "2s", "--json")
    assert status == 0
    assert "sweep_seconds" not in json.loads(out)
    assert "design 'bounded' does not use --sweep: it is ignored" in err
    assert run(capsys, "replay", log, "--design", "swept", "--sweep", "0")[2].endswith("at least 1 ns, not 0\n")


def test_simulate_writes_a_trace_that_replay_reads(capsys, tmp_path):
    for ending in ("csv", "csv.gz", "jsonl", "parquet"):
        status, _, err = run(
            capsys, "simulate", "incident", "--seed", 3, "--hours", 0.5, "--out", tmp_path / f"t.{ending}"
        )
        assert (status, err) == (0, "")
    digests = {read_trace(tmp_path / f"t.{ending}").digest for ending in ("csv", "csv.gz", "jsonl", "parquet")}
    assert len(digests) == 1
    assert json.loads(run(capsys, "replay", tmp_path / "t.csv", "--json")[1])["increments"] > 100


BAD = {
    "missing log": (["replay", "{tmp}/none.csv"], "{tmp}/none.csv: No such file"),
    "directory": (["replay", "{tmp}/d.csv"], "{tmp}/d.csv: this is a directory without a file"),
    "unknown design": (
        ["replay", "{log}", "--design", "lru"],
        "unknown design 'lru': choose one of unbounded, bounded",
    ),
    "unknown counter": (["replay", "{log}", "--counter", "x"], "unknown counter 'x': choose one of no_client, drops"),
    "log without rows": (["replay", "{empty}"], "{empty}: the log holds no rows"),
    "log without rows, as JSON": (["replay", "{empty}", "--json"], "{empty}: the log holds no rows"),
    "log without the counter": (
        ["replay", "{plain}", "--counter", "drops", "--json"],
        "{plain}: no row has the counter 'drops': there is no_client",
    ),
    "ttl in parsecs": (["replay", "{log}", "--ttl", "30 parsecs"], "'30 parsecs' is not a duration: write a number"),
    "more than 64 bits": (
        ["replay", "{log}", "--max-entries", "9" * 20],
        "max_entries: 99999999999999999999 is out of",
    ),
    "more than 64 bits of increments": (["replay", "{log}", "--prune-every", "9" * 20], "prune_every: 999999"),
    "less than a nanosecond": (["replay", "{log}", "--ttl", "0.1ns"], "'0.1ns' is too short"),
    "no name": (["replay", ""], "the name of the trace file is empty"),
    "run on no name": (["run", "--trace", "", "--out", "{tmp}/b"], "the name of the trace file is empty"),
    "run to no name": (["run", "--out", ""], "--out is empty"),
    "run to a file": (["run", "--workload", "steady", "--out", "{log}"], "it is a file, not a folder"),
    "parameter beyond 64 bits": (
        ["run", "--parameter", "max_entries=" + "9" * 20, "--out", "{tmp}/b"],
        "is out of range",
    ),
    "parameter without a name": (["run", "--parameter", "=1", "--out", "{tmp}/b"], "write NAME=VALUE"),
    "prune every 0": (["replay", "{log}", "--prune-every", "0"], "prune_every must be at least 1"),
    "unknown workload": (["simulate", "nosuch", "--out", "{tmp}/t.csv"], "no workload 'nosuch': choose one of"),
    "hours of nothing": (["simulate", "incident", "--hours", "0", "--out", "{tmp}/t.csv"], "hours: 0 is out of range"),
    "hours not a number": (["simulate", "incident", "--hours", "nan", "--out", "{tmp}/t.csv"], "hours: nan is out"),
    "ending unknown": (["simulate", "incident", "--hours", "0.1", "--out", "{tmp}/t.txt"], "the end of the name"),
    "out is a directory": (["simulate", "incident", "--hours", "0.1", "--out", "{tmp}/d.csv"], "this is a directory"),
    "out under a file": (["simulate", "incident", "--hours", "0.1", "--out", "{log}/t.csv"], "cannot be written"),
    "run on a missing log": (["run", "--trace", "{tmp}/none.csv", "--out", "{tmp}/b"], "No such file"),
    "run on an empty log": (["run", "--trace", "{empty}", "--out", "{tmp}/b"], "the log holds no rows"),
    "classes of a workload": (["run", "--class", "prefix", "--out", "{tmp}/b"], "name one with --trace"),
    "a class by no pattern": (["run", "--trace", "{log}", "--class", "(a", "--out", "{tmp}/b"], "nor a pattern"),
    "a class by no column": (
        ["run", "--trace", "{log}", "--class", "column:x", "--out", "{tmp}/b"],
        "there is no column 'x'; the columns are: 'time', 'session'",
    ),
    "run on an unknown workload": (["run", "--workload", "nosuch", "--out", "{tmp}/b"], "no workload 'nosuch'"),
    "run of an unknown notebook": (["run", "--notebook", "99_x", "--out", "{tmp}/b"], "no notebook '99_x': choose one"),
    "undeclared parameter": (["run", "--parameter", "sede=3", "--out", "{tmp}/b"], "declares no parameter 'sede'"),
    "parameter without value": (["run", "--parameter", "seed", "--out", "{tmp}/b"], "write NAME=VALUE"),
    "parameter with an option": (["run", "--parameter", "trace=x", "--out", "{tmp}/b"], "has an option of its own"),
    "run into a file": (["run", "--out", "{log}"], "cannot be written"),
    "run under a file": (["run", "--out", "{log}/b"], "cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_status_2_and_leaves_nothing(capsys, tmp_path, log, case):
    arguments, expected = BAD[case]
    empty = tmp_path / "empty.csv"
    empty.write_text("time,session\n")
    plain = tmp_path / "plain.csv"
    plain.write_text("time,session\n1,a\n")
    (tmp_path / "d.csv").mkdir()
    names = {"tmp": tmp_path, "log": log, "empty": empty, "plain": plain}
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(capsys, *(argument.format(**names) for argument in arguments))
    assert status == 2
    assert out == ""
    assert err.startswith(f"simlib {arguments[0]}: ")
    assert err.count("\n") == 1
    assert expected.format(**names) in err
    assert sorted(tmp_path.rglob("*")) == before


def test_usage_errors_have_status_2(capsys):
    for arguments in ([], ["replay"], ["run", "--profile", "huge"], ["run", "--jobs", "0"], ["simulate", "incident"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_without_a_command_it_prints_help_and_has_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.err == "simlib: name a command\n"
    for command in ("run", "simulate", "replay", "sweep", "convert"):
        assert f"\n    {command} " in captured.out


def test_the_help_of_a_sweep_says_which_designs_it_takes(capsys):
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    assert f"(default: {' and '.join(INCIDENT)})" in " ".join(capsys.readouterr().out.split())


def test_a_damaged_log_leaves_an_earlier_pack_alone(capsys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("earlier")
    log = tmp_path / "cut.csv.gz"
    log.write_bytes(gzip.compress(STREAM.encode() * 99)[:-9])
    status, _, err = run(capsys, "run", "--trace", log, "--out", out)
    assert status == 2
    assert "truncated" in err
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_a_usage_error_is_one_line_too(capsys, log):
    for arguments in (
        ["replay", log, "--max-entries", "x"],
        ["run", "--workload", "a", "--trace", "b"],
        ["replay"],
        [],
    ):
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def day(tmp_path):
    """A log of three days: forty sessions in turn, each every ten minutes."""
    path = tmp_path / "day.csv"
    rows = (f"{15 * row},s{row % 40}\n" for row in range(3 * 5760))
    path.write_text("time,session\n" + "".join(rows))
    return path


def test_advise_prints_the_contracted_object(capsys, day):
    status, out, err = run(capsys, "advise", day, "--ttl", "5m", "--max-entries", 1024, "--json")
    assert status == 0
    assert err.startswith("day.csv: CSV, time time, session session, ")
    result = json.loads(out)
    assert result["targets_met"] is True
    assert (result["now"]["ttl_seconds"], result["now"]["max_entries"]) == (300, 1024)
    assert result["evidence"]["covers_a_day"] is True
    # 40 sessions at twice the traffic, and 1 + 1/3 for the length of the log.
    assert 107 <= result["recommended"]["max_entries"] <= 134
    assert result["commands"][0] == f"python -m simlib advise {day} --max-entries 1024 --ttl 5m"


def test_the_commands_of_advise_reproduce_it(capsys, day):
    result = json.loads(run(capsys, "advise", day, "--max-lost", "0.5%", "--json")[1])
    again, replayed = (command.split()[3:] for command in result["commands"])
    assert json.loads(run(capsys, *again, "--json")[1]) == result
    totals = json.loads(run(capsys, *replayed, "--json")[1])
    assert totals["lost_counts"] / totals["increments"] == result["recommended"]["lost_count_share"]


def test_advise_for_people_has_six_blocks(capsys, day):
    status, out, _ = run(capsys, "advise", day)
    assert status == 0
    heads = [line for line in out.splitlines() if line and not line.startswith(" ")]
    assert heads == ["Verdict", "Why", "Evidence", "Choices", "Breaks at", "Do"]


def test_advise_takes_a_workload(capsys):
    result = json.loads(run(capsys, "advise", "steady", "--json")[1])
    assert (result["targets_met"], result["evidence"]["parts"]) == (True, 5)
    assert "simulate steady" in result["commands"][1]


def test_advise_refuses_a_log_that_cannot_say_in_one_line_and_in_the_object(capsys, log):
    status, out, err = run(capsys, "advise", log, "--json")
    assert (status, json.loads(out)["confidence"]) == (2, "refused")
    assert err.count("\n") == 1
    assert "instants" in err
    assert run(capsys, "advise", log)[:2] == (2, "")


def test_advise_names_the_counters_that_there_are(capsys, day):
    status, out, err = run(capsys, "advise", day, "--counter", "drops")
    assert (status, out) == (2, "")
    assert err.endswith(f"simlib advise: {day}: no row has the counter 'drops': there is no_client\n")


def test_a_file_that_cannot_be_read_is_named(capsys, monkeypatch):
    def read(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "build/heap.csv")

    monkeypatch.setattr("simlib.report.compare.compare", read)
    assert run(capsys, "compare", "a", "b") == (2, "", "simlib compare: build/heap.csv: Permission denied\n")


@pytest.mark.parametrize(
    "wrong",
    [
        ("nowhere",),
        ("steady", "--max-lost", "1"),
        ("steady", "--max-lost", "101%"),
        ("steady", "--memory", "64"),
        ("steady", "--memory", "0MiB"),
        ("steady", "--headroom", "0"),
        ("steady", "--max-stall", "1ms,2ms"),
        ("steady", "--max-stall", "0"),
        ("steady", "--max-stall", "-1s"),
    ],
)
def test_advise_refuses_wrong_options_in_one_line(capsys, wrong):
    try:
        status = main(["advise", *wrong])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert capsys.readouterr().err.count("\n") == 1
