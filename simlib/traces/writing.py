"""Write operations as CSV, JSONL or Parquet, a window at a time; the same windows give the same bytes."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simlib.core.units import SECOND
from simlib.traces.cells import WANTED, seconds_text
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.windows import Window

EXACT_IN_FLOAT = 2**51
"""Up to here (26 days) rounding a float of seconds to the nearest ns gives back the nanoseconds that it came from."""


def write_csv(windows: Iterable[Window], path: Path, packed: bool = False) -> None:
    """Write a CSV file, gzipped where it is `packed`."""
    with _create(path, packed) as text:
        csv.writer(text, lineterminator="\n").writerow(WANTED)
        for window in windows:
            # The csv module leaves a carriage return bare, and reads it as the end of the row.
            bare = pc.any(pc.match_substring(window.session.dictionary, "\r")).as_py()
            writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
            writer.writerows(_rows(window))


def write_jsonl(windows: Iterable[Window], path: Path, packed: bool = False) -> None:
    """Write a JSONL file, gzipped where it is `packed`."""
    with _create(path, packed) as text:
        for window in windows:
            text.writelines(
                f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
                for time, session, op, counter in _rows(window)
            )


def write_parquet(windows: Iterable[Window], path: Path, labels: Mapping[str, np.ndarray] | None = None) -> None:
    """Write a Parquet file, a row group for each window of at most 2**20 rows.

    Times are seconds as a float, or timestamps where one is too far from 0 for a float to be exact: what stood before
    it is then written again. `labels` are further columns of text of the one window that there then is; they are left
    out where their names are not free.
    """
    more = {name: pa.array(texts, pa.string()) for name, texts in (labels or {}).items()}
    rest, far = iter(windows), list[pa.Table]()

    def near() -> Iterator[pa.Table]:
        for window in rest:
            if np.abs(window.time).max(initial=0) >= EXACT_IN_FLOAT:
                far.append(_table(window, more, _INSTANT))
                return
            yield _table(window, more, pa.float64())

    _write_tables(near(), path, _schema(more, pa.float64()))
    if far:
        floats = path.with_name(f"{path.name}.s")
        try:
            path.rename(floats)
            with pq.ParquetFile(floats) as file:
                before = (_as_instants(file.read_row_group(group)) for group in range(file.num_row_groups))
                after = (_table(window, more, _INSTANT) for window in rest)
                _write_tables(chain(before, far, after), path, _schema(more, _INSTANT))
        finally:
            floats.unlink(missing_ok=True)


_INSTANT = pa.timestamp("ns", "UTC")


def _schema(more: Iterable[str], time: pa.DataType) -> pa.Schema:
    return pa.schema(
        {
            **dict.fromkeys(more, pa.string()),
            "time": time,
            "session": pa.dictionary(pa.int32(), pa.string()),
            "op": pa.dictionary(pa.int8(), pa.string()),
            "counter": pa.dictionary(pa.int8(), pa.string()),
        }
    )


def _table(window: Window, more: Mapping[str, pa.Array], time: pa.DataType) -> pa.Table:
    columns = {
        "time": pa.array(window.time, time) if time == _INSTANT else pa.array(window.time / SECOND),
        "session": pa.DictionaryArray.from_arrays(window.session.indices, window.session.dictionary.cast(pa.string())),
        "op": pa.DictionaryArray.from_arrays(pa.array(window.op.astype(np.int8)), pa.array(OPS)),
        "counter": pa.DictionaryArray.from_arrays(pa.array(window.counter.astype(np.int8)), pa.array(COUNTERS)),
    }
    return pa.table({**more, **columns}, _schema(more, time))


def _as_instants(table: pa.Table) -> pa.Table:
    """Turn seconds as a float, which are exact, into timestamps."""
    ns = np.rint(table["time"].to_numpy() * SECOND).astype(np.int64)
    return table.set_column(table.column_names.index("time"), "time", pa.array(ns, _INSTANT))


def _write_tables(tables: Iterable[pa.Table], path: Path, schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(table)


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
