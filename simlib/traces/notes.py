"""Notes of a reader: how a log was recognised, its span, and whatever was left out, moved or looks wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simlib.core.numbers import format_counted, format_duration
from simlib.core.units import DAY, MINUTE
from simlib.traces.cells import shortened
from simlib.traces.source import NAMELESS, input_name, shown
from simlib.traces.times import instant

_ROWS_TO_JUDGE = 100
"""Rows from which on the typical gap between them says something."""

# A log of over a hundred rows whose typical gap is longer than this is rare; one read in too large a unit is not.
_LONG_GAP = 5 * MINUTE


@dataclass
class Notes:
    """Notes of one reading, complete when the stream has been read to its end."""

    source: str = ""
    about: str = ""
    files: int = 1
    rows: int = 0
    first: int = 0
    last: int = 0
    is_date: bool = False
    moved: int = 0
    latest: int = 0
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)

    def begin(self, files: Sequence[Path]) -> None:
        """Forget an earlier reading, and note what is read now."""
        called = shown(files[0])
        source = called if input_name(called) == NAMELESS else Path(called).name
        vars(self).update(vars(Notes(source, files=len(files))))

    def end(self, found: Sequence[tuple[str, bool]]) -> None:
        """Note how each file was read, and whether its times name instants."""
        abouts = list(dict.fromkeys(about for about, _ in found))
        self.about, self.is_date = shortened("; ".join(abouts)), all(is_date for _, is_date in found)

    def add(self, time: np.ndarray) -> None:
        """Note the times (int64, ns, ascending) of the next operations."""
        if not time.size:
            return
        if not self.rows:
            self.first = int(time[0])
        else:
            self.gaps.append(int(time[0]) - self.last)
        self.rows, self.last = self.rows + time.size, int(time[-1])
        if len(self.gaps) < _ROWS_TO_JUDGE * 100:
            self.gaps += np.diff(time[: _ROWS_TO_JUDGE * 100]).tolist()

    def remark(self, text: str) -> None:
        """Note a warning, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def summary(self) -> str:
        """Say in one line how the log was read, with its first and last instant and the span."""
        more = f" and {self.files - 1} more" if self.files > 1 else ""
        if not self.rows:
            return f"{self.source}{more}: {self.about}; no operations"
        begin, end = instant(self.first, self.is_date), instant(self.last, self.is_date)
        span = format_duration(self.last - self.first)
        zone = " UTC" if self.is_date else ""
        times = f"{format_counted(self.rows, 'operations')}, {begin} to {end}{zone} ({span})"
        return f"{self.source}{more}: {self.about}; {times}"

    def warnings(self) -> list[str]:
        """Say, a line each, whatever was left out or moved, and what looks wrong."""
        found = [
            f"left out: {format_counted(number, nouns)} {which}" for (nouns, which), number in self.left_out.items()
        ]
        if self.moved:
            late = format_duration(self.latest)
            found.append(f"sorted by time: {format_counted(self.moved, 'rows')} out of order, by {late} at most")
        found += self.remarks
        if self.is_date and self.rows and self.first < 2 * 365 * DAY:
            found.append(
                "the times are of 1970: say --unit if their unit is another, or --columns time= for another column"
            )
        if not self.is_date and self.rows >= _ROWS_TO_JUDGE and (gap := float(np.median(self.gaps))) > _LONG_GAP:
            found.append(
                f"the median gap between rows is {format_duration(gap)}: if the times are milliseconds, say --unit ms"
            )
        return [f"{self.source}: {each}" for each in found]
