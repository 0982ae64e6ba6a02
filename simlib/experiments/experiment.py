"""One case to investigate: a workload simulated under several seeds, or an engineer's own event log.

Owns what makes the two look alike to a notebook: one run a replication, each with its trace, the stores that heard it,
and classes of sessions to ascribe the growth to. Next: `outlook`, `figures` and the notebooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from simlib.core.errors import InputError
from simlib.core.numbers import format_duration
from simlib.core.units import HOUR, parse_duration
from simlib.replay import ledger
from simlib.replay.observe import Observation, Observed, reference
from simlib.stores.contract import Settings
from simlib.stores.registry import INCIDENT
from simlib.traces.trace import COUNTERS, INCREMENT, Trace, read_trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import LONGEST, Workload, load_workload
from simlib.workloads.timetable import session_ids

LIVE_DESIGNS = INCIDENT
"""The designs whose stores every experiment observes."""

LOG_MEMORY_LIMIT_MIB = 64.0
"""What the two maps of a log may fill unless told otherwise: a log does not say what its process could afford."""

SEEN = ("seen once", "seen 2 to 9 times", "seen 10 times or more")


@dataclass(frozen=True, eq=False)
class Replication:
    """One replication: every operation from `start` (ns) for `duration` (ns), and the stores that heard it.

    `observed` holds a store for each (counter, design). `class_of` is the class of each session of the trace, an index
    into `classes`; int64, (sessions,).
    """

    trace: Trace
    start: int
    duration: int
    observed: Mapping[tuple[str, str], Observation]
    classes: tuple[str, ...]
    class_of: np.ndarray

    @property
    def end(self) -> int:
        """When the run ends, ns."""
        return self.start + self.duration

    @cached_property
    def counters(self) -> dict[str, Trace]:
        """The operations of each counter by themselves."""
        return {counter: self.trace.only(counter) for counter in COUNTERS}

    @cached_property
    def ledgers(self) -> dict[tuple[str, str], ledger.Totals]:
        """The ledger of each (counter, design), every one checked to balance."""
        return {key: ledger.totals(self.counters[key[0]], observed) for key, observed in self.observed.items()}

    def totals(self, counter: str, design: str) -> ledger.Totals:
        """The ledger of one store."""
        return self.ledgers[counter, design]

    def entries(self, design: str) -> np.ndarray:
        """Entries in both stores of a design together after each operation of the trace; int64, (n,)."""
        return np.cumsum(self._changes(design))

    def entries_by_class(self, design: str, at: np.ndarray) -> pd.DataFrame:
        """Entries in both stores of a design at instants (ns), a column a class.

        Only right for a design that never evicts: a removal is ascribed to the session that acts.
        """
        changes, classes = self._changes(design), self.class_of[self.trace.session]
        columns = {}
        for number, name in enumerate(self.classes):
            columns[name] = self.sample(np.cumsum(np.where(classes == number, changes, 0)), at)
        return pd.DataFrame(columns)

    def in_use(self, design: str) -> np.ndarray:
        """Entries in both stores of a design that will be used again, after each operation; int64, (n,)."""
        return np.cumsum(
            self._scattered(
                {
                    c: np.diff(ledger.kept_in_use(t, self.observed[c, design]), prepend=0)
                    for c, t in self.counters.items()
                }
            )
        )

    @cached_property
    def warm_up(self) -> int:
        """Time in ns until the bounded stores no longer show that they began empty, at most half of the run.

        No long-running service begins empty: rates leave out what happens before this. A store holds nothing that was
        idle for a TTL, and a full one just the entries last seen: after one TTL, or once it is full, what it holds no
        longer depends on how it began.
        """
        settings, ends = self.observed["no_client", "bounded"].settings, [self.duration // 2]
        if settings.ttl > 0:
            ends.append(settings.ttl)
        if settings.max_entries > 0:
            full = [
                trace.time[np.cumsum(ledger.changes(trace, self.observed[counter, "bounded"])) >= settings.max_entries]
                for counter, trace in self.counters.items()
                if len(trace)
            ]
            if all(times.size for times in full):
                ends.append(max(int(times[0]) for times in full) - self.start)
        return min(ends) if len(ends) > 1 else 0

    def after_warm_up(self, counter: str) -> np.ndarray:
        """Whether each operation of a counter stands after the warm-up; bool."""
        return self.counters[counter].time >= self.start + self.warm_up

    def grid(self, points: int = 400) -> np.ndarray:
        """Instants in ns, evenly from the start of the run to its end; int64, (points + 1,)."""
        return self.start + np.array([self.duration * i // points for i in range(points + 1)], dtype=np.int64)

    def sample(self, values: np.ndarray, at: np.ndarray) -> np.ndarray:
        """What `values` (one for each operation) stood at, at instants (ns); 0 before the first operation."""
        return np.append(values, 0)[np.searchsorted(self.trace.time, at, side="right") - 1]

    def _changes(self, design: str) -> np.ndarray:
        return self._scattered({c: ledger.changes(t, self.observed[c, design]) for c, t in self.counters.items()})

    def _scattered(self, by_counter: dict[str, np.ndarray]) -> np.ndarray:
        """Values given for the operations of each counter, at the places of those operations in the whole trace."""
        values = np.zeros(len(self.trace), dtype=np.int64)
        for number, counter in enumerate(COUNTERS):
            values[self.trace.counter == number] = by_counter[counter]
        return values


@dataclass(frozen=True, eq=False)
class Experiment:
    """What a notebook looks into: its name, what it is, where it comes from, and its runs, the first in most detail."""

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
        """Whether a workload was simulated; else it is a log."""
        return self.workload is not None

    def caption(self) -> str:
        """Where the figures of this case come from, in a sentence or two."""
        settings = self.settings
        cap = f"cap {settings.max_entries:,}" if settings.max_entries > 0 else "no cap"
        ttl = f"TTL {format_duration(settings.ttl)}" if settings.ttl > 0 else "no TTL"
        bounds = f"{cap}, {ttl}, prune every {settings.prune_every} increments"
        if not self.simulated:
            return f"Event log {self.name}: {len(self.first.trace):,} operations, one realisation; {bounds}."
        n, lasts = len(self.seeds), format_duration(self.first.duration)
        seeds = f"seed {self.seeds[0]}" if n == 1 else f"seeds {self.seeds[0]} to {self.seeds[-1]}, drawn: the first"
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
) -> Experiment:
    """Open a log (where `trace` names a file) or simulate a workload under seeds `seed`, `seed + 1`, ….

    `hours` and `memory_limit_mib` of 0 leave the workload's own; a log is taken whole.

    Raises InputError for input that will not do.
    """
    settings = check_numbers(replications, hours, memory_limit_mib, max_entries, ttl, prune_every)
    if trace:
        return _log(Path(trace), memory_limit_mib, settings)
    return _simulated(load_workload(workload), seed, replications, hours, memory_limit_mib, settings)


def check_numbers(
    replications: int = 1,
    hours: float = 0,
    memory_limit_mib: float = 0,
    max_entries: int = 2048,
    ttl: str = "30m",
    prune_every: int = 256,
) -> Settings:
    """The settings of the bounded store, once all numbers that describe a case are in range.

    Raises InputError for the first that is not.
    """
    if replications < 1:
        raise InputError(f"replications: {replications} is too few: at least 1")
    if not 0 <= hours <= LONGEST / HOUR:
        raise InputError(f"hours: {hours:g} is out of range: 0 for the workload's own, at most {LONGEST // HOUR}")
    if not 0 <= memory_limit_mib < float("inf"):
        raise InputError(f"memory_limit_mib: {memory_limit_mib:g} is out of range: 0 for the workload's own, or more")
    return Settings(max_entries, parse_duration(ttl), prune_every)


def _simulated(
    workload: Workload, seed: int, replications: int, hours: float, limit: float, settings: Settings
) -> Experiment:
    workload = workload.lasting(hours * HOUR) if hours else workload
    seeds = tuple(range(seed, seed + replications))
    found = tuple(_simulated_replication(workload, each, settings) for each in seeds)
    for each, replication in zip(seeds, found, strict=True):
        if len(replication.trace) == 0:
            lasts = format_duration(workload.duration)
            raise InputError(
                f"workload {workload.name}: nothing is counted within {lasts} (seed {each}): let it last longer"
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
    listeners = {counter: [observed[counter, design] for design in LIVE_DESIGNS] for counter in COUNTERS}
    trace = simulate(workload, seed, listeners)
    kinds = tuple(workload.kinds)
    class_of = np.zeros(trace.ids.size, dtype=np.int64)
    by_id = pd.Index(trace.ids)
    for number, kind in enumerate(kinds):
        places = by_id.get_indexer(pd.Index(session_ids(workload, seed, kind), dtype=object))
        class_of[places[places >= 0]] = number
    return Replication(trace, 0, workload.duration, observed, kinds, class_of)


def _log(path: Path, limit: float, settings: Settings) -> Experiment:
    trace = read_trace(path)
    if len(trace) == 0:
        raise InputError(f"{path}: the log holds no rows, so there is nothing to look into")
    observed = {
        (counter, design): reference(trace.only(counter), design, settings)
        for counter in COUNTERS
        for design in LIVE_DESIGNS
    }
    seen = np.bincount(trace.session[trace.op == INCREMENT], minlength=trace.ids.size)
    start = int(trace.time[0])
    return Experiment(
        name=path.name.split(".")[0],
        title=f"Event log {path.name}",
        about=f"{len(trace):,} operations of {trace.ids.size:,} sessions.",
        source=f"log {path.name}",
        workload=None,
        memory_limit_mib=limit or LOG_MEMORY_LIMIT_MIB,
        settings=settings,
        seeds=(),
        replications=(
            Replication(trace, start, int(trace.time[-1]) - start, observed, SEEN, np.digitize(seen, [2, 10])),
        ),
    )
