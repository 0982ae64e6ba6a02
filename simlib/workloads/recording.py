"""Record the stream of a workload as a trace file; memory grows by a bit for each session."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from simlib.traces.codes import IS_DELETE, IS_DROPS
from simlib.traces.recording import Recording
from simlib.traces.windows import Window, gathered
from simlib.workloads.generator import Traffic
from simlib.workloads.schema import Workload
from simlib.workloads.slices import NUMBER_BITS


def simulated_recording(workload: Workload, seed: int, advance: Callable[[int], object] = lambda ns: None) -> Recording:
    """Return a workload under a seed, to be written; `advance` receives the simulated time (ns) that a window adds."""
    sessions = _Bits(len(workload.kinds))

    def windows() -> Iterator[Window]:
        traffic, reached = Traffic(workload, seed), 0
        for chunks in gathered(traffic.until()):
            time, session, code = (
                np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("time", "session", "code")
            )
            places, numbers = pd.factorize(session)
            sessions.add(numbers)
            ids = traffic.ids(numbers).cast(pa.string())
            names = pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), ids)
            yield Window(time, names, code & np.uint8(IS_DELETE), (code & np.uint8(IS_DROPS)) >> 1)
            advance(int(time[-1]) - reached)
            reached = int(time[-1])

    return Recording(windows(), sessions)


class _Bits:
    """Counts distinct sessions of a workload by a bit for each, by kind and number."""

    def __init__(self, kinds: int):
        self._seen = [np.zeros(0, np.uint8) for _ in range(kinds)]

    @property
    def number(self) -> int:
        """The number of distinct sessions so far."""
        return sum(int(np.bitwise_count(seen).sum()) for seen in self._seen)

    def add(self, sessions: np.ndarray) -> None:
        """Add sessions by number."""
        kinds, numbers = sessions >> NUMBER_BITS, sessions & ((1 << NUMBER_BITS) - 1)
        for kind in np.unique(kinds):
            of_kind = numbers[kinds == kind]
            seen, bytes_ = self._seen[kind], of_kind.max() // 8 + 1
            if bytes_ > seen.size:
                seen = self._seen[kind] = np.append(seen, np.zeros(max(bytes_, 2 * seen.size) - seen.size, np.uint8))
            np.bitwise_or.at(seen, of_kind // 8, (1 << of_kind % 8).astype(np.uint8))
