"""Which instance of a fleet hears which operation of a stream, with session affinity and without.

Owns the routing and nothing else: every instance has stores of its own and knows of no other. With affinity all
operations of a session go to one instance, by a hash of the session. Without it each goes wherever a hash of its
running number in the stream says, as a balancer would deal them out that does not look into requests: a disconnect too
reaches one instance only, and each of its two deletes finds a way of its own. Next: `scale` lets stores hear it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simlib.core.errors import InputError
from simlib.core.variates import session_keys, stream_key
from simlib.traces.chunks import Chunk
from simlib.traces.codes import COMES_BACK, NONE

if TYPE_CHECKING:
    import pyarrow as pa

MOST_INSTANCES = 1_000_000

_SESSIONS, _OPERATIONS = stream_key(0, "session to instance"), stream_key(0, "operation to instance")


def check_instances(instances: int) -> None:
    """Raise InputError for a fleet of a size that will not do."""
    if not 1 <= instances <= MOST_INSTANCES:
        raise InputError(f"instances: {instances} is out of range: at least 1, at most {MOST_INSTANCES:,}")


def dealt(chunk: Chunk, first: int, instances: int, affinity: bool, heard: int) -> list[Chunk]:
    """What each of the first `heard` instances hears of a chunk whose first operation has the running number `first`.

    They are as good a sample as any, as all goes by hash.
    """
    instance = instance_of(chunk, first, instances, affinity)
    rows = np.flatnonzero(instance < heard)
    by_instance = np.argsort(instance[rows], kind="stable")
    bounds = np.searchsorted(instance[rows][by_instance], np.arange(1, heard))
    return [rows_of(chunk, part, affinity) for part in np.split(rows[by_instance], bounds)]


def instance_of(chunk: Chunk, first: int, instances: int, affinity: bool) -> np.ndarray:
    """The instance that hears each operation of a chunk, whose first has the running number `first`; int64, (n,)."""
    if affinity:
        keys = session_keys(_SESSIONS, chunk.session)
        keys = session_keys(keys, chunk.word) if chunk.word.size else keys
    else:
        keys = session_keys(_OPERATIONS, np.arange(first, first + chunk.time.size))
    # The upper half of the hash, as a share of all there is.
    return ((keys >> np.uint64(32)) * np.uint64(instances) >> np.uint64(32)).astype(np.int64)


def rows_of(chunk: Chunk, rows: np.ndarray, next_known: bool = True) -> Chunk:
    """Some rows (ascending) of a chunk, as a chunk; `next_known` False removes COMES_BACK."""
    code = chunk.code[rows] if next_known or not chunk.next_known else chunk.code[rows] & np.uint8(~COMES_BACK & 0xFF)
    word = chunk.word[rows] if chunk.word.size else NONE
    if chunk.id_of is not None:
        return _known(chunk, chunk.time[rows], chunk.session[rows], code, word, next_known)
    known = next_known and chunk.next_known
    return Chunk(chunk.time[rows], chunk.session[rows], code, lambda at: chunk.ids(rows[at]), None, word, known)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Consecutive chunks of one stream, at least one and all with an `id_of`, as one."""
    names = ("time", "session", "code", "word")
    return _known(chunks[0], *(np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names))


def _known(
    like: Chunk, time: np.ndarray, session: np.ndarray, code: np.ndarray, word: np.ndarray, next_known: bool = True
) -> Chunk:
    """A chunk of a stream whose ids follow from number and word; it does not hold on to the chunk that it is like."""
    id_of = like.id_of

    def ids(at: np.ndarray) -> "pa.Array":
        return id_of(session[at], word[at] if word.size else word)

    return Chunk(time, session, code, ids, id_of, word, next_known and like.next_known)
