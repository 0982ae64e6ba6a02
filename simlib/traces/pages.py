"""Checks the claims of a Parquet file before it is read, as Arrow makes room for any of them at once.

Refuses pages that would unpack to far more than any log's. Arrow shows no header of a page, and of a damaged footer it
shows the columns only to end the process, so both are read here: Thrift structures in the compact protocol. Source: the
Parquet format specification, `parquet.thrift`.
"""

from io import BytesIO
from pathlib import Path
from typing import IO, Any

from simlib.traces.source import MAX_RATIO

FREE = 64 << 20
"""Bytes that a page of any file may unpack to: writers make pages of 1 MiB, and some of a whole column."""

FREE_ROWS = 1 << 24
"""Rows that any file may hold: equal rows at equal steps take next to no bytes."""

_DEEPEST = 10
"""Levels of structures; those of the specification have 7."""

_ROWS, _GROUPS, _COLUMNS, _COLUMN = 3, 4, 1, 3
_PACKED_TOTAL, _DATA, _DICTIONARY = 7, 9, 11
"""Fields of the footer, of a group of rows, of a column in it, and of that column's own description."""

_UNPACKED, _PACKED, _WORDS, _NUMBER = 2, 3, 7, 1
"""Fields of a page's header, and the number of words in the header of a dictionary."""

_DAMAGED = "not a readable Parquet file: "


def check_pages(path: Path) -> None:
    """Raise ValueError where a page or the file claims to be far more than its bytes can be, or a header is damaged."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        footer = _footer(file, size)
        if _integer(footer, _ROWS) > max(FREE_ROWS, MAX_RATIO * size):
            raise ValueError(f"{_DAMAGED}it claims {footer[_ROWS]:,} rows in {size:,} bytes")
        for group in _list(footer, _GROUPS):
            for chunk in _list(group, _COLUMNS):
                column = _field(chunk, _COLUMN, dict)
                # A column without rows may have a dictionary alone, and one of the two offsets is 0 or missing.
                offsets = _integer(column, _DATA), _integer(column, _DICTIONARY, 0)
                begins = min((offset for offset in offsets if offset > 0), default=0)
                check_column(file, begins, begins + _integer(column, _PACKED_TOTAL), size)


def check_column(file: IO[bytes], at: int, end: int, size: int) -> None:
    """Raise ValueError where one of the pages from a place of a file to another is damaged, or claims too much."""
    while at < end:
        if not 0 <= at < size:
            raise ValueError(f"{_DAMAGED}a page lies outside of the file")
        file.seek(at)
        header = _structure(file, _DEEPEST)
        unpacked, packed = _integer(header, _UNPACKED), _integer(header, _PACKED)
        words = _integer(header[_WORDS], _NUMBER) if _WORDS in header else 0
        if min(unpacked, packed, words) < 0 or packed > size:
            raise ValueError(f"{_DAMAGED}a page is damaged")
        # Each word takes a byte or more.
        if (claimed := max(unpacked, words)) > max(FREE, MAX_RATIO * size):
            raise ValueError(f"{_DAMAGED}a page claims to unpack to {claimed:,} bytes")
        at = file.seek(0, 1) + packed


def _footer(file: IO[bytes], size: int) -> dict[int, Any]:
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(size - 8 - length, 0))
    return _structure(BytesIO(file.read(length)), _DEEPEST)


def _field(structure: Any, number: int, kind: type) -> Any:
    value = structure.get(number) if isinstance(structure, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{_DAMAGED}its footer or a page is damaged")
    return value


def _list(structure: Any, number: int) -> list[Any]:
    return list(_field(structure, number, list))


def _integer(structure: Any, number: int, missing: int | None = None) -> int:
    if missing is not None and number not in structure:
        return missing
    return int(_field(structure, number, int))


def _structure(file: IO[bytes], deepest: int) -> dict[int, Any]:
    """Read a Thrift structure: its values by the numbers of their fields; None for text."""
    fields: dict[int, Any] = {}
    number = 0
    while head := _byte(file):
        number = number + (head >> 4) if head >> 4 else _signed(file)
        fields[number] = _value(file, head & 15, deepest)
    return fields


def _value(file: IO[bytes], kind: int, deepest: int) -> Any:
    if kind in (1, 2):  # A truth is part of its head.
        return None
    if kind in (4, 5, 6):
        return _signed(file)
    if kind in (3, 7, 8):
        if length := {3: 1, 7: 8}.get(kind) or _varint(file):
            # A seek goes beyond the end, reading does not.
            file.seek(min(length, 1 << 40) - 1, 1)
            _byte(file)
        return None
    if kind in (9, 12) and deepest:
        return _elements(file, deepest - 1) if kind == 9 else _structure(file, deepest - 1)
    raise ValueError(f"{_DAMAGED}its footer or a page is damaged")


def _elements(file: IO[bytes], deepest: int) -> list[Any]:
    head = _byte(file)
    size, kind = head >> 4, head & 15
    # In a list a truth takes a byte.
    return [_value(file, max(kind, 3), deepest) for _ in range(_varint(file) if size == 15 else size)]


def _signed(file: IO[bytes]) -> int:
    """Read a signed integer, written zigzag."""
    written = _varint(file)
    return written >> 1 ^ -(written & 1)


def _varint(file: IO[bytes]) -> int:
    value, shift = 0, 0
    while (byte := _byte(file)) & 0x80 and shift < 63:
        value, shift = value | (byte & 0x7F) << shift, shift + 7
    return value | (byte & 0x7F) << shift


def _byte(file: IO[bytes]) -> int:
    data = file.read(1)
    if not data:
        raise ValueError(f"{_DAMAGED}its footer or a page is cut short")
    return data[0]
