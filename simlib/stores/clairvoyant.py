"""Knows the future: evicts whoever comes back last. No store can do better, and none can be built: it is the bound."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from simlib.core.units import MAX_NS
from simlib.stores.contract import CREATED, FOUND, MISSING, NOTHING, REMOVED, Design, OwnRule, Settings


class ClairvoyantStore:
    """Where an increment makes one entry too many, the one whose next increment is farthest leaves, even the new one.

    Dead entries leave first: those whose session's next operation is a delete, or none. Among the dead the one that was
    incremented least recently leaves. No rule creates fewer entries over the same stream at the same cap. No TTL.

    Source: Belady, A Study of Replacement Algorithms for a Virtual-Storage Computer, IBM Systems Journal, 1966.

    Cost: O(log entries) for an increment. Its steps are those of a heap by next increment: each placement and each
    removal of the first compares once a level and moves one entry. Without a cap there is no heap.

    `future` is as of `registry.make_store`. An increment beyond it raises IndexError.
    """

    def __init__(self, settings: Settings | None, future: Sequence[int]) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._future = future
        self._entries: dict[str, tuple[int, int]] = {}
        """For each id: count, and the number of the last increment."""
        self._farthest: list[tuple[int, int, str]] = []
        """A heap of minus the row of the next increment, number of the last one, and id; some no longer hold."""
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        entries = self._entries
        entry = entries.get(session)
        count = entry[0] + 1 if entry else 1
        entries[session] = count, increments
        if not entry:
            self.created.append(increments)
        visited, compared, moved = FOUND if entry else CREATED
        if self._cap < MAX_NS:
            if len(self._farthest) > 2 * len(entries) + 64:
                self._farthest = [item for item in self._farthest if self._holds(item)]
                heapify(self._farthest)
            heappush(self._farthest, (-self._future[increments - 1], increments, session))
            levels = len(entries).bit_length()
            compared, moved = levels, 1
            if len(entries) > self._cap:
                self._evict()
                compared, moved = 2 * levels, 2
        self.steps.append((visited, compared, moved))
        return count

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        self.steps.append(REMOVED if entry else NOTHING)
        return entry[0] if entry else 0

    def snapshot(self) -> dict[str, int]:
        return {session: entry[0] for session, entry in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        held = {session for _, last, session in self._farthest if self._entries.get(session, (0, 0))[1] == last}
        assert held == (self._entries.keys() if self._cap < MAX_NS else set())
        assert all(count > 0 for count, _ in self._entries.values())
        assert len(self._entries) <= self._cap
        assert not self.prunes

    def _holds(self, item: tuple[int, int, str]) -> bool:
        entry = self._entries.get(item[2])
        return entry is not None and entry[1] == item[1]

    def _evict(self) -> None:
        """Remove the entry that is incremented last; the dead stand first in the heap, as of a row past all others."""
        # Deletes and later increments do not reach the heap: the items they left behind are skipped here.
        while not self._holds(item := heappop(self._farthest)):
            pass
        _, last, session = item
        count, _ = self._entries.pop(session)
        self.evicted.append((self._increments, session, 1, last, count))


DESIGN = Design(
    name="clairvoyant",
    factory=ClairvoyantStore,
    go_map="map",
    colour="#332288",
    settings=("max_entries",),
    needs_future=True,
    compiled=lambda settings: OwnRule("clairvoyant", settings.max_entries, settings.ttl, settings.prune_every),
    # The row of its next increment, and its place in the heap.
    bookkeeping=16,
)
