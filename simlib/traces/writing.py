"""Write operations as CSV, JSONL or Parquet, a window at a time; the same windows give the same bytes."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simlib.core.units import SECOND
from simlib.traces.cells import WANTED, seconds_text
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.trace import Trace

EXACT_IN_FLOAT = 2**51
"""Up to here (26 days) rounding a float of seconds to the nearest ns gives back the nanoseconds that it came from."""


class Window(NamedTuple):
    """Consecutive operations: `time` int64 ns, `session` its ids as a dictionary, `op` and `counter` uint8; (n,)."""

    time: np.ndarray
    session: pa.DictionaryArray
    op: np.ndarray
    counter: np.ndarray


def window_of(trace: Trace) -> Window:
    """Return a whole trace as one window."""
    ids = pa.DictionaryArray.from_arrays(pa.array(trace.session), pa.array(trace.ids, pa.string()))
    return Window(trace.time, ids, trace.op, trace.counter)


def write_csv(windows: Iterable[Window], path: Path, farthest: int, packed: bool = False) -> None:
    """Write a CSV file, gzipped where it is `packed`."""
    with _create(path, packed) as text:
        csv.writer(text, lineterminator="\n").writerow(WANTED)
        for window in windows:
            # The csv module leaves a carriage return bare, and reads it as the end of the row.
            bare = pc.any(pc.match_substring(window.session.dictionary, "\r")).as_py()
            writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
            writer.writerows(_rows(window))


def write_jsonl(windows: Iterable[Window], path: Path, farthest: int, packed: bool = False) -> None:
    """Write a JSONL file, gzipped where it is `packed`."""
    with _create(path, packed) as text:
        for window in windows:
            text.writelines(
                f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
                for time, session, op, counter in _rows(window)
            )


def write_parquet(
    windows: Iterable[Window], path: Path, farthest: int, labels: Mapping[str, np.ndarray] | None = None
) -> None:
    """Write a Parquet file, a row group for each window of at most 2**20 rows.

    Times are seconds as a float, or timestamps where `farthest`, the time farthest from 0 that may come (ns), is too
    far for a float to be exact. `labels` are further columns of text of the one window that there then is; they are
    left out where their names are not free.
    """
    exact = abs(farthest) < EXACT_IN_FLOAT
    more = {name: pa.array(texts, pa.string()) for name, texts in (labels or {}).items()}
    schema = pa.schema(
        {
            **dict.fromkeys(more, pa.string()),
            "time": pa.float64() if exact else pa.timestamp("ns", "UTC"),
            "session": pa.dictionary(pa.int32(), pa.string()),
            "op": pa.dictionary(pa.int8(), pa.string()),
            "counter": pa.dictionary(pa.int8(), pa.string()),
        }
    )
    with pq.ParquetWriter(path, schema) as writer:
        for window in windows:
            columns = {
                "time": pa.array(window.time / SECOND) if exact else pa.array(window.time, schema.field("time").type),
                "session": window.session,
                "op": pa.DictionaryArray.from_arrays(pa.array(window.op.astype(np.int8)), pa.array(OPS)),
                "counter": pa.DictionaryArray.from_arrays(pa.array(window.counter.astype(np.int8)), pa.array(COUNTERS)),
            }
            writer.write_table(pa.table(more | columns, schema))


@contextmanager
def _create(path: Path, packed: bool) -> Iterator[IO[str]]:
    with open(path, "wb") as raw:
        # No name and no time in the gzip header: the same trace gives the same bytes.
        data = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw
        with io.TextIOWrapper(cast(IO[bytes], data), encoding="utf-8", newline="") as text:
            yield text


def _rows(window: Window) -> Iterator[tuple[str, str, str, str]]:
    ops, counters = np.array(OPS)[window.op].tolist(), np.array(COUNTERS)[window.counter].tolist()
    names = window.session.dictionary.to_numpy(zero_copy_only=False)[window.session.indices.to_numpy()]
    return zip(map(seconds_text, window.time.tolist()), names, ops, counters, strict=True)
