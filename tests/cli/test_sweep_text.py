"""A sweep for people: the best rows of its table, and a log in place of workloads."""

import csv

import pandas as pd
import pytest

from simlib.cli.main import main
from simlib.cli.sweep_text import EXPLAINED, FIGURES, HEADING, TITLES, best_rows
from simlib.workloads.entry import UNKNOWN, Entry, Limit

NOTHING = dict.fromkeys(FIGURES, 0)


def table(*rows):
    store = {"workload": "a", "counter": "no_client", "design": "bounded", "max_entries": 8}
    whole = pd.DataFrame([{**store, "ttl_seconds": 60.0, "prune_every": 16, **NOTHING, **row} for row in rows])
    return whole.astype({"max_entries": "Int64", "prune_every": "Int64"})


KILOBYTE = Entry(given=1024)


def best(*rows, limit=UNKNOWN):
    return best_rows(table(*rows), {"a": (KILOBYTE, limit), "b": (KILOBYTE, limit)})


def shown(*rows, limit=UNKNOWN):
    return [" ".join(line.split()) for line in best(*rows, limit=limit).splitlines()[2:-1]]


def test_it_says_how_the_rows_are_chosen_and_what_the_columns_are():
    lines = best({"increments": 1}).splitlines()
    assert (lines[0], lines[-1]) == (HEADING, EXPLAINED)
    assert lines[1].split() == " ".join(TITLES).split()


def test_fewest_counts_lost_or_shared_come_first_and_then_the_lowest_peak():
    found = shown(
        {"increments": 100, "max_entries": 1, "lost_counts": 5, "peak_entries": 1},
        {"increments": 100, "max_entries": 2, "lost_counts": 1, "peak_entries": 9},
        {"increments": 100, "max_entries": 3, "lost_counts": 1, "peak_entries": 7},
        {"increments": 100, "max_entries": 4, "overflow_counts": 1, "inherited_counts": 1, "peak_entries": 3},
    )
    assert found == [
        "a no_client bounded 3 1 min 16 7 7 KiB 0 % 1 % 0 %",
        "a no_client bounded 2 1 min 16 9 9 KiB 0 % 1 % 0 %",
        "a no_client bounded 4 1 min 16 3 3 KiB 0 % 0 % 2 %",
    ]


def test_seeds_are_averaged_and_workloads_and_counters_keep_their_order():
    found = shown(
        {"workload": "b", "increments": 100, "cap_evictions": 10, "false_evictions": 1, "lost_counts": 2},
        {"workload": "b", "increments": 300, "ttl_evictions": 10, "false_evictions": 3, "lost_counts": 6},
        {"workload": "a", "increments": 50, "counter": "drops"},
    )
    assert found == [
        "b no_client bounded 8 1 min 16 0 0 MiB 20 % 2 % 0 %",
        "a drops bounded 8 1 min 16 0 0 MiB 0 % 0 % 0 %",
    ]


def test_what_has_no_bound_or_no_increments_is_left_out():
    none = {"max_entries": pd.NA, "ttl_seconds": float("nan"), "prune_every": pd.NA}
    assert best({"increments": 1, **none}) == ""
    assert best({"increments": 1, "max_entries": 0, "ttl_seconds": 0.0}) == ""
    assert best({"increments": 0}) == ""
    assert shown({"increments": 1, "max_entries": 0}, {"increments": 1, **none | {"max_entries": 4}}) == [
        "a no_client bounded off 1 min 16 0 0 MiB 0 % 0 % 0 %",
        "a no_client bounded 4 not used not used 0 0 MiB 0 % 0 % 0 %",
    ]


def test_stores_above_the_limit_are_left_out():
    rows = {"increments": 1, "peak_entries": 4096}, {"increments": 1, "max_entries": 9, "peak_entries": 4097}
    for limit in (Limit(mib=4), Limit(entries=4096)):
        *stores, _, left_out = [" ".join(line.split()) for line in best(*rows, limit=limit).splitlines()[2:]]
        assert stores == ["a no_client bounded 8 1 min 16 4096 4 MiB 0 % 0 % 0 %"]
        assert left_out == "Left out, as they exceed the limit at their peak: 1 of 2 stores."
    assert best(*rows, limit=Limit(mib=1)) == "No store with a bound stays within the limit."


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,session\n0,a\n60,b\n120,a\n")
    return path


def test_a_sweep_of_a_log_has_only_its_counters_and_is_kept_by_its_content(capsys, tmp_path, log):
    command = ["sweep", "--trace", str(log), "--max-entries", "1,2", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(": 3 points, 0 of them kept\n")
    rows = list(csv.DictReader((tmp_path / "out" / "sweep.csv").read_text().splitlines()))
    assert [(row["design"], row["max_entries"], row["lost_counts"]) for row in rows] == [
        ("unbounded", "", "0"),
        ("bounded", "1", "1"),
        ("bounded", "2", "0"),
    ]
    assert {(row["workload"], row["seed"], row["counter"]) for row in rows} == {("log.csv", "", "no_client")}
    (tmp_path / "elsewhere").mkdir()
    moved = log.rename(tmp_path / "elsewhere" / "log.csv")
    command[2] = str(moved)
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(": 3 points, 3 of them kept\n")
    moved.write_text(moved.read_text() + "120,c\n")
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(": 3 points, 0 of them kept\n")


@pytest.mark.parametrize(
    ("rows", "more", "expected"),
    [
        ("", [], "log.csv: the log holds no rows"),
        ("0,a\n", ["--seeds", "1-3"], "--seeds and --hours are for workloads: leave them out with --trace"),
        ("0,a\n", ["--hours", "1"], "--seeds and --hours are for workloads: leave them out with --trace"),
    ],
)
def test_a_sweep_of_a_log_refuses_in_one_line(capsys, tmp_path, log, rows, more, expected):
    log.write_text("time,session\n" + rows)
    assert main(["sweep", "--trace", str(log), "--out", str(tmp_path / "out"), *more]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert expected in captured.err
    assert not (tmp_path / "out").exists()
