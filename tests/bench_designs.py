"""Operations a second through each design, readable and compiled. `make bench` includes it; alone it takes a minute.

The stream is a million operations of the incident's traffic, `no_client` alone. `python -m tests.bench_designs` prints
the figures.
"""

import time
from collections.abc import Callable

from simlib.core.units import HOUR
from simlib.replay.observe import reference, replay
from simlib.stores.registry import DESIGNS
from simlib.traces.trace import Trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload

OPERATIONS = 1_000_000
HOURS = 120
"""Of the incident: long enough for a million operations of one counter."""

ROUNDS = 3


def best(work: Callable[[], object]) -> float:
    """Return the least seconds of a few rounds: what else the machine does only adds to them."""
    spent = []
    for _ in range(ROUNDS):
        begins = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begins)
    return min(spent)


def stream() -> Trace:
    """Return the stream, with the links that every replay of it shares already found."""
    trace = generate(load_workload("incident").lasting(HOURS * HOUR), 1).only("no_client").first(OPERATIONS)
    assert len(trace) == OPERATIONS
    assert trace.comes_back.size
    return trace


def speeds() -> dict[str, tuple[float, float]]:
    """Return for each design millions of operations a second compiled, and seconds for a million readable."""
    trace, found = stream(), {}
    for design in DESIGNS:
        replay(trace.first(1000), design)
        compiled = best(lambda design=design: replay(trace, design))
        found[design] = OPERATIONS / compiled / 1e6, best(lambda design=design: reference(trace, design))
    return found


if __name__ == "__main__":
    for name, (millions, seconds) in speeds().items():
        print(f"{name:20} {millions:6.1f} M operations/s compiled {seconds:6.2f} s for a million readable", flush=True)
