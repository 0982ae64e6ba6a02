"""A trace as arrays, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.traces.arrays import of_arrays, to_arrays
from simlib.traces.trace import Trace


def trace_of_ids(ids: list[str]) -> Trace:
    n = len(ids)
    return Trace.of(range(n), ids, [0] * n, [0] * n)


@pytest.mark.parametrize("ids", [[], ["a"], ["a", "", "b\x00c", "ü\u2028", "😀", "a"]])
def test_ids_are_kept_whatever_they_hold(ids):
    trace = trace_of_ids(ids)
    again = of_arrays(to_arrays(trace))
    assert again.ids.tolist() == trace.ids.tolist()
    assert again.ids.dtype == trace.ids.dtype
    assert again.digest == trace.digest


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_it_is_the_same_trace(ids):
    trace = trace_of_ids(ids)
    again = of_arrays(to_arrays(trace))
    assert again.digest == trace.digest
    for name in ("time", "session", "op", "counter"):
        kept, given = getattr(again, name), getattr(trace, name)
        assert kept.dtype == given.dtype
        assert np.array_equal(kept, given)
