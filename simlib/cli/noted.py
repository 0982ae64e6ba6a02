"""Notes what a stream holds while it is read, so that a log that lacks what was asked for is refused.

Refuses a log without rows, and one without rows of a counter.
"""

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow.compute as pc

from simlib.core.errors import InputError
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import COUNTERS, IS_DROPS


class NotedStream:
    """A stream that notes its counters, and its first and last time (ns), each time that it is read."""

    def __init__(self, stream: Stream):
        self._stream = stream
        self._counters: set[str] = set()
        self._times: list[int] = []
        self._key_length = 0.0

    def __call__(self) -> Iterator[Chunk]:
        self._times = []
        for chunk in self._stream():
            if chunk.time.size:
                if not self._times:
                    ids = chunk.ids(np.arange(chunk.time.size)).unique()
                    self._key_length = float(pc.mean(pc.binary_length(ids)).as_py() or 0)
                self._counters |= {COUNTERS[which] for which in np.unique(chunk.code & IS_DROPS) // IS_DROPS}
                self._times = [*self._times[:1], int(chunk.time[0]), int(chunk.time[-1])]
            yield chunk

    @property
    def lasts(self) -> int:
        """The time from the first row to the last, ns."""
        return self._times[-1] - self._times[0]

    @property
    def ends(self) -> int:
        """The time of the last row, ns."""
        return self._times[-1]

    @property
    def key_length(self) -> float:
        """The mean bytes of a session's id, among the sessions of the first chunk."""
        return self._key_length

    def check(self, file: str, counter: str | None = None) -> None:
        """Raise InputError where the stream that was read has no rows, or none of a counter that is named."""
        if not self._counters:
            raise InputError(f"{file}: the log holds no rows, so there is nothing to replay")
        if counter is not None:
            check_counter(file, counter, self._counters)


def check_counter(source: str, counter: str, there: Collection[str]) -> None:
    """Raise InputError where a counter is not among those that a log or a workload has."""
    if counter not in there:
        raise InputError(f"{source}: no row has the counter {counter!r}: there is {' and '.join(sorted(there))}")
