"""Record a stream as a trace file, a window at a time: memory does not grow with its operations."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array

from simlib.traces.files import Log, write_windows
from simlib.traces.notes import Notes
from simlib.traces.source import Advance
from simlib.traces.windows import ROWS, Window, windows_of

_HASHES = "first half of id", "other half of id"
"""Keys of the two hashes of 64 bits that stand for an id: among 10^9 the chance that any two are alike is 10^-20."""

_PAIR = pa.binary(16)


class Sessions(Protocol):
    """Counts distinct sessions."""

    @property
    def number(self) -> int:
        """The number of distinct sessions so far."""


class Recording:
    """A stream that is written to a file, and the numbers of what was written."""

    def __init__(self, windows: Iterable[Window], sessions: Sessions):
        self.operations, self._windows, self._sessions = 0, windows, sessions

    @property
    def sessions(self) -> int:
        """Sessions with an operation so far."""
        return self._sessions.number

    def write(self, path: str | Path) -> None:
        """Write the stream, whole or not at all. Raises InputError where the file cannot be written."""

        def windows() -> Iterator[Window]:
            for window in self._windows:
                self.operations += window.time.size
                yield window

        write_windows(windows(), path)


def recording_of(log: Log, notes: Notes | None = None, advance: Advance | None = None) -> Recording:
    """Return a log, to be written; memory grows with its distinct sessions."""
    sessions = _Distinct()

    def windows() -> Iterator[Window]:
        for window in windows_of(log.read(notes, advance)):
            sessions.add(window.session.dictionary)
            yield window

    return Recording(windows(), sessions)


class _Distinct:
    """Counts distinct ids of text, by a hash of 16 bytes each."""

    def __init__(self) -> None:
        self._known, self._new = pa.array([], _PAIR), list[pa.Array]()

    @property
    def number(self) -> int:
        """The number of distinct ids so far."""
        self._merge()
        return len(self._known)

    def add(self, ids: pa.Array) -> None:
        """Add ids, each once."""
        names = ids.to_numpy(zero_copy_only=False)
        pairs = np.stack([hash_array(names, hash_key=key, categorize=False) for key in _HASHES], axis=1)
        self._new.append(pa.Array.from_buffers(_PAIR, len(ids), [None, pa.py_buffer(pairs)]))
        # Only once as many have come as are known, so that none is looked at often.
        if sum(map(len, self._new)) > max(len(self._known), ROWS):
            self._merge()

    def _merge(self) -> None:
        self._known, self._new = pc.unique(pa.chunked_array([self._known, *self._new])), []
