"""Records the stream of a workload as a trace file, a window at a time: memory does not grow with the stream."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from simlib.traces.chunks import Chunk
from simlib.traces.codes import IS_DELETE, IS_DROPS
from simlib.traces.files import write_windows
from simlib.traces.writing import Window
from simlib.workloads.generator import Traffic
from simlib.workloads.schema import Workload
from simlib.workloads.slices import NUMBER_BITS

ROWS = 1 << 19
"""Operations of a window: few enough for memory, enough for a Parquet file to be read quickly."""


class Recording:
    """A workload under a seed that is written to a file; afterwards the numbers of what was written."""

    def __init__(self, workload: Workload, seed: int):
        self.operations, self._traffic = 0, Traffic(workload, seed)
        # A bit for each session, by kind and number.
        self._seen = [np.zeros(0, np.uint8) for _ in workload.kinds]

    def write(self, path: str | Path, advance: Callable[[int], object] = lambda ns: None) -> None:
        """Write the stream; `advance` receives the simulated time in ns that each window adds.

        Raises InputError where the file cannot be written.
        """
        duration = self._traffic.workload.duration
        write_windows(self._windows(advance), path, farthest=duration)

    @property
    def sessions(self) -> int:
        """Sessions with an operation so far."""
        return sum(int(np.bitwise_count(seen).sum()) for seen in self._seen)

    def _windows(self, advance: Callable[[int], object]) -> Iterator[Window]:
        reached = 0
        for chunks in self._gathered():
            time, session, code = (
                np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("time", "session", "code")
            )
            places, sessions = pd.factorize(session)
            self._note(sessions)
            self.operations += time.size
            ids = self._traffic.ids(sessions).cast(pa.string())
            names = pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), ids)
            yield Window(time, names, code & np.uint8(IS_DELETE), (code & np.uint8(IS_DROPS)) >> 1)
            advance(int(time[-1]) - reached)
            reached = int(time[-1])

    def _gathered(self) -> Iterator[list[Chunk]]:
        chunks: list[Chunk] = []
        for chunk in self._traffic.until():
            chunks.append(chunk)
            if sum(each.time.size for each in chunks) >= ROWS:
                yield chunks
                chunks = []
        if chunks:
            yield chunks

    def _note(self, sessions: np.ndarray) -> None:
        kinds, numbers = sessions >> NUMBER_BITS, sessions & ((1 << NUMBER_BITS) - 1)
        for kind in np.unique(kinds):
            of_kind = numbers[kinds == kind]
            seen, bytes_ = self._seen[kind], of_kind.max() // 8 + 1
            if bytes_ > seen.size:
                seen = self._seen[kind] = np.append(seen, np.zeros(max(bytes_, 2 * seen.size) - seen.size, np.uint8))
            np.bitwise_or.at(seen, of_kind // 8, (1 << of_kind % 8).astype(np.uint8))
