"""The shipped store, but a cap phase makes room for many: it removes until seven eighths of the cap are left.

Source: the page reclaim of kernels, which frees from a high to a low watermark at a time.
"""

from simlib.stores.bounded import BoundedStore, rule_of
from simlib.stores.contract import Design, RecencyRule, Settings


def keep_of(settings: Settings) -> int:
    """Return the number of entries that a cap phase leaves."""
    return max(settings.max_entries, 0) * 7 // 8


class LowWatermarkStore(BoundedStore):
    """One sort for an eighth of the cap. Costs are those of `BoundedStore`."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        super().__init__(settings, keep=keep_of(settings))


def _rule(settings: Settings) -> RecencyRule:
    return rule_of(settings, keep=keep_of(settings))


DESIGN = Design(
    name="low_watermark",
    factory=LowWatermarkStore,
    go_map="map",
    colour="#56b4e9",
    compiled=_rule,
    bookkeeping=24,
)
