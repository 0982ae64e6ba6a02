"""The columns of a trace: one counter, the order within a session, and the digest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import SECOND
from simlib.stores.contract import MISSING
from simlib.traces.trace import Trace
from tests.traces.helpers import trace_of


def test_the_first_and_the_last_operations_number_their_sessions_anew():
    trace = Trace.of([1, 2, 3, 4], ["a", "b", "c", "b"], [0, 0, 1, 0], [0, 0, 0, 0])
    for part, rows in ((trace.first(2), slice(0, 2)), (trace.last(2), slice(2, 4)), (trace.last(9), slice(0, 4))):
        assert part.time.tolist() == trace.time[rows].tolist()
        assert part.ids[part.session].tolist() == trace.ids[trace.session][rows].tolist()
        assert part.session[0] == 0
        assert set(part.session.tolist()) == set(range(part.ids.size))


def test_only_one_counter():
    trace = trace_of((0, "a", 0, 0), (1, "b", 0, 1), (2, "a", 1, 1))
    drops = trace.only("drops")
    assert drops.time.tolist() == [1, 2]
    assert drops.ids[drops.session].tolist() == ["b", "a"]
    assert drops.session.tolist() == [0, 1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_neighbours_of_a_session(names):
    trace = Trace.of(range(len(names)), names, [0] * len(names), [0] * len(names))
    n = len(names)
    assert trace.next_row.tolist() == [next((j for j in range(i + 1, n) if names[j] == names[i]), n) for i in range(n)]
    assert trace.previous_row.tolist() == [
        next((j for j in range(i - 1, -1, -1) if names[j] == names[i]), -1) for i in range(n)
    ]


def test_the_digest_distinguishes_streams():
    base = ((0, "a", 0, 0), (1, "b", 0, 0))
    others = [
        ((0, "a", 0, 0), (2, "b", 0, 0)),
        ((0, "a", 0, 0), (1, "c", 0, 0)),
        ((0, "a", 0, 0), (1, "b", 1, 0)),
        ((0, "a", 0, 0), (1, "b", 0, 1)),
        ((0, "a", 0, 0), (1, "a", 0, 0)),
    ]
    assert len({trace_of(*rows).digest for rows in [base, *others]}) == 6
    assert trace_of(*base).digest == trace_of(*base).digest


def test_an_empty_id_is_missing_where_it_increments_alone():
    trace = trace_of((0, "", 0, 0), (0, MISSING, 0, 0), (1, "", 1, 0))
    assert trace.ids[trace.session].tolist() == [MISSING, MISSING, ""]


def test_what_is_faster_keeps_its_order_and_its_neighbours():
    trace = trace_of((10, "a", 0, 0), (12, "b", 0, 0), (20, "a", 0, 0)).faster(2)
    assert trace.time.tolist() == [0, 1, 5]
    assert trace.next_row.tolist() == [2, 3, 3]
    with pytest.raises(ValueError, match="over 292 years"):
        trace.faster(1e-300)


def test_time_must_not_go_backwards():
    with pytest.raises(ValueError, match="row 2: time goes backwards, from 1 to 0"):
        trace_of((SECOND, "a", 0, 0), (0, "a", 0, 0))
