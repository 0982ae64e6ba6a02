"""A linked list in the order of touch: the idle leave before an increment, those over the cap after it.

Before the touch, entries at the tail that are idle for longer than the TTL leave; after it, the least recently touched
leave until `max_entries` are left. There is no prune, no stale hit, and ties go by order of touch, not by id.
Source: jellydator/ttlcache v3; hashicorp/golang-lru.
"""

from collections import OrderedDict

from simlib.core.units import MAX_NS
from simlib.stores.contract import MISSING, NOTHING, Design, Mode, RecencyRule, Settings, Steps


class LinkedListStore:
    """An increment is O(1), and O(1) more for each entry that leaves."""

    lists = 1
    """The number of lists that an entry stands in; an increment moves it within one."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._stale_after = self.settings.ttl if self.settings.ttl > 0 else MAX_NS
        self._entries: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        """For each id, least recently touched first: count, last seen (ns), and the number of the last increment."""
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments += 1
        evicted = len(self.evicted)
        looks = self._before(now)
        count = self._touch(session, now)
        looks += self._after(now)
        evicted = len(self.evicted) - evicted
        self.steps.append((looks + (count > 1), looks, (self.lists if count == 1 else 1) + self.lists * evicted))
        return count

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        self.steps.append(Steps(1, 0, self.lists) if entry else NOTHING)
        return entry[0] if entry else 0

    def snapshot(self) -> dict[str, int]:
        return {session: entry[0] for session, entry in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        last = [entry[2] for entry in self._entries.values()]
        assert last == sorted(last)
        assert all(count > 0 for count, *_ in self._entries.values())

    def _before(self, now: int) -> int:
        """Remove the idle before the touch; return the number of entries looked at."""
        looks = 0
        while self._entries:
            looks += 1
            if now - self._oldest()[1] <= self._stale_after:
                break
            self._evict(by_cap=0)
        return looks

    def _touch(self, session: str, now: int) -> int:
        """Find or create the entry, add one, and make it the most recently touched; return its count."""
        entries = self._entries
        if session in entries:
            count = entries[session][0] + 1
            entries.move_to_end(session)
        else:
            count = 1
            self.created.append(self._increments)
        entries[session] = count, now, self._increments
        return count

    def _after(self, now: int) -> int:
        """Remove those over the cap after the touch; return the number of entries looked at."""
        looks = 0
        while len(self._entries) > self._cap:
            looks += 1
            self._evict(by_cap=1)
        return looks

    def _oldest(self) -> tuple[int, int, int]:
        return next(iter(self._entries.values()))

    def _evict(self, by_cap: int) -> None:
        session, (count, _, last) = self._entries.popitem(last=False)
        self.evicted.append((self._increments, session, by_cap, last, count))


def list_rule(settings: Settings, mode: Mode) -> RecencyRule:
    """Return the compiled rule of a store that keeps a linked list."""
    cap = max(settings.max_entries, 0)
    return RecencyRule(cap, cap, max(settings.ttl, 0), 1, mode)


DESIGN = Design(
    name="linked_list",
    factory=LinkedListStore,
    go_map="map",
    colour="#009e73",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: list_rule(settings, Mode.LISTS),
    bookkeeping=24 + 16,
)
