"""The ledger's totals of stores over a stream in chunks, for when nobody needs to see what made them up.

Owns the way from a stream to totals in memory that does not grow with the stream, in as many passes as that takes.
Next: `sweep`, and the command `replay`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.replay.engine import NO_RANK, CompiledStore
from simlib.replay.ledger import Totals
from simlib.stores.contract import Settings
from simlib.stores.registry import find_design
from simlib.traces.chunks import Chunk, Stream
from simlib.traces.codes import IS_DELETE, IS_DROPS
from simlib.traces.trace import COUNTERS

MOST_GHOSTS = 1 << 22
"""Evicted sessions that are waited for at a time, before another pass is taken: some 300 MB."""


class Spec(NamedTuple):
    """Which store hears which counter of a stream."""

    design: str = "bounded"
    settings: Settings = Settings()
    counter: str = "no_client"


class Tally:
    """One compiled store that hears a stream, chunk by chunk. Raises ValueError for an unknown design.

    Where a stream does not say what each session does next, evictions of the sessions of one `part` in `parts` are
    told true from false, as many as there is room to wait for; `parts` then says what came of it.
    """

    def __init__(self, spec: Spec, most_ghosts: int = MOST_GHOSTS, part: int = 0, parts: int = 1):
        compiled = find_design(spec.design).compiled
        if compiled is None:
            raise ValueError(f"design {spec.design!r} is not compiled: it is replayed over a whole trace")
        self.counter = COUNTERS.index(spec.counter)
        self.store = CompiledStore(*compiled(spec.settings), most_ghosts, part, parts)
        self._last_time: int | None = None
        self._ids = np.empty(0, dtype=object)
        """The id of each node's entry, where it does not follow from a number; the store's cap keeps them few."""

    def hear(self, chunk: Chunk) -> None:
        """Hear the next chunk."""
        capped = self.store.bounds[0] > 0
        rank = self._rank(chunk) if capped and chunk.time.size else NO_RANK
        rows = self.store.rows
        self.store.hear(
            chunk.time, chunk.session, chunk.code, word=chunk.word, rank=rank, counter=self.counter, told=chunk.told
        )
        if capped and chunk.id_of is None:
            self._note_ids(chunk, rows)
        if chunk.time.size:
            self._last_time = int(chunk.time[-1])

    def totals(self) -> Totals:
        """The ledger so far. Raises AssertionError if it does not balance."""
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


def tally(stream: Stream, specs: Sequence[Spec], most_ghosts: int = MOST_GHOSTS) -> list[Totals]:
    """The ledger of each of several stores, all of which hear the same stream.

    A stream that does not say what each session does next is gone through again for each share of the evicted sessions
    that there is room to wait for. Raises ValueError for an unknown design, and what the stream raises.
    """
    tallies = [Tally(spec, most_ghosts) for spec in specs]
    _hear(stream, tallies)
    results = [tally.totals() for tally in tallies]
    todo = [(at, tally.store, 1) for at, tally in enumerate(tallies)]
    while todo:
        again = []
        for at, store, parts in todo:
            # Of the sessions that this store set out to follow, it had to leave out these.
            left_out = range(store.part + parts, store.parts, parts)
            again += [(at, Tally(specs[at], most_ghosts, part, store.parts)) for part in left_out]
        todo = []
        for at, tally in again:
            parts = tally.store.parts
            _hear(stream, [tally])
            found = tally.totals()
            results[at] = replace(
                results[at],
                false_evictions=results[at].false_evictions + found.false_evictions,
                lost_counts=results[at].lost_counts + found.lost_counts,
            )
            todo.append((at, tally.store, parts))
    return results


def _hear(stream: Stream, tallies: Sequence[Tally]) -> None:
    for chunk in stream():
        for tally in tallies:
            tally.hear(chunk)
