"""Replay real Go cache libraries on simulated time and measure them on wall time (`make peers`).

Writes `data/peers/`. The libraries are pinned by a Go module of its own, `calibration/peers/`, whose test binary does
the work: `testing/synctest` fakes the clock of a library, its goroutines included, and runs in tests only. Refuses, in
one line, to begin where the modules cannot be fetched, or where the module's own tests fail.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from simlib.calibration import golang
from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.core.places import PEERS as TABLES
from simlib.models.peers import PEERS, peers_table
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.files import FORMATS, read_trace
from simlib.traces.trace import Trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import WORKED_EXAMPLE, load_workload, workload_names

SOURCE = Path(__file__).parent / "peers"
SEED = 1
REPLICATIONS = 5
GOROUTINES = (1, 8)
REPEATS = 3
"""The number of times that each speed is measured, far apart in time.

The tables have the least of them: others who use the machine only add.
"""

TIMED = [name for name in PEERS if name not in ("expirable_read", "sieve_ttl")]
"""The libraries whose speed is measured: not the two settings that no one should choose."""

CHURN_ROWS, CHURN_NEW, CHURN_KNOWN = 200_000, 0.9, 1000
"""Increments of the churn traffic, the share of them on new ids, and the number of latest ids that the others take."""


def versions() -> dict[str, str]:
    """Return the version of each module that `go.mod` pins, by the module's path."""
    lines = (SOURCE / "go.mod").read_text(encoding="utf-8").splitlines()
    return dict(line.removeprefix("require ").split()[:2] for line in lines if line.count(" v") == 1)


def build() -> Path:
    """Fetch the modules, run the module's tests, and build its test binary.

    Raises InputError where there is no toolchain, no module proxy, or a test fails.
    """
    go = golang.toolchain()
    # The proxy is that of the machine's own Go settings. A module cache that may be removed: `make clean` does.
    environment = golang.environment(go) | {
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(golang.BUILD.resolve() / "modules"),
    }
    del environment["GOPROXY"]
    if "GOPROXY" in os.environ:
        environment["GOPROXY"] = os.environ["GOPROXY"]

    def call(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([go, *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True)

    fetched = call("mod", "download")
    if fetched.returncode:
        reason = " ".join(fetched.stderr.split())[:200]
        raise InputError(f"the Go module proxy cannot be reached, data/peers/ stays as it is: {reason}")
    program = golang.BUILD.resolve() / "peers.test"
    for arguments in (("vet", "."), ("test", "."), ("test", "-c", "-o", str(program), ".")):
        done = call(*arguments)
        if done.returncode:
            raise InputError(f"{SOURCE.name}: go {arguments[0]} failed: {(done.stdout + done.stderr)[:500]}")
    return program


def write_stream(trace: Trace, path: Path) -> None:
    """Write a trace of one counter as `peers/replay_test.go` reads it."""
    columns = ((trace.time, "<i8"), (trace.session, "<i4"), (trace.op, "u1"), (trace.comes_back, "u1"))
    header = json.dumps({"ids": trace.ids.tolist(), "rows": len(trace)}).encode()
    path.write_bytes(
        header + b"\n" + b"".join(np.ascontiguousarray(column, dtype=dtype).tobytes() for column, dtype in columns)
    )


def ask(program: Path, test: str, stream: Path, library: str, **flags: int) -> dict[str, float]:
    """Run one of the program's tests on a stream; return the line of JSON that it prints.

    Raises InputError where it fails.
    """
    shipped = Settings()
    flags |= {"entries": shipped.max_entries}
    arguments = [f"-{name}={value}" for name, value in flags.items()]
    done = subprocess.run(
        [
            program,
            f"-test.run=^{test}$",
            f"-stream={stream}",
            f"-library={library}",
            f"-ttl={shipped.ttl}ns",
            *arguments,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise InputError(f"{library}: {test} failed: {(done.stdout + done.stderr)[:500]}")
    return json.loads(done.stdout.partition("\n")[0])


def streams(logs: Path | None) -> Iterator[tuple[str, str, Trace]]:
    """Yield the source, the name and the trace of every workload and of every log of a directory."""
    for name in workload_names():
        yield "workload", name, generate(load_workload(name), SEED)
    if logs is not None:
        found = sorted(path for path in logs.iterdir() if path.name.endswith(tuple(FORMATS)))
        if not found:
            raise InputError(f"{logs}: no logs here; their names end in {', '.join(FORMATS)}")
        for path in found:
            yield "log", path.name.partition(".")[0], read_trace(path)


def replays(program: Path, logs: Path | None) -> pd.DataFrame:
    """Replay each stream through each library, a row a replication, as `models.peers.peers_table` describes."""
    pinned, rows = versions(), []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, name, trace in streams(logs):
            for counter in COUNTERS:
                only = trace.only(counter)
                if not (only.op == INCREMENT).any():
                    continue
                stream = Path(scratch) / f"{name}-{counter}"
                write_stream(only, stream)
                tasks = [
                    (library, replication)
                    for library, peer in PEERS.items()
                    for replication in range(1, 1 + (REPLICATIONS if peer.randomised else 1))
                ]
                answers = pool.map(lambda task, at=stream: ask(program, "TestReplay", at, task[0], seed=task[1]), tasks)
                for (library, replication), totals in tqdm(
                    zip(tasks, answers, strict=True), total=len(tasks), desc=f"{name}, {counter}"
                ):
                    version = pinned[PEERS[library].module]
                    origin = {"source": source, "trace": name, "counter": counter, "replication": replication}
                    rows.append({"library": library, "version": version, **origin, **totals})
    return pd.DataFrame(rows)


def churn() -> Trace:
    """Return the churn traffic: nine in ten increments on new ids, the others on one of the latest ids."""
    random = np.random.default_rng(SEED)
    new = random.random(CHURN_ROWS) < CHURN_NEW
    new[0] = True
    latest = np.cumsum(new) - 1
    session = np.where(new, latest, np.maximum(latest - random.integers(0, CHURN_KNOWN, CHURN_ROWS), 0))
    ids = [f"sess-{number:032x}" for number in random.permutation(latest[-1] + 1)]
    return Trace.of(np.zeros(CHURN_ROWS), np.array(ids, dtype=object)[session], *np.zeros((2, CHURN_ROWS)))


def speed(program: Path) -> pd.DataFrame:
    """Measure the wall time of an increment of each library, as `models.peers.speeds` describes."""
    incident = generate(load_workload(WORKED_EXAMPLE), SEED).only(COUNTERS[0])
    kept = incident.op == INCREMENT
    increments = Trace.of(
        incident.time[kept], incident.ids[incident.session[kept]], incident.op[kept], incident.counter[kept]
    )
    pinned, rows = versions(), []
    with tempfile.TemporaryDirectory() as scratch:
        for traffic, trace in (("churn", churn()), ("incident", increments)):
            stream = Path(scratch) / traffic
            write_stream(trace, stream)
            for repeat in range(REPEATS):
                for library in tqdm(TIMED, desc=f"speed, {traffic}, {repeat + 1}"):
                    for goroutines in GOROUTINES:
                        answer = ask(program, "TestSpeed", stream, library, goroutines=goroutines)
                        origin = {"library": library, "version": pinned[PEERS[library].module]}
                        rows.append({**origin, "goroutines": goroutines, "traffic": traffic, **answer})
    keys = ["library", "version", "goroutines", "traffic"]
    return pd.DataFrame(rows).groupby(keys, sort=False).min().round(1).reset_index()


def with_logs_kept(table: pd.DataFrame) -> pd.DataFrame:
    """Return a new table of replays with the rows of the logs that the former one has and this one does not."""
    former = peers_table() if (TABLES / "replays.csv").exists() else table
    kept = former[(former["source"] == "log") & ~former["trace"].isin(table["trace"])]
    return pd.concat([table, kept[kept["version"].isin(versions().values())]], ignore_index=True)


def _write(name: str, table: pd.DataFrame) -> None:
    with whole_file(TABLES / name) as file:
        table.to_csv(file, index=False, lineterminator="\n")


def measure(logs: Path | None, only: str | None) -> None:
    """Measure, and write the tables once all of them are there."""
    if logs is not None and not logs.is_dir():
        raise InputError(f"{logs}: not a directory of logs")
    program = build()
    tables = {}
    if only != "replays":
        tables["speed.csv"] = speed(program)
    if only != "speed":
        tables["replays.csv"] = with_logs_kept(replays(program, logs))
    for name, table in tables.items():
        _write(name, table)
    with whole_file(TABLES / "about.json") as file:
        about = {
            "modules": versions(),
            "go": (golang.toolchain().parents[1] / "VERSION").read_text(encoding="utf-8").split()[0],
            "processor": golang.processor(),
            "cores": os.cpu_count(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "settings": {"max_entries": Settings().max_entries, "ttl_seconds": Settings().ttl // 10**9, "seed": SEED},
        }
        file.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure the libraries; return 0, or 2 with one line on standard error where that cannot be done."""
    parser = argparse.ArgumentParser(prog="simlib.calibration.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=Path, metavar="DIR", help="replay the logs of this directory too")
    parser.add_argument("--only", choices=("replays", "speed"), help="measure this table alone")
    options = parser.parse_args(arguments)
    try:
        measure(options.logs, options.only)
    except InputError as error:
        print(f"peers: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
