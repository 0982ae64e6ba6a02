"""Small workloads, traces and settings for tests: by hand, and as strategies of Hypothesis."""

import numpy as np
from hypothesis import strategies as st

from simlib.core.units import MINUTE
from simlib.stores.contract import Settings
from simlib.traces.codes import OPS
from simlib.traces.trace import Trace
from simlib.workloads.schema import Workload

CLIENTS = {
    "joins": "fixed 0s",
    "stays": "exponential 1m",
    "returns": 0.3,
    "away": "exponential 10s",
    "another": 0.2,
    "buffer": 10,
    "drains": "exponential 100ms",
}


def kind(per_hour=600.0, gap="exponential 5s", lasts="exponential 2m", clients=None, outlives=False, **more):
    """The fields of a session kind; `clients` are changes to CLIENTS, None for no clients at all."""
    fields = {
        "about": "for a test",
        "arrivals": {"per_hour": per_hour, **more.pop("arrivals", {})},
        "events": {"gap": gap, "lasts": lasts, **more},
        "outlives_clients": outlives,
    }
    return fields if clients is None else {**fields, "clients": {**CLIENTS, **clients}}


def workload(duration="1h", history="store", before="0s", **kinds):
    """A workload of kinds by name, each the fields that `kind` gives."""
    fields = {"name": "test", "title": "Test", "about": "for a test", "memory_limit_mib": 1.0, "history": history}
    return Workload.model_validate({**fields, "duration": duration, "before": before, "kinds": kinds})


CHOSEN = (Settings(), Settings(100, 5 * MINUTE, 10), Settings(50, 0), Settings(0, MINUTE, 7))
"""Settings for workloads and logs: as shipped, far smaller, without a TTL, without a cap."""

ids = st.sampled_from(["", "__missing__", "a", "b", "c", "B", "é", "日", "\U0001f600", "ab", *"defghij"])
"""Few ids, so that they come back; some that no locale sorts by code point, and the two that are special."""

bounds = st.builds(
    Settings,
    max_entries=st.integers(-1, 8),
    ttl=st.integers(-1, 30),
    prune_every=st.integers(1, 6),
    sweep=st.integers(1, 40),
)
"""Settings that are reached within a hundred operations, each bound on or off."""

steps = st.sampled_from([0, 0, 0, 1, 2, 7])
"""Nanoseconds between operations: mostly none, so that ties are common."""

operations = st.lists(st.tuples(steps, ids, st.sampled_from(["increment"] * 4 + ["delete"])), max_size=120).map(
    lambda rows: [(int(t), s, op) for t, (_, s, op) in zip(np.cumsum([row[0] for row in rows]), rows, strict=True)]
)
"""Rows of (time in ns, session, op) of one counter."""


def trace_of(rows):
    """A trace of rows of (time in ns, session, op), all of the first counter."""
    times, sessions, ops = zip(*rows, strict=True) if rows else ((), (), ())
    return Trace.of(times, sessions, [OPS.index(op) for op in ops], np.zeros(len(ops)))


def _both(rows):
    gaps, names, ops, counters = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Trace.of(np.cumsum(np.array(gaps, dtype=np.int64)) - 5, names, ops, counters)


def traces(gaps=steps, **sizes):
    """A strategy of traces of both counters."""
    op, counter = st.sampled_from([0, 0, 0, 0, 1]), st.sampled_from([0, 0, 1])
    return st.lists(st.tuples(gaps, ids, op, counter), **({"max_size": 150} | sizes)).map(_both)
