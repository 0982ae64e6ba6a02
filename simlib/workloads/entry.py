"""An entry of the maps under study, and the limit that the maps must keep: what is known of both from a user or a file.

`models.footprint` turns entries into bytes.
"""

from dataclasses import dataclass, replace

from simlib.core.errors import InputError
from simlib.core.numbers import format_count, format_memory

KEY_LENGTH = 37
"""Bytes of a workload's session id: `sess-` and 32 hexadecimal digits."""

MOST = 1 << 40
"""Largest number of bytes or of entries that may be given: a TiB, and as many entries."""


@dataclass(frozen=True)
class Entry:
    """The bytes of one entry: `key_length` of its key (a mean), and what is known of the rest.

    `given` is what the memory of the process grows by with each entry, all included. Where it is None, the bytes are
    modelled: those of the incident's maps, and `value_bytes` of a value beside the counter.
    """

    key_length: float = KEY_LENGTH
    given: float | None = None
    value_bytes: int = 0


MODELLED = Entry()
"""An entry of the incident's maps, of which all is modelled."""


@dataclass(frozen=True)
class Limit:
    """The limit of the maps together: in MiB, in entries, or whichever of the two is reached first; None: not known."""

    mib: float | None = None
    entries: int | None = None

    @property
    def known(self) -> bool:
        """Whether there is any limit."""
        return self.mib is not None or self.entries is not None

    def allows(self, mib: float, entries: float) -> bool:
        """Whether neither an amount of memory nor a number of entries exceeds the limit."""
        return not self.exceeded(mib, entries).known

    def exceeded(self, mib: float, entries: float) -> "Limit":
        """Return the part of the limit that an amount of memory or a number of entries exceeds."""
        return Limit(
            self.mib if self.mib is not None and mib > self.mib else None,
            self.entries if self.entries is not None and entries > self.entries else None,
        )

    def text(self) -> str:
        """Format the limit, for a sentence; empty where none is known."""
        mib = "" if self.mib is None else format_memory(self.mib)
        entries = (
            ""
            if self.entries is None
            else f"{format_count(self.entries)} {'entry' if self.entries == 1 else 'entries'}"
        )
        return " or ".join(filter(None, (mib, entries)))


UNKNOWN = Limit()
"""No limit that is known."""


def with_given(
    entry: Entry,
    limit: Limit,
    entry_bytes: float = 0,
    value_bytes: int = 0,
    memory_limit_mib: float = 0,
    entry_limit: int = 0,
) -> tuple[Entry, Limit]:
    """Return an entry and a limit with what a user gives, 0 for nothing; a given limit stands instead of the other."""
    if entry_bytes or value_bytes:
        entry = replace(entry, given=entry_bytes or None, value_bytes=value_bytes)
    if memory_limit_mib or entry_limit:
        limit = Limit(memory_limit_mib or None, entry_limit or None)
    return entry, limit


def check_entry(entry_bytes: float = 0, value_bytes: int = 0, entry_limit: int = 0) -> None:
    """Check what a user says of an entry, 0 for nothing. Raises InputError for the first that is out of range."""
    given = {"entry_bytes": entry_bytes, "value_bytes": value_bytes, "entry_limit": entry_limit}
    for name, value in given.items():
        if not 0 <= value <= MOST:
            raise InputError(f"{name}: {value:g} is out of range: 0 where it is not known, at most {MOST}")
    if entry_bytes and value_bytes:
        raise InputError("entry_bytes and value_bytes: give one of them, as the bytes of an entry include its value")
