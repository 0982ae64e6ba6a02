"""The unbounded map finds its own damage."""

import pytest

from simlib.stores.unbounded import UnboundedStore


@pytest.mark.parametrize("part", ["_counts", "prunes", "evicted"])
def test_check_notices_a_spoiled_unbounded_store(part):
    store = UnboundedStore()
    store.increment("a", 0)
    store.check()
    kept = getattr(store, part)
    kept.update(b=0) if part == "_counts" else kept.append("a")
    with pytest.raises(AssertionError):
        store.check()
