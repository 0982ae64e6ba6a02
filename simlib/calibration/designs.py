"""Compare the designs that the Go program has with Python's, and measure the time and the memory of an increment."""

import datetime
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from simlib.calibration import golang
from simlib.core.units import HOUR
from simlib.models.heap import HIGH_VOLUME, KEY_LENGTH
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, find_design
from simlib.traces.codes import COUNTERS
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names

STREAMS = 4000

REPEATS = 5
CAP = Settings().max_entries
FILL = 3 * CAP
"""Rows that are applied before the timed ones: in both traffics the store is full by then."""
TIMED = 10_000
GOROUTINES = (1, 8)
LARGE = 100_000
"""Entries, beside the cap, for which the heap of an entry is measured."""
COPIES = 400_000
"""Entries in all copies of a map together whose heap is measured."""


def common(go: golang.Program) -> list[str]:
    """Return the names of the designs that the Go program and the registry both have, in the registry's order."""
    there = go.designs()
    return [name for name in DESIGNS if name in there]


def conform(program: Path) -> dict[str, int]:
    """Compare the ledgers of Go and Python for every design that both have.

    Returns the numbers of `streams`, of `operations`, and of `differences`, each design's own added up.
    """
    counted = {"streams": 0, "operations": 0, "differences": 0}
    random = np.random.default_rng(1)
    drawn = ((_drawn_stream(random), _drawn_settings(random)) for _ in range(STREAMS))
    simulated = (
        (simulate(load_workload(name).lasting((1 if name == "flood" else 6) * HOUR), seed).only(counter), Settings())
        for name in workload_names()
        for seed in (1, 2)
        for counter in COUNTERS
    )
    total = STREAMS + 4 * len(workload_names())
    with golang.Program(program) as go:
        for trace, settings in tqdm(chain(drawn, simulated), total=total, desc="conformance"):
            for design in common(go):
                ours = asdict(ledger.totals(trace, replay(trace, design, settings)))
                counted["streams"] += 1
                counted["operations"] += len(trace)
                counted["differences"] += ours != go.ledger(trace, design, settings)
    return counted


def _drawn_stream(random: np.random.Generator) -> Trace:
    n = int(random.integers(1, 400))
    time = np.cumsum(random.choice([0, 0, 1, 5, 30], n))
    names = [f"s{number}" for number in random.integers(0, random.integers(1, 60), n)]
    return Trace.of(time, names, random.random(n) < 0.15, np.zeros(n))


def _drawn_settings(random: np.random.Generator) -> Settings:
    return Settings(int(random.integers(-1, 40)), int(random.integers(-1, 300)), int(random.integers(1, 20)))


def traffics() -> dict[str, Trace]:
    """Return the traffic of the measurements by name: `churn`, a new session each time, and `incident`, the incident's.

    The incident's runs at eight times its speed, where the cap evicts before the TTL does: 2 increments in 5 are of new
    sessions.
    """
    n = FILL + TIMED
    churn = Trace.of(np.arange(n) * 1_000_000, [f"sess-{i:032x}" for i in range(n)], np.zeros(n), np.zeros(n))
    return {"churn": churn, "incident": simulate(load_workload("incident"), 1).only("no_client").faster(8).first(n)}


def measure(program: Path) -> pd.DataFrame:
    """Measure an increment of each design at the cap, and the live heap of an entry; a row a measurement.

    The times in ns are as callers see them (`go/increments.go`), for a number of `goroutines` that share the store.
    `garbage_bytes` and `allocs` are means of an increment. `heap_bytes_entry` is for a store grown to `entries`, its
    cap. A design that may outgrow its cap has a TTL of 1 ns: with the shipped one nothing would be stale, and it would
    grow. `unbounded` grows in any case.
    """
    traffic, rows = traffics(), []
    with golang.Program(program) as go:
        names = [name for name in go.designs() if name != HIGH_VOLUME]
        origin = {"go": go.version(), "processor": golang.processor(), "date": datetime.date.today().isoformat()}
        for repeat, design in tqdm([(n, design) for n in range(REPEATS) for design in names], desc="designs"):
            heap_bytes = {entries: _heap_bytes(go, design, entries) for entries in (CAP, LARGE)}
            settings = Settings(ttl=1) if _may_grow(design) else Settings()
            measured = [
                {"goroutines": n, "traffic": name, "entries": CAP, **go.increments(trace, design, settings, FILL, n)}
                for name, trace in traffic.items()
                for n in GOROUTINES
            ]
            rows += [
                {"design": design, **each, "heap_bytes_entry": heap_bytes[each["entries"]], "repeat": repeat, **origin}
                for each in (*measured, {"entries": LARGE})
            ]
    return pd.DataFrame(rows)


def _may_grow(design: str) -> bool:
    """Whether a design exceeds its cap where nothing is stale, and no regular prune brings it back."""
    found = find_design(design)
    return found.exceeds_cap and "prune_every" not in found.settings


def _heap_bytes(go: golang.Program, design: str, entries: int) -> float:
    task = {"entries": entries, "keep": entries, "key_length": KEY_LENGTH, "copies": -(-COPIES // entries)}
    settings = vars(Settings(max_entries=entries))
    return go.measure("heap", design=design, settings=settings, **task)["grown"] / entries
