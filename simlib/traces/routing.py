"""Route the operations of a stream to the instances of a fleet, with session affinity and without.

With affinity all operations of a session go to one instance, by a hash of the session. Without it each goes by a hash
of its number in the stream, as a balancer sends requests that it does not look into: a disconnect reaches one instance
only, and each of its two deletes is routed by itself. Refuses fleets of less than one or over a million instances.
"""

from dataclasses import replace

import numpy as np

from simlib.core.errors import InputError
from simlib.core.variates import session_keys, stream_key
from simlib.traces.chunks import Chunk
from simlib.traces.codes import COMES_BACK, NONE

MOST_INSTANCES = 1_000_000

_SESSIONS, _OPERATIONS = stream_key(0, "session to instance"), stream_key(0, "operation to instance")


def check_instances(instances: int) -> None:
    """Raise InputError for a number of instances that is out of range."""
    if not 1 <= instances <= MOST_INSTANCES:
        raise InputError(f"instances: {instances} is out of range: at least 1, at most {MOST_INSTANCES:,}")


def instance_of(chunk: Chunk, first: int, instances: int, affinity: bool) -> np.ndarray:
    """Return the instance that receives each operation of a chunk, whose first has the number `first`; int64, (n,)."""
    if affinity:
        keys = session_keys(_SESSIONS, chunk.session)
        keys = session_keys(keys, chunk.word) if chunk.word.size else keys
    else:
        keys = session_keys(_OPERATIONS, np.arange(first, first + chunk.time.size))
    # The upper half of the hash, as a share of its range.
    return ((keys >> np.uint64(32)) * np.uint64(instances) >> np.uint64(32)).astype(np.int64)


def rows_of(chunk: Chunk, rows: np.ndarray, next_known: bool = True) -> Chunk:
    """Return some rows (ascending) of a chunk as a chunk; `next_known` False removes COMES_BACK."""
    code = chunk.code[rows] if next_known or not chunk.next_known else chunk.code[rows] & np.uint8(~COMES_BACK & 0xFF)
    return replace(
        chunk,
        time=chunk.time[rows],
        session=chunk.session[rows],
        code=code,
        word=chunk.word[rows] if chunk.word.size else NONE,
        ids=lambda at: chunk.ids(rows[at]),
        next_known=next_known and chunk.next_known,
    )
