"""A stream of operations in chunks, for streams too long for memory: from a trace, or from a log.

A session is known by its number, or by 128 bits of a hash where ids are text, so no list of all ids is kept. Refuses
what `files` refuses, in the same words.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import int64, njit, types, uint8, uint64, void

from simlib.core.variates import mixed
from simlib.stores.contract import MISSING
from simlib.traces.batches import Batch
from simlib.traces.codes import INCREMENT, IS_DROPS, NONE
from simlib.traces.delimited import ROWS
from simlib.traces.files import Log
from simlib.traces.mapping import How
from simlib.traces.notes import Notes
from simlib.traces.source import Advance
from simlib.traces.trace import Trace


@dataclass(frozen=True, eq=False)
class Chunk:
    """n consecutive operations, in order of time.

    `time` int64 ns; `session` int64 and, unless it is empty, `word` int64, which together identify the session; `code`
    uint8, with bits as in `codes`; all (n,). `next_known` says whether the bit `COMES_BACK` is set where it belongs.

    The ids themselves matter only where times are equal: `ids` gives those of some rows of the chunk. Where an id
    follows from the number and the word, `id_of` gives it for those, of any chunk.
    """

    time: np.ndarray
    session: np.ndarray
    code: np.ndarray
    ids: Callable[[np.ndarray], pa.Array]
    id_of: Callable[[np.ndarray, np.ndarray], pa.Array] | None = None
    word: np.ndarray = field(default_factory=lambda: NONE)
    next_known: bool = False


Stream = Callable[[], Iterable[Chunk]]
"""A stream may be read more than once: each call begins anew."""


def stream_of(trace: Trace, rows: int = ROWS) -> Stream:
    """Stream a trace in chunks of `rows` rows."""

    def id_of(sessions: np.ndarray, words: np.ndarray) -> pa.Array:
        return pa.array(trace.ids[sessions], pa.string())

    def chunks() -> Iterator[Chunk]:
        for first in range(0, len(trace), rows):
            part = slice(first, first + rows)
            code = trace.op[part] | trace.counter[part] * np.uint8(IS_DROPS)
            yield _numbered(trace.time[part], trace.session[part].astype(np.int64), code, id_of)

    return chunks


def open_stream(
    inputs: str | Path | Sequence[str | Path],
    rows: int = ROWS,
    how: How | None = None,
    notes: Notes | None = None,
    advance: Advance | None = None,
) -> Stream:
    """Stream a log in chunks as it is read; see `read_trace` for the arguments, and for what is refused.

    An error within the log may be raised only as the chunks are read.
    """
    return stream_log(Log(inputs, how), rows, notes, advance)


def stream_log(log: Log, rows: int = ROWS, notes: Notes | None = None, advance: Advance | None = None) -> Stream:
    """Stream a log that was opened, in chunks of at most `rows` rows."""

    def chunks() -> Iterator[Chunk]:
        for batch in log.read(notes, advance):
            for first in range(0, batch.time.size, rows):
                yield _chunk(batch.part(first, first + rows))

    return chunks


def _chunk(batch: Batch) -> Chunk:
    """Make a chunk of a batch."""
    session = batch.session
    code = batch.op | batch.counter * np.uint8(IS_DROPS)
    if session.type != pa.int64():
        return _named(batch.time, session, batch.op, code)
    numbers = session.fill_null(0).to_numpy()
    if not session.null_count:
        return _numbered(batch.time, numbers, code, _decimal)
    # Where there is no number, the word says of what kind: an empty id, or one that an increment gave a name.
    missing = session.is_null().to_numpy(zero_copy_only=False)
    word = np.where(missing, np.where(batch.op == INCREMENT, 1, 2), 0).astype(np.int64)
    return _numbered(batch.time, numbers, code, _decimal, word)


def _numbered(
    time: np.ndarray,
    session: np.ndarray,
    code: np.ndarray,
    id_of: Callable[[np.ndarray, np.ndarray], pa.Array],
    word: np.ndarray = NONE,
    next_known: bool = False,
) -> Chunk:
    """Make a chunk of sessions whose ids follow from the number and the word."""

    def ids(at: np.ndarray) -> pa.Array:
        return id_of(session[at], word[at] if word.size else word)

    return Chunk(time, session, code, ids, id_of, word, next_known)


def _decimal(sessions: np.ndarray, words: np.ndarray) -> pa.Array:
    """Write the ids of sessions that are known by an integer."""
    ids = pa.array(sessions).cast(pa.string())
    if not words.any():
        return ids
    return pa.array([(text, MISSING, "")[word] for word, text in zip(words, ids.to_pylist(), strict=True)])


def _named(time: np.ndarray, column: pa.Array, op: np.ndarray, code: np.ndarray) -> Chunk:
    """Make a chunk of sessions that are known by text, each by 128 bits of a hash.

    Among 10^9 ids the chance that any two share a hash is below 10^-20.
    """
    words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = words.dictionary
    # Two more stand for ids that are missing or empty, of which an increment gives one a name.
    texts = pa.concat_arrays([texts.cast(pa.large_string()), pa.array(["", MISSING], pa.large_string())])
    empty = len(texts) - 2
    index = words.indices.cast(pa.int64()).fill_null(empty).to_numpy()
    _, offsets, letters = texts.buffers()
    offsets = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    key, word = np.empty((2, len(texts)), np.int64)
    _digest(offsets, np.frombuffer(letters, np.uint8), key, word)
    is_empty = offsets[1:] == offsets[:-1]
    if is_empty[:-2].any() or words.null_count:
        index = np.where(is_empty[index], np.where(op == INCREMENT, empty + 1, empty), index)
    return Chunk(time, key[index], code, lambda at: texts.take(pa.array(index[at])), None, word[index])


@njit(
    void(types.Array(int64, 1, "C", readonly=True), types.Array(uint8, 1, "C", readonly=True), int64[::1], int64[::1]),
    cache=True,
    nogil=True,
)
def _digest(offsets: np.ndarray, letters: np.ndarray, key: np.ndarray, word: np.ndarray) -> None:
    """Hash each text twice to 64 bits, eight bytes at a time through splitmix64's finalizer."""
    for text in range(key.size):
        begins, ends = offsets[text], offsets[text + 1]
        first, second = uint64(ends - begins), uint64(0x6A09E667F3BCC908) ^ uint64(ends - begins)
        for at in range(begins, ends, 8):
            eight = uint64(0)
            for letter in range(min(8, ends - at)):
                eight |= uint64(letters[at + letter]) << uint64(8 * letter)
            first = mixed(first ^ eight) + uint64(0x9E3779B97F4A7C15)
            second = mixed(second + eight * uint64(0xD6E8FEB86659FD93)) ^ uint64(0xBB67AE8584CAA73B)
        key[text], word[text] = int64(mixed(first)), int64(mixed(second))
