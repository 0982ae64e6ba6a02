"""Read and write traces as CSV and JSONL, plain or gzipped."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from simlib.traces.cells import (
    WANTED,
    JsonNumber,
    RowError,
    check_columns,
    parse_sessions,
    parse_times,
    parse_words,
    seconds_text,
)
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.trace import Trace


def read_csv(path: Path, packed: bool = False) -> Trace:
    """Read a CSV file, gzipped where it is `packed`. Raises ValueError, naming the row or the column."""
    with _open(path, packed) as lines:
        return _trace(_csv_columns(lines))


def read_jsonl(path: Path, packed: bool = False) -> Trace:
    """Read a JSONL file, gzipped where it is `packed`. Raises ValueError, naming the row or the column."""
    with _open(path, packed) as lines:
        return _trace(_jsonl_columns(lines))


def _open(path: Path, packed: bool) -> IO[str]:
    if packed:
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return open(path, encoding="utf-8-sig", newline="")


def _trace(columns: dict[str, list[Any]]) -> Trace:
    blank = [None] * len(columns["session"])
    return Trace.of(
        parse_times(columns["time"]),
        parse_sessions(columns["session"]),
        parse_words("op", columns.get("op", blank), OPS),
        parse_words("counter", columns.get("counter", blank), COUNTERS),
    )


def _csv_columns(lines: Iterable[str]) -> dict[str, list[Any]]:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(filter(None, reader), None)
        if header is None:
            raise ValueError("the file is empty; its first line must name the columns")
        check_columns(header)
        columns: dict[str, list[Any]] = {name: [] for name in WANTED if name in header}
        places = [(header.index(name), cells) for name, cells in columns.items()]
        for number, row in enumerate(filter(None, reader), 1):
            if len(row) != len(header):
                raise RowError(number, f"{len(row)} cells where the header names {len(header)} columns")
            for place, cells in places:
                cells.append(row[place])
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None
    return columns


def _jsonl_columns(lines: Iterable[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in WANTED}
    checked: list[str] = []
    for number, line in enumerate((line for line in lines if line.strip()), 1):
        try:
            row = json.loads(line, parse_float=JsonNumber, parse_constant=JsonNumber, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, _Pairs):
            raise RowError(number, 'not a JSON object, such as {"time": 0.5, "session": "a"}')
        if row.names != checked:
            check_columns(row.names, f"row {number}: ")
            checked = row.names
        for name, cells in columns.items():
            cells.append(row.get(name))
    return columns


class _Pairs(dict[str, Any]):
    """A JSON object that keeps every name it was given, so that one given twice is noticed."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def write_csv(trace: Trace, path: Path, packed: bool = False) -> None:
    """Write a CSV file, gzipped where it is `packed`. The same trace gives the same bytes."""
    # The csv module leaves a carriage return bare, and reads it as the end of the row.
    bare = any("\r" in name for name in trace.ids)
    with _create(path, packed) as text:
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
        writer.writerow(WANTED)
        writer.writerows(_rows(trace))


def write_jsonl(trace: Trace, path: Path, packed: bool = False) -> None:
    """Write a JSONL file, gzipped where it is `packed`. The same trace gives the same bytes."""
    with _create(path, packed) as text:
        text.writelines(
            f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
            for time, session, op, counter in _rows(trace)
        )


@contextmanager
def _create(path: Path, packed: bool) -> Iterator[IO[str]]:
    with open(path, "wb") as raw:
        # No name and no time in the gzip header: the same trace gives the same bytes.
        data = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw
        with io.TextIOWrapper(cast(IO[bytes], data), encoding="utf-8", newline="") as text:
            yield text


def _rows(trace: Trace) -> Iterator[tuple[str, str, str, str]]:
    ops, counters = np.array(OPS)[trace.op].tolist(), np.array(COUNTERS)[trace.counter].tolist()
    return zip(map(seconds_text, trace.time.tolist()), trace.ids[trace.session], ops, counters, strict=True)
