"""Parse the cells of a log: session ids and words such as `increment`; and quote them in messages.

A cell that does not fit is refused by its row.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from simlib.core.errors import escaped
from simlib.core.units import MAX_NS, SECOND

WANTED = {
    "time": "seconds as a number, or an ISO 8601 date such as 2026-02-10T08:00:00Z",
    "session": "a string or an integer",
    "op": "one of increment, delete",
    "counter": "one of no_client, drops",
}
"""The columns of the project's own files, and what each must hold. The first two are required."""

NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)

_QUOTED = 200
"""Characters of a file's contents that a message quotes at most."""


class RowError(ValueError):
    """Report what is wrong with one data row, counted from 1."""

    def __init__(self, row: int, what: str):
        super().__init__(f"row {row}: {what}")
        self.row, self.what = row, what


class JsonNumber(str):
    """A JSON number as the text it was, so that its digits are not rounded."""


def check_span(first: int, last: int) -> None:
    """Raise ValueError where a stream from `first` to `last` (ns) is too long for nanoseconds."""
    if last - first > MAX_NS:
        raise ValueError("the first and the last time are over 292 years apart, the most that nanoseconds can hold")


def check_order(time: np.ndarray) -> None:
    """Raise RowError where times (int64, ns) go backwards."""
    backwards = np.flatnonzero(time[1:] < time[:-1])
    if backwards.size:
        row = int(backwards[0])
        from_, to = (seconds_text(int(t)) for t in time[row : row + 2])
        raise RowError(row + 2, f"time goes backwards, from {from_} to {to}")
    if time.size:
        check_span(int(time[0]), int(time[-1]))


def parse_sessions(cells: Sequence[Any]) -> list[str]:
    """Parse session ids; an integer stands for its decimal text, None for an empty id. Raises RowError."""
    names = []
    for i, cell in enumerate(cells):
        if cell is None:
            cell = ""
        elif isinstance(cell, int) and not isinstance(cell, bool):
            cell = str(cell)
        if cell.__class__ is not str:
            raise RowError(i + 1, f"session {quoted(cell)} must be {WANTED['session']}")
        if not cell.isascii() and cell.encode(errors="replace").decode() != cell:
            raise RowError(i + 1, f"session {quoted(cell)} must be Unicode text")
        names.append(cell)
    return names


def parse_words(name: str, column: pa.Array, code: dict[Any, int], hint: str = "") -> np.ndarray:
    """Convert a column of words into their codes, uint8, (n,). Raises RowError for a word without a code."""
    words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = words.dictionary.to_pylist()
    codes = np.array([*(code.get(word, 255) for word in known), code.get(None, 255)], np.uint8)
    found: np.ndarray = codes[np.asarray(words.indices.cast(pa.int64()).fill_null(len(known)))]
    unknown = np.flatnonzero(found == 255)
    if unknown.size:
        row = int(unknown[0])
        raise RowError(row + 1, f"{name} {quoted(column[row].as_py())} must be one of {_listed(code)}{hint}")
    return found


def _listed(words: Iterable[Any]) -> str:
    return shortened(", ".join(str(word) for word in words if word))


def quoted(cell: object) -> str:
    """Quote a cell for a message, on one line and at most 60 characters long."""
    # Only the beginning of a long text: its `repr` may be several times as long.
    if isinstance(cell, JsonNumber):
        return shortened(cell, 60)
    return shortened(repr(cell[:61] if isinstance(cell, str) else cell), 60)


def shortened(text: str, most: int = _QUOTED) -> str:
    r"""Shorten a text for a message to `most` characters, with control and bidirectional characters escaped.

    >>> shortened("0123456789", 8), shortened("a\x1b[0m")
    ('01234...', 'a\\x1b[0m')
    """
    text = escaped(text[: most + 1])
    return text if len(text) <= most else text[: most - 3] + "..."


def seconds_text(ns: int) -> str:
    """Write a time as seconds, exactly, with no more decimals than it needs.

    >>> seconds_text(1_500_000_000), seconds_text(-2), seconds_text(0)
    ('1.5', '-0.000000002', '0')
    """
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    whole, fraction = divmod(ns, SECOND)
    return f"{sign}{whole}.{fraction:09d}".rstrip("0").removesuffix(".")
