"""A linked list that evicts only what is stale: an entry idle for longer than the TTL, and only over the cap.

After the touch, while there are more than `max_entries` and the least recently touched has been idle for longer than
the TTL, it leaves (by the cap). Else the store grows beyond the cap: it never drops a session in use, and promises no
size. A TTL of 0 or less means that nothing is ever stale.
Source: cockroachdb/cockroach#164720.
"""

from simlib.stores.contract import Design, Mode
from simlib.stores.linked_list import LinkedListStore, list_rule


class StaleOnlyStore(LinkedListStore):
    """An increment is O(1), and O(1) more for each entry that leaves."""

    def _before(self, now: int) -> int:
        return 0

    def _after(self, now: int) -> int:
        looks = 0
        while len(self._entries) > self._cap:
            looks += 1
            if now - self._oldest()[1] <= self._stale_after:
                break
            self._evict(by_cap=1)
        return looks


DESIGN = Design(
    name="stale_only",
    factory=StaleOnlyStore,
    go_map="map",
    colour="#cc79a7",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: list_rule(settings, Mode.STALE_ONLY),
    bookkeeping=24 + 16,
    exceeds_cap=True,
)
