"""A linked list that evicts only what is stale, and refuses a newcomer where nothing is.

A newcomer to a full store evicts the least recently touched if that is idle for longer than the TTL (by the cap); else
it adds to one shared counter and gets that counter's number. A TTL of 0 or less means that nothing is ever stale.
Source: OpenTelemetry collector contrib #33014.
"""

from simlib.stores.contract import MISSING, Design, Mode, Settings
from simlib.stores.linked_list import LinkedListStore, list_rule


class StaleOnlyRefuseStore(LinkedListStore):
    """An increment is O(1)."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self.overflow = 0
        """The shared counter."""

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments += 1
        looks = evicted = 0
        if session not in self._entries and len(self._entries) >= self._cap:
            looks = 1
            if now - self._oldest()[1] <= self._stale_after:
                self.overflow += 1
                self.shared.append(self._increments)
                self.steps.append((looks, looks, 0))
                return self.overflow
            self._evict(by_cap=1)
            evicted = 1
        count = self._touch(session, now)
        self.steps.append((looks + (count > 1), looks, 1 + evicted))
        return count


DESIGN = Design(
    name="stale_only_refuse",
    factory=StaleOnlyRefuseStore,
    go_map="map",
    colour="#882255",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: list_rule(settings, Mode.REFUSES),
    bookkeeping=24 + 16,
    shares_counter=True,
)
