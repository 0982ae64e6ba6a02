"""The shipped store, and one number in which the counts of all evicted entries add up: the total stays exact.

Source: the `_evicted` child of CockroachDB's metrics (cockroach#158662).
"""

from simlib.stores.bounded import BoundedStore, rule_of
from simlib.stores.contract import Design, Eviction


class RetiredTotalStore(BoundedStore):
    """Costs are those of `BoundedStore`: adding to one number is no step."""

    @property
    def retired(self) -> int:
        """The sum of the counts of all evicted entries. O(evictions); a service keeps the sum itself."""
        return sum(Eviction(*row).counted for row in self.evicted)


DESIGN = Design(
    name="retired_total",
    factory=RetiredTotalStore,
    go_map="map",
    colour="#8c510a",
    compiled=rule_of,
    bookkeeping=24,
    retires=True,
)
