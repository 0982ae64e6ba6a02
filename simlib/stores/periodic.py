"""The shipped store, but only every `prune_every`-th increment prunes: between two prunes it may go over its cap.

Every `prune_every`-th increment is a prune where either bound is on; with both off none is.
Source: none; the simplest change to the shipped store that has no sort for each new session.
"""

from simlib.stores.bounded import BoundedStore, rule_of
from simlib.stores.contract import Design, Mode, Settings


class PeriodicStore(BoundedStore):
    """One sort for up to `prune_every` new sessions. Costs are those of `BoundedStore`."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings, periodic=True)


DESIGN = Design(
    name="periodic",
    factory=PeriodicStore,
    go_map="map",
    colour="#5e4fa2",
    compiled=lambda settings: rule_of(settings, mode=Mode.PERIODIC),
    bookkeeping=24,
    exceeds_cap=True,
)
