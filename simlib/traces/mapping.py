"""Say which column of a file is the time, the session, the operation: as the user maps them, else by their names.

Refuses a file whose columns leave that open, with the candidates and the option that decides.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from simlib.core.errors import MOST_QUOTED
from simlib.core.units import MINUTE
from simlib.traces.cells import WANTED, shortened
from simlib.traces.notes import Notes
from simlib.traces.source import Advance
from simlib.traces.times import UNITS

SESSION, BYTES = "session", "bytes"
"""The role beside the time that every row has: of a log, and of measured memory."""

ROLES = {SESSION: (*WANTED, "duration", "end"), BYTES: ("time", BYTES)}
"""The roles of columns. With a duration or an end a row is two operations: an increment, and a delete at its end."""

IGNORE = "ignore"
"""An operation can be mapped to this, besides increment and delete: its rows are left out."""

ANY = "*"
"""Stands in a mapping of operations for all words that it does not name."""

_TIMES = (
    ("time",),
    ("timestamp", "ts", "datetime"),
    (
        *("event_time", "event_timestamp", "log_time", "time_local", "time_iso8601", "start_time", "started_at"),
        *(
            "created_at",
            "received_at",
            "occurred_at",
            "date",
            "time_unix_nano",
            "unix_time",
            "epoch",
            "request_time",
            "t",
        ),
    ),
)
"""Names of time columns, likeliest first, also without the `_`; those in one tuple are equally likely."""

_BYTES = (
    ("bytes",),
    ("rss", "resident", "resident_memory", "resident_set_size", "vmrss", "process_resident_memory"),
    ("memory", "mem", "value", "used", "usage", "working_set", "heap", "size"),
)

_SESSIONS = (
    ("session",),
    ("session_id", "session_key", "sid"),
    ("visitor_id", "uid", "connection_id", "conversation_id", "key"),
)

_NAMES = {"time": _TIMES, SESSION: _SESSIONS, BYTES: _BYTES}

_UNITS = {SESSION: "s|sec|secs|seconds|ms|millis|us|micros|ns|nanos", BYTES: "b|bytes|kb|kib|mb|mib|gb|gib"}
"""Endings of a column's name that are its unit."""


@dataclass(frozen=True)
class How:
    """How to read a file, as far as the user says it; whatever is left out is recognised.

    `columns` maps roles to columns, `ops` words of the log to operations; `sort_window` is in ns. `each_has` is the
    role that every row has beside its time: SESSION in a log, BYTES in measured memory.
    """

    format: str = ""
    pattern: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    ops: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    sort_window: int = 5 * MINUTE
    each_has: str = SESSION

    @property
    def option(self) -> str:
        """The option that maps the columns."""
        return "--columns" if self.each_has == SESSION else "--memory-columns"


class Raw(NamedTuple):
    """Consecutive rows of a file: a column for each role, as in the file, and the number of each row, int64, (n,)."""

    columns: dict[str, pa.Array]
    rows: np.ndarray


Fields = dict[str, tuple[str, ...]]
"""For each role the names of its columns: more than one where a session is known by several together."""


class Table(Protocol):
    """A file seen as a table: what its columns are called, and how some of them are read."""

    about: str
    """The name of the format."""
    names: Sequence[str]
    """The names of the columns, as far as the file's beginning shows them."""
    defaults: Mapping[str, str]
    """The column of a role, where the format says it."""
    is_open: bool
    """Whether a file may have columns that its beginning does not show."""
    decimal_comma: bool

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns, some ten thousand rows at a time. Raises ValueError, naming the row or the column."""


def plain(name: str) -> str:
    """Reduce a column's name to what people mean by it.

    >>> plain("Session ID"), plain("@timestamp"), plain("__REALTIME_TIMESTAMP")
    ('session_id', 'timestamp', 'realtime_timestamp')
    """
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def columns_of(table: Table, how: How) -> Fields:
    """Find the columns of each role. Raises ValueError where one is missing or open."""
    roles = ROLES[how.each_has]
    for role in how.columns:
        if role not in roles:
            raise ValueError(f"{how.option}: unknown role {shortened(repr(role))}: choose of {', '.join(roles)}")
    for name in roles[:4]:
        if list(table.names).count(name) > 1:
            raise ValueError(f"column {name!r} appears twice")
    fields: Fields = {}
    missing = []
    for role in ("time", how.each_has):
        if role in how.columns:
            fields[role] = _mapped(table, how.columns[role])
        elif role in table.defaults:
            fields[role] = (table.defaults[role],)
        elif how.each_has == BYTES and len(table.names) == 2 and (role == BYTES or _has_numbers_for_names(table)):
            # Beside the time there is only one: exporters name it after the series, or not at all.
            fields[role] = (table.names[0] if role == "time" else _other(table, fields["time"]),)
        elif found := _by_name(table, role, how):
            fields[role] = (found,)
        else:
            missing.append(role)
    if missing:
        names, named = " and no ".join(map(repr, missing)), ",".join(f"{role}=NAME" for role in missing)
        what = f"there is no column {names}; the columns are: {listed(table.names, most=150)}"
        raise ValueError(f"{what}; name {'it' if len(missing) == 1 else 'them'} with {how.option} {named}")
    for role in roles[2:]:
        if role in how.columns:
            fields[role] = _mapped(table, how.columns[role])
        elif role in WANTED:
            alike = [name for name in table.names if plain(name) == role]
            if len(alike) == 1 and alike[0] not in fields["time"] + fields["session"]:
                fields[role] = (alike[0],)
    return fields


def _has_numbers_for_names(table: Table) -> bool:
    """Whether the columns have no names of their own."""
    return list(table.names) == [str(number) for number in range(1, len(table.names) + 1)]


def _other(table: Table, names: tuple[str, ...]) -> str:
    """Return the one of two columns that is not among names."""
    return table.names[0] if table.names[0] not in names else table.names[1]


def has_own_names(table: Table, how: How) -> bool:
    """Whether the columns of a table can be found by their names, or by the mapping."""
    try:
        columns_of(table, how)
    except ValueError:
        return False
    return True


def _mapped(table: Table, wanted: str) -> tuple[str, ...]:
    """Find the columns that a mapping names, exactly or else by what people mean; several are joined by `+`."""
    if wanted in table.names:
        return (wanted,)
    alike = [name for name in table.names if plain(name) == plain(wanted)]
    if len(alike) == 1:
        return (alike[0],)
    parts = wanted.split("+")
    if len(parts) > 1 and all(parts):
        return tuple(name for part in parts for name in _mapped(table, part))
    if table.is_open and wanted:
        return (wanted,)
    raise ValueError(f"there is no column {shortened(repr(wanted), 60)}; the columns are: {listed(table.names)}")


def _by_name(table: Table, role: str, how: How) -> str | None:
    """Find the column of a role by its name. Raises ValueError where several are as likely."""
    exact = [name for name in table.names if name == role]
    if exact:
        return exact[0]
    units = _UNITS[BYTES if role == BYTES else SESSION]
    for names in _NAMES[role]:
        likely = {name.replace("_", "") for name in names}
        found = [name for name in table.names if re.sub(rf"_({units})$", "", plain(name)).replace("_", "") in likely]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"the {role} can be {listed(found, ' or ')}: say {how.option} {role}=NAME")
    return None


def unit_of(name: str) -> str:
    """Return the unit that a column's name ends in, or "".

    >>> unit_of("duration_ms"), unit_of("Time (ns)"), unit_of("items")
    ('ms', 'ns', '')
    """
    last = plain(name).rpartition("_")[2]
    last = {"millis": "ms", "micros": "us", "nanos": "ns"}.get(last, last)
    return last if last in UNITS and plain(name) != last else ""


def listed(names: Iterable[str], between: str = ", ", most: int = MOST_QUOTED) -> str:
    """List names for a message, in at most `most` characters."""
    return shortened(between.join(map(repr, list(names)[:50])), most) or "none"
