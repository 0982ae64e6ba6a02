"""Every cap at once by stack distance, against the readable store at each."""

from hypothesis import given
from hypothesis import strategies as st

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.replay.stack import stack_totals
from simlib.stores.contract import Settings
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload
from tests.builders import operations, trace_of

CAPS = [0, 1, 2, 3, 4, 5, 7, 9, 30]


@given(operations, st.integers(-1, 30))
def test_every_total_of_every_cap(rows, ttl):
    trace = trace_of(rows)
    for cap, totals in zip(CAPS, stack_totals(trace, CAPS, ttl), strict=True):
        assert totals == ledger.totals(trace, reference(trace, "linked_list", Settings(cap, ttl)))


def test_a_workload_with_deletes():
    trace = generate(load_workload("incident").lasting(2 * HOUR), 1).only("no_client")
    caps = [3000, 20, 0, 200, 2048]
    for ttl in (0, MINUTE, 30 * MINUTE):
        for cap, totals in zip(caps, stack_totals(trace, caps, ttl), strict=True):
            assert totals == ledger.totals(trace, replay(trace, "linked_list", Settings(cap, ttl)))


def test_a_hole_is_taken_before_anything_is_evicted():
    """a, b, c; b is deleted: a cap of 2 held b and c, so d finds room and c stays, while a has gone already."""
    rows = [(1, "a", "increment"), (2, "b", "increment"), (3, "c", "increment"), (4, "b", "delete")]
    rows += [(5, "d", "increment"), (6, "c", "increment"), (7, "a", "increment")]
    (totals,) = stack_totals(trace_of(rows), [2], 0)
    assert (totals.creates, totals.cap_evictions, totals.false_evictions, totals.lost_counts) == (5, 2, 1, 1)
