"""The compiled designs that are no relatives of LRU: one module a kernel, each over a whole trace in memory.

A module has one function, `advance`, compiled for its types. It takes `time`, `session` (int64), `op` (uint8) and
`future` (int64, the row of the session's next increment, n if its next operation is none; empty unless the design needs
it), all (n,); `max_entries`, `ttl` (ns) and `prune_every`; and what it fills in: `answers`, `created` and `shared`, all
(n,), `prunes` (n, 3), `evicted` (n, 4), and `counts` (sessions,), the counts of the entries that are left, 0 for none.
A row of `evicted` is the increment, 1 if by the cap, the number of the entry's last increment, and what the entry
counted itself. It returns the numbers of rows filled in `created`, `shared`, `prunes` and `evicted`. All are int64.
`SIGNATURE` says so to Numba.
"""

from importlib import import_module

import numpy as np
from numba import int64, types, uint8

from simlib.stores.contract import OwnRule
from simlib.traces.codes import INCREMENT, NONE
from simlib.traces.trace import Trace

Record = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]

_read = {kind: types.Array(kind, 1, "C", readonly=True) for kind in (int64, uint8)}
SIGNATURE = types.UniTuple(int64, 4)(
    *(_read[int64], _read[int64], _read[uint8], _read[int64]),
    *(int64, int64, int64),
    *(int64[::1], int64[::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[::1]),
)


def replay_whole(rule: OwnRule, trace: Trace, future: np.ndarray | None) -> Record:
    """Apply a rule to a trace of one counter; return its record as of `observe.Observation`.

    `future` is that of `registry.make_store`, None where the design does not need it.
    """
    kernel = import_module(f"{__name__}.{rule.kernel}")
    n = len(trace)
    answers, counts = np.zeros(n, np.int64), np.zeros(trace.ids.size, np.int64)
    created, shared = np.empty((2, n), np.int64)
    prunes, evicted = np.empty((n, 3), np.int64), np.empty((n, 4), np.int64)
    ahead = NONE
    if future is not None:
        ahead = np.full(n, n, np.int64)
        ahead[trace.op == INCREMENT] = future
    filled = kernel.advance(
        *(trace.time, trace.session.astype(np.int64), trace.op, ahead),
        *rule[1:],
        *(answers, created, shared, prunes, evicted, counts),
    )
    created, shared, prunes, evicted = (
        log[:rows].copy() for log, rows in zip((created, shared, prunes, evicted), filled, strict=True)
    )
    return answers, created, shared, prunes, evicted, counts[counts > 0]
