"""The operation stream as columns, and the files it is read from and written to (CSV, JSONL, Parquet).

Owns the contract of a trace file and refuses, by row, what does not keep it. Times become integer nanoseconds without
passing through a float where the file holds text. Next: `replay` runs a store over a trace, `ledger` reads it.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.core.units import MAX_NS, SECOND
from simlib.stores.contract import MISSING

OPS = ("increment", "delete")
COUNTERS = ("no_client", "drops")
INCREMENT, DELETE = range(2)

FORMATS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")

# Up to here (24 days) rounding a float of seconds to the nearest nanosecond gives back the nanoseconds it came from.
_EXACT_IN_FLOAT = 2**51

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class RowError(ValueError):
    """What is wrong with one data row, counted from 1."""

    def __init__(self, row: int, what: str):
        super().__init__(f"row {row}: {what}")
        self.row, self.what = row, what

    def after(self, rows: int) -> "RowError":
        """The same, so many rows further down."""
        return RowError(self.row + rows, self.what)


@dataclass(frozen=True, eq=False)
class Trace:
    """n operations in time order; those of equal time stand in the order they happened.

    `time` int64 ns, `session` int32 index into `ids`, `op` and `counter` uint8 index into OPS and COUNTERS, all of
    shape (n,). `ids` are the session ids in order of first appearance, so `session` numbers them by arrival.
    """

    time: np.ndarray
    session: np.ndarray
    op: np.ndarray
    counter: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, time: Iterable[int], sessions: Iterable[str], op: Iterable[int], counter: Iterable[int]) -> "Trace":
        """A trace of one value a row in each column; an empty id that increments counts as `__missing__`.

        Raises ValueError, naming the row (from 1), where time goes backwards.
        """
        time = np.array(time, dtype=np.int64)
        check_order(time)
        op, counter = np.asarray(op, dtype=np.uint8), np.asarray(counter, dtype=np.uint8)
        names = np.asarray(sessions, dtype=object)
        if (empty := (names == "") & (op == INCREMENT)).any():
            names = np.where(empty, MISSING, names)
        codes, ids = pd.factorize(names)
        return cls(time, codes.astype(np.int32), op, counter, ids)

    def __len__(self) -> int:
        return self.time.size

    def only(self, counter: str) -> "Trace":
        """The operations of one counter, sessions numbered anew."""
        rows = self.counter == COUNTERS.index(counter)
        codes, kept = pd.factorize(self.session[rows])
        return Trace(self.time[rows], codes.astype(np.int32), self.op[rows], self.counter[rows], self.ids[kept])

    def first(self, rows: int) -> "Trace":
        """The first so many operations."""
        codes, kept = pd.factorize(self.session[:rows])
        return Trace(self.time[:rows], codes.astype(np.int32), self.op[:rows], self.counter[:rows], self.ids[kept])

    @cached_property
    def next_row(self) -> np.ndarray:
        """For each row the row of the same session's next operation, n where there is none; int64, (n,)."""
        return self._neighbours(step=1, none=len(self))

    @cached_property
    def comes_back(self) -> np.ndarray:
        """Whether the session's next operation is an increment: its eviction now would be false; bool, (n,)."""
        return np.append(self.op == INCREMENT, False)[self.next_row]

    @cached_property
    def previous_row(self) -> np.ndarray:
        """For each row the row of the same session's previous operation, -1 where there is none; int64, (n,)."""
        return self._neighbours(step=-1, none=-1)

    @cached_property
    def rank(self) -> np.ndarray:
        """The place of each session's id in their order by code point; uint32, (sessions,)."""
        rank = np.empty(self.ids.size, dtype=np.uint32)
        rank[np.argsort(self.ids)] = np.arange(self.ids.size)
        return rank

    @cached_property
    def has_ties(self) -> bool:
        """Whether any two operations have the same time."""
        return bool((self.time[1:] == self.time[:-1]).any())

    def faster(self, speed: float) -> "Trace":
        """The same operations `speed` times as fast, beginning at 0.

        Raises ValueError where that takes longer than nanoseconds can hold.
        """
        time = (self.time - self.time[:1].sum()) / speed
        if time[-1:].sum() >= MAX_NS:
            raise ValueError(f"at {speed:g} times its speed the stream lasts over 292 years")
        trace = replace(self, time=time.astype(np.int64))
        # What goes by the order of the rows alone stays as it is, and is dear to find again.
        vars(trace).update(next_row=self.next_row, previous_row=self.previous_row, rank=self.rank)
        return trace

    def _neighbours(self, step: int, none: int) -> np.ndarray:
        by_session = np.argsort(self.session, kind="stable")[::step]
        neighbour = np.full(len(self), none, dtype=np.int64)
        same = self.session[by_session[1:]] == self.session[by_session[:-1]]
        neighbour[by_session[:-1][same]] = by_session[1:][same]
        return neighbour

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the operations, whatever file they came from."""
        sha = hashlib.sha256()
        for column, dtype in ((self.time, "<i8"), (self.session, "<i4"), (self.op, "u1"), (self.counter, "u1")):
            sha.update(np.ascontiguousarray(column, dtype=dtype).tobytes())
        sha.update("\n".join(json.dumps(str(name)) for name in self.ids).encode())
        return sha.hexdigest()


def check_order(time: np.ndarray, first: int | None = None, before: int | None = None) -> None:
    """Refuse times (ns) that go backwards, or lie too far apart, in what follows a row at `before`.

    `first` is the time of the stream's first row. Raises ValueError, naming the row (from 1).
    """
    if not time.size:
        return
    earlier = np.concatenate([time[:1] if before is None else np.array([before]), time[:-1]])
    backwards = np.flatnonzero(time < earlier)
    if backwards.size:
        row = int(backwards[0])
        from_, to = (_seconds_text(int(t)) for t in (earlier[row], time[row]))
        raise RowError(row + 1, f"time goes backwards, from {from_} to {to}: sort the rows by time")
    if int(time[-1]) - int(time[0] if first is None else first) > MAX_NS:
        raise ValueError("the first and the last time lie over 292 years apart, which nanoseconds cannot hold")


def read_trace(path: str | Path) -> Trace:
    """Read a trace file; the ending of its name says its format.

    Columns `time` (seconds, or ISO 8601 taken as UTC where it names no offset), `session`, and optionally `op` and
    `counter`, whose blank cells stand for `increment` and `no_client`. Further columns are ignored.

    Raises InputError naming the file, and the row (data rows counted from 1) or column.
    """
    with reading(path) as ending:
        return trace_of(_read_parquet(path) if ending == ".parquet" else _read_text(Path(path), ending))


@contextmanager
def reading(path: str | Path) -> Iterator[str]:
    """Give the format of a trace file that is about to be read, and tell what then goes wrong in one line.

    Raises InputError naming the file.
    """
    if not str(path):
        raise InputError(f"the name of the trace file is empty: name a file ({', '.join(FORMATS)})")
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path}: this is a directory; name a trace file ({', '.join(FORMATS)})")
        ending = _format(path)
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty; its first line must name the columns")
        yield ending
    except InputError:
        raise
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) and not _begins_as_gzip(path):
            raise InputError(f"{path}: not a gzip file, though its name ends in .gz") from None
        if isinstance(error, gzip.BadGzipFile):
            raise InputError(f"{path}: the gzip data is truncated or damaged; fetch the file again") from None
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise InputError(f"{path}: the gzip data is truncated or damaged; fetch the file again") from None
    except UnicodeDecodeError:
        wrong = (
            "gzip data: let its name end in .gz" if _begins_as_gzip(path) and path.suffix != ".gz" else "not UTF-8 text"
        )
        raise InputError(f"{path}: {wrong}; convert it, or name it by its real format") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _begins_as_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace file whole or not at all; the ending of the name says the format.

    Raises InputError where the name or the place will not do.
    """
    ending = check_target(path)
    path = Path(path)
    with whole_file(path) as temporary:
        if ending == ".parquet":
            _write_parquet(trace, temporary)
        else:
            _write_text(trace, temporary, ending)


def check_target(path: str | Path) -> str:
    """The format in which a trace would be written. Raises InputError where the name or the place will not do."""
    if not str(path):
        raise InputError(f"the name of the trace file is empty: name a file ({', '.join(FORMATS)})")
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path}: this is a directory; name a file in it ({', '.join(FORMATS)})")
        ending = _format(path)
        if path.parent.exists() and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise InputError(f"{path}: cannot be written: {path.parent} is not a directory that can be written to")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return ending


def _format(path: Path) -> str:
    for ending in FORMATS:
        if path.name.endswith(ending):
            return ending
    raise InputError(f"{path}: the ending of the name must say the format: {', '.join(FORMATS)}")


def trace_of(columns: dict) -> Trace:
    """A trace of the columns of a file as they were read. Raises ValueError, naming the row or the column."""
    return Trace.of(
        times_of(columns["time"]),
        sessions_of(columns["session"]),
        choices_of("op", columns.get("op"), OPS, len(columns["session"])),
        choices_of("counter", columns.get("counter"), COUNTERS, len(columns["session"])),
    )


def require(names: Iterable[str], where: str = "") -> None:
    names = list(names)
    for name in ("time", "session"):
        if name not in names:
            raise ValueError(f"{where}no column {name!r}; there are: {', '.join(map(repr, names)) or 'none'}")
    for name in ("time", "session", "op", "counter"):
        if names.count(name) > 1:
            raise ValueError(f"{where}column {name!r} is there twice")


def _read_text(path: Path, ending: str) -> dict:
    with _open_text(path, ending) as lines:
        return _read_csv(lines) if ending.startswith(".csv") else _read_jsonl(lines)


def _open_text(path: Path, ending: str) -> io.TextIOBase:
    if ending.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _read_csv(lines: io.TextIOBase) -> dict:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(filter(None, reader), None)
        if header is None:
            raise ValueError("the file is empty; its first line must name the columns")
        require(header)
        wanted = [(header.index(name), []) for name in WANTED if name in header]
        for number, row in enumerate(filter(None, reader), 1):
            if len(row) != len(header):
                raise RowError(number, f"{len(row)} cells where the header names {len(header)} columns")
            for place, cells in wanted:
                cells.append(row[place])
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None
    return {header[place]: cells for place, cells in wanted}


def _read_jsonl(lines: io.TextIOBase) -> dict:
    columns = {"time": [], "session": [], "op": [], "counter": []}
    for number, line in enumerate((line for line in lines if line.strip()), 1):
        try:
            row = json.loads(line, parse_float=_Text, parse_constant=_Text, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, _Pairs):
            raise RowError(number, 'not a JSON object, such as {"time": 0.5, "session": "a"}')
        require(row.names, f"row {number}: ")
        for name, cells in columns.items():
            cells.append(row.get(name))
    return columns


class _Text(str):
    """A JSON number kept as the text it was, so that its digits are not rounded."""


class _Pairs(dict):
    """A JSON object that remembers every name it was given, so that one given twice is noticed."""

    def __init__(self, pairs: list[tuple[str, object]]):
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def _read_parquet(path: Path) -> dict:
    with parquet(path) as (file, wanted):
        table = file.read(columns=wanted)
        return {name: parquet_column(name, table.column(name)) for name in wanted}


@contextmanager
def parquet(path: str | Path):
    """An open Parquet file and the names of those of its columns that a trace needs; raises ValueError for damage."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Read page by page: a file may be one row group larger than memory.
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            require(file.schema_arrow.names)
            wanted = [name for name in WANTED if name in file.schema_arrow.names]
            for name in wanted:
                _require_type(name, file.schema_arrow.field(name).type)
            yield file, wanted
    except (pa.ArrowException, OSError) as error:
        # Arrow tells damage by an OSError that has no number; those that have one are of the file system.
        if getattr(error, "errno", None):
            raise
        raise ValueError(f"not a readable Parquet file: {' '.join(str(error).split())}") from None


def _require_type(name: str, kind) -> None:
    import pyarrow.types as types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    accepted = [types.is_string, types.is_large_string, types.is_string_view, types.is_null]
    accepted += {
        "time": [types.is_timestamp, types.is_floating, types.is_decimal, types.is_integer],
        "session": [types.is_integer],
    }.get(name, [])
    if not any(accepts(kind) for accepts in accepted):
        raise ValueError(f"column {name!r} holds {kind}, which is not what it must hold: {WANTED[name]}")


def parquet_column(name: str, column):
    """The cells of a column as `trace_of` takes them. Raises ValueError, naming the row or the column."""
    import pyarrow as pa
    import pyarrow.compute as pc

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
            shown = column[row].cast(pa.string())
            raise RowError(row + 1, f"time {shown} is not between the years 1678 and 2261")
        return column.cast(pa.timestamp("ns", kind.tz)).to_numpy().astype("datetime64[ns]")
    if name == "time" and pa.types.is_floating(kind):
        return column.to_numpy().astype(np.float64)
    if name == "time" and (pa.types.is_decimal(kind) or pa.types.is_integer(kind)):
        return column.cast(pa.string()).to_pylist()
    if name == "session" and pa.types.is_integer(kind):
        return column.cast(pa.string()).to_pylist()
    return column.to_pylist()


_TICK = {"s": SECOND, "ms": 1_000_000, "us": 1000, "ns": 1}

WANTED = {
    "time": "seconds as a number, or an ISO 8601 date such as 2026-02-10T08:00:00Z",
    "session": "a string or an integer",
    "op": "one of increment, delete",
    "counter": "one of no_client, drops",
}


def times_of(cells) -> np.ndarray:
    """Times in ns, int64; the first row says whether they are seconds or dates. Raises ValueError, naming the row."""
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "M":
            return cells.astype(np.int64)
        return _float_times(cells)
    if not len(cells):
        return np.empty(0, dtype=np.int64)
    if _nanoseconds(cells[0]) is None and isinstance(cells[0], str) and not isinstance(cells[0], _Text):
        return _dates(cells)
    times = [_nanoseconds(cell) for cell in cells]
    if None in times:
        _refuse_time(
            times.index(None) + 1,
            cells[times.index(None)],
            "seconds as a number" + (", as in row 1" if times.index(None) else ""),
        )
    return np.array(times, dtype=np.int64)


def _float_times(cells: np.ndarray) -> np.ndarray:
    """Each float of seconds as if it were the shortest decimal that stands for it, to the nearest ns."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = cells * SECOND
        nearest = np.rint(product)
        # The product is off by at most 2**-52 of itself from that of the decimal: else the decimal has to be asked.
        sure = np.abs(product - nearest) < 0.5 - np.abs(product) * 2.0**-52 - 1e-6
    times = np.where(sure, nearest, 0).astype(np.int64)
    for row in np.flatnonzero(~sure).tolist():
        text = repr(float(cells[row]))
        ns = _nanoseconds(text)
        if ns is None:
            _refuse_time(row + 1, text, "seconds as a number")
        times[row] = ns
    return times


def _nanoseconds(cell) -> int | None:
    """Seconds as text or an int, in ns, to the nearest; None where it is no finite number that fits."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int)):
        return None
    text = str(cell)
    whole, _, fraction = text.partition(".")
    if text.isascii() and whole.isdigit() and len(whole) < 10 and len(fraction) <= 9 and (fraction + "0").isdigit():
        return int(whole) * SECOND + int(fraction.ljust(9, "0"))
    try:
        ns = Decimal(text) * SECOND if _NUMBER.fullmatch(text) else None
        return int(ns.to_integral_value()) if ns is not None and abs(ns) <= MAX_NS else None
    except ArithmeticError:
        return None


def _dates(cells: Iterable[str]) -> np.ndarray:
    series = pd.Series(list(cells), dtype=object)
    looks_like_one = series.map(lambda cell: isinstance(cell, str) and cell[:4].isdigit() and len(cell) >= 8)
    if not looks_like_one.all():
        row = int(np.flatnonzero(~looks_like_one)[0])
        _refuse_time(row + 1, series[row], "an ISO 8601 date, as in row 1" if row else WANTED["time"])
    dates = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    if dates.isna().any():
        row = int(np.flatnonzero(dates.isna())[0])
        _refuse_time(row + 1, series[row], "a date that exists, in ISO 8601")
    outside = (dates < pd.Timestamp.min.tz_localize("UTC")) | (dates > pd.Timestamp.max.tz_localize("UTC"))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise RowError(row + 1, f"time {_shown(series[row])} is not between the years 1678 and 2261")
    return dates.dt.as_unit("ns").astype(np.int64).to_numpy()


def _refuse_time(row: int, cell, wanted: str) -> None:
    are_seconds = row == 1 or wanted.startswith("seconds")
    if are_seconds and _NUMBER.fullmatch(str(cell)) and abs(float(str(cell))) > MAX_NS // SECOND:
        wanted = "seconds, of which these are more than 292 years; a clock in milliseconds has to be divided by 1000"
    raise RowError(row, f"time {_shown(cell)} is not what it must be: {wanted}")


def sessions_of(cells) -> np.ndarray:
    """Session ids, str objects. Raises ValueError, naming the row."""
    names = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        if cell is None:
            cell = ""
        elif isinstance(cell, int) and not isinstance(cell, bool):
            cell = str(cell)
        if cell.__class__ is not str:
            raise RowError(i + 1, f"session {_shown(cell)} is not {WANTED['session']}")
        if not cell.isascii() and cell.encode(errors="replace").decode() != cell:
            raise RowError(i + 1, f"session {_shown(cell)} is not Unicode text")
        names[i] = cell
    return names


def choices_of(name: str, cells, known: tuple[str, ...], rows: int) -> np.ndarray:
    """Codes, uint8, of a column of known words; the first stands for a blank. Raises ValueError, naming the row."""
    if cells is None:
        return np.zeros(rows, dtype=np.uint8)
    code = {word: number for number, word in enumerate(known)} | {"": 0, None: 0}
    for row, cell in enumerate(cells, 1):
        if not isinstance(cell, (str, type(None))) or cell not in code:
            raise RowError(row, f"{name} {_shown(cell)} is not {WANTED[name]}")
    return np.fromiter(map(code.__getitem__, cells), dtype=np.uint8, count=rows)


def _shown(cell) -> str:
    """A cell as a message can hold it: one line, not too long."""
    text = str(cell) if isinstance(cell, _Text) else repr(cell)
    return text if len(text) <= 60 else text[:57] + "..."


def _seconds_text(ns: int) -> str:
    """Seconds with no more decimals than they need, exactly."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    whole, fraction = divmod(ns, SECOND)
    return f"{sign}{whole}.{fraction:09d}".rstrip("0").removesuffix(".")


def _write_text(trace: Trace, path: Path, ending: str) -> None:
    times = map(_seconds_text, trace.time.tolist())
    sessions = trace.ids[trace.session]
    ops, counters = np.array(OPS)[trace.op].tolist(), np.array(COUNTERS)[trace.counter].tolist()
    rows = zip(times, sessions, ops, counters, strict=True)
    with open(path, "wb") as raw:
        # No name and no time in the gzip header: the same trace gives the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if ending.endswith(".gz") else raw
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            if ending.startswith(".csv"):
                # The csv module leaves a carriage return bare, and reads it as the end of the row.
                bare = any("\r" in name for name in trace.ids)
                writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
                writer.writerow(["time", "session", "op", "counter"])
                writer.writerows(rows)
            else:
                text.writelines(
                    f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
                    for time, session, op, counter in rows
                )


def _write_parquet(trace: Trace, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

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
