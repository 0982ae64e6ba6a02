"""One experiment: a workload simulated under several seeds, or an engineer's own event log.

Both look alike to a notebook: replications, each with its trace, the stores that received it, and classes of sessions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from simlib.core.errors import InputError, quoted
from simlib.core.numbers import format_count, format_counted, format_duration
from simlib.core.progress import progress
from simlib.core.units import HOUR, parse_duration
from simlib.experiments.classes import classes_of, column_of
from simlib.experiments.replication import LIVE_DESIGNS, Replication
from simlib.experiments.streams import log_trace, readable, simulation
from simlib.replay.observe import Observation, Observed, Record, replay
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS
from simlib.traces.files import Log, read_labels
from simlib.traces.source import log_name
from simlib.traces.trace import Trace
from simlib.workloads.churn import Simulation, simulate_all
from simlib.workloads.entry import MODELLED, Entry, Limit, check_entry, with_given
from simlib.workloads.generator import Traffic, generate_all
from simlib.workloads.schema import LONGEST, Workload, load_workload

MOST_REPLICATIONS = 1000
"""Far more than any interval needs; all of them are in memory together."""

MOST_READABLE = 1_000_000
"""Operations up to which SimPy and the readable stores, the definition of what is right, take under a minute or two."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """The subject of a notebook: its name, its source and its replications; the first is shown in most detail.

    `entry` says what is known of the bytes of an entry. `memory_limit_mib` and `entry_limit` are None where there is no
    such limit, or none is known.
    """

    name: str
    title: str
    about: str
    source: str
    workload: Workload | None
    memory_limit_mib: float | None
    settings: Settings
    seeds: tuple[int, ...]
    replications: tuple[Replication, ...]
    entry: Entry = MODELLED
    entry_limit: int | None = None

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

    @property
    def limit(self) -> Limit:
        """The limit of the maps together."""
        return Limit(self.memory_limit_mib, self.entry_limit)

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """The counters that the streams use, each with a map of its own; at least one."""
        used = [c for c in COUNTERS if any(len(each.counters[c]) for each in self.replications)]
        return tuple(used) or COUNTERS[:1]

    def named(self, noun: str) -> str:
        """Return a noun for what each counter has one of, such as `map`, in their number."""
        return noun if len(self.counters) == 1 else f"{noun}s"

    @property
    def all_counts(self) -> str:
        """Name the counts of every counter that the streams use."""
        return "the counts" if len(self.counters) == 1 else "the counts of both counters"

    @property
    def its_counts(self) -> str:
        """Name the counts of `counter`, which it names where it is one of several."""
        return "the counts" if len(self.counters) == 1 else f"the {self.counter} counts"

    @property
    def counter(self) -> str:
        """The counter that is looked at in detail: the first that the streams use."""
        return self.counters[0]

    def caption(self) -> str:
        """State the source and the settings of the figures, in a sentence or two."""
        bounds = describe_bounds(self.settings)
        if not self.simulated:
            rows = format_counted(len(self.first.trace), "operations")
            return f"Event log {self.name}: {rows}, one realisation; {bounds}."
        n, lasts = len(self.seeds), format_duration(self.first.duration)
        seeds = f"seed {self.seeds[0]}" if n == 1 else f"seeds {self.seeds[0]} to {self.seeds[-1]}, the first is drawn"
        return f"Workload {self.name} over {lasts}, {format_counted(n, 'replications')} ({seeds}); {bounds}."


def describe_bounds(settings: Settings) -> str:
    """State the settings of a bounded store, as part of a sentence."""
    cap = f"cap {format_count(settings.max_entries)}" if settings.max_entries > 0 else "no cap"
    ttl = f"TTL {format_duration(settings.ttl)}" if settings.ttl > 0 else "no TTL"
    return f"{cap}, {ttl}, prune every {format_counted(settings.prune_every, 'increments')}"


def open_experiment(
    workload: str = "incident",
    trace: str = "",
    *,
    seed: int = 1,
    replications: int = 1,
    hours: float = 0,
    memory_limit_mib: float = 0,
    entry_limit: int = 0,
    entry_bytes: float = 0,
    value_bytes: int = 0,
    max_entries: int = 2048,
    ttl: str = "30m",
    prune_every: int = 256,
    counter: str = "",
    session_class: str = "",
    compiled: bool = False,
) -> Experiment:
    """Open a log (where `trace` names a file) or simulate a workload under seeds `seed`, `seed + 1`, ….

    `hours`, the limits and the bytes of an entry leave the workload's own where they are 0; a log is taken whole, has
    no limit of its own, and the keys that it has. `counter` leaves only the operations of one counter, `session_class`
    divides the sessions of a log (see `classes_of`). `compiled` engines give the same some 50 times as fast; more than
    MOST_READABLE operations are left to them anyway. Streams are kept for the next process, see `core.cache`.

    Raises InputError for input that cannot be used.
    """
    settings = check_numbers(
        *(replications, hours, memory_limit_mib, max_entries, ttl, prune_every),
        *(entry_limit, entry_bytes, value_bytes, counter),
    )
    if trace:
        opened = _log(Path(trace), settings, counter, session_class, compiled)
    else:
        opened = _simulated(load_workload(workload), seed, replications, hours, settings, counter, compiled)
    entry, limit = with_given(opened.entry, opened.limit, entry_bytes, value_bytes, memory_limit_mib, entry_limit)
    return replace(opened, entry=entry, memory_limit_mib=limit.mib, entry_limit=limit.entries)


def check_numbers(
    replications: int = 1,
    hours: float = 0,
    memory_limit_mib: float = 0,
    max_entries: int = 2048,
    ttl: str = "30m",
    prune_every: int = 256,
    entry_limit: int = 0,
    entry_bytes: float = 0,
    value_bytes: int = 0,
    counter: str = "",
) -> Settings:
    """Check all numbers and the counter that describe an experiment; return the settings of the bounded store.

    Raises InputError for the first that is out of range.
    """
    if replications < 1:
        raise InputError(f"replications: {replications} is too few: at least 1")
    if replications > MOST_REPLICATIONS:
        raise InputError(f"replications: {replications} is too many: 5 do for most, at most {MOST_REPLICATIONS}")
    if not 0 <= hours <= LONGEST / HOUR:
        raise InputError(f"hours: {hours:g} is out of range: 0 for the workload's own, at most {LONGEST // HOUR}")
    if not 0 <= memory_limit_mib < float("inf"):
        raise InputError(f"memory_limit_mib: {memory_limit_mib:g} is out of range: 0 for the workload's own, or more")
    if counter not in ("", *COUNTERS):
        raise InputError(f"counter: {quoted(counter)} is unknown: choose one of {', '.join(COUNTERS)}")
    check_entry(entry_bytes, value_bytes, entry_limit)
    return Settings(max_entries, parse_duration(ttl), prune_every)


def _simulated(
    workload: Workload,
    seed: int,
    replications: int,
    hours: float,
    settings: Settings,
    counter: str,
    compiled: bool,
) -> Experiment:
    workload = workload.lasting(hours * HOUR) if hours else workload
    seeds = tuple(range(seed, seed + replications))
    compiled = compiled or Traffic(workload, seed).expected_operations > MOST_READABLE
    simulated = _generated_replication if compiled else _simulated_replication
    found = tuple(simulated(workload, each, settings, each == seed) for each in progress(seeds, "replications"))
    if counter:
        found = tuple(each.only(counter) for each in found)
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
        memory_limit_mib=workload.limit.mib,
        settings=settings,
        seeds=seeds,
        replications=found,
        entry=workload.entry,
        entry_limit=workload.limit.entries,
    )


def _simulated_replication(workload: Workload, seed: int, settings: Settings, first: bool) -> Replication:
    """Simulate with live stores; a kept stream goes to readable stores if it is the first, else to compiled ones."""
    live: dict[tuple[str, str], Observed] = {}

    def simulate() -> Simulation:
        observed = {(counter, design): Observed(design, settings) for counter in COUNTERS for design in LIVE_DESIGNS}
        live.update(observed)
        receivers = {counter: [observed[counter, design] for design in LIVE_DESIGNS] for counter in COUNTERS}
        return simulate_all(workload, seed, receivers)

    found = simulation(workload, seed, simulate)
    observed = {key: Record.of(each) for key, each in live.items()}
    return _replication(workload, found, observed or _replayed(found.trace, settings, readable if first else replay))


def _generated_replication(workload: Workload, seed: int, settings: Settings, first: bool) -> Replication:
    found = generate_all(workload, seed)
    return _replication(workload, found, _replayed(found.trace, settings, replay))


def _replication(workload: Workload, found: Simulation, observed: Mapping[tuple[str, str], Observation]) -> Replication:
    kinds = tuple(workload.kinds)
    return Replication(found.trace, 0, workload.duration, observed, kinds, found.kind_of, found.high_volume)


def _replayed(
    trace: Trace, settings: Settings, observe: Callable[[Trace, str, Settings], Observation]
) -> dict[tuple[str, str], Observation]:
    counters = {counter: trace.only(counter) for counter in COUNTERS}
    return {
        (counter, design): observe(counters[counter], design, settings)
        for counter in COUNTERS
        for design in LIVE_DESIGNS
    }


def _log(path: Path, settings: Settings, counter: str, session_class: str, compiled: bool) -> Experiment:
    trace = log_trace(path)
    if len(trace) == 0:
        raise InputError(f"{path}: the log holds no rows")
    column = column_of(session_class)
    labels = read_labels(trace, Log(path), column) if column else None
    if counter:
        labels = None if labels is None else labels[trace.counter == COUNTERS.index(counter)]
        trace = trace.only(counter)
        if len(trace) == 0:
            raise InputError(f"{path}: the log has no rows of counter {counter!r}")
    observed = _replayed(trace, settings, replay if compiled or len(trace) > MOST_READABLE else readable)
    classes = classes_of(trace, session_class, labels)
    start = int(trace.time[0])
    return Experiment(
        name=log_name(path),
        title=f"Event log {path.name}",
        about=f"{format_counted(len(trace), 'operations')} of {format_counted(trace.ids.size, 'sessions')}.",
        source=f"log {path.name}",
        workload=None,
        memory_limit_mib=None,
        settings=settings,
        seeds=(),
        replications=(Replication(trace, start, int(trace.time[-1]) - start, observed, classes.names, classes.of),),
        entry=Entry(key_length=trace.key_length),
    )
