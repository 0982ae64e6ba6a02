"""The streams of experiments and their readable stores: simulated, read or run once and kept for the next process."""

from collections.abc import Callable
from pathlib import Path

from simlib.core.cache import cached
from simlib.core.files import file_digest
from simlib.replay.observe import Record, reference
from simlib.stores.contract import Settings
from simlib.stores.registry import find_design
from simlib.traces.arrays import of_arrays, to_arrays
from simlib.traces.files import Log, trace_of
from simlib.traces.trace import Trace
from simlib.workloads.broadcaster import Timeline
from simlib.workloads.churn import Simulation
from simlib.workloads.schema import Workload


def simulation(workload: Workload, seed: int, simulate: Callable[[], Simulation]) -> Simulation:
    """Return the record of a workload under a seed; `simulate` makes it where none is kept."""

    def arrays() -> dict:
        made = simulate()
        return {
            **to_arrays(made.trace),
            "kind_of": made.kind_of,
            "third_time": made.high_volume.time,
            "third_change": made.high_volume.change,
        }

    kept = cached(lambda: ["simulation", repr(workload), seed], arrays)
    return Simulation(of_arrays(kept), kept["kind_of"], Timeline(kept["third_time"], kept["third_change"]))


def log_trace(path: Path) -> Trace:
    """Read a log whole. Raises InputError."""
    log = Log(path)

    def key() -> list:
        # The end of a name may say the format.
        return ["log", [[file.name, file_digest(file)] for file in log.files]]

    return of_arrays(cached(key, lambda: to_arrays(trace_of(log))))


def readable(trace: Trace, design: str, settings: Settings) -> Record:
    """Return the record of a readable store over a trace of one counter, as `reference` makes it where none is kept.

    Raises InputError for an unknown design.
    """
    used = find_design(design).used(settings)
    kept = cached(
        lambda: ["readable", trace.digest, design, repr(used)],
        lambda: Record.of(reference(trace, design, settings)).arrays,
    )
    return Record(design, settings, **kept)
