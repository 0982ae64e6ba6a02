"""Read and write traces as CSV and JSONL, plain or gzipped."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
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


def read_text(path: Path, ending: str) -> Trace:
    """Read a CSV or JSONL file. Raises ValueError, naming the row or the column."""
    with _open(path, ending) as lines:
        columns = _read_csv(lines) if ending.startswith(".csv") else _read_jsonl(lines)
    blank = [None] * len(columns["session"])
    return Trace.of(
        parse_times(columns["time"]),
        parse_sessions(columns["session"]),
        parse_words("op", columns.get("op", blank), OPS),
        parse_words("counter", columns.get("counter", blank), COUNTERS),
    )


def _open(path: Path, ending: str) -> IO[str]:
    if ending.endswith(".gz"):
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return open(path, encoding="utf-8-sig", newline="")


def _read_csv(lines: Iterable[str]) -> dict[str, list[Any]]:
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


def _read_jsonl(lines: Iterable[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in WANTED}
    for number, line in enumerate((line for line in lines if line.strip()), 1):
        try:
            row = json.loads(line, parse_float=JsonNumber, parse_constant=JsonNumber, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, _Pairs):
            raise RowError(number, 'not a JSON object, such as {"time": 0.5, "session": "a"}')
        check_columns(row.names, f"row {number}: ")
        for name, cells in columns.items():
            cells.append(row.get(name))
    return columns


class _Pairs(dict[str, Any]):
    """A JSON object that keeps every name it was given, so that one given twice is noticed."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def write_text(trace: Trace, path: Path, ending: str) -> None:
    """Write a CSV or JSONL file. The same trace gives the same bytes."""
    times = map(seconds_text, trace.time.tolist())
    sessions = trace.ids[trace.session]
    ops, counters = np.array(OPS)[trace.op].tolist(), np.array(COUNTERS)[trace.counter].tolist()
    rows = zip(times, sessions, ops, counters, strict=True)
    with open(path, "wb") as raw:
        # No name and no time in the gzip header: the same trace gives the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if ending.endswith(".gz") else raw
        with io.TextIOWrapper(cast(IO[bytes], packed), encoding="utf-8", newline="") as text:
            if ending.startswith(".csv"):
                # The csv module leaves a carriage return bare, and reads it as the end of the row.
                bare = any("\r" in name for name in trace.ids)
                writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
                writer.writerow(WANTED)
                writer.writerows(rows)
            else:
                text.writelines(
                    f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
                    for time, session, op, counter in rows
                )
