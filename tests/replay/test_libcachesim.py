"""The bounded store against an independent simulator: libCacheSim's LRU.

With the TTL off and no deletes the bounded store is an LRU cache: it creates an entry where LRU misses. libCacheSim
knows no order among equal times but that of the requests, so the streams have distinct times.
"""

import libcachesim
import numpy as np
import pytest

from simlib.core.units import HOUR
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.traces.codes import INCREMENT
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names
from tests.paths import LOGS

CAPS = (1, 10, 100, 500, 2048)


def increments(trace):
    """The increments of a trace's no_client counter, one nanosecond apart where they were simultaneous."""
    trace = trace.only("no_client")
    rows = trace.op == INCREMENT
    time = trace.time[rows]
    order = np.arange(time.size)
    distinct = np.maximum.accumulate(time - order) + order
    zeros = np.zeros(time.size)
    return Trace.of(distinct, trace.ids[trace.session[rows]], zeros, zeros)


def misses(trace, cap):
    cache = libcachesim.LRU(cap)
    request = libcachesim.Request()
    request.obj_size = 1
    count = 0
    for session in trace.session.tolist():
        request.obj_id = session
        count += not cache.get(request)
    return count


def assert_creates_are_misses(trace):
    assert (np.diff(trace.time) > 0).all()
    for cap in CAPS:
        chosen = Settings(max_entries=cap, ttl=0)
        # The compiled store alone: `test_engines` holds the readable one to it.
        assert replay(trace, "bounded", chosen).created.size == misses(trace, cap)


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(workload):
    assert_creates_are_misses(increments(simulate(load_workload(workload).lasting(3 * HOUR), 7)))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_every_log(log):
    # The logs lie beside the project, where they are at all.
    assert_creates_are_misses(increments(read_trace(log)))
