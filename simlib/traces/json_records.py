"""Read JSON logs: an object a line, an array, objects one after another, or a document with its records inside.

A column is a path of names, such as `user.username`. Refuses what is no object, and a value longer than any log's.
"""

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simlib.traces.cells import JsonNumber, RowError, parse_sessions, quoted, shortened
from simlib.traces.delimited import ROWS
from simlib.traces.mapping import BYTES, SESSION, Fields, Raw, listed
from simlib.traces.notes import Notes
from simlib.traces.source import MAX_LINE, Advance, text_lines, unpacked

_MISSING = object()

_MAX_DOCUMENT = 4 * MAX_LINE
"""Characters of one JSON value: a document with all its records inside may be longer than a line."""

_HEAD = 100

_NOT_AN_OBJECT = 'not a JSON object, such as {"time": 0.5, "session": "a"}'

_KNOWN: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "journald JSON": (("__REALTIME_TIMESTAMP",), {"time": "__REALTIME_TIMESTAMP", "session": "_PID"}),
    "Kubernetes audit log": (("auditID", "stage"), {"time": "stageTimestamp", "session": "user.username"}),
    "OpenTelemetry logs": (("timeUnixNano",), {"time": "timeUnixNano", "session": "attributes.session.id"}),
    "Zeek JSON": (("ts", "uid"), {"time": "ts", "session": "uid"}),
    "Prometheus query_range": (("time", BYTES, "series"), {}),
}
"""JSON logs by name: the fields that they are recognised by, and the columns of their roles."""

_DOCUMENTS = ("Records", "items", "records", "logs", "data", "events", "entries", "hits")
"""Names under which documents hold their records."""


class Json:
    """A JSON log seen as a table."""

    is_open, decimal_comma = True, False

    def __init__(self, path: Path, name: str = ""):
        self._path = path
        with unpacked(path) as stream:
            first = next((line for line in text_lines(stream) if line.strip()), "") if _has_lines(path) else ""
        self._by_line = _is_object(first)
        head = [row for _, row in islice(self._records(None, None), _HEAD)]
        if not head:
            raise ValueError("the file is empty; it must hold JSON objects")
        if not isinstance(head[0], dict):
            raise RowError(1, _NOT_AN_OBJECT)
        self.names: Sequence[str] = list(dict.fromkeys(each for row in head for each in _names(row)))
        known = [each for each, (signs, _) in _KNOWN.items() if all(sign in self.names for sign in signs)]
        self.about = name or (known[0] if known else "JSON lines" if self._by_line else "JSON")
        own = {"time", "session"} <= set(self.names)
        self.defaults: Mapping[str, str] = {}
        if self.about in _KNOWN and not own:
            # The times of Kubernetes and OpenTelemetry have a stand-in where they are not kept.
            others = {"stageTimestamp": "requestReceivedTimestamp", "timeUnixNano": "observedTimeUnixNano"}
            self.defaults = {
                role: other if (other := others.get(field, field)) in self.names and field not in self.names else field
                for role, field in _KNOWN[self.about][1].items()
            }
            if self.about == "OpenTelemetry logs" and self.defaults["session"] not in self.names:
                self.defaults = {"time": self.defaults["time"]}

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns. Raises ValueError, naming the row or the column."""
        needed = [role for role in (SESSION, BYTES, "time") if role in fields]
        is_own = fields["time"] == ("time",) and fields.get(SESSION) == (SESSION,)
        getters = {role: _getter(names) for role, names in fields.items()}
        records = self._records(advance, _Pairs if is_own else None)
        number, empty = 0, True
        while batch := list(islice(records, ROWS)):
            cells: dict[str, list[Any]] = {role: [] for role in fields}
            numbers = []
            for number, row in batch:
                if not isinstance(row, dict):
                    raise RowError(number, _NOT_AN_OBJECT)
                if isinstance(row, _Pairs):
                    row.check(number)
                found = {role: get(row) for role, get in getters.items()}
                missing = next((role for role in needed if found[role] is _MISSING), None)
                if missing:
                    notes.left_out["rows", f"without {listed(fields[missing])}"] += 1
                    continue
                numbers.append(number)
                for role, values in cells.items():
                    values.append(None if found[role] is _MISSING else found[role])
            empty &= not numbers
            yield _raw(cells, np.array(numbers, np.int64))
        if number and empty:
            wanted = listed(name for role in reversed(needed) for name in fields[role])
            raise ValueError(f"no row has {wanted}; the columns are: {listed(self.names)}")

    def _records(self, advance: Advance | None, pairs: type | None) -> Iterator[tuple[int, Any]]:
        """Give each record with its number from 1; one that is no JSON is given as None."""
        with unpacked(self._path, advance) as stream:
            number = 0
            # A lone record is an object; a document of many is taken apart.
            for value in _by_line(stream, pairs) if self._by_line else _values(stream, pairs):
                for record in _unwrapped(value):
                    number += 1
                    yield number, record


class _Pairs(dict[str, Any]):
    """A JSON object that keeps every name it was given, so that one given twice is noticed."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]

    def check(self, number: int) -> None:
        """Raise ValueError where a name that matters is missing or was given twice."""
        for name in ("time", "session"):
            if name not in self:
                raise ValueError(f"row {number}: there is no column {name!r}; the columns are: {listed(self.names)}")
        for name in ("time", "session", "op", "counter"):
            if self.names.count(name) > 1:
                raise ValueError(f"row {number}: column {name!r} appears twice")


def _parser(pairs: type | None) -> Callable[[str], Any]:
    options: dict[str, Any] = {"object_pairs_hook": pairs} if pairs else {}
    return partial(json.loads, parse_float=JsonNumber, parse_constant=JsonNumber, **options)


def _has_lines(path: Path) -> bool:
    """Whether a file's first line may be read whole: an array can stand on one line of any length."""
    with unpacked(path) as stream:
        return b"\n" in stream.read(MAX_LINE) or not stream.read(1)


def _is_object(line: str) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


def _by_line(stream: Any, pairs: type | None) -> Iterator[Any]:
    parse = _parser(pairs)
    for line in text_lines(stream):
        if line.strip():
            try:
                yield parse(line)
            except (ValueError, RecursionError):
                yield None


def _values(stream: Any, pairs: type | None) -> Iterator[Any]:
    """Give the elements of an array, or values one after another, as they are read; None for what is no JSON."""
    options: dict[str, Any] = {"object_pairs_hook": pairs} if pairs else {}
    decoder = json.JSONDecoder(parse_float=JsonNumber, parse_constant=JsonNumber, **options)
    text, at, size, ended = "", 0, 1 << 16, False
    decode = codecs.getincrementaldecoder("utf-8-sig")()
    is_first = True
    while True:
        while at < len(text) and (text[at] in " \t\r\n,]" or (text[at] == "[" and is_first)):
            is_first = is_first and text[at] != "["
            at += 1
        if at < len(text):
            try:
                value, at = decoder.raw_decode(text, at)
            except RecursionError:
                value = None
                ended = True
            except ValueError:
                if ended or len(text) - at > _MAX_DOCUMENT:
                    yield None
                    return
            else:
                is_first = False
                yield value
                continue
        if ended:
            if at < len(text):
                yield None
            return
        data = stream.read(max(size, len(text) - at))
        ended = not data
        text, at = text[at:] + decode.decode(data, final=ended), 0


def _unwrapped(value: Any) -> Iterator[Any]:
    """Take a document of records apart: OpenTelemetry's, Prometheus's, or a list of objects under a usual name."""
    if not isinstance(value, dict):
        yield value
    elif series := [each for each in _list(_of(value.get("data")), "result") if _list(_of(each), "values")]:
        yield from _points(series)
    elif isinstance(resources := value.get("resourceLogs"), list):
        for resource in resources:
            inside = _of(resource)
            for scope in [*_list(inside, "scopeLogs"), *_list(inside, "instrumentationLibraryLogs")]:
                for record in [*_list(_of(scope), "logRecords"), *_list(_of(scope), "logs")]:
                    yield {"resource": inside.get("resource"), "scope": _of(scope).get("scope"), **_of(record)}
    else:
        found = next((name for name in _DOCUMENTS if _objects(value.get(name)) and len(value) <= 6), None)
        if found is None:
            yield value
        else:
            inner = value[found]
            yield from _unwrapped(inner) if isinstance(inner, dict) else inner


def _points(series: list[dict[str, Any]]) -> Iterator[Any]:
    """Give the points of a series, [time, value] each. Raises ValueError where there are several series."""
    names = [", ".join(f"{name}={value}" for name, value in _of(each.get("metric")).items()) for each in series]
    if len(series) > 1:
        raise ValueError(f"it holds {len(series)} series, such as {shortened(names[0])}: query that of one process")
    for point in series[0]["values"]:
        is_point = isinstance(point, list) and len(point) == 2
        yield {"time": point[0], BYTES: point[1], "series": names[0]} if is_point else None


def _objects(value: Any) -> bool:
    if isinstance(value, dict):
        return _objects(value.get("hits"))
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _getter(names: tuple[str, ...]) -> Callable[[dict[str, Any]], Any]:
    """Return a function that gives a record's value of a column, _MISSING where it has none."""
    if len(names) == 1:
        return partial(_value, name=names[0])

    def joined(row: dict[str, Any]) -> Any:
        cells = [_value(row, name) for name in names]
        return _MISSING if any(cell is _MISSING for cell in cells) else " ".join(map(str, cells))

    return joined


def _value(row: Any, name: str) -> Any:
    """Find a path in a record; its names may hold dots themselves, and a list be OpenTelemetry's of keys and values."""
    if isinstance(row, dict):
        if name in row:
            found = row[name]
            if isinstance(found, dict) and len(found) == 1 and next(iter(found)).endswith("Value"):
                return next(iter(found.values()))
            return found
        for at, letter in enumerate(name):
            if letter == "." and name[:at] in row:
                found = _value(row[name[:at]], name[at + 1 :])
                if found is not _MISSING:
                    return found
    elif isinstance(row, list):
        for each in row:
            if isinstance(each, dict) and each.get("key") == name:
                return _value(each, "value")
        first, _, rest = name.partition(".")
        if first.isdecimal() and int(first[:9]) < len(row):
            found = row[int(first[:9])]
            return _value(found, rest) if rest else found
    return _MISSING


def _names(row: Any, prefix: str = "", depth: int = 0) -> Iterator[str]:
    """List the paths of a record to a depth that people look at."""
    if isinstance(row, dict) and depth < 4:
        for name, value in row.items():
            inside = list(_names(value, f"{prefix}{name}.", depth + 1))
            yield from inside or [f"{prefix}{name}"]
    elif isinstance(row, list):
        for each in row[:50]:
            if isinstance(each, dict) and "key" in each and "value" in each:
                yield f"{prefix}{each['key']}"


def _raw(cells: dict[str, list[Any]], rows: np.ndarray) -> Raw:
    """Make columns of text of cells. Raises RowError, counting as the file does."""
    columns = {}
    try:
        for role, values in cells.items():
            if role == "session":
                columns[role] = pa.array(parse_sessions(values), pa.string())
            elif role in ("time", "end"):
                columns[role] = pa.array(_times(values, role), pa.string())
            else:
                columns[role] = pa.array([None if value is None else str(value) for value in values], pa.string())
    except RowError as error:
        raise RowError(int(rows[error.row - 1]), error.what) from None
    return Raw(columns, rows)


_NOT_FINITE = tuple(map(JsonNumber, ("NaN", "Infinity", "-Infinity")))


def _times(cells: list[Any], role: str) -> list[str | None]:
    texts: list[str | None] = []
    for row, cell in enumerate(cells, 1):
        if cell is None and role == "end":
            texts.append(None)
        elif isinstance(cell, str | int) and not isinstance(cell, bool) and cell not in _NOT_FINITE:
            texts.append(str(cell))
        else:
            raise RowError(row, f"{role} {quoted(cell)} must be a number or a date, such as 2026-02-10T08:00:00Z")
    return texts
