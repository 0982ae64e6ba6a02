"""Read and write traces as Parquet, whole or in batches of rows.

Arrow's own types are converted without a Python object a row where they allow it; all others go through `cells`, which
refuses in the same words as for text.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simlib.core.units import MAX_NS, SECOND
from simlib.traces.cells import (
    WANTED,
    RowError,
    check_columns,
    check_order,
    parse_sessions,
    parse_times,
    parse_words,
    shortened,
)
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.trace import Trace

T = TypeVar("T")

ROWS = 1 << 16
"""Rows of a batch: enough that its fixed cost does not matter, few enough that it stays in the cache."""

# Up to here (24 days) rounding a float of seconds to the nearest nanosecond gives back the nanoseconds it came from.
_EXACT_IN_FLOAT = 2**51

_TICK = {"s": SECOND, "ms": 1_000_000, "us": 1000, "ns": 1}


class Batch(NamedTuple):
    """Consecutive rows of a file: `time` int64 ns, `session` as in the file, `op` and `counter` uint8; all (n,)."""

    time: np.ndarray
    session: pa.Array
    op: np.ndarray
    counter: np.ndarray


def read_parquet(path: Path) -> Trace:
    """Read a file whole. Raises ValueError, naming the row or the column."""

    def with_ids(batch: Batch) -> Batch:
        return batch._replace(session=parse_sessions(cells_of("session", batch.session)))

    nothing = np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.uint8), np.empty(0, np.uint8)
    return Trace.of(*map(np.concatenate, zip(nothing, *read_batches(path, with_ids), strict=True)))


def read_batches(path: str | Path, convert: Callable[[Batch], T], rows: int = ROWS) -> Iterator[T]:
    """Read a file in batches of at most `rows` rows, none of them empty; yield `convert` of each.

    Raises ValueError, naming the row or the column. `convert` may raise a RowError that counts from its batch's start.
    """
    read, opening, first, before = 0, None, None, None
    with _opened(path) as (file, wanted):
        for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            if not batch.num_rows:
                continue
            try:
                columns = {name: _intact(batch.column(name)) for name in wanted}
                time = _times(columns["time"], opening)
                op, counter = _words("op", columns, OPS), _words("counter", columns, COUNTERS)
                check_order(time, first, before)
                converted = convert(Batch(time, columns["session"], op, counter))
            except RowError as error:
                raise error.after(read) from None
            if opening is None:
                opening, first = columns["time"].slice(0, 1), int(time[0])
            read, before = read + time.size, int(time[-1])
            yield converted


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[pq.ParquetFile, list[str]]]:
    """Open a file; give it and the names of those of its columns that a trace needs. Raises ValueError for damage."""
    try:
        # Read page by page: a file may be one row group larger than memory.
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            check_columns(file.schema_arrow.names)
            wanted = [name for name in WANTED if name in file.schema_arrow.names]
            for name in wanted:
                _check_type(name, file.schema_arrow.field(name).type)
            yield file, wanted
    except (pa.ArrowException, OSError) as error:
        # Arrow reports damage by an OSError that has no number; those that have one are of the file system.
        if getattr(error, "errno", None):
            raise
        raise ValueError(f"not a readable Parquet file: {shortened(' '.join(str(error).split()))}") from None


def _check_type(name: str, kind: pa.DataType) -> None:
    types = pa.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    accepted = [types.is_string, types.is_large_string, types.is_string_view, types.is_null]
    accepted += {
        "time": [types.is_timestamp, types.is_floating, types.is_decimal, types.is_integer],
        "session": [types.is_integer],
    }.get(name, [])
    if not any(accepts(kind) for accepts in accepted):
        raise ValueError(f"column {name!r} holds {shortened(str(kind))}; it must hold {WANTED[name]}")


def _intact(column: pa.Array) -> pa.Array:
    """Return a column. Raises ValueError where it refers to words that it does not have, which Arrow does not check."""
    if pa.types.is_dictionary(column.type):
        most = pc.max(column.indices.cast(pa.int64())).as_py()
        if most is not None and most >= len(column.dictionary):
            raise ValueError("not a readable Parquet file: a cell refers to a word that is not there")
    return column


def cells_of(name: str, column: pa.Array) -> Any:
    """Convert column `name` into cells as the parsers of `cells` take them. Raises RowError."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if name == "time" and column.null_count:
        raise RowError(column.is_null().to_pylist().index(True) + 1, "time is missing")
    if name == "time" and pa.types.is_timestamp(kind):
        # `index` gives the first time that the cast below would not hold, -1 where there is none.
        row = pc.index(pc.greater(pc.abs(column.cast(pa.int64())), MAX_NS // _TICK[kind.unit]), True).as_py()
        if row >= 0:
            time = column[row].cast(pa.string())
            raise RowError(row + 1, f"time {time} must be between the years 1678 and 2261")
        return column.cast(pa.timestamp("ns", kind.tz)).to_numpy(zero_copy_only=False).astype("datetime64[ns]")
    if name == "time" and pa.types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False).astype(np.float64)
    if name in ("time", "session") and (pa.types.is_decimal(kind) or pa.types.is_integer(kind)):
        column = column.cast(pa.string())
    return column.to_pylist()


def _times(column: pa.Array, opening: pa.Array | None) -> np.ndarray:
    """Convert times into ns, int64; `opening`, the file's first time, decides whether text means seconds or dates."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns" and not column.null_count:
        return np.asarray(column.cast(pa.int64()))
    if pa.types.is_signed_integer(column.type) and not column.null_count:
        seconds, most = np.asarray(column.cast(pa.int64())), MAX_NS // SECOND
        if seconds.min() >= -most and seconds.max() <= most:
            return seconds * SECOND
    if opening is None:
        return parse_times(cells_of("time", column))
    try:
        return parse_times(cells_of("time", pa.concat_arrays([opening, column])))[1:]
    except RowError as error:
        raise error.after(-1) from None


def _words(name: str, columns: Mapping[str, pa.Array], known: tuple[str, ...]) -> np.ndarray:
    """Convert a column of known words into their indices, uint8; the first word stands for a blank."""
    if name not in columns:
        return np.zeros(len(columns["time"]), np.uint8)
    column = columns[name]
    words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = words.dictionary.to_pylist()
    if not set(texts) <= set(known):
        return parse_words(name, cells_of(name, column), known)
    codes = np.array([*map(known.index, texts), 0], np.uint8)
    return codes[np.asarray(words.indices.cast(pa.int64()).fill_null(len(texts)))]


def write_parquet(trace: Trace, path: Path) -> None:
    """Write a file. The same trace gives the same bytes."""
    seconds = trace.time / SECOND
    exact = np.array_equal(np.rint(seconds * SECOND).astype(np.int64), trace.time) and (
        len(trace) == 0 or np.abs(trace.time).max() < _EXACT_IN_FLOAT
    )
    columns = {
        # Seconds as a float lose nanoseconds beyond 24 days: those become timestamps.
        "time": pa.array(seconds) if exact else pa.array(trace.time, pa.timestamp("ns", "UTC")),
        "session": pa.DictionaryArray.from_arrays(pa.array(trace.session), pa.array(trace.ids, pa.string())),
        "op": pa.DictionaryArray.from_arrays(pa.array(trace.op.astype(np.int8)), pa.array(OPS)),
        "counter": pa.DictionaryArray.from_arrays(pa.array(trace.counter.astype(np.int8)), pa.array(COUNTERS)),
    }
    pq.write_table(pa.table(columns), path)
