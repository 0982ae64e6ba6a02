"""The first `max_entries` sessions get an entry, all others one shared counter. Nothing is evicted, nothing expires.

An increment without an entry in a full store adds to the shared counter and gets its number. A delete frees a place.
Source: the cardinality limit of OpenTelemetry's metrics SDK.
"""

from simlib.core.units import MAX_NS
from simlib.stores.contract import MISSING, NOTHING, Design, Mode, Settings
from simlib.stores.linked_list import list_rule
from simlib.stores.unbounded import UnboundedStore


class OverflowStore(UnboundedStore):
    """Every call is O(1)."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.overflow = 0
        """The shared counter."""
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS

    def increment(self, session: str, now: int) -> int:
        if len(self._counts) < self._cap or (session or MISSING) in self._counts:
            return super().increment(session, now)
        self._increments += 1
        self.overflow += 1
        self.shared.append(self._increments)
        self.steps.append(NOTHING)
        return self.overflow


DESIGN = Design(
    name="overflow",
    factory=OverflowStore,
    go_map="map",
    colour="#999933",
    settings=("max_entries",),
    compiled=lambda settings: list_rule(Settings(settings.max_entries, ttl=0), Mode.REFUSES),
    shares_counter=True,
)
