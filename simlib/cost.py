"""Go nanoseconds from the work of a store: what an increment and a prune cost while they hold the lock.

Owns the one table of costs and its use. Next: `prune` and `figures`.
"""

import numpy as np

from simlib import ledger
from simlib.replay import Observation
from simlib.trace import INCREMENT, Trace

# Measured for this project's design ("The stores, exactly"): an increment of a known session takes 0.17 us, a prune
# that visits, copies and sorts 2 049 entries 0.49 ms.
NS_PER_INCREMENT = 170.0
NS_PER_ENTRY_SORTED = 490_000 / 2049
"""Visiting, copying and sorting one entry in a prune of a store of about the shipped cap."""
NS_PER_ENTRY_SCANNED = NS_PER_ENTRY_SORTED
"""Visiting one entry without sorting it has not been measured apart: this is its upper bound."""


def increment_ns(trace: Trace, observed: Observation) -> np.ndarray:
    """Time in ns for which each increment of the trace holds the lock, its prune included; float64, (increments,).

    An entry that is scanned and then sorted costs once what both do together.
    """
    cost = np.full(len(trace), NS_PER_INCREMENT)
    work = ledger.prunes(trace, observed)
    visited = np.maximum(work["scanned"], work["sorted"])
    only_scanned = visited - work["sorted"]
    cost[work["row"]] += only_scanned * NS_PER_ENTRY_SCANNED + work["sorted"] * NS_PER_ENTRY_SORTED
    return cost[trace.op == INCREMENT]
