"""Put operations in the order of time: of one file that is nearly in order, of several that follow or overlap.

Operations of equal time keep the order of their files and rows. Refuses rows that come later than the window allows,
with the window that would do.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from simlib.core.numbers import format_duration
from simlib.core.units import MAX_NS, SECOND
from simlib.traces.batches import Batch
from simlib.traces.cells import RowError, check_span, seconds_text
from simlib.traces.notes import Notes
from simlib.traces.source import reading


class Lane(NamedTuple):
    """A file to merge with others: the time at which it begins (ns), and its batches."""

    path: Path
    begins: int
    open: Callable[[], Iterator[Batch]]


class _Position:
    """How far a file has been read: `latest` is the latest time that one of its rows has."""

    def __init__(self, number: int, lane: Lane):
        self.number, self.lane, self.latest = number, lane, lane.begins
        self.before: int | None = None
        self._batches: Iterator[Batch] | None = None

    def next(self) -> Batch | None:
        """Read the next batch; None at the file's end."""
        if self._batches is None:
            self._batches = self.lane.open()
        return next(self._batches, None)


def in_order(lanes: Sequence[Lane], window: int, notes: Notes) -> Iterator[Batch]:
    """Merge the batches of files, each in order to within `window` (ns), into one stream in order.

    Memory holds the rows of a window, and a batch of each file that is being read. Raises InputError for a row that
    comes later.
    """
    active = [_Position(number, lane) for number, lane in enumerate(lanes)]
    waiting = _Waiting()
    while active:
        file = min(active, key=lambda file: (file.latest, file.number))
        batch = file.next()
        if batch is None:
            active.remove(file)
        else:
            with reading(file.lane.path):
                _note_late(file, batch, window, notes)
            waiting.add(file.number, batch)
        yield from waiting.until(max(min(file.latest for file in active) - window, -MAX_NS) if active else None)


def _starts(batch: Batch) -> np.ndarray:
    """Mark the operations that stand for rows, rather than for the end of the row before them."""
    return np.append(True, batch.row[1:] != batch.row[:-1])


def _note_late(file: _Position, batch: Batch, window: int, notes: Notes) -> None:
    """Count the rows that come after later ones. Raises RowError where one comes too late."""
    at = np.flatnonzero(_starts(batch))
    time = batch.time[at]
    latest, late = _late(time, file.before)
    file.latest = file.before = int(latest[-1])
    if not (moved := late > 0).any():
        return
    notes.moved += int(moved.sum())
    notes.latest = max(notes.latest, int(late.max()))
    if int(late.max()) > window:
        row = int(np.flatnonzero(late > window)[0])
        wanted = -(-max(int(late.max()), _worst(file)) // SECOND)
        from_, to = seconds_text(int(latest[row])), seconds_text(int(time[row]))
        what = f"time goes backwards, from {from_} to {to}, by more than the window of {format_duration(window)}"
        raise RowError(int(batch.row[at[row]]), f"{what}: sort the rows by time, or say --sort-window {wanted}s")


def _late(time: np.ndarray, before: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the latest time before each row and after the last, int64 (n + 1,), and each row's lag, uint64 (n,)."""
    latest = np.maximum.accumulate(np.append(time[0] if before is None else before, time))
    # Two times may be further apart than 63 bits hold.
    return latest, latest[1:].astype(np.uint64) - time.astype(np.uint64)


def _worst(file: _Position) -> int:
    """Read a file to its end for how late a row comes at most, ns."""
    worst, before = 0, file.before
    while (batch := file.next()) is not None:
        latest, late = _late(batch.time[_starts(batch)], before)
        worst, before = max(worst, int(late.max())), int(latest[-1])
    return worst


class _Waiting:
    """Operations that are not yet given out, in runs that are in order themselves."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, Batch]] = []
        self._next: dict[int, int] = {}
        self._kept = 0
        self._begin: int | None = None

    def add(self, lane: int, batch: Batch) -> None:
        """Add the next batch of a file."""
        begin = self._next.get(lane, 0)
        self._next[lane] = begin + batch.time.size
        # The place of an operation among those of equal time: by file, then by row.
        place = (np.int64(lane) << 44) + np.arange(begin, begin + batch.time.size)
        if (batch.time[1:] < batch.time[:-1]).any():
            order = np.argsort(batch.time, kind="stable")
            place, batch = place[order], batch.take(order)
        self._parts.append((place, batch))

    def until(self, end: int | None) -> Iterator[Batch]:
        """Give out the operations up to a time, None for all, in order."""
        if not self._parts:
            return
        follows = _follow(self._parts)
        # Rows out of order are merged only once enough have come, so that none is merged often.
        rows = sum(batch.time.size for _, batch in self._parts)
        if end is not None and not follows and rows < 2 * self._kept:
            return
        parts, self._parts, self._kept = self._parts, [], 0
        if not follows:
            parts = [_merged(parts)]
        for number, (place, batch) in enumerate(parts):
            cut = batch.time.size if end is None else int(np.searchsorted(batch.time, end, side="right"))
            if cut:
                yield self._checked(batch.part(0, cut))
            if not cut:
                self._parts += parts[number:]
                self._kept += sum(batch.time.size for _, batch in parts[number:])
                break
            if cut < batch.time.size:
                self._parts.append((place[cut:], batch.part(cut, batch.time.size)))
                self._kept += batch.time.size - cut

    def _checked(self, batch: Batch) -> Batch:
        if self._begin is None:
            self._begin = int(batch.time[0])
        check_span(self._begin, int(batch.time[-1]))
        return batch


def _follow(parts: list[tuple[np.ndarray, Batch]]) -> bool:
    """Whether each part ends before the next begins, by time and place."""
    return all((int(a.time[-1]), int(at[-1])) <= (int(b.time[0]), int(bt[0])) for (at, a), (bt, b) in pairwise(parts))


def _merged(parts: list[tuple[np.ndarray, Batch]]) -> tuple[np.ndarray, Batch]:
    place = np.concatenate([each for each, _ in parts])
    time, sessions, op, counter, row = zip(*(batch for _, batch in parts), strict=True)
    if len({each.type for each in sessions}) > 1:
        sessions = tuple(map(_text, sessions))
    whole = Batch(
        np.concatenate(time), pa.concat_arrays(sessions), *(np.concatenate(each) for each in (op, counter, row))
    )
    order = np.lexsort((place, whole.time))
    return place[order], whole.take(order)


def _text(ids: pa.Array) -> pa.Array:
    return (ids.cast(ids.type.value_type) if pa.types.is_dictionary(ids.type) else ids).cast(pa.large_string())
