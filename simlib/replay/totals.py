"""The ledger's totals of stores over a stream in chunks, in memory that does not grow with the stream.

A stream that does not say what each session does next takes as many passes as evicted sessions awaiting return need.
A design that takes no chunks is replayed over the whole stream, which then has to fit into memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.core.errors import InputError
from simlib.replay import ledger
from simlib.replay.awaiting import MAX_AWAITING
from simlib.replay.compiled import NO_RANK, CompiledStore
from simlib.replay.ledger import Totals
from simlib.replay.observe import replay
from simlib.stores.contract import Mode, RecencyRule, Settings
from simlib.stores.registry import SHIPPED, find_design
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import COUNTERS, IS_DELETE, IS_DROPS
from simlib.traces.routing import rows_of
from simlib.traces.trace import Trace


class Spec(NamedTuple):
    """A store to replay: its design and settings, and the counter whose operations it receives."""

    design: str = SHIPPED
    settings: Settings = Settings()
    counter: str = "no_client"


def chunked_rule(spec: Spec) -> RecencyRule | None:
    """Return the compiled rule that takes a stream in chunks; None where the design has none.

    Raises InputError for an unknown design.
    """
    compiled = find_design(spec.design).compiled
    rule = compiled(spec.settings) if compiled else None
    return rule if isinstance(rule, RecencyRule) else None


class StreamedStore:
    """One compiled store that receives a stream, chunk by chunk.

    Where a stream does not say what each session does next, false evictions are counted among the sessions of one
    `part` in `parts` that there is room to await; `store.awaiting.parts` is then the number of parts that it took.
    Raises InputError for an unknown design, and for one that takes no chunks.
    """

    def __init__(self, spec: Spec, max_awaiting: int = MAX_AWAITING, part: int = 0, parts: int = 1):
        rule = chunked_rule(spec)
        if rule is None:
            raise InputError(f"design {spec.design!r} takes no chunks of a stream: `stream_totals` replays it")
        self.counter = COUNTERS.index(spec.counter)
        self.store = CompiledStore(rule, max_awaiting, part, parts, retires=find_design(spec.design).retires)
        self._last_time: int | None = None
        self._ids = np.empty(0, dtype=object)
        """The id of each node's entry, where it does not follow from a number; the store's cap keeps them few."""

    def apply(self, chunk: Chunk) -> None:
        """Apply the next chunk."""
        by_id = self.store.rule.max_entries > 0 and self.store.rule.mode <= Mode.PERIODIC
        rank = self._rank(chunk) if by_id and chunk.time.size else NO_RANK
        rows = self.store.rows
        self.store.apply(
            *(chunk.time, chunk.session, chunk.code),
            word=chunk.word,
            rank=rank,
            counter=self.counter,
            next_known=chunk.next_known,
        )
        if by_id and chunk.id_of is None:
            self._note_ids(chunk, rows)
        if chunk.time.size:
            self._last_time = int(chunk.time[-1])

    def totals(self) -> Totals:
        """Return the ledger so far. Raises AssertionError if it does not balance."""
        self.store.check()
        return Totals(**self.store.totals())

    def _rank(self, chunk: Chunk) -> np.ndarray:
        """The place of each id among those of entries and of increments at a time not theirs alone; uint32.

        Empty where there are none, as mostly: what is simultaneous in a simulation are the deletes of both counters.
        """
        twice = np.flatnonzero(chunk.time[1:] == chunk.time[:-1])
        rows = np.union1d(np.append(twice, 0), twice + 1)
        rows = rows[chunk.code[rows] & (IS_DELETE | IS_DROPS) == self.counter * IS_DROPS]
        if not rows.size:
            return NO_RANK
        time = chunk.time[rows]
        as_before = np.append(time[0] == self._last_time, time[1:] == time[:-1])
        rows = rows[as_before | np.append(as_before[1:], False)]
        if not rows.size:
            return NO_RANK
        entries = self.store.entries
        if chunk.id_of is None:
            known = pa.array(self._ids[entries], pa.large_string())
        else:
            known = chunk.id_of(self.store.nodes["key"][entries], self.store.nodes["word"][entries])
        ids = pa.concat_arrays([known.cast(pa.large_string()), chunk.ids(rows).cast(pa.large_string())])
        which = ids.dictionary_encode()
        place = np.empty(len(which.dictionary), dtype=np.uint32)
        # Arrow sorts by the bytes of UTF-8, which is by code point.
        place[pc.sort_indices(which.dictionary).to_numpy()] = np.arange(place.size)
        places = place[which.indices.to_numpy()]
        self.store.nodes["rank"][entries] = places[: entries.size]
        rank = np.zeros(chunk.time.size, dtype=np.uint32)
        rank[rows] = places[entries.size :]
        return rank

    def _note_ids(self, chunk: Chunk, rows_before: int) -> None:
        """Keep the ids of the entries that the last chunk touched."""
        entries = self.store.entries
        if self._ids.size < self.store.nodes.size:
            self._ids = np.concatenate([self._ids, np.empty(self.store.nodes.size - self._ids.size, dtype=object)])
        rows = self.store.nodes["row"][entries] - rows_before
        touched = rows >= 0
        self._ids[entries[touched]] = chunk.ids(rows[touched]).to_numpy(zero_copy_only=False)


def stream_totals(stream: Stream, specs: Sequence[Spec], max_awaiting: int = MAX_AWAITING) -> list[Totals]:
    """Return the ledger of each of several stores that receive the same stream.

    The stream is gone through once for all stores, once more for each further share of the evicted sessions that there
    is room to await, and once for all stores that take no chunks. Raises InputError for an unknown design, and the
    stream's own errors.
    """
    in_chunks = [chunked_rule(spec) is not None for spec in specs]
    stores = {at: StreamedStore(spec, max_awaiting) for at, spec in enumerate(specs) if in_chunks[at]}
    _apply(stream, [*stores.values()])
    results = {at: store.totals() for at, store in stores.items()}
    todo = [(at, store.store.awaiting, 1) for at, store in stores.items()]
    while todo:
        again = []
        for at, awaiting, parts in todo:
            # Of the sessions that this store set out to follow, it had to leave out these.
            left_out = range(awaiting.part + parts, awaiting.parts, parts)
            again += [(at, StreamedStore(specs[at], max_awaiting, part, awaiting.parts)) for part in left_out]
        todo = []
        for at, store in again:
            parts = store.store.awaiting.parts
            _apply(stream, [store])
            found = store.totals()
            results[at] = replace(
                results[at],
                false_evictions=results[at].false_evictions + found.false_evictions,
                lost_counts=results[at].lost_counts + found.lost_counts,
            )
            todo.append((at, store.store.awaiting, parts))
    if not all(in_chunks):
        trace = gathered(stream)
        only = {counter: trace.only(counter) for counter in COUNTERS}
        for at, spec in enumerate(specs):
            if not in_chunks[at]:
                observed = replay(only[spec.counter], spec.design, spec.settings)
                results[at] = ledger.totals(only[spec.counter], observed)
    return [results[at] for at in range(len(specs))]


def totals_at(stream: Stream, spec: Spec, instant: int, max_awaiting: int = MAX_AWAITING) -> tuple[Totals, Totals]:
    """The ledger of one store over a stream, and of what came from an instant (ns) on.

    The second has the sizes of the first. An eviction before the instant is false there if its session came back after
    it. One pass, or those of `stream_totals` where not all can be awaited or the store takes no chunks.
    """
    if chunked_rule(spec) is None:
        (earlier,), (all_of_it,) = (stream_totals(each, [spec]) for each in (_until(stream, instant), stream))
        return _from_on(all_of_it, earlier)
    store, before = StreamedStore(spec, max_awaiting), None
    for chunk in stream():
        if before is None and chunk.time.size and chunk.time[-1] >= instant:
            rows, split = np.arange(chunk.time.size), int(np.searchsorted(chunk.time, instant))
            store.apply(rows_of(chunk, rows[:split]))
            before = store.totals()
            chunk = rows_of(chunk, rows[split:])
        store.apply(chunk)
    whole = store.totals()
    before = before or whole
    if store.store.awaiting.parts > 1:
        (before,), (whole,) = (stream_totals(each, [spec], max_awaiting) for each in (_until(stream, instant), stream))
    return _from_on(whole, before)


def _from_on(whole: Totals, before: Totals) -> tuple[Totals, Totals]:
    """Return the ledger of a stream, and that without what a beginning of it counted."""
    counted = {field.name for field in fields(Totals)} - {"peak_entries", "final_entries", "final_count_sum"}
    return whole, replace(whole, **{name: getattr(whole, name) - getattr(before, name) for name in counted})


def _until(stream: Stream, instant: int) -> Stream:
    """The part of a stream before an instant (ns)."""

    def chunks() -> Iterator[Chunk]:
        for chunk in stream():
            early = int(np.searchsorted(chunk.time, instant))
            yield rows_of(chunk, np.arange(early))
            if early < chunk.time.size:
                return

    return chunks


def _apply(stream: Stream, stores: Sequence[StreamedStore]) -> None:
    if not stores:
        return
    for chunk in stream():
        for store in stores:
            store.apply(chunk)


def gathered(stream: Stream) -> Trace:
    """Read a whole stream into memory."""
    times, codes, ids = [np.empty(0, np.int64)], [np.empty(0, np.uint8)], []
    for chunk in stream():
        times.append(chunk.time)
        codes.append(chunk.code)
        ids += chunk.ids(np.arange(chunk.time.size)).to_pylist()
    code = np.concatenate(codes)
    return Trace.of(np.concatenate(times), ids, code & IS_DELETE, (code & IS_DROPS) > 0)
