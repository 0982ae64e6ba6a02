"""Turn the rows of a log into operations: times in ns, increments and deletes, in the order of the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from simlib.core.units import SECOND
from simlib.traces.cells import RowError, parse_words, quoted
from simlib.traces.codes import COUNTERS, DELETE, INCREMENT, OPS
from simlib.traces.mapping import ANY, IGNORE, Fields, How, Raw, Table, columns_of, unit_of
from simlib.traces.notes import Notes
from simlib.traces.recognise import recognised
from simlib.traces.source import Advance
from simlib.traces.times import UNITS, Clock

_OTHER = 254
"""The code of a word that is mapped to nothing: its rows are left out."""


class Batch(NamedTuple):
    """Operations: `time` int64 ns, `session` int64 or text, `op`, `counter` uint8, `row` int64; each (n,)."""

    time: np.ndarray
    session: pa.Array
    op: np.ndarray
    counter: np.ndarray
    row: np.ndarray

    def part(self, first: int, end: int) -> "Batch":
        """Return consecutive operations, without a copy."""
        return Batch(*(column[first:end] for column in self))

    def take(self, at: np.ndarray) -> "Batch":
        """Return some of the operations."""
        return Batch(self.time[at], self.session.take(pa.array(at)), self.op[at], self.counter[at], self.row[at])


class Reader:
    """Reads one file: how it was recognised, and its operations in batches."""

    def __init__(self, path: Path, how: How, notes: Notes):
        self._how, self._notes = how, notes
        self.table: Table = recognised(path, how)
        self.fields: Fields = columns_of(self.table, how)
        unit = how.unit or unit_of(self.fields["time"][0])
        self.clock = Clock(unit, self.table.decimal_comma)
        self._end = Clock(unit, self.table.decimal_comma)
        self._codes: dict[str, dict[object, int]] | None = None

    def read(self, advance: Advance | None = None) -> Iterator[Batch]:
        """Read the operations, none of the batches empty. Raises ValueError, naming the row or the column."""
        for raw in self.table.read(self.fields, self._notes, advance):
            if raw.rows.size:
                try:
                    batch = self._batch(raw)
                except RowError as error:
                    raise RowError(int(raw.rows[error.row - 1]), error.what) from None
                if batch.time.size:
                    yield batch
        if not self.clock.about:
            self.clock.about = "no times"

    def about(self) -> str:
        """Say in words how the file is read, once its first batch was."""
        columns = ", ".join(
            f"{role} {'+'.join(names)}"
            for role, names in self.fields.items()
            if role in ("time", "session", "duration", "end", *(self._codes or ()))
        )
        return f"{self.table.about}, {columns}, {self.clock.about}"

    def _batch(self, raw: Raw) -> Batch:
        columns = raw.columns
        time = self.clock.parse(columns["time"])
        for warning in self.clock.warnings:
            self._notes.remark(warning)
        if self._codes is None:
            self._codes = self._words(columns)
        rows = len(time)
        op, counter = (
            parse_words(name, columns[name], self._codes[name], self._hint(name))
            if name in self._codes
            else np.zeros(rows, np.uint8)
            for name in ("op", "counter")
        )
        batch = Batch(time, _sessions(columns["session"]), op, counter, raw.rows)
        ends = self._ends(columns, time)
        if (others := op == _OTHER).any():
            self._notes.left_out["rows", "with an operation that is to be ignored"] += int(others.sum())
            batch = batch.take(np.flatnonzero(~others))
            ends = ends[~others] if ends.size else ends
        return batch if not ends.size else _with_ends(batch, ends)

    def _words(self, columns: dict[str, pa.Array]) -> dict[str, dict[object, int]]:
        """Say what the words of `op` and `counter` mean, by the first batch; leave out columns of other things."""
        found: dict[str, dict[object, int]] = {}
        for name, known in (("op", OPS), ("counter", COUNTERS)):
            if name not in columns:
                continue
            code: dict[object, int] = {word: number for number, word in enumerate(known)} | {"": 0, None: 0}
            if name == "op" and self._how.ops:
                found[name] = self._mapped_ops(columns[name])
                continue
            words = set(columns[name].unique().to_pylist()) - {"", None}
            if name in self._how.columns or not words or words & set(known):
                found[name] = code
            else:
                some = quoted(sorted(map(str, words))[0])
                self._notes.remark(
                    f"its column {name} is ignored: it holds {some}, not {' or '.join(known)}"
                    + ("; map it with --ops" if name == "op" else "")
                )
        return found

    def _mapped_ops(self, column: pa.Array) -> dict[object, int]:
        meaning = {"increment": INCREMENT, "delete": DELETE, IGNORE: _OTHER}
        code: dict[object, int] = {word: meaning[to] for word, to in self._how.ops.items() if word != ANY}
        return _Default(code, meaning[self._how.ops[ANY]]) if ANY in self._how.ops else code

    def _hint(self, name: str) -> str:
        if name != "op":
            return ""
        if self._how.ops:
            return f", as --ops says; add it there, or {ANY}={IGNORE}"
        return "; map it with --ops WORD=increment,WORD=delete"

    def _ends(self, columns: dict[str, pa.Array], time: np.ndarray) -> np.ndarray:
        """Return when each row ends, int64 ns, below its time where it names no end; (0,) where rows have no ends."""
        if "duration" in self.fields:
            name = self.fields["duration"][0]
            given = UNITS.get(unit_of(name) or self._how.unit, self.clock.unit or SECOND)
            lasts = self.clock.duration(columns["duration"], given)
            return np.where(lasts < 0, time - 1, time + lasts)
        if "end" in self.fields:
            column = columns["end"]
            texts = column.cast(pa.string()) if pa.types.is_large_string(column.type) else column
            known = np.asarray(texts.is_valid())
            if pa.types.is_string(texts.type):
                known &= np.array([text not in ("", "-") for text in texts.to_pylist()], bool)
            at = np.flatnonzero(known)
            ends = time - 1
            if at.size:
                try:
                    ends[at] = self._end.parse(texts.take(pa.array(at)))
                except RowError as error:
                    raise RowError(int(at[error.row - 1]) + 1, error.what.replace("time", "end", 1)) from None
                if (early := np.flatnonzero(known & (ends < time))).size:
                    raise RowError(int(early[0]) + 1, "it ends before it begins")
            return ends
        return np.empty(0, np.int64)


class _Default(dict[object, int]):
    """Codes of words, and one for all others."""

    def __init__(self, codes: dict[object, int], other: int):
        super().__init__(codes)
        self._other = other

    def get(self, word: object, default: object = None) -> int:
        """Return the code of a word."""
        return super().get(word, self._other)


def _with_ends(batch: Batch, ends: np.ndarray) -> Batch:
    """Let each row that has an end be followed by the delete at its end."""
    at = np.repeat(np.arange(batch.time.size), 1 + (ends >= batch.time))
    is_end = np.append(False, at[1:] == at[:-1])
    both = batch.take(at)
    return both._replace(
        time=np.where(is_end, ends[at], both.time), op=np.where(is_end, np.uint8(DELETE), both.op).astype(np.uint8)
    )


def _sessions(column: pa.Array) -> pa.Array:
    """Convert ids to int64, text, or a dictionary of texts. Raises ValueError for what is no Unicode text."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        texts = column.dictionary
        if texts.type in (pa.string(), pa.large_string()) and not texts.null_count:
            _check_unicode(texts)
            return column
        column, kind = column.cast(kind.value_type), kind.value_type
    if types.is_signed_integer(kind) or kind in (pa.uint8(), pa.uint16(), pa.uint32()):
        return column.cast(pa.int64())
    if kind not in (pa.string(), pa.large_string()):
        column = column.cast(pa.string())
    _check_unicode(column)
    return column


def _check_unicode(texts: pa.Array) -> None:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise ValueError("not UTF-8 text; convert it, or name it by its real format") from None
