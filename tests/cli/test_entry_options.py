"""The bytes of an entry and the limit as options of the commands."""

import argparse
import json

import pytest

from simlib.cli import run
from simlib.cli.arguments import memory
from simlib.cli.entry_options import PARAMETERS, add_entry_options, entry_and_limit, entry_parameters
from simlib.cli.jobs import plan
from simlib.cli.main import main
from simlib.report.notebooks import declared_parameters, default_parameters, notebook_names, notebook_path
from simlib.workloads.entry import Entry, Limit

LOG = "time,session\n0,a\n60,bbb\n120,a\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return str(path)


def read(*arguments):
    parser = argparse.ArgumentParser()
    add_entry_options(parser)
    return parser.parse_args(arguments)


def test_what_is_given_stands_instead_of_what_is_known():
    known = Entry(2.0, given=300), Limit(entries=5)
    assert entry_and_limit(read(), *known) == known
    given = read("--entry-bytes", "10000", "--memory-limit", "1GiB", "--entry-limit", "2097152")
    assert entry_and_limit(given, *known) == (Entry(2.0, 10_000), Limit(1024, 2_097_152))
    assert entry_and_limit(read("--value-bytes", "200"), *known) == (Entry(2.0, None, 200), known[1])
    assert entry_parameters(read("--memory-limit", "64MiB")) == {"memory_limit_mib": 64}


@pytest.mark.parametrize("notebook", notebook_names())
def test_every_notebook_takes_what_the_options_give(notebook):
    assert {*PARAMETERS.values(), "counter"} <= set(declared_parameters(notebook_path(notebook)))


def test_a_run_passes_them_on_with_every_default(log):
    parser = argparse.ArgumentParser()
    run.add(parser.add_subparsers())
    options = ["--entry-bytes", "500", "--memory-limit", "64MiB", "--counter", "no_client", "--parameter", "ttl=9m"]
    options = parser.parse_args(["run", "--trace", log, "--notebook", "01_memory", *options])
    (job,) = plan(options).jobs
    given = {"trace": log, "entry_bytes": 500, "memory_limit_mib": 64.0, "counter": "no_client", "ttl": "9m"}
    assert job.parameters == default_parameters("01_memory") | given


def test_replay_judges_a_store_by_them(capsys, log):
    assert main(["replay", log, "--entry-bytes", "1048576", "--memory-limit", "1MiB"]) == 0
    out = capsys.readouterr().out
    assert "The store held at most 2 sessions (2 MiB, at the given 1,050,000 bytes an entry; above your limit" in out
    assert main(["replay", log, "--max-entries", "1", "--entry-limit", "1"]) == 0
    assert "within your limit of 1 entry" in capsys.readouterr().out


def advised(capsys, path, *options):
    assert main(["advise", str(path), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def two(tmp_path):
    """Two sessions of `drops` in turn every second for an hour, and one of `no_client` each hundred seconds."""
    rows = [f"{n},s{n % 2},drops" for n in range(3600)] + [f"{n},t,no_client" for n in range(0, 3600, 100)]
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["time,session,counter", *sorted(rows, key=lambda row: int(row.split(",")[0]))]) + "\n")
    return path


def test_advice_is_of_the_given_bytes_and_within_the_limit(capsys, two):
    entry = ("--entry-bytes", "1048576", "--memory-limit")
    found = advised(capsys, two, *entry, "40MiB")
    assert found["now"]["heap_mib"] == 2048
    assert found["recommended"]["heap_mib"] == found["recommended"]["max_entries"] == 32
    assert "--entry-bytes 1048576 --memory-limit 40MiB --memory 40MiB" in found["commands"][0]
    assert "--counter drops --entry-bytes 1048576 --memory-limit 40MiB --design bounded" in found["commands"][1]
    assert not advised(capsys, two, *entry, "16MiB")["targets_met"]
    # A target of its own stands before the limit.
    assert advised(capsys, two, "--entry-bytes", "1048576", "--memory-limit", "16MiB", "--memory", "40MiB")[
        "targets_met"
    ]


def test_a_limit_in_entries_stands_instead_of_memory(capsys, two):
    assert not advised(capsys, two, "--entry-limit", "31")["targets_met"]
    found = advised(capsys, two, "--entry-limit", "32", "--entry-bytes", "1073741824")
    assert (found["targets_met"], found["recommended"]["heap_mib"]) == (True, 32 * 1024)


def test_a_limit_in_entries_of_a_workload_is_its_own(capsys):
    found = advised(capsys, "metric_streams", "--hours", "0.5", "--seeds", "1")
    assert found["recommended"]["max_entries"] <= 2048
    more = advised(capsys, "metric_streams", "--hours", "0.5", "--seeds", "1", "--entry-limit", "100000")
    assert more["recommended"]["max_entries"] > 2048


def test_advice_is_for_the_counter_with_more_increments_or_for_the_one_that_is_named(capsys, two):
    assert advised(capsys, two)["evidence"]["counter"] == "drops"
    found = advised(capsys, two, "--counter", "no_client")
    assert found["evidence"]["counter"] == "no_client"
    assert found["commands"][0].endswith("two.csv --counter no_client")


def test_a_longer_key_takes_more(capsys, tmp_path):
    heaps = []
    for length in (13, 390):
        path = tmp_path / f"{length}.csv"
        path.write_text("time,session\n" + "".join(f"{n},{n:0{length}}x\n" for n in range(100)))
        assert main(["replay", str(path)]) == 0
        (line,) = (each for each in capsys.readouterr().out.splitlines() if each.startswith("  heap "))
        heaps.append(float(line.split("modelled ")[1].split()[0]))
    # Go gives an id of 391 bytes 416, and packs those of 14.
    assert heaps[1] - heaps[0] == pytest.approx(416 - 14, abs=1)


@pytest.mark.parametrize(
    ("text", "bytes_"), [("64MiB", 64 << 20), ("1.5 GiB", 3 << 29), ("512MB", 512_000_000), ("8kB", 8000)]
)
def test_memory_is_read_in_binary_and_decimal_units(text, bytes_):
    assert memory(text) * (1 << 20) == pytest.approx(bytes_, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--entry-bytes", "0"], "--entry-bytes: '0' is not a whole number of at least 1"),
        (["--entry-bytes", "5", "--value-bytes", "5"], "not allowed with argument --entry-bytes"),
        (["--memory-limit", "512"], "'512' is not an amount of memory: write such as 64MiB"),
        (["--entry-limit", str(1 << 50)], "entry_limit: 1.1259e+15 is out of range"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "run"])
def test_what_does_not_fit_is_refused_in_one_line(capsys, log, command, arguments, message):
    source = [log] if command == "replay" else ["--trace", log]
    try:
        status = main([command, *source, *arguments])
    except SystemExit as ended:
        status = ended.code
    err = capsys.readouterr().err
    assert status == 2
    assert message in err
    assert "Traceback" not in err
