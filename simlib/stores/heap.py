"""The shipped store's decisions to the last tie, from a binary heap: the follow-up that the review left open.

The heap orders the entries by (last_seen, id); its top is the next to leave. A prune happens in the same increments as
in the shipped store, and `prunes` reports what that store would have scanned and sorted, so that both share one ledger.
What this store does itself is in `steps`.
Source: the incident's write-up, "consider heap-based LRU".
"""

from typing import Any

from simlib.core.units import MAX_NS
from simlib.stores.bounded import rule_of
from simlib.stores.contract import MISSING, NOTHING, Design, Settings

_Entry = list[Any]
"""[last seen (ns), id, count, number of the last increment, place in the heap]; ordered by the first two."""


class HeapStore:
    """An increment is O(log n), and O(log n) more for each entry that leaves; a delete is O(log n)."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._ttl = max(self.settings.ttl, 0)
        self._prune_every = self.settings.prune_every if self._ttl else MAX_NS
        self._entries: dict[str, _Entry] = {}
        self._heap: list[_Entry] = []
        self._increments = 0
        self._compared = self._moved = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments += 1
        self._compared = self._moved = 0
        entry = self._entries.get(session)
        found = entry is not None
        if entry is None:
            entry = self._entries[session] = [now, session, 0, 0, len(self._heap)]
            self._heap.append(entry)
            self.created.append(self._increments)
            self._moved = 1
            self._up(entry)
        else:
            entry[0] = now
            self._down(entry)
        entry[2] += 1
        entry[3] = self._increments
        size = len(self._heap)
        if size > self._cap or not self._increments % self._prune_every:
            self._prune(now)
        self.steps.append((found + size - len(self._heap), self._compared, self._moved))
        return entry[2]

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        if entry is None:
            self.steps.append(NOTHING)
            return 0
        self._compared = self._moved = 0
        self._remove(entry)
        self.steps.append((1, self._compared, self._moved))
        return entry[2]

    def snapshot(self) -> dict[str, int]:
        return {session: entry[2] for session, entry in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        heap = self._heap
        assert len(heap) == len(self._entries) <= self._cap
        for place, entry in enumerate(heap):
            assert entry is self._entries[entry[1]]
            assert entry[4] == place
            assert entry[2] > 0
            assert heap[(place - 1) // 2][:2] <= entry[:2] or place == 0

    def _prune(self, now: int) -> None:
        size, heap = len(self._heap), self._heap
        if self._ttl:
            while heap:
                self._compared += 1
                if now - heap[0][0] <= self._ttl:
                    break
                self._evict(by_cap=0)
        left = len(heap)
        while len(heap) > self._cap:
            self._evict(by_cap=1)
        self.prunes.append((self._increments, size if self._ttl else 0, left if left > self._cap else 0))

    def _evict(self, by_cap: int) -> None:
        entry = self._heap[0]
        del self._entries[entry[1]]
        self._remove(entry)
        self.evicted.append((self._increments, entry[1], by_cap, entry[3], entry[2]))

    def _remove(self, entry: _Entry) -> None:
        self._moved += 1
        last = self._heap.pop()
        if last is not entry:
            last[4] = entry[4]
            self._heap[last[4]] = last
            self._down(last)

    def _down(self, entry: _Entry) -> None:
        """Sink an entry to a leaf along the smaller children, then let it rise.

        An entry that was just touched is the newest, and one that replaces another comes from a leaf: both belong near
        a leaf, so this takes one comparison a level instead of two. Source: Wegener, Bottom-up heapsort, 1993.
        """
        heap, place = self._heap, entry[4]
        size, child = len(heap), 2 * place + 1
        while child < size:
            other = child + 1
            if other < size:
                self._compared += 1
                if heap[other] < heap[child]:
                    child = other
            moved = heap[place] = heap[child]
            moved[4] = place
            self._moved += 1
            place, child = child, 2 * child + 1
        heap[place] = entry
        entry[4] = place
        self._up(entry)

    def _up(self, entry: _Entry) -> None:
        heap, place = self._heap, entry[4]
        while place:
            parent = (place - 1) // 2
            above = heap[parent]
            self._compared += 1
            if above < entry:
                break
            heap[place] = above
            above[4] = place
            self._moved += 1
            place = parent
        heap[place] = entry
        entry[4] = place


DESIGN = Design(
    name="heap",
    factory=HeapStore,
    go_map="map",
    colour="#e69f00",
    compiled=rule_of,
    bookkeeping=24 + 8 + 8,
)
