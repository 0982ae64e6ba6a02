"""A linked list whose idle entries leave by a sweep on the clock: between two sweeps they stay, and are found again.

Sweeps are due every `sweep` from the first increment on. A store never reads a clock, so the latest sweep that is due
is carried out before the touch of the next increment: it visits every entry, and those idle for longer than the TTL at
the sweep's instant leave. After the touch, the least recently touched leave until `max_entries` are left. An increment
of an entry that is idle for longer than the TTL, but not yet swept, goes on with its count: a stale hit.
Source: patrickmn/go-cache, whose janitor scans all items every `cleanupInterval`; a `time.Ticker` over a map.
"""

from simlib.stores.contract import Design, OwnRule, Settings
from simlib.stores.linked_list import LinkedListStore


class SweptStore(LinkedListStore):
    """An increment is O(1), and O(entries) where a sweep is due before it."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self._since = self._swept = -1
        """The time of the first increment, and of the last sweep carried out, ns."""

    def _before(self, now: int) -> int:
        """Carry out the latest sweep that is due; return the number of entries visited."""
        if self.settings.ttl <= 0:
            return 0
        if self._increments == 1:
            self._since = self._swept = now
        due = now - (now - self._since) % self.settings.sweep
        if due == self._swept:
            return 0
        visited, self._swept = len(self._entries), due
        while self._entries and due - self._oldest()[1] > self.settings.ttl:
            self._evict(by_cap=0)
        self.prunes.append((self._increments, visited, 0))
        return visited


DESIGN = Design(
    name="swept",
    factory=SweptStore,
    go_map="map",
    colour="#44aa99",
    settings=("max_entries", "ttl", "sweep"),
    compiled=lambda settings: OwnRule("swept", settings.max_entries, settings.ttl, settings.sweep),
    bookkeeping=24 + 16,
)
