"""A linked list that never evicts for want of room: the idle leave, and a newcomer to a full store is refused.

Before the touch, entries idle for longer than the TTL leave, as in `linked_list`. A newcomer that then finds the store
full adds to one shared counter and gets that counter's number. So an entry in use is never lost, and a place is free
once its session has been idle for the TTL; `overflow` frees none, `stale_only_refuse` one for each newcomer.
Source: HAProxy's `stick-table … expire 30m nopurge`.
"""

from simlib.stores.contract import MISSING, Design, Mode, Settings
from simlib.stores.linked_list import LinkedListStore, list_rule


class RefuseStore(LinkedListStore):
    """An increment is O(1), and O(1) more for each entry that leaves."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self.overflow = 0
        """The shared counter."""

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        if session in self._entries or len(self._entries) < self._cap:
            return super().increment(session, now)
        evicted = len(self.evicted)
        self._increments += 1
        looks = self._before(now)
        evicted = len(self.evicted) - evicted
        if evicted:
            self._touch(session, now)
            self.steps.append((looks, looks, 1 + evicted))
            return 1
        self.overflow += 1
        self.shared.append(self._increments)
        self.steps.append((looks, looks, 0))
        return self.overflow


DESIGN = Design(
    name="refuse",
    factory=RefuseStore,
    go_map="map",
    colour="#661100",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: list_rule(settings, Mode.LISTS_AND_REFUSES),
    bookkeeping=24 + 16,
    shares_counter=True,
)
