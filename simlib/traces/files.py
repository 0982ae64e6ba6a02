"""Read logs as people have them, and write trace files: CSV, JSONL or Parquet, as the end of the name says.

Refuses, in one line that names the file and the row or column, whatever it cannot read.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.core.units import MAX_NS
from simlib.stores.contract import MISSING
from simlib.traces.batches import Batch, Reader
from simlib.traces.mapping import How
from simlib.traces.notes import Notes
from simlib.traces.order import Lane, in_order
from simlib.traces.source import Advance, files_of, reading, shown
from simlib.traces.trace import Trace
from simlib.traces.windows import Window, trace_of_windows, window_of, windows_of
from simlib.traces.writing import write_csv, write_jsonl, write_parquet

FORMATS: dict[str, Callable[[Iterable[Window], Path], None]] = {
    ".csv": write_csv,
    ".csv.gz": partial(write_csv, packed=True),
    ".jsonl": write_jsonl,
    ".jsonl.gz": partial(write_jsonl, packed=True),
    ".parquet": write_parquet,
}
"""The formats in which a trace is written, by the end of the name."""


class Log:
    """Inputs that together are one log; the same operations each time it is read."""

    def __init__(self, inputs: str | Path | Sequence[str | Path], how: How | None = None):
        """Find the files and recognise the first. Raises InputError."""
        inputs = [inputs] if isinstance(inputs, str | Path) else inputs
        self.files = files_of(inputs)
        self._how = how or How()
        self.is_plain = self._how == How() and self.files == [Path(inputs[0])]
        """Whether it is one file that is read with no option."""
        with reading(self.files[0]):
            Reader(self.files[0], self._how, Notes())

    @property
    def size(self) -> int:
        """Bytes of all files as they lie on the disk."""
        return sum(os.stat(file).st_size for file in self.files)

    def read(self, notes: Notes | None = None, advance: Advance | None = None) -> Iterator[Batch]:
        """Read the operations in order of time, none of the batches empty. Raises InputError."""
        notes = Notes() if notes is None else notes
        notes.begin(self.files)
        readers: dict[Path, Reader] = {}

        def batches(file: Path) -> Iterator[Batch]:
            with reading(file):
                reader = readers[file] = Reader(file, self._how, notes)
                for batch in reader.read(advance):
                    is_number = pa.types.is_integer(batch.session.type)
                    # Files of one log may hold the same ids in other types.
                    yield batch._replace(session=batch.session.cast(pa.string())) if is_number and several else batch

        several = len(self.files) > 1
        lanes = [Lane(file, self._begins(file) if several else -MAX_NS, partial(batches, file)) for file in self.files]
        with reading(self.files[0]):
            for batch in in_order(lanes, self._how.sort_window, notes):
                notes.add(batch.time)
                yield batch
        notes.end([(reader.about(), reader.clock.is_date) for reader in readers.values()])

    def keyed_by(self, column: str) -> "Log":
        """Return the same log with another column for its sessions. Raises InputError where that column is missing."""
        return Log(self.files, replace(self._how, columns={**self._how.columns, "session": column}))

    def _begins(self, file: Path) -> int:
        """Return a file's earliest time, ns, as far as its first batch shows it."""
        with reading(file):
            batch = next(Reader(file, self._how, Notes()).read(), None)
        return MAX_NS if batch is None else int(batch.time.min())


def read_trace(
    inputs: str | Path | Sequence[str | Path],
    how: How | None = None,
    notes: Notes | None = None,
    advance: Advance | None = None,
) -> Trace:
    """Read a log: a file, a folder of part files, or several of these.

    The file's contents say how it is written, unless `how` does. In the project's own form it has columns `time`
    (seconds, or ISO 8601 taken as UTC where it names no offset), `session`, and optionally `op` and `counter`, whose
    blank cells stand for `increment` and `no_client`. Further columns are ignored. `notes` receives what was
    recognised, and `advance` the progress.

    Raises InputError naming the file, and the row (data rows or lines, counted from 1) or column.
    """
    return trace_of(Log(inputs, how), notes, advance)


def trace_of(log: Log, notes: Notes | None = None, advance: Advance | None = None) -> Trace:
    """Read a log that was opened whole. Raises InputError."""
    return trace_of_windows(windows_of(log.read(notes, advance)))


def read_labels(trace: Trace, log: Log, column: str) -> np.ndarray:
    """Read a further column of a log whose trace was read: its text at each operation, (n,).

    Raises InputError where the column is missing from the log or from a row.
    """
    labelled = trace_of(log.keyed_by(column))
    if not (np.array_equal(labelled.time, trace.time) and np.array_equal(labelled.op, trace.op)):
        raise InputError(f"{shown(log.files[0])}: column {column!r} is not in every row")
    return np.where(labelled.ids == MISSING, "", labelled.ids)[labelled.session]


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace file, whole or not at all; the end of the name says the format.

    Raises InputError where the name has no format or the file cannot be written.
    """
    write_windows([window_of(trace)], path)


def write_windows(windows: Iterable[Window], path: str | Path) -> None:
    """Write a trace file of windows, each as it comes. Raises what `write_trace` raises."""
    ending = check_target(path)
    with whole_file(Path(path)) as temporary:
        FORMATS[ending](windows, temporary)


def check_target(path: str | Path) -> str:
    """Return the format in which a trace would be written there.

    Raises InputError where the name has no format or the file cannot be written.
    """
    try:
        ending = _format_of(path)
        directory = Path(path).parent
        if directory.exists() and not (directory.is_dir() and os.access(directory, os.W_OK)):
            raise InputError(f"{path}: cannot be written: {directory} is not a directory that can be written to")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return ending


def _format_of(path: str | Path) -> str:
    if not str(path):
        raise InputError(f"the name of the trace file is empty: name a file ({', '.join(FORMATS)})")
    if Path(path).is_dir():
        raise InputError(f"{path}: this is a directory; name a trace file ({', '.join(FORMATS)})")
    for ending in FORMATS:
        if str(path).endswith(ending):
            return ending
    raise InputError(f"{path}: the end of the name must say the format: {', '.join(FORMATS)}")
