"""Small traces and trace files for the tests."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.errors import InputError
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace


def trace_of(*rows):
    """A trace of rows (time, session, op, counter)."""
    return Trace.of(*zip(*rows, strict=True))


def same(a, b):
    columns = [(a.time, b.time), (a.ids[a.session], b.ids[b.session]), (a.op, b.op), (a.counter, b.counter)]
    return all(np.array_equal(x, y) for x, y in columns)


def write(path, **columns):
    """Write columns to a Parquet file."""
    pq.write_table(pa.table(columns), path)
    return path


def read(tmp_path, content, name="log.csv"):
    """Read a file of that content, gzipped where its name says so."""
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_trace(path)


def refused(path):
    """The message with which a file is refused, on one line that names the file."""
    with pytest.raises(InputError) as caught:
        read_trace(path)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert str(path) in message
    return message
