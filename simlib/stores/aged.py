"""A linked list whose entries expire by age: a session that is still in use loses its entry too.

Before the touch, entries created longer than the TTL ago leave, the oldest first; after it, the least recently touched
leave until `max_entries` are left. An increment never makes an entry younger, so it never counts for longer than the
TTL; ties go by order of creation, and of touch. There is no prune and no stale hit.
Source: Redis, INCR of a key whose EXPIRE is set once, when it is created: a fixed window of a rate limiter.
"""

from collections import OrderedDict

from simlib.stores.contract import Design, OwnRule, Settings
from simlib.stores.linked_list import LinkedListStore


class AgedStore(LinkedListStore):
    """An increment is O(1), and O(1) more for each entry that leaves. Each entry stands in two lists."""

    lists = 2

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self._born: OrderedDict[str, int] = OrderedDict()
        """When each entry was created (ns), the oldest first."""

    def delete(self, session: str) -> int:
        self._born.pop(session, None)
        return super().delete(session)

    def check(self) -> None:
        super().check()
        assert self._born.keys() == self._entries.keys()
        born = list(self._born.values())
        assert born == sorted(born)

    def _before(self, now: int) -> int:
        """Remove those too old before the touch; return the number of entries looked at."""
        looks = 0
        while self._born:
            looks += 1
            if now - next(iter(self._born.values())) <= self._stale_after:
                break
            self._evict(by_cap=0)
        return looks

    def _touch(self, session: str, now: int) -> int:
        self._born.setdefault(session, now)
        return super()._touch(session, now)

    def _evict(self, by_cap: int) -> None:
        if not by_cap:
            # The oldest is the next to leave, wherever it stands by touch.
            self._entries.move_to_end(next(iter(self._born)), last=False)
        del self._born[next(iter(self._entries))]
        super()._evict(by_cap)


DESIGN = Design(
    name="aged",
    factory=AgedStore,
    go_map="map",
    colour="#6699cc",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: OwnRule("aged", settings.max_entries, settings.ttl, 1),
    # A time, and the links of two lists.
    bookkeeping=24 + 2 * 16,
)
