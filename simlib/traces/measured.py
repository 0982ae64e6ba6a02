"""Read the memory of a process as it was measured: times and bytes, from Prometheus, Grafana, `ps` or a plain table.

Refuses what is no table of the two: several series, bytes that are no number or negative, an unknown unit.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlib.core.files import whole_file
from simlib.core.numbers import format_count, format_counted, format_duration, format_memory, format_number
from simlib.traces.cells import RowError, quoted, seconds_text
from simlib.traces.delimited import Commented, Delimited
from simlib.traces.json_records import Json
from simlib.traces.mapping import BYTES, How, Raw, columns_of, plain, unit_of
from simlib.traces.notes import Notes
from simlib.traces.recognise import recognised
from simlib.traces.source import reading
from simlib.traces.times import Clock, instant

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
"""Units that can be given, in bytes."""

# Linux calls 1024 bytes a kB; Grafana's MB and GB are decimal.
_WORDS = {name.lower(): size for name, size in UNITS.items()} | {
    "byte": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "ki": 1 << 10, "m": 1 << 20, "mi": 1 << 20, "mb": 10**6,
    "g": 1 << 30, "gi": 1 << 30, "gb": 10**9,
}  # fmt: skip

# A process of 16 MiB to 16 GiB: as bytes, as KiB (`ps`), or as MiB its numbers lie in ranges that do not meet.
_SIZES = ((1 << 14, "MiB"), (1 << 24, "KiB"))

_CELL = re.compile(r"\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*(?:/.*)?")

_GAPS = {"", "nan", "+nan", "null", "none", "undefined", "-"}
"""Cells of instants at which nothing was measured."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured memory: `time` int64 ns, ascending, and `mib` float64, (n,) each; `about` says how it was read."""

    name: str
    time: np.ndarray
    mib: np.ndarray
    about: str

    @property
    def digest(self) -> str:
        """The hash of what was measured."""
        return hashlib.sha256(self.time.tobytes() + self.mib.tobytes()).hexdigest()

    def write(self, path: Path) -> None:
        """Write a table that `read_measured` reads as it is, whole or not at all."""
        rows = zip(self.time.tolist(), np.rint(self.mib * UNITS["MiB"]).astype(np.int64).tolist(), strict=True)
        with whole_file(path) as temporary:
            text = "".join(f"{seconds_text(time)},{size}\n" for time, size in rows)
            temporary.write_text(f"time_s,bytes\n{text}", encoding="utf-8")


def read_measured(path: str | Path, columns: Mapping[str, str] | None = None, unit: str = "") -> Measured:
    """Read measured memory. `columns` maps `time` and `bytes` to columns, `unit` is one of UNITS; both are recognised.

    Raises InputError naming the file, and the row or column.
    """
    path, notes, how = Path(path), Notes(), How(columns=columns or {}, each_has=BYTES)
    with reading(path):
        table = recognised(path, how)
        if not isinstance(table, Delimited | Json) or isinstance(table, Commented):
            raise ValueError(f"{table.about} is not measured memory: give a CSV or JSON of time and bytes")
        fields = columns_of(table, how)
        clock = Clock(unit_of(fields["time"][0]), table.decimal_comma)
        cells = _Cells(fields[BYTES][0], unit, table.decimal_comma)
        parts = [_parsed(raw, clock, cells) for raw in table.read(fields, notes, None)]
        time, numbers = (np.concatenate(each) for each in zip(*parts, strict=True)) if parts else np.empty((2, 0))
        known = ~np.isnan(numbers)
        if not known.any():
            raise ValueError("it holds no measurement")
        order = np.argsort(time[known], kind="stable")
        time, size = time[known][order].astype(np.int64), cells.bytes_of(numbers[known])[order]
    mib, span = size / UNITS["MiB"], format_duration(int(time[-1] - time[0]))
    begin, end = (instant(int(each), clock.is_date) for each in (time[0], time[-1]))
    gaps = f", {format_counted((~known).sum(), 'rows')} without a number left out" if not known.all() else ""
    about = (
        f"{path.name}: {table.about}, time {'+'.join(fields['time'])}, bytes {fields[BYTES][0]}{cells.about}, "
        f"{clock.about}; {format_counted(time.size, 'points')}, {begin} to {end}{' UTC' if clock.is_date else ''} "
        f"({span}), {format_memory(mib.min())} to {format_memory(mib.max())}{gaps}"
    )
    return Measured(path.name, time, mib, about)


def _parsed(raw: Raw, clock: Clock, cells: "_Cells") -> tuple[np.ndarray, np.ndarray]:
    """Convert rows to times and numbers. Raises RowError, counting as the file does."""
    try:
        return clock.parse(raw.columns["time"]), cells.numbers(raw.columns[BYTES].to_pylist())
    except RowError as error:
        raise RowError(int(raw.rows[error.row - 1]), error.what) from None


class _Cells:
    """Converts a column of amounts of memory, whose unit is given, in its name, in its cells, or known by size."""

    def __init__(self, name: str, unit: str, decimal_comma: bool):
        self._decimal_comma, self._in_cells = decimal_comma, False
        last = plain(name.partition("{")[0]).rpartition("_")[2]
        self._unit = UNITS[unit] if unit else _WORDS.get(last, 0) if len(last) > 1 else 0
        self.about = "" if self._unit in (0, 1) else f" in {unit or last} of {format_count(self._unit)} bytes"

    def numbers(self, cells: Sequence[str | None]) -> np.ndarray:
        """Convert cells to numbers, float64, NaN where nothing was measured. Raises RowError."""
        return np.array([self._number(row, cell) for row, cell in enumerate(cells, 1)])

    def _number(self, row: int, cell: str | None) -> float:
        if cell is None or cell.strip().lower() in _GAPS:
            return np.nan
        found = _CELL.fullmatch(cell)
        number, unit = found.groups() if found else ("", "")
        if not number or (unit and unit.lower() not in _WORDS) or ("," in number and not self._decimal_comma):
            raise RowError(row, f"bytes {quoted(cell)} must be a number, or one with its unit, such as 512 MiB")
        if number.startswith("-"):
            raise RowError(row, f"bytes {quoted(cell)} must not be negative")
        self._in_cells |= bool(unit)
        return float(number.replace(",", ".")) * _WORDS.get(unit.lower(), 1)

    def bytes_of(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers, of which there are some, as bytes, and let `about` say how."""
        if self._in_cells:
            self.about = " in the units of its cells"
            return numbers
        if not self._unit:
            median = float(np.median(numbers))
            name = next((name for most, name in _SIZES if median < most), "B")
            self._unit = UNITS[name]
            self.about = f" taken as {'bytes' if name == 'B' else name} by their size (median {format_number(median)})"
        return numbers * self._unit
