"""Many stores over many workloads: a grid of points, worked off by any executor, as one tidy table.

Owns which points there are, how they are dealt out as tasks, and the order of the table, in which neither the executor
nor the order of completion shows. A point that is finished is in the journal before anybody is told, so no kill loses
one. Refuses grids with nothing in them, and workers that run another version of this code. Next: the table is for
figures and for whoever reads it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
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
from simlib.traces.trace import COUNTERS
from simlib.workloads.generator import generated
from simlib.workloads.schema import Workload

JOURNAL, TABLE = "sweep.jsonl", "sweep.csv"

BATCH = 64
"""Stores that hear a stream at most in one task, so that a kill costs no more than that."""

AHEAD = 1024
"""Tasks that an executor is given at most before it has done the first of them."""

MOST_POINTS = 200_000

COLUMNS = [
    *("workload", "hours", "seed", "counter", "design", "max_entries", "ttl_seconds", "prune_every"),
    *(field.name for field in fields(Totals)),
]
"""Of the table: what a row is of, then every total."""

CODE = code_digest()
"""The code that this process runs: taken when it was imported, as the files may change later."""


@dataclass(frozen=True)
class Point:
    """One store of a design over one workload under one seed; settings that the design does not use are the default."""

    workload: Workload
    seed: int
    design: str
    settings: Settings

    @property
    def place(self) -> tuple:
        """Where the point stands in the canonical order: workloads by name, designs as `stores` lists them."""
        return (*self.stream, list(DESIGNS).index(self.design), *vars(self.settings).values())

    @property
    def stream(self) -> tuple:
        """What tells the stream that the store hears from those of other points."""
        return self.workload.name, self.workload.duration, self.seed

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that the result depends on: the whole workload, seed, design, settings and code."""
        content = [repr(self.workload), self.seed, self.design, asdict(self.settings), CODE]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def labels(self) -> dict:
        """The columns of the table that say which stream a row is of."""
        return {"workload": self.workload.name, "hours": self.workload.duration / HOUR, "seed": self.seed}

    def report(self, totals: Totals) -> dict:
        """The columns of the table that say what the store was and did, as `replay --json` prints them."""
        return ledger.report(self.design, self.settings, totals)


def grid(
    workloads: Sequence[Workload],
    seeds: Sequence[int],
    designs: Sequence[str],
    max_entries: Sequence[int],
    ttls: Sequence[int],
    prune_everys: Sequence[int],
) -> list[Point]:
    """Every combination once, in canonical order; `ttls` in ns.

    Raises InputError for what will not do, and where there are no points or too many.
    """
    points = 1
    for axis in (workloads, seeds, designs, max_entries, ttls, prune_everys):
        points *= len(axis)
    if not 0 < points <= MOST_POINTS:
        raise InputError(f"this sweep has {points:,} points: at least 1, at most {MOST_POINTS:,}")
    for seed in seeds:
        if not 0 <= seed <= MAX_NS:
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
    """The points in canonical order, each once. Raises InputError where the table could not tell two apart."""
    kept = {}
    for point in points:
        if kept.setdefault(point.place, point).fingerprint != point.fingerprint:
            raise InputError(f"two workloads are called {point.workload.name!r}: give them different names")
    return [kept[place] for place in sorted(kept)]


@contextmanager
def opened(out: Path) -> Iterator[Journal]:
    """The journal of the sweeps in a folder, which this process holds alone meanwhile.

    Raises InputError where the folder cannot be written, or another process holds it.
    """
    with held(out):
        yield Journal(out / JOURNAL)


def workload_totals(workload: Workload, seed: int, stores: Sequence[tuple[str, Settings]]) -> list[dict[str, Totals]]:
    """For each (design, settings) the ledger of each counter's store over a workload under a seed.

    Raises ValueError for an unknown design.
    """
    specs = [Spec(design, settings, counter) for design, settings in stores for counter in COUNTERS]
    totals = iter(stream_totals(generated(workload, seed), specs))
    return [{counter: next(totals) for counter in COUNTERS} for _ in stores]


def unfinished(points: Iterable[Point], journal: Journal) -> list[Point]:
    """The points that the journal does not hold."""
    return [point for point in points if point.fingerprint not in journal]


def sweep(points: Iterable[Point], journal: Journal, executor: Executor, tell: Callable[[int], object]) -> pd.DataFrame:
    """Work off the points that the journal does not hold; `tell` hears how many more are finished, again and again.

    The table has a row for each point and counter, in canonical order: the point's labels and every total. What is not
    yet begun when this raises is cancelled. Raises InputError where a worker runs another version of this code, and
    Stopped where a task failed or its executor did.
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
        tell(len(results))

    _work_off(_tasks(unfinished(points, journal)), executor, keep)
    return _table(points, journal)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, whole or not at all; a setting that a design does not have is left empty."""
    with whole_file(path) as file:
        table.to_csv(file, index=False, lineterminator="\n")


@dataclass(frozen=True)
class _Task:
    """Points that hear the same stream, which is made once for all of them."""

    points: Sequence[Point]

    def __str__(self) -> str:
        return f"{self.points[0].workload.name} under seed {self.points[0].seed}"

    def submit(self, executor: Executor) -> Future:
        stores = [(point.design, point.settings) for point in self.points]
        return executor.submit(_run, self.points[0].workload, self.points[0].seed, stores)


def _tasks(points: Sequence[Point]) -> Iterator[_Task]:
    for _, group in groupby(points, key=lambda point: point.stream):
        group = list(group)
        for begin in range(0, len(group), BATCH):
            yield _Task(group[begin : begin + BATCH])


def _run(workload: Workload, seed: int, stores: list[tuple[str, Settings]]) -> tuple[str, list[dict[str, Totals]]]:
    """What a worker does: the code that it runs, and the ledgers of the stores."""
    return CODE, workload_totals(workload, seed, stores)


def _work_off(tasks: Iterable[_Task], executor: Executor, keep: Callable[[_Task, list], None]) -> None:
    """Hand out the tasks, some ahead, and keep the results of each as it ends."""
    running: dict[Future, _Task] = {}

    def collect() -> None:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            keep(running[future], _results(running[future], future))
            del running[future]

    try:
        for task in tasks:
            with _told_as_stopped(task):
                future = task.submit(executor)
            running[future] = task
            # An executor that does at once what it is given would else come to the journal only at the end.
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
    with _told_as_stopped(task):
        code, results = future.result()
    if code != CODE:
        raise InputError("a worker runs another version of simlib than this process: give both the same")
    return results


@contextmanager
def _told_as_stopped(task: _Task) -> Iterator[None]:
    """Whatever a task raises, or the executor at its hands, as Stopped."""
    try:
        yield
    except BrokenExecutor as error:
        raise Stopped(f"{task}: a worker process died (out of memory, or killed)") from error
    except CancelledError as error:
        raise Stopped(f"{task}: cancelled by the executor, which may be gone") from error
    except Exception as error:
        raise Stopped(f"{task}: {type(error).__name__}: {error}") from error


def _table(points: Iterable[Point], journal: Journal) -> pd.DataFrame:
    rows = []
    for point in points:
        ledgers = journal[point.fingerprint]["ledgers"]
        for counter in COUNTERS:
            cells = point.labels() | {"counter": counter} | ledgers[counter]
            rows.append([cells[name] for name in COLUMNS])
    # A setting that a design does not have is missing, and the others stay whole numbers.
    kinds = {"max_entries": "Int64", "ttl_seconds": "float64", "prune_every": "Int64"}
    return pd.DataFrame(rows, columns=COLUMNS).astype(kinds)
