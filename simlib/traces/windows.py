"""Windows: a stream as columns, some hundred thousand operations at a time, for whoever reads or writes it whole."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.stores.contract import MISSING
from simlib.traces.batches import Batch
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

ROWS = 1 << 19
"""Operations of a window: few enough for memory, enough for a Parquet file to be read quickly."""

_BYTES = 64 << 20
"""Bytes of ids from which on a window has fewer operations."""


class Window(NamedTuple):
    """Consecutive operations: `time` int64 ns, `session` its ids as a dictionary, `op` and `counter` uint8; (n,)."""

    time: np.ndarray
    session: pa.DictionaryArray
    op: np.ndarray
    counter: np.ndarray


class Part(Protocol):
    """Consecutive operations of a stream: their times, and whatever else there is of them."""

    @property
    def time(self) -> np.ndarray:
        """The times, int64 ns."""


Parts = TypeVar("Parts", bound=Part)


def gathered(parts: Iterable[Parts], nbytes: Callable[[Parts], int] = lambda part: 0) -> Iterator[list[Parts]]:
    """Gather consecutive parts for a window; `nbytes` are those that the ids of a part take."""
    found, rows, size = list[Parts](), 0, 0
    for part in parts:
        found.append(part)
        rows, size = rows + part.time.size, size + nbytes(part)
        if rows >= ROWS or size >= _BYTES:
            yield found
            found, rows, size = [], 0, 0
    if found:
        yield found


def windows_of(batches: Iterable[Batch]) -> Iterator[Window]:
    """Gather the batches of a log into windows; an empty id that increments counts as `__missing__`."""
    return map(_window, gathered(batches, lambda batch: batch.session.nbytes))


def _window(batches: list[Batch]) -> Window:
    time, op, counter = (
        np.concatenate([getattr(batch, name) for batch in batches]) for name in ("time", "op", "counter")
    )
    ids = pa.concat_arrays([_texts(batch.session) for batch in batches])
    unnamed = pc.and_(pc.equal(ids, ""), pa.array(op == INCREMENT))
    if pc.any(unnamed).as_py():
        ids = pc.if_else(unnamed, MISSING, ids)
    return Window(time, ids.dictionary_encode(), op, counter)


def _texts(session: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(session.type):
        session = session.cast(session.type.value_type)
    return session.cast(pa.large_string()).fill_null("")


def window_of(trace: Trace) -> Window:
    """Return a whole trace as one window."""
    ids = pa.DictionaryArray.from_arrays(pa.array(trace.session), pa.array(trace.ids, pa.string()))
    return Window(trace.time, ids, trace.op, trace.counter)


def trace_of_windows(windows: Iterable[Window]) -> Trace:
    """Put the windows of a whole stream in order of time together."""
    columns = list(zip(*windows, strict=True))
    if not columns:
        return Trace.of([], [], [], [])
    sessions = pa.chunked_array(columns.pop(1)).unify_dictionaries()
    numbers = np.concatenate([chunk.indices.to_numpy() for chunk in sessions.chunks])
    ids = sessions.chunk(0).dictionary.to_numpy(zero_copy_only=False)
    time, op, counter = map(np.concatenate, columns)
    return Trace(time, numbers, op, counter, ids)
