"""The streams of experiments, simulated or read once and kept for the next process."""

from collections.abc import Callable
from pathlib import Path

from simlib.core.cache import cached
from simlib.core.files import file_digest
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
