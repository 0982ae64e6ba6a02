"""Convert a column of times into nanoseconds: numbers in a unit that is recognised by size, dates, Arrow's own types.

No text and no integer passes through a float. Refuses by its row a cell that is not written as the first one is.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.core.units import DAY, HOUR, MAX_NS, MINUTE, MS, NS, SECOND, US
from simlib.traces.cells import NUMBER, WANTED, RowError, quoted, seconds_text
from simlib.traces.dates import DAY_FIRST, FORMS, MONTH_FIRST, DateForm, parse_dates

UNITS = {"s": SECOND, "ms": MS, "us": US, "ns": NS}
"""Units of numbers, in ns."""

UNIT_NAMES = {SECOND: "seconds", MS: "milliseconds", US: "microseconds", NS: "nanoseconds"}

DATE_ORDERS = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST}

# Seconds since 1970 stay below 10^11 for 3000 years, and milliseconds since 1973 are above: so for each unit.
_SIZES = ((10**11, SECOND), (10**14, MS), (10**17, US), (10**30, NS))

_EPOCH = 10**8
"""Numbers of seconds from here on (1973) are taken for times since 1970, smaller ones for times from a start."""

_HEAD = 1000
"""Cells by which the form and the unit are recognised."""

_YEAR = 2023
"""Stands where a date names no year; the leap year after it where the first cells name 29 February."""

_SHORT = r"^\s*(?P<sign>[+-]?)(?P<whole>\d{1,18})(?:[.,](?P<part>\d*))?\s*$"

_TICK = {"s": SECOND, "ms": MS, "us": US, "ns": NS}


class Clock:
    """Converts the times of one file, whose first batch decides how they are written.

    `unit` is a name of UNITS or DATE_ORDERS, or "" to recognise it. After the first batch `about` says in words how
    the times are written, `is_date` whether they name an instant, and `warnings` what looks wrong with them.
    """

    def __init__(self, unit: str = "", decimal_comma: bool = False):
        self._unit, self._decimal_comma = unit, decimal_comma
        self._form: DateForm | None = None
        self.unit = 0
        self._naive, self._yearless, self._year = False, False, _YEAR
        self._latest: int | None = None
        self._shift = 0
        self.about, self.is_date = "", False
        self.warnings: list[str] = []

    def parse(self, column: pa.Array) -> np.ndarray:
        """Convert consecutive cells into ns, int64, (n,). Raises RowError, counting from the first of them."""
        column = _plain(column)
        if not self.about and len(column):
            self._decide(column)
        if column.null_count:
            raise RowError(column.is_null().to_pylist().index(True) + 1, "time is missing")
        if pa.types.is_timestamp(column.type):
            return _timestamps(column)
        if pa.types.is_floating(column.type):
            return _floats(column, self.unit)
        if pa.types.is_signed_integer(column.type):
            whole, most = np.asarray(column.cast(pa.int64())), MAX_NS // self.unit
            if not whole.size or (whole.min() >= -most and whole.max() <= most):
                return whole * self.unit
        texts = column if _is_text(column.type) else column.cast(pa.string())
        return self._texts(texts)

    def duration(self, column: pa.Array, unit: int) -> np.ndarray:
        """Convert lengths of time in a unit (ns) into ns, int64; -1 for a cell that holds none."""
        column = _plain(column)
        if pa.types.is_duration(column.type):
            column = column.cast(pa.duration("ns")).cast(pa.int64())
            unit = NS
        texts = (
            column if _is_text(column.type) else pa.array([None if x is None else str(x) for x in column.to_pylist()])
        )
        cells = [_exact(text, unit, self._decimal_comma) if text else None for text in texts.to_pylist()]
        return np.array([-1 if ns is None or ns < 0 else ns for ns in cells], np.int64)

    def _decide(self, column: pa.Array) -> None:
        head = column[:_HEAD]
        if pa.types.is_timestamp(column.type):
            self.about, self.is_date = "timestamps", True
        elif _is_text(column.type):
            cells = head.to_pylist()
            form = self._date_form(cells)
            if form is None:
                self._decide_unit([float(cell.replace(",", ".")) for cell in cells if cell and self._is_number(cell)])
            else:
                self._form, self.is_date = form, True
                self._yearless = form.name == "syslog" and not re.search(r"\b\d{4}\b", cells[0] or "")
                self._year += any(cell and "Feb 29" in cell for cell in cells)
                self.about = f"dates ({form.name}{', of an assumed year' if self._yearless else ''})"
        else:
            self._decide_unit([float(cell) for cell in head.drop_null().to_pylist()])
            if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
                step = float(np.spacing(np.float32(np.abs(np.asarray(head.drop_null(), np.float32)).max(initial=0))))
                self.warnings.append(f"the times are 32-bit floats, exact to {step:.3g} of their unit only")

    def _decide_unit(self, values: Sequence[float]) -> None:
        sizes = np.abs([value for value in values if np.isfinite(value)])
        size = float(np.median(sizes)) if sizes.size else 0.0
        if self._unit in UNITS:
            self.unit = UNITS[self._unit]
        else:
            self.unit = next((unit for most, unit in _SIZES if size < most), NS)
        self.is_date = size * self.unit >= _EPOCH * SECOND
        since = "since 1970" if self.is_date else "from a start"
        self.about = f"{UNIT_NAMES[self.unit]} {since}"
        # Telemetry that passed through 32-bit floats stands in steps of 64 to 128 s.
        if self.is_date and len(values) > 2 and self.unit == SECOND and all(value % 64 == 0 for value in values):
            self.warnings.append("every time is a multiple of 64 s, as after a 32-bit float: the true ones are lost")

    def _is_number(self, text: str) -> bool:
        return bool(NUMBER.fullmatch(text)) and (self._decimal_comma or "," not in text)

    def _date_form(self, cells: Sequence[str | None]) -> DateForm | None:
        """Recognise how dates are written by the first cell; None where it is a number. Raises RowError."""
        first = cells[0]
        if first is None:
            raise RowError(1, "time is missing")
        if self._is_number(first) and (self._unit in UNITS or not _fits(first, FORMS[2])):
            return None
        if self._unit in DATE_ORDERS and _fits(first, DATE_ORDERS[self._unit]):
            return DATE_ORDERS[self._unit]
        form = next((form for form in FORMS if _fits(first, form)), None)
        if form is None:
            _refuse(1, first, WANTED["time"])
        if form in (DAY_FIRST, MONTH_FIRST) and "." not in first[:6]:
            column = pa.array([cell for cell in cells if cell], pa.string())
            possible = [each for each in (DAY_FIRST, MONTH_FIRST) if parse_dates(column, each, _YEAR).exists.all()]
            if len(possible) != 1:
                what = f"time {quoted(first)} can be day first or month first: say --unit dmy or --unit mdy"
                raise RowError(1, what)
            return possible[0]
        return form

    def _texts(self, texts: pa.Array) -> np.ndarray:
        # Logs write one time often: each is parsed once.
        words = texts.dictionary_encode()
        known, index = words.dictionary, np.asarray(words.indices)
        ns, bad = self._numbers(known) if self._form is None else self._dates(known)
        if bad:
            rows = {place: int(np.flatnonzero(index == place)[0]) for place in bad}
            place = min(rows, key=rows.__getitem__)
            self._refuse_text(rows[place] + 1, known[place].as_py())
        times: np.ndarray = ns[index]
        return self._running(times) if self._naive else times

    def _numbers(self, texts: pa.Array) -> tuple[np.ndarray, list[int]]:
        """Convert numbers to ns, rounded to the nearest, and list the places of those that are none."""
        digits = len(str(self.unit)) - 1
        parts = pc.extract_regex(texts, _SHORT)
        sign, whole, part = (column.fill_null("") for column in parts.flatten())
        part_length = np.asarray(pc.utf8_length(part))
        short = np.asarray(parts.is_valid()) & (part_length <= digits)
        if not self._decimal_comma:
            short &= ~np.asarray(pc.match_substring(texts, ","))
        number = np.asarray(pc.if_else(pa.array(short), whole, "0").cast(pa.int64()))
        short &= number < MAX_NS // self.unit
        padded = (
            pc.utf8_rpad(pc.if_else(pa.array(short), part, ""), digits, "0") if digits else pa.array(["0"] * len(texts))
        )
        ns = np.where(short, number, 0) * self.unit + np.asarray(padded.cast(pa.int64()))
        ns = np.where(np.asarray(pc.equal(sign, "-")), -ns, ns)
        bad = []
        for place in np.flatnonzero(~short).tolist():
            exact = _exact(texts[place].as_py(), self.unit, self._decimal_comma)
            if exact is None:
                bad.append(place)
            else:
                ns[place] = exact
        return ns, bad

    def _dates(self, texts: pa.Array) -> tuple[np.ndarray, list[int]]:
        assert self._form is not None
        dates = parse_dates(texts, self._form, self._year)
        self._naive = dates.naive
        return dates.ns, np.flatnonzero(~(dates.fits & dates.exists & dates.inside)).tolist()

    def _refuse_text(self, row: int, text: str) -> NoReturn:
        if self._form is None:
            wanted = "seconds as a number" if self.unit == SECOND else f"{UNIT_NAMES[self.unit]} as a number"
            wanted += ", as in row 1" if row > 1 else ""
            if NUMBER.fullmatch(text) and self._is_number(text):
                wanted = "less than 292 years of " + UNIT_NAMES[self.unit]
            _refuse(row, text, wanted)
        dates = parse_dates(pa.array([text]), self._form, self._year)
        kind = "an ISO 8601 date" if self._form.name == "ISO 8601" else f"a date such as {self._form.example}"
        if not dates.fits[0]:
            _refuse(row, text, kind + ", as in row 1")
        _refuse(row, text, "between the years 1678 and 2261" if dates.exists[0] else f"a date that exists, {kind}")

    def _running(self, times: np.ndarray) -> np.ndarray:
        """Let a local clock run on where it falls back by an hour, and years follow where dates name none."""
        times = times + self._shift
        while times.size:
            # The first time stands for what is before it: a difference from one far off overflows.
            latest = np.maximum.accumulate(np.append(times[0] if self._latest is None else self._latest, times))
            back = latest[:-1] - times
            row = next(
                (row for row in np.flatnonzero(back > 5 * MINUTE).tolist() if self._step(times, back, row)), None
            )
            if row is None:
                self._latest = int(latest[-1])
                break
            step = self._step(times, back, row)
            times[row:] += step
            self._shift += step
            if step == HOUR:
                self.warnings.append("the local clock falls back by an hour: the times after it are counted on")
        return times

    def _step(self, times: np.ndarray, back: np.ndarray, row: int) -> int:
        """Return by how much a clock was set back before a row, ns; 0 where the row is merely out of order."""
        size = int(back[row])
        local = int(times[row]) - self._shift
        following = times[row + 1 : row + 4]
        stays = not following.size or int(following.min()) < int(times[row]) + size // 2
        if size > 300 * DAY and self._yearless:
            return (366 if self._year % 4 == 0 else 365) * DAY if stays else 0
        same_hour = (local + size) // HOUR == local // HOUR and local // HOUR % 24 in (23, 0, 1, 2)
        return HOUR if same_hour and stays else 0


def _plain(column: pa.Array) -> pa.Array:
    """Convert a column to a type without a dictionary: a timestamp, a number or text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms"))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.string_view():
        return column.cast(pa.string())
    return column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _timestamps(column: pa.Array) -> np.ndarray:
    ticks, tick = np.asarray(column.cast(pa.int64())), _TICK[column.type.unit]
    if tick > 1 and ticks.size:
        outside = np.flatnonzero((ticks > MAX_NS // tick) | (ticks < -(MAX_NS // tick)))
        if outside.size:
            row = int(outside[0])
            time = column[row].cast(pa.string())
            raise RowError(row + 1, f"time {time} must be between the years 1678 and 2261")
    return ticks * tick


def _floats(column: pa.Array, unit: int) -> np.ndarray:
    """Convert each float as the shortest decimal that stands for it, to the nearest ns."""
    cells = np.asarray(column).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        product = cells * unit
        nearest = np.rint(product)
        # The product is off by at most 2**-52 of itself from that of the decimal: else the decimal has to be asked.
        sure = np.abs(product - nearest) < 0.5 - np.abs(product) * 2.0**-52 - 1e-6
    times: np.ndarray = np.where(sure, nearest, 0).astype(np.int64)
    for row in np.flatnonzero(~sure).tolist():
        text = repr(float(cells[row]))
        ns = _exact(text, unit)
        if ns is None:
            name = UNIT_NAMES[unit]
            _refuse(
                row + 1, text, f"less than 292 years of {name}" if NUMBER.fullmatch(text) else f"{name} as a number"
            )
        times[row] = ns
    return times


def _exact(cell: Any, unit: int, decimal_comma: bool = False) -> int | None:
    """Convert a number's text to the nearest ns. Return None for what is no finite number that fits."""
    text = str(cell)
    if not NUMBER.fullmatch(text) or ("," in text and not decimal_comma):
        return None
    try:
        ns = Decimal(text.strip().replace(",", ".")) * unit
        return int(ns.to_integral_value()) if abs(ns) <= MAX_NS else None
    except ArithmeticError:
        return None


def _fits(text: str, form: DateForm) -> bool:
    return bool(pc.extract_regex(pa.array([text]), form.pattern)[0].is_valid)


def _refuse(row: int, cell: object, wanted: str) -> NoReturn:
    raise RowError(row, f"time {quoted(cell)} must be {wanted}")


def is_since_1970(ns: int) -> bool:
    """Whether a time is one since 1970, and not from a start, by its size."""
    return ns >= _EPOCH * SECOND


def instant(ns: int, is_date: bool) -> str:
    """Write an instant for people: a date in UTC to the ms, or seconds from the start.

    >>> instant(1_500_000_000, True), instant(1_500_000_000, False)
    ('1970-01-01 00:00:01.500', '1.5 s')
    """
    if not is_date:
        return f"{seconds_text(ns)} s"
    text = str(np.datetime64(ns // MS, "ms")).replace("T", " ")
    return text.removesuffix(".000")


def is_time(text: str) -> bool:
    """Whether a text is a number or a date, rather than a column's name."""
    return len(text) < 60 and (bool(NUMBER.fullmatch(text)) or any(_fits(text, form) for form in FORMS))
