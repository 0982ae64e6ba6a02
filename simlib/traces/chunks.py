"""The operation stream in chunks, for streams of which memory holds only a part: from a trace, or a Parquet file.

Owns how a session is told from all others without a list of all of them: by its number, and where ids are text by 128
bits of hash. Refuses what `trace` refuses, in the same words.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numba import int64, njit, types, uint8, uint64, void

from simlib.core.units import MAX_NS, SECOND
from simlib.core.variates import mixed
from simlib.stores.contract import MISSING
from simlib.traces.codes import IS_DROPS, NONE
from simlib.traces.trace import (
    COUNTERS,
    INCREMENT,
    OPS,
    RowError,
    Trace,
    check_order,
    choices_of,
    parquet,
    parquet_column,
    read_trace,
    reading,
    sessions_of,
    times_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 16
"""Rows of a chunk: so many that what a chunk costs by itself does not matter, so few that it stays in the cache."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """n consecutive operations, in order of time.

    `time` int64 ns; `session` int64 and, unless it is empty, `word` int64, which together stand for the session; `code`
    uint8, with bits as of `codes`; all (n,). `next_known` says whether the bit `COMES_BACK` is set where it belongs.

    The ids themselves matter only where times are equal: `ids` gives those of some rows of the chunk. Where an id
    follows from the number and the word, `id_of` gives it for those, of any chunk.
    """

    time: np.ndarray
    session: np.ndarray
    code: np.ndarray
    ids: Callable[[np.ndarray], "pa.Array"]
    id_of: Callable[[np.ndarray, np.ndarray], "pa.Array"] | None = None
    word: np.ndarray = field(default_factory=lambda: NONE)
    next_known: bool = False


Stream = Callable[[], Iterable[Chunk]]
"""A stream may be gone through more than once: each call begins anew."""


def stream_of(trace: Trace, rows: int = ROWS) -> Stream:
    """The chunks of a trace."""
    import pyarrow as pa

    def id_of(sessions: np.ndarray, words: np.ndarray) -> "pa.Array":
        return pa.array(trace.ids[sessions], pa.string())

    def chunks() -> Iterator[Chunk]:
        for first in range(0, len(trace), rows):
            part = slice(first, first + rows)
            code = trace.op[part] | trace.counter[part] * np.uint8(IS_DROPS)
            yield _numbered(trace.time[part], trace.session[part].astype(np.int64), code, NONE, id_of)

    return chunks


def open_stream(path: str | Path, rows: int = ROWS) -> Stream:
    """The chunks of a trace file: of a Parquet file as they are read, of any other once all of it is.

    Raises InputError as `read_trace` does; of a Parquet file it may be raised only as the chunks are gone through.
    """
    with reading(path) as ending:
        if ending == ".parquet":
            return lambda: _parquet_chunks(path, rows)
    return stream_of(read_trace(path), rows)


def _parquet_chunks(path: str | Path, rows: int) -> Iterator[Chunk]:
    read, first, before, opening = 0, None, None, None
    with reading(path), parquet(path) as (file, wanted):
        for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            if not batch.num_rows:
                continue
            try:
                chunk = _chunk({name: batch.column(name) for name in wanted}, opening)
                first = int(chunk.time[0]) if first is None else first
                check_order(chunk.time, first, before)
            except RowError as error:
                raise error.after(read) from None
            opening = batch.column("time").slice(0, 1) if opening is None else opening
            yield chunk
            read, before = read + batch.num_rows, int(chunk.time[-1])


def _chunk(columns: dict[str, "pa.Array"], opening: "pa.Array | None") -> Chunk:
    """The chunk of some rows of a file that begins with the time `opening`, or None where it begins with them.

    Raises ValueError, or RowError, which counts the rows of the chunk.
    """
    import pyarrow as pa

    time, session = _times(columns["time"], opening), columns["session"]
    op, counter = (
        _codes(name, columns[name], known) if name in columns else np.zeros(time.size, np.uint8)
        for name, known in (("op", OPS), ("counter", COUNTERS))
    )
    code = op | counter * np.uint8(IS_DROPS)
    if pa.types.is_dictionary(session.type) and pa.types.is_integer(session.type.value_type):
        session = session.dictionary_decode()
    if pa.types.is_signed_integer(session.type) or session.type in (pa.uint8(), pa.uint16(), pa.uint32()):
        # Where there is no number, the word says of what kind: an empty id, or one that an increment gave a name.
        missing = session.is_null().to_numpy(zero_copy_only=False) if session.null_count else np.zeros(0, bool)
        word = np.where(missing, np.where(op == INCREMENT, 1, 2), 0).astype(np.int64) if missing.size else NONE
        return _numbered(time, session.cast(pa.int64()).fill_null(0).to_numpy(), code, word, _decimal)
    return _named(time, session, op, code)


def _times(column: "pa.Array", opening: "pa.Array | None") -> np.ndarray:
    """Times in ns, int64; whether text means seconds or dates is for the first row of the file to say."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns" and not column.null_count:
        return column.cast(pa.int64()).to_numpy()
    if pa.types.is_signed_integer(column.type) and not column.null_count:
        seconds, most = column.cast(pa.int64()).to_numpy(), MAX_NS // SECOND
        if seconds.min() >= -most and seconds.max() <= most:
            return seconds * SECOND
    if opening is None:
        return times_of(parquet_column("time", pa.chunked_array([column])))
    try:
        return times_of(parquet_column("time", pa.chunked_array([opening, column])))[1:]
    except RowError as error:
        raise error.after(-1) from None


def _codes(name: str, column: "pa.Array", known: tuple[str, ...]) -> np.ndarray:
    """Codes, uint8, of a column of known words, whose first stands for a blank."""
    import pyarrow as pa

    words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = words.dictionary.to_pylist()
    if not set(texts) <= set(known):
        return choices_of(name, parquet_column(name, pa.chunked_array([column])), known, len(column))
    codes = np.array([*map(known.index, texts), 0], np.uint8)
    return codes[words.indices.cast(pa.int64()).fill_null(len(texts)).to_numpy()]


def _numbered(time: np.ndarray, session: np.ndarray, code: np.ndarray, word: np.ndarray, id_of) -> Chunk:
    """A chunk of sessions that are known by number."""
    return Chunk(time, session, code, lambda at: id_of(session[at], word[at] if word.size else word), id_of, word)


def _decimal(sessions: np.ndarray, words: np.ndarray) -> "pa.Array":
    """The ids of sessions known by an integer."""
    import pyarrow as pa

    ids = pa.array(sessions).cast(pa.string())
    if not words.any():
        return ids
    return pa.array([(None, MISSING, "")[word] or text for word, text in zip(words, ids.to_pylist(), strict=True)])


def _named(time: np.ndarray, column: "pa.Array", op: np.ndarray, code: np.ndarray) -> Chunk:
    """A chunk of sessions that are known by text, each by 128 bits of a hash: no two of 10^9 are ever taken for one.

    Raises ValueError for a column of anything else.
    """
    import pyarrow as pa

    words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = words.dictionary
    if texts.type not in (pa.string(), pa.large_string()) or texts.null_count or not _is_unicode(texts):
        cells = parquet_column("session", pa.chunked_array([column]))
        texts = pa.array(sessions_of(cells), pa.large_string())
        words = texts.dictionary_encode()
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


def _is_unicode(texts: "pa.Array") -> bool:
    import pyarrow as pa

    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@njit(
    void(types.Array(int64, 1, "C", readonly=True), types.Array(uint8, 1, "C", readonly=True), int64[::1], int64[::1]),
    cache=True,
    nogil=True,
)
def _digest(offsets, letters, key, word):
    """Two hashes of 64 bits of each text, eight bytes at a time through splitmix64's finalizer."""
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
