"""One registry: every way to name a design knows the same list, and refuses the rest in the same words."""

import json
import os
import subprocess
import sys

import pytest

from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.core.units import MINUTE
from simlib.experiments import sweep
from simlib.models import heap
from simlib.models.footprint import Footprint
from simlib.replay import ledger, observe, totals
from simlib.stores import registry
from simlib.stores.contract import Design, Settings
from simlib.stores.unbounded import UnboundedStore
from simlib.traces.chunks import stream_of
from simlib.workloads.entry import Limit
from simlib.workloads.schema import load_workload
from tests.builders import trace_of
from tests.paths import ROOT

REFUSED = f"unknown design 'lru': choose one of {', '.join(registry.DESIGNS)}"
TRACE = trace_of([(0, "a", "increment"), (1, "b", "increment"), (2, "a", "increment"), (3, "b", "delete")])
WORKLOAD = load_workload("incident").lasting(MINUTE)

WAYS = {
    "find_design": registry.find_design,
    "make_store": registry.make_store,
    "Observed": observe.Observed,
    "reference": lambda name: observe.reference(TRACE, name),
    "replay": lambda name: observe.replay(TRACE, name),
    "StreamedStore": lambda name: totals.StreamedStore(totals.Spec(name)),
    "stream_totals": lambda name: totals.stream_totals(stream_of(TRACE), [totals.Spec(name)]),
    "grid": lambda name: sweep.grid([WORKLOAD], [1], [name], [1], [1], [1]),
    "workload_totals": lambda name: sweep.workload_totals(WORKLOAD, 1, [(name, Settings())]),
    "report": lambda name: ledger.report(name, Settings(), ledger.totals(TRACE, observe.replay(TRACE, "unbounded"))),
    "heap_model": lambda name: heap.heap_model(name, heap.GO_VERSIONS[0]),
    "table_bytes": lambda name: heap.table_bytes(name, heap.GO_VERSIONS[0], 1, 1, False),
    "entries_at": lambda name: Footprint().entries_at(Limit(mib=1), name),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_name_a_design_knows_the_same_list(way):
    with pytest.raises(InputError) as refused:
        WAYS[way]("lru")
    assert str(refused.value) == REFUSED
    for name, design in registry.DESIGNS.items():
        blind = design.needs_future and way in ("make_store", "Observed")
        whole = totals.chunked_rule(totals.Spec(name)) is None and way == "StreamedStore"
        if not blind and not whole:
            WAYS[way](name)


@pytest.mark.parametrize("command", ["replay", "sweep"])
def test_the_commands_know_it_too(command, tmp_path, capsys):
    log = tmp_path / "log.csv"
    log.write_text("time,session\n0,a\n1,b\n2,a\n")
    call = {
        "replay": ["replay", str(log), "--json"],
        "sweep": ["sweep", "--workload", "incident", "--hours", "0.01", "--jobs", "1", "--out", str(tmp_path / "out")],
    }[command]
    assert main([*call, "--design", "lru"]) == 2
    assert capsys.readouterr().err.endswith(f"{REFUSED}\n")
    for name, design in registry.DESIGNS.items():
        assert main([*call, "--design", name]) == 0
        out = capsys.readouterr().out
        if command == "replay":
            found = json.loads(out)
            assert found["design"] == name
            named = {"max_entries": "max_entries", "ttl": "ttl_seconds", "prune_every": "prune_every"}
            named["sweep"] = "sweep_seconds"
            used = {setting for setting, field in named.items() if found.get(field) is not None}
            assert used == set(design.settings)


def test_the_two_of_the_incident_stand_first():
    assert list(registry.DESIGNS)[:2] == ["unbounded", "bounded"] == list(registry.INCIDENT)
    assert (registry.LEAKED, registry.SHIPPED) == registry.INCIDENT
    assert [registry.find_design(name).role for name in registry.INCIDENT] == ["leaked", "shipped"]


TRIAL = """
from simlib.stores.bounded import BoundedStore, rule_of
from simlib.stores.contract import Design

def half(settings):
    return settings.max_entries // 2

DESIGN = Design(
    "trial",
    lambda settings: BoundedStore(settings, keep=half(settings)),
    go_map="map",
    colour="#000000",
    compiled=lambda settings: rule_of(settings, keep=half(settings)),
)
"""
"""A candidate in a file of its own: at its cap it evicts half of its entries."""


def test_one_file_is_enough_for_a_design_to_be_replayed_swept_and_reported(tmp_path):
    """A module that appears among the stores is found by each new process, the workers of a sweep too."""
    (tmp_path / "trial.py").write_text(TRIAL)
    # Runs as each process starts: the module stands among the stores without being written there.
    (tmp_path / "sitecustomize.py").write_text(
        f"import simlib.stores\nsimlib.stores.__path__.append({str(tmp_path)!r})"
    )
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])

    def simlib(*words):
        command = [sys.executable, "-m", "simlib", *words, "--design", "trial", "--max-entries", "4"]
        environment = os.environ | {"PYTHONPATH": paths}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    log, out = tmp_path / "log.csv", tmp_path / "out"
    log.write_text("time,session\n" + "".join(f"{row},s{row}\n" for row in range(5)))
    replayed = json.loads(simlib("replay", str(log), "--json"))
    expected = {"design": "trial", "max_entries": 4, "cap_evictions": 3, "final_entries": 2}
    assert {field: replayed[field] for field in expected} == expected
    shown = simlib("replay", str(log)).split()
    assert shown[shown.index("design") + 1] == "trial"
    assert shown[shown.index("max_entries") + 1] == "4"
    simlib("sweep", "--workload", "incident", "--hours", "0.01", "--jobs", "1", "--out", str(out))
    swept = (out / "sweep.csv").read_text().splitlines()
    assert {"trial"} == {dict(zip(swept[0].split(","), row.split(","), strict=True))["design"] for row in swept[1:]}


def test_only_the_standard_library_is_needed_to_find_them():
    code = (
        "import sys, simlib.stores.registry\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'simlib', '__main__'})"
    )
    ran = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


class _Clairvoyant(UnboundedStore):
    def __init__(self, settings, future):
        super().__init__(settings)
        self.future = future


def test_a_design_that_needs_the_future_gets_it_from_a_trace_and_nowhere_else(monkeypatch):
    seer = Design("seer", _Clairvoyant, go_map="map", colour="#000000", settings=(), needs_future=True)
    monkeypatch.setitem(registry.DESIGNS, "seer", seer)
    # Increments in rows 0, 1 and 2: a comes back in row 2, b is deleted first, a never comes back (4 rows).
    assert observe.reference(TRACE, "seer").store.future == [2, 4, 4]
    (found,) = totals.stream_totals(stream_of(TRACE, 1), [totals.Spec("seer")])
    assert found == ledger.totals(TRACE, observe.replay(TRACE, "unbounded"))
    with pytest.raises(
        InputError, match="design 'seer' needs the future of the stream: record a trace and use `replay`"
    ):
        observe.Observed("seer")
    with pytest.raises(InputError, match="design 'seer' takes no chunks"):
        totals.StreamedStore(totals.Spec("seer"))


def test_designs_with_the_whole_ledger_of_the_shipped_store():
    assert [name for name in registry.DESIGNS if registry.decides_as_shipped(name)] == ["bounded", "heap"]
