"""Parse the cells of a trace file: times, session ids, and words such as `increment`.

Times become integer nanoseconds without passing through a float where the file holds text. A cell that does not fit is
refused by its row.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from simlib.core.units import MAX_NS, SECOND

WANTED = {
    "time": "seconds as a number, or an ISO 8601 date such as 2026-02-10T08:00:00Z",
    "session": "a string or an integer",
    "op": "one of increment, delete",
    "counter": "one of no_client, drops",
}
"""The columns of a trace file, and what each must hold. The first two are required."""

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)

_QUOTED = 200
"""Characters of a file's contents that a message quotes at most."""


class RowError(ValueError):
    """Report what is wrong with one data row, counted from 1."""

    def __init__(self, row: int, what: str):
        super().__init__(f"row {row}: {what}")
        self.row, self.what = row, what

    def after(self, rows: int) -> "RowError":
        """Return the same error, `rows` rows further down."""
        return RowError(self.row + rows, self.what)


class JsonNumber(str):
    """A JSON number as the text it was, so that its digits are not rounded."""


def check_columns(names: Iterable[str], where: str = "") -> None:
    """Check the names of a file's columns. Raises ValueError for one that is missing or appears twice."""
    names = list(names)
    for name in ("time", "session"):
        if name not in names:
            found = shortened(", ".join(map(repr, names))) or "none"
            raise ValueError(f"{where}there is no column {name!r}; the columns are: {found}")
    for name in WANTED:
        if names.count(name) > 1:
            raise ValueError(f"{where}column {name!r} appears twice")


def check_order(time: np.ndarray, first: int | None = None, before: int | None = None) -> None:
    """Check that times (int64, ns) do not go backwards.

    `first` is the time of the stream's first row and `before` that of the row before these; None where these begin the
    stream. Raises RowError for a time that goes backwards, ValueError where the stream is too long for nanoseconds.
    """
    if not time.size:
        return
    earlier = np.concatenate([time[:1] if before is None else np.array([before]), time[:-1]])
    backwards = np.flatnonzero(time < earlier)
    if backwards.size:
        row = int(backwards[0])
        from_, to = (seconds_text(int(t)) for t in (earlier[row], time[row]))
        raise RowError(row + 1, f"time goes backwards, from {from_} to {to}: sort the rows by time")
    if int(time[-1]) - int(time[0] if first is None else first) > MAX_NS:
        raise ValueError("the first and the last time are over 292 years apart, the most that nanoseconds can hold")


def parse_times(cells: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Parse times into ns, int64. The first cell decides whether all are seconds or dates.

    Cells are text, integers, or an array of floats (seconds) or datetime64[ns]. Raises RowError.
    """
    if isinstance(cells, np.ndarray):
        return cells.astype(np.int64) if cells.dtype.kind == "M" else _parse_floats(cells)
    if not len(cells):
        return np.empty(0, dtype=np.int64)
    if isinstance(cells[0], str) and not isinstance(cells[0], JsonNumber) and _parse_seconds(cells[0]) is None:
        return _parse_dates(cells)
    times = [_parse_seconds(cell) for cell in cells]
    if None in times:
        row = times.index(None)
        _refuse_time(row + 1, cells[row], "seconds as a number" + (", as in row 1" if row else ""))
    return np.array(times, dtype=np.int64)


def _parse_floats(cells: np.ndarray) -> np.ndarray:
    """Parse each float of seconds as the shortest decimal that stands for it, to the nearest ns."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = cells * SECOND
        nearest = np.rint(product)
        # The product is off by at most 2**-52 of itself from that of the decimal: else the decimal has to be asked.
        sure = np.abs(product - nearest) < 0.5 - np.abs(product) * 2.0**-52 - 1e-6
    times: np.ndarray = np.where(sure, nearest, 0).astype(np.int64)
    for row in np.flatnonzero(~sure).tolist():
        text = repr(float(cells[row]))
        ns = _parse_seconds(text)
        if ns is None:
            _refuse_time(row + 1, text, "seconds as a number")
        times[row] = ns
    return times


def _parse_seconds(cell: object) -> int | None:
    """Parse seconds, text or an int, to the nearest ns. Return None for what is no finite number that fits."""
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


def _parse_dates(cells: Iterable[Any]) -> np.ndarray:
    series = pd.Series(list(cells), dtype=object)
    is_date = series.map(lambda cell: isinstance(cell, str) and cell[:4].isdigit() and len(cell) >= 8).to_numpy(bool)
    if not is_date.all():
        row = int(np.flatnonzero(~is_date)[0])
        _refuse_time(row + 1, series[row], "an ISO 8601 date, as in row 1" if row else WANTED["time"])
    dates = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    missing = np.flatnonzero(dates.isna())
    if missing.size:
        row = int(missing[0])
        _refuse_time(row + 1, series[row], "a date that exists, in ISO 8601")
    outside = (dates < pd.Timestamp.min.tz_localize("UTC")) | (dates > pd.Timestamp.max.tz_localize("UTC"))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        _refuse_time(row + 1, series[row], "between the years 1678 and 2261")
    return dates.dt.as_unit("ns").astype(np.int64).to_numpy()


def _refuse_time(row: int, cell: object, wanted: str) -> NoReturn:
    may_be_seconds = row == 1 or wanted.startswith("seconds")
    if may_be_seconds and _NUMBER.fullmatch(str(cell)) and abs(float(str(cell))) > MAX_NS // SECOND:
        wanted = "less than 292 years of seconds; a clock in milliseconds has to be divided by 1000"
    raise RowError(row, f"time {quoted(cell)} must be {wanted}")


def parse_sessions(cells: Sequence[Any]) -> np.ndarray:
    """Parse session ids into str objects; an integer stands for its decimal text, None for an empty id.

    Raises RowError.
    """
    names = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        if cell is None:
            cell = ""
        elif isinstance(cell, int) and not isinstance(cell, bool):
            cell = str(cell)
        if cell.__class__ is not str:
            raise RowError(i + 1, f"session {quoted(cell)} must be {WANTED['session']}")
        if not cell.isascii() and cell.encode(errors="replace").decode() != cell:
            raise RowError(i + 1, f"session {quoted(cell)} must be Unicode text")
        names[i] = cell
    return names


def parse_words(name: str, cells: Sequence[Any], known: tuple[str, ...]) -> np.ndarray:
    """Parse the cells of column `name` into indices of `known`, uint8; a blank stands for the first word.

    Raises RowError.
    """
    code: dict[Any, int] = {word: number for number, word in enumerate(known)} | {"": 0, None: 0}
    for row, cell in enumerate(cells, 1):
        if not isinstance(cell, (str, type(None))) or cell not in code:
            raise RowError(row, f"{name} {quoted(cell)} must be {WANTED[name]}")
    return np.fromiter(map(code.__getitem__, cells), dtype=np.uint8, count=len(cells))


def quoted(cell: object) -> str:
    """Quote a cell for a message, on one line and at most 60 characters long."""
    return shortened(str(cell) if isinstance(cell, JsonNumber) else repr(cell), 60)


def shortened(text: str, most: int = _QUOTED) -> str:
    """Shorten a text for a message to `most` characters.

    >>> shortened("0123456789", 8)
    '01234...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


def seconds_text(ns: int) -> str:
    """Write a time as seconds, exactly, with no more decimals than it needs.

    >>> seconds_text(1_500_000_000), seconds_text(-2), seconds_text(0)
    ('1.5', '-0.000000002', '0')
    """
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    whole, fraction = divmod(ns, SECOND)
    return f"{sign}{whole}.{fraction:09d}".rstrip("0").removesuffix(".")
