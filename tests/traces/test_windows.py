"""A stream as columns, a window at a time."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.traces import windows
from simlib.traces.batches import Batch
from simlib.traces.trace import Trace
from simlib.traces.windows import gathered, trace_of_windows, windows_of


def test_a_window_is_given_before_more_is_read_and_holds_some_rows_or_some_bytes(monkeypatch):
    monkeypatch.setattr(windows, "ROWS", 5)
    monkeypatch.setattr(windows, "_BYTES", 100)
    read = []

    def parts():
        for number, nbytes in enumerate([10, 10, 10, 90, 20, 10]):
            read.append(number)
            yield SimpleNamespace(time=np.zeros(2), nbytes=nbytes)

    found = gathered(parts(), lambda part: part.nbytes)
    assert [([part.nbytes for part in window], len(read)) for window in found] == [
        ([10, 10, 10], 3),
        ([90, 20], 5),
        ([10], 6),
    ]


IDS = st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.integers(0, 1)), max_size=8)


@given(st.lists(IDS), st.sampled_from([pa.string(), pa.dictionary(pa.int32(), pa.string())]), st.integers(1, 9))
def test_batches_put_together_are_the_trace_of_their_rows(parts, kind, rows):
    def batches():
        for part in filter(None, parts):
            ids, ops = zip(*part, strict=True)
            nothing = np.zeros(len(part), np.uint8)
            yield Batch(nothing.astype(np.int64), pa.array(ids).cast(kind), np.array(ops, np.uint8), nothing, nothing)

    flat = [row for part in parts for row in part]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "ROWS", rows)
        found = trace_of_windows(windows_of(batches()))
    assert (
        found.digest
        == Trace.of([0] * len(flat), [name for name, _ in flat], [op for _, op in flat], [0] * len(flat)).digest
    )
