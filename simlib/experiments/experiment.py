"""One experiment: a workload simulated under several seeds, or an engineer's own event log.

Both look alike to a notebook: replications, each with its trace, the stores that received it, and classes of sessions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from simlib.core.errors import InputError
from simlib.core.numbers import format_count, format_duration
from simlib.core.units import HOUR, parse_duration
from simlib.replay import ledger
from simlib.replay.observe import Observation, Observed, reference, replay
from simlib.stores.contract import Settings
from simlib.stores.registry import INCIDENT, SHIPPED
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.files import read_trace
from simlib.traces.source import log_name
from simlib.traces.trace import Trace
from simlib.workloads.broadcaster import Timeline
from simlib.workloads.churn import simulate_all
from simlib.workloads.generator import generate
from simlib.workloads.schema import LONGEST, Workload, load_workload

LIVE_DESIGNS = INCIDENT
"""The designs whose stores every experiment observes."""

LOG_MEMORY_LIMIT_MIB = 64.0
"""Memory limit assumed for a log, which does not say how much its process could use."""

SEEN = ("seen once", "seen two to nine times", "seen ten times or more")


@dataclass(frozen=True, eq=False)
class Replication:
    """One replication: every operation from `start` (ns) for `duration` (ns), and the stores that received it.

    `observed` holds a store for each (counter, design). `class_of` is the class of each session of the trace, an index
    into `classes`; int64, (sessions,). `high_volume` is the size over time of the map that the fix left unbounded, with
    an entry for each session that streams token deltas, removed at its last disconnect only; None for a log, which does
    not say. Its bytes: `heap_model(HIGH_VOLUME, go_version)` of `models.heap`, with `high_volume.entries_at(grid)`.
    """

    trace: Trace
    start: int
    duration: int
    observed: Mapping[tuple[str, str], Observation]
    classes: tuple[str, ...]
    class_of: np.ndarray
    high_volume: Timeline | None = None

    @property
    def end(self) -> int:
        """End of the replication, ns."""
        return self.start + self.duration

    @cached_property
    def counters(self) -> dict[str, Trace]:
        """The operations of each counter."""
        return {counter: self.trace.only(counter) for counter in COUNTERS}

    @cached_property
    def ledgers(self) -> dict[tuple[str, str], ledger.Totals]:
        """The ledger of each (counter, design), each checked to balance."""
        return {key: ledger.totals(self.counters[key[0]], observed) for key, observed in self.observed.items()}

    def totals(self, counter: str, design: str) -> ledger.Totals:
        """The ledger of one store."""
        return self.ledgers[counter, design]

    def entries(self, design: str) -> np.ndarray:
        """Entries in both stores of a design together after each operation of the trace; int64, (n,)."""
        return np.cumsum(self._changes(design))

    def entries_by_class(self, design: str, at: np.ndarray) -> pd.DataFrame:
        """Entries in both stores of a design at instants (ns), a column a class.

        Only for a design that never evicts: a removal counts for the session of the operation.
        """
        changes, classes = self._changes(design), self.class_of[self.trace.session]
        columns = {}
        for number, name in enumerate(self.classes):
            columns[name] = self.sample(np.cumsum(np.where(classes == number, changes, 0)), at)
        return pd.DataFrame(columns)

    def kept(self, counter: str, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Entries of a bounded store at instants (ns), and those of them that will be used again; int64, (n,) each."""
        trace, observed = self.counters[counter], self.observed[counter, SHIPPED]
        entries, in_use = np.cumsum(ledger.changes(trace, observed)), ledger.kept_in_use(trace, observed)
        return _sampled(trace, entries, at), _sampled(trace, in_use, at)

    @cached_property
    def warm_up(self) -> int:
        """Time in ns until the bounded stores no longer show that they began empty, at most half of the replication.

        No long-running service begins empty, so rates leave out the time before this. After one TTL, or once a store
        is full, its contents no longer depend on how it began.
        """
        settings, ends = self.observed["no_client", SHIPPED].settings, [self.duration // 2]
        if settings.ttl > 0:
            ends.append(settings.ttl)
        if settings.max_entries > 0:
            full = [
                trace.time[np.cumsum(ledger.changes(trace, self.observed[counter, SHIPPED])) >= settings.max_entries]
                for counter, trace in self.counters.items()
                if len(trace)
            ]
            if all(times.size for times in full):
                ends.append(max(int(times[0]) for times in full) - self.start)
        return min(ends) if len(ends) > 1 else 0

    def after_warm_up(self, counter: str) -> np.ndarray:
        """Whether each operation of a counter comes after the warm-up; bool."""
        return self.counters[counter].time >= self.start + self.warm_up

    def grid(self, points: int = 400) -> np.ndarray:
        """Instants in ns, evenly spaced from the start to the end; int64, (points + 1,)."""
        return self.start + np.array([self.duration * i // points for i in range(points + 1)], dtype=np.int64)

    def sample(self, values: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Sample `values` (one for each operation) at instants (ns); 0 before the first operation."""
        return _sampled(self.trace, values, at)

    def _changes(self, design: str) -> np.ndarray:
        """Entries gained or lost in both stores of a design by each operation of the trace; int64, (n,)."""
        values = np.zeros(len(self.trace), dtype=np.int64)
        for number, counter in enumerate(COUNTERS):
            values[self.trace.counter == number] = ledger.changes(
                self.counters[counter], self.observed[counter, design]
            )
        return values


def _sampled(trace: Trace, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.append(values, 0)[np.searchsorted(trace.time, at, side="right") - 1]


@dataclass(frozen=True, eq=False)
class Experiment:
    """The subject of a notebook: its name, its source and its replications; the first is shown in most detail."""

    name: str
    title: str
    about: str
    source: str
    workload: Workload | None
    memory_limit_mib: float
    settings: Settings
    seeds: tuple[int, ...]
    replications: tuple[Replication, ...]

    @property
    def first(self) -> Replication:
        return self.replications[0]

    @property
    def simulated(self) -> bool:
        """Whether a workload was simulated; otherwise it is a log."""
        return self.workload is not None

    @property
    def digests(self) -> tuple[str, ...]:
        """The hash of each replication's stream."""
        return tuple(each.trace.digest for each in self.replications)

    def caption(self) -> str:
        """State the source and the settings of the figures, in a sentence or two."""
        settings = self.settings
        cap = f"cap {format_count(settings.max_entries)}" if settings.max_entries > 0 else "no cap"
        ttl = f"TTL {format_duration(settings.ttl)}" if settings.ttl > 0 else "no TTL"
        bounds = f"{cap}, {ttl}, prune every {format_count(settings.prune_every)} increments"
        if not self.simulated:
            return (
                f"Event log {self.name}: {format_count(len(self.first.trace))} operations, one realisation; {bounds}."
            )
        n, lasts = len(self.seeds), format_duration(self.first.duration)
        seeds = f"seed {self.seeds[0]}" if n == 1 else f"seeds {self.seeds[0]} to {self.seeds[-1]}, the first is drawn"
        several = f"{n} replication{'s' if n > 1 else ''}"
        return f"Workload {self.name} over {lasts}, {several} ({seeds}); {bounds}."


def open_experiment(
    workload: str = "incident",
    trace: str = "",
    *,
    seed: int = 1,
    replications: int = 1,
    hours: float = 0,
    memory_limit_mib: float = 0,
    max_entries: int = 2048,
    ttl: str = "30m",
    prune_every: int = 256,
    compiled: bool = False,
) -> Experiment:
    """Open a log (where `trace` names a file) or simulate a workload under seeds `seed`, `seed + 1`, ….

    `hours` and `memory_limit_mib` of 0 leave the workload's own; a log is taken whole. `compiled` engines give the same
    traces and ledgers some 50 times as fast, but record neither the kinds of the sessions nor the third map.

    Raises InputError for input that cannot be used.
    """
    settings = check_numbers(replications, hours, memory_limit_mib, max_entries, ttl, prune_every)
    if trace:
        return _log(Path(trace), memory_limit_mib, settings, compiled)
    return _simulated(load_workload(workload), seed, replications, hours, memory_limit_mib, settings, compiled)


def check_numbers(
    replications: int = 1,
    hours: float = 0,
    memory_limit_mib: float = 0,
    max_entries: int = 2048,
    ttl: str = "30m",
    prune_every: int = 256,
) -> Settings:
    """Check all numbers that describe an experiment; return the settings of the bounded store.

    Raises InputError for the first that is out of range.
    """
    if replications < 1:
        raise InputError(f"replications: {replications} is too few: at least 1")
    if not 0 <= hours <= LONGEST / HOUR:
        raise InputError(f"hours: {hours:g} is out of range: 0 for the workload's own, at most {LONGEST // HOUR}")
    if not 0 <= memory_limit_mib < float("inf"):
        raise InputError(f"memory_limit_mib: {memory_limit_mib:g} is out of range: 0 for the workload's own, or more")
    return Settings(max_entries, parse_duration(ttl), prune_every)


def _simulated(
    workload: Workload,
    seed: int,
    replications: int,
    hours: float,
    limit: float,
    settings: Settings,
    compiled: bool,
) -> Experiment:
    workload = workload.lasting(hours * HOUR) if hours else workload
    seeds = tuple(range(seed, seed + replications))
    simulated = _generated_replication if compiled else _simulated_replication
    found = tuple(simulated(workload, each, settings) for each in seeds)
    for each, replication in zip(seeds, found, strict=True):
        if len(replication.trace) == 0:
            lasts = format_duration(workload.duration)
            raise InputError(
                f"workload {workload.name}: nothing is counted within {lasts} (seed {each}): make it last longer"
            )
    return Experiment(
        name=workload.name,
        title=workload.title,
        about=workload.about,
        source=f"workload {workload.name}",
        workload=workload,
        memory_limit_mib=limit or workload.memory_limit_mib,
        settings=settings,
        seeds=seeds,
        replications=found,
    )


def _simulated_replication(workload: Workload, seed: int, settings: Settings) -> Replication:
    observed = {(counter, design): Observed(design, settings) for counter in COUNTERS for design in LIVE_DESIGNS}
    receivers = {counter: [observed[counter, design] for design in LIVE_DESIGNS] for counter in COUNTERS}
    found = simulate_all(workload, seed, receivers)
    return Replication(
        found.trace, 0, workload.duration, observed, tuple(workload.kinds), found.kind_of, found.high_volume
    )


def _generated_replication(workload: Workload, seed: int, settings: Settings) -> Replication:
    trace = generate(workload, seed)
    observed = _replayed(trace, settings, replay)
    return Replication(trace, 0, workload.duration, observed, ("all",), np.zeros(trace.ids.size, dtype=np.int64))


def _replayed(
    trace: Trace, settings: Settings, observe: Callable[[Trace, str, Settings], Observation]
) -> dict[tuple[str, str], Observation]:
    counters = {counter: trace.only(counter) for counter in COUNTERS}
    return {
        (counter, design): observe(counters[counter], design, settings)
        for counter in COUNTERS
        for design in LIVE_DESIGNS
    }


def _log(path: Path, limit: float, settings: Settings, compiled: bool) -> Experiment:
    trace = read_trace(path)
    if len(trace) == 0:
        raise InputError(f"{path}: the log holds no rows")
    observed = _replayed(trace, settings, replay if compiled else reference)
    seen = np.bincount(trace.session[trace.op == INCREMENT], minlength=trace.ids.size)
    start = int(trace.time[0])
    return Experiment(
        name=log_name(path),
        title=f"Event log {path.name}",
        about=f"{format_count(len(trace))} operations of {format_count(trace.ids.size)} sessions.",
        source=f"log {path.name}",
        workload=None,
        memory_limit_mib=limit or LOG_MEMORY_LIMIT_MIB,
        settings=settings,
        seeds=(),
        replications=(
            Replication(trace, start, int(trace.time[-1]) - start, observed, SEEN, np.digitize(seen, [2, 10])),
        ),
    )
