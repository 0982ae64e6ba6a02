"""Read tables of text: CSV with any delimiter, with and without a header, Zeek's and the W3C's logs.

Refuses rows of another length than the header, an open quote, and more columns than any log has.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from simlib.core.numbers import format_count
from simlib.traces.cells import RowError
from simlib.traces.mapping import Fields, How, Raw, has_own_names
from simlib.traces.notes import Notes
from simlib.traces.source import MAX_LINE, Advance, text_lines, unpacked
from simlib.traces.times import is_time

ROWS = 1 << 16
"""Rows of a batch: enough that its fixed cost does not matter, few enough that it stays in the cache."""

MAX_COLUMNS = 10_000

_CELLS = 1 << 21
"""Cells that are held at a time."""

_DELIMITERS = {",": "CSV", ";": "CSV with semicolons", "\t": "TSV", "|": "CSV with bars", "\x01": "CSV with ^A"} | {
    "^": "CSV with carets", "~": "CSV with tildes", " ": "a table with spaces"
}  # fmt: skip

# The module's own limit, 128 kB, refuses a long message in a column that nobody reads.
csv.field_size_limit(MAX_LINE)

_POSTGRES = (
    *("log_time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num"),
    *("command_tag", "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity"),
    *("sql_state_code", "message", "detail", "hint", "internal_query", "internal_query_pos", "context", "query"),
    *("query_pos", "location", "application_name", "backend_type", "leader_pid", "query_id"),
)


class Delimited:
    """A table of text whose cells a delimiter divides."""

    is_open = False

    def __init__(self, path: Path, delimiter: str, about: str = ""):
        self._path, self._delimiter = path, delimiter
        self._has_header = True
        self.about = about or _DELIMITERS.get(delimiter, f"CSV with {delimiter!r}")
        self.defaults: Mapping[str, str] = {}
        self.decimal_comma = delimiter != ","
        self.names: Sequence[str] = next(self._rows(None), [])
        if not self.names:
            raise ValueError("the file is empty; its first line must name the columns")
        self.is_headless = any(is_time(cell) for cell in self.names)
        self._has_header = not self.is_headless
        if self.is_headless:
            self.names = [str(number) for number in range(1, len(self.names) + 1)]

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns. Raises ValueError, naming the row or the column."""
        names = list(self.names)
        places = {role: [names.index(name) for name in columns] for role, columns in fields.items()}
        rows = self._rows(advance)
        if self._has_header:
            next(rows)
        first = 1
        size = max(1, min(ROWS, _CELLS // len(names)))
        while batch := list(islice(rows, size)):
            for number, row in enumerate(batch, first):
                if len(row) != len(names):
                    raise RowError(number, f"{len(row)} cells where the header names {len(names)} columns")
            numbers = np.arange(first, first + len(batch))
            first += len(batch)
            columns = {
                role: pa.array([row[at[0]] for row in batch], pa.string())
                if len(at) == 1
                else pa.array([" ".join([row[place] for place in at]) for row in batch], pa.string())
                for role, at in places.items()
            }
            yield from self._kept(Raw(columns, numbers), notes)

    def is_even(self) -> bool:
        """Whether the first rows have as many cells as the header."""
        try:
            return all(len(row) == len(self.names) for row in islice(self._rows(None), 20))
        except ValueError:
            return False

    def _kept(self, raw: Raw, notes: Notes) -> Iterator[Raw]:
        yield raw

    def _rows(self, advance: Advance | None) -> Iterator[list[str]]:
        with unpacked(self._path, advance) as stream:
            lines = self._lines(text_lines(stream))
            # Columns of equal width are filled with spaces.
            reader = csv.reader(lines, strict=True, delimiter=self._delimiter, skipinitialspace=self._delimiter == " ")
            try:
                yield from filter(None, reader)
            except csv.Error as error:
                raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None

    def _lines(self, lines: Iterable[str]) -> Iterator[str]:
        for number, line in enumerate(lines):
            # A line for Excel, which Grafana can write above the header.
            if number == 0 and line.rstrip("\r\n") == f"sep={self._delimiter}":
                continue
            if line.count(self._delimiter) >= MAX_COLUMNS and line.count(self._delimiter) > 100 * line.count('"'):
                raise ValueError(f"over {format_count(MAX_COLUMNS)} columns: no log has such")
            yield line


class Postgres(Delimited):
    """PostgreSQL's `csvlog`, which has no header."""

    def __init__(self, path: Path):
        super().__init__(path, ",", "PostgreSQL csvlog")
        if self._has_header:
            raise ValueError("not PostgreSQL's csvlog: its first row does not begin with a time")
        self.names = _POSTGRES[: len(self.names)]
        self.defaults = {"time": "log_time", "session": "session_id"}


class Commented(Delimited):
    """A log whose header stands in comments: Zeek's, or the W3C's extended format (IIS, CloudFront)."""

    def __init__(self, path: Path):
        head, row = _comments(path)
        header = next((line for line in head if line.lower().startswith("#fields")), "")
        if not header:
            raise ValueError("no line `#fields` or `#Fields:` names the columns")
        is_zeek = header.startswith("#fields")
        self._path = path
        # CloudFront's header has spaces, and its rows have tabs.
        self._delimiter = "\t" if is_zeek or "\t" in row else " "
        self._has_header = False
        self.decimal_comma = False
        self.about = "Zeek log" if is_zeek else "W3C extended log"
        self.names = header.split(self._delimiter)[1:] if is_zeek else header.partition(":")[2].split()
        self.defaults = {}
        if is_zeek:
            self.defaults = {role: name for role, name in (("time", "ts"), ("session", "uid")) if name in self.names}
        elif {"date", "time"} <= set(self.names):
            self.defaults = {"time": "date+time"} | ({"session": "c-ip"} if "c-ip" in self.names else {})
        settings = dict(line[1:].split(self._delimiter, 1) for line in head if line.count(self._delimiter) == 1)
        self._unset = {settings.get("unset_field", "-"), settings.get("empty_field", "(empty)")}

    def _rows(self, advance: Advance | None) -> Iterator[list[str]]:
        with unpacked(self._path, advance) as stream:
            lines = (line for line in text_lines(stream) if not line.startswith("#"))
            yield from filter(None, csv.reader(self._lines(lines), delimiter=self._delimiter, quoting=csv.QUOTE_NONE))

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns. Raises ValueError, naming the row or the column."""
        if fields["time"] == ("date+time",):
            fields = {**fields, "time": ("date", "time")}
        return super().read(fields, notes, advance)

    def _kept(self, raw: Raw, notes: Notes) -> Iterator[Raw]:
        """Leave out rows without a session, which stands there as a word of the format's own."""
        kept = np.array([name not in self._unset for name in raw.columns["session"].to_pylist()], bool)
        if not kept.all():
            notes.left_out["rows", "without a session"] += int((~kept).sum())
        mask = pa.array(kept)
        yield Raw({role: column.filter(mask) for role, column in raw.columns.items()}, raw.rows[kept])


def _comments(path: Path) -> tuple[list[str], str]:
    """Return at most a hundred lines of comments that a file begins with, and the line after them."""
    head: list[str] = []
    with unpacked(path) as stream:
        for line in text_lines(stream):
            if not line.startswith("#") or len(head) == 100:
                return head, line
            head.append(line.rstrip("\r\n"))
    return head, ""


def delimited(path: Path, how: How) -> Delimited | None:
    """Recognise how a text is divided into columns: by names that make sense, else by rows of equal length."""
    with unpacked(path) as stream:
        head = next((line for line in text_lines(stream, errors="replace") if line.strip()), "")
    found = []
    for delimiter in _DELIMITERS:
        if not head or delimiter in head:
            try:
                table = Delimited(path, delimiter)
            except ValueError:
                continue
            if has_own_names(table, how):
                return table
            if delimiter != " " and table.is_even():
                found.append(table)
    return found[0] if found else None
