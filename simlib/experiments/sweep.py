"""Replays many workloads, or a log, into many stores and writes one table: a row for each point of a grid and counter.

Any executor may do the work: neither it nor the order of completion changes the table. A finished point is journalled
before it is reported, so a kill loses none. Refuses empty grids, and workers that run another version of this code.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from itertools import groupby, product
from pathlib import Path

import pandas as pd

from simlib.core.errors import InputError, Stopped
from simlib.core.files import code_digest, held, whole_file
from simlib.core.units import HOUR, MAX_NS
from simlib.experiments.journal import Journal
from simlib.replay import ledger
from simlib.replay.ledger import Totals
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, find_design
from simlib.traces.chunks import open_stream
from simlib.traces.codes import COUNTERS
from simlib.workloads.generator import generated
from simlib.workloads.schema import Workload

JOURNAL, TABLE = "sweep.jsonl", "sweep.csv"

BATCH = 64
"""Most stores that one task replays a stream into: what a kill can cost."""

AHEAD = 1024
"""Most tasks that an executor holds at a time."""

MOST_POINTS = 200_000

COLUMNS = [
    *("workload", "hours", "seed", "counter", "design", "max_entries", "ttl_seconds", "prune_every"),
    *(field.name for field in fields(Totals)),
]
"""The columns of the table: the labels of a row, then every total."""

CODE = code_digest()
"""Digest of the code that this process runs, computed at import, as the files may change later."""


@dataclass(frozen=True)
class Log:
    """A trace file in place of a workload: what matters of it are its name, its `duration` (ns) and its content."""

    name: str
    duration: int
    digest: str
    file: Path = field(repr=False)


@dataclass(frozen=True)
class Point:
    """One store of a design over one workload under one seed, or over a log under None.

    Settings that the design does not use are the default.
    """

    workload: Workload | Log
    seed: int | None
    design: str
    settings: Settings

    @property
    def place(self) -> tuple:
        """The sort key of the canonical order: workloads by name, designs as `stores` lists them."""
        return (*self.stream, list(DESIGNS).index(self.design), *vars(self.settings).values())

    @property
    def stream(self) -> tuple:
        """The key of the point's stream; points with the same key share one."""
        return self.workload.name, self.workload.duration, self.seed

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 over everything that the result depends on: workload, seed, design, settings and code."""
        content = [repr(self.workload), self.seed, self.design, asdict(self.settings), CODE]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def labels(self) -> dict:
        """Return the columns of the table that name the stream of a row."""
        return {"workload": self.workload.name, "hours": self.workload.duration / HOUR, "seed": self.seed}

    def report(self, totals: Totals) -> dict:
        """Return the columns of the table that describe the store and its totals, as `replay --json` prints them."""
        return ledger.report(self.design, self.settings, totals)


def grid(
    workloads: Sequence[Workload | Log],
    seeds: Sequence[int | None],
    designs: Sequence[str],
    max_entries: Sequence[int],
    ttls: Sequence[int],
    prune_everys: Sequence[int],
) -> list[Point]:
    """List every combination once, in canonical order; `ttls` in ns.

    Raises InputError for a value that is not allowed, and where there are no points or too many.
    """
    points = 1
    for axis in (workloads, seeds, designs, max_entries, ttls, prune_everys):
        points *= len(axis)
    if not 0 < points <= MOST_POINTS:
        raise InputError(f"this sweep has {points:,} points: at least 1, at most {MOST_POINTS:,}")
    for seed in seeds:
        if seed is not None and not 0 <= seed <= MAX_NS:
            raise InputError(f"seed {seed} is out of range: from 0 to {MAX_NS}")
    for design in designs:
        find_design(design)
    settings = [Settings(*each) for each in product(max_entries, ttls, prune_everys)]
    return in_order(
        Point(workload, seed, design, find_design(design).used(each))
        for workload, seed, design in product(workloads, seeds, designs)
        for each in settings
    )


def in_order(points: Iterable[Point]) -> list[Point]:
    """Sort points into canonical order, each once. Raises InputError where two would have the same labels."""
    kept = {}
    for point in points:
        if kept.setdefault(point.place, point).fingerprint != point.fingerprint:
            raise InputError(f"two workloads are called {point.workload.name!r}: give them different names")
    return [kept[place] for place in sorted(kept)]


@contextmanager
def opened(out: Path) -> Iterator[Journal]:
    """Open the journal of the sweeps in a folder, which is locked for this process.

    Raises InputError where the folder cannot be written or another process has locked it.
    """
    with held(out):
        yield Journal(out / JOURNAL)


def workload_totals(
    workload: Workload | Log, seed: int | None, stores: Sequence[tuple[str, Settings]]
) -> list[dict[str, Totals]]:
    """Replay a workload under a seed, or a log, into each (design, settings); return the totals of each by counter.

    Raises InputError for an unknown design.
    """
    specs = [Spec(design, settings, counter) for design, settings in stores for counter in COUNTERS]
    stream = open_stream(workload.file) if isinstance(workload, Log) else generated(workload, seed)
    totals = iter(stream_totals(stream, specs))
    return [{counter: next(totals) for counter in COUNTERS} for _ in stores]


def unfinished(points: Iterable[Point], journal: Journal) -> list[Point]:
    """List the points that the journal does not hold."""
    return [point for point in points if point.fingerprint not in journal]


def sweep(
    points: Iterable[Point], journal: Journal, executor: Executor, on_progress: Callable[[int], object]
) -> pd.DataFrame:
    """Compute the points that the journal does not hold; return the table of all.

    `on_progress` receives the number of points finished since its last call. The table has a row for each point and
    counter, in canonical order: the point's labels and every total. Tasks that have not begun when this raises are
    cancelled. Raises InputError where a worker runs another version of this code, and Stopped where a task or its
    executor failed.
    """
    points = in_order(points)

    def keep(task: _Task, results: list[dict[str, Totals]]) -> None:
        journal.append(
            {
                "fingerprint": point.fingerprint,
                **point.labels(),
                "ledgers": {counter: point.report(totals) for counter, totals in result.items()},
            }
            for point, result in zip(task.points, results, strict=True)
        )
        on_progress(len(results))

    _compute(_tasks(unfinished(points, journal)), executor, keep)
    return _table(points, journal)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, whole or not at all; a setting that a design does not use is left empty."""
    with whole_file(path) as file:
        table.to_csv(file, index=False, lineterminator="\n")


@dataclass(frozen=True)
class _Task:
    """Points of the same stream, which is generated once for all of them."""

    points: Sequence[Point]

    def __str__(self) -> str:
        point = self.points[0]
        return point.workload.name if point.seed is None else f"{point.workload.name} under seed {point.seed}"

    def submit(self, executor: Executor) -> Future:
        stores = [(point.design, point.settings) for point in self.points]
        return executor.submit(_run, self.points[0].workload, self.points[0].seed, stores)


def _tasks(points: Sequence[Point]) -> Iterator[_Task]:
    for _, group in groupby(points, key=lambda point: point.stream):
        group = list(group)
        for begin in range(0, len(group), BATCH):
            yield _Task(group[begin : begin + BATCH])


def _run(
    workload: Workload | Log, seed: int | None, stores: list[tuple[str, Settings]]
) -> tuple[str, list[dict[str, Totals]]]:
    """Do a task in a worker; return the digest of the code that it runs, and the totals of the stores."""
    return CODE, workload_totals(workload, seed, stores)


def _compute(tasks: Iterable[_Task], executor: Executor, keep: Callable[[_Task, list], None]) -> None:
    """Submit the tasks, at most AHEAD at a time, and keep the results of each when it ends."""
    running: dict[Future, _Task] = {}

    def collect() -> None:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            keep(running[future], _results(running[future], future))
            del running[future]

    try:
        for task in tasks:
            with _stopping(task):
                future = task.submit(executor)
            running[future] = task
            # An executor that works within `submit` would otherwise reach the journal only at the end.
            if future.done() or len(running) == AHEAD:
                collect()
        while running:
            collect()
    except BaseException:
        for future in running:
            future.cancel()
        for future, task in running.items():
            if future.done() and not future.cancelled() and not future.exception() and future.result()[0] == CODE:
                keep(task, future.result()[1])
        raise


def _results(task: _Task, future: Future) -> list[dict[str, Totals]]:
    with _stopping(task):
        code, results = future.result()
    if code != CODE:
        raise InputError("a worker runs another version of simlib than this process: give both the same")
    return results


@contextmanager
def _stopping(task: _Task) -> Iterator[None]:
    """Convert any failure of a task or of its executor to Stopped."""
    try:
        yield
    except BrokenExecutor as error:
        raise Stopped(f"{task}: its worker process ended early (out of memory, or killed)") from error
    except CancelledError as error:
        raise Stopped(f"{task}: cancelled by the executor, which may be gone") from error
    except Exception as error:
        raise Stopped(f"{task}: {type(error).__name__}: {error}") from error


def _table(points: Iterable[Point], journal: Journal) -> pd.DataFrame:
    rows = []
    for point in points:
        ledgers = journal[point.fingerprint]["ledgers"]
        for counter in COUNTERS:
            if isinstance(point.workload, Log) and not ledgers[counter]["increments"] + ledgers[counter]["deletes"]:
                continue  # The log does not have this counter.
            cells = point.labels() | {"counter": counter} | ledgers[counter]
            rows.append([cells[name] for name in COLUMNS])
    # A setting that a design does not use, or a log's seed, is missing; Int64 keeps the others whole numbers.
    kinds = {"seed": "Int64", "max_entries": "Int64", "ttl_seconds": "float64", "prune_every": "Int64"}
    return pd.DataFrame(rows, columns=COLUMNS).astype(kinds)
