"""A trace as plain arrays, which a cache can keep: its ids as the bytes of one text."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from simlib.traces.trace import Trace

_COLUMNS = ("time", "session", "op", "counter")


def to_arrays(trace: Trace) -> dict[str, np.ndarray]:
    """Return the columns of a trace, its ids as UTF-8 and where each begins and ends in it."""
    text = "".join(trace.ids).encode()
    ends = np.cumsum([0, *(len(name.encode()) for name in trace.ids)], dtype=np.int64)
    columns = {name: getattr(trace, name) for name in _COLUMNS}
    return {**columns, "ids": np.frombuffer(text, np.uint8), "ends": ends}


def of_arrays(arrays: Mapping[str, np.ndarray]) -> Trace:
    """Return the trace of such arrays."""
    ends, text = (pa.py_buffer(np.ascontiguousarray(arrays[name])) for name in ("ends", "ids"))
    ids = pa.LargeStringArray.from_buffers(arrays["ends"].size - 1, ends, text).to_numpy(zero_copy_only=False)
    return Trace(**{name: arrays[name] for name in _COLUMNS}, ids=ids)
