"""The linked list, its relatives that evict only what is stale, and the shared counter, computed by hand."""

from simlib.stores.contract import Settings
from simlib.stores.linked_list import LinkedListStore
from simlib.stores.overflow import OverflowStore
from simlib.stores.stale_only import StaleOnlyStore
from simlib.stores.stale_only_refuse import StaleOnlyRefuseStore


def test_a_linked_list_lets_the_idle_go_before_the_touch_even_the_session_at_hand():
    store = LinkedListStore(Settings(max_entries=9, ttl=10))
    store.increment("a", 0)
    store.increment("a", 1)
    assert store.increment("a", 11) == 3
    assert store.increment("a", 22) == 1
    assert store.evicted == [(4, "a", 0, 3, 3)]
    assert store.created == [1, 4]


def test_a_linked_list_breaks_ties_by_order_of_touch_not_by_id():
    store = LinkedListStore(Settings(max_entries=2, ttl=0))
    for name in "cba":
        store.increment(name, 5)
    assert store.evicted == [(3, "c", 1, 1, 1)]
    store.increment("b", 5)
    store.increment("z", 5)
    assert set(store.snapshot()) == {"b", "z"}
    assert store.prunes == []


def test_stale_only_grows_beyond_its_cap_and_shrinks_as_entries_go_stale():
    store = StaleOnlyStore(Settings(max_entries=2, ttl=10))
    for now, name in enumerate("abcd"):
        store.increment(name, now)
    assert len(store) == 4
    store.increment("d", 10)  # a is idle for just the TTL
    assert len(store) == 4
    store.increment("d", 12)  # a and b are idle for longer: back at the cap, c stays
    assert store.evicted == [(6, "a", 1, 1, 1), (6, "b", 1, 2, 1)]
    store.increment("d", 1000)
    assert set(store.snapshot()) == {"c", "d"}


def test_stale_only_without_a_ttl_never_evicts():
    store = StaleOnlyStore(Settings(max_entries=1, ttl=0))
    for now in range(100):
        store.increment(str(now), now * 10**12)
    assert len(store) == 100


def test_a_newcomer_is_refused_where_nothing_is_stale_and_gets_a_place_where_something_is():
    store = StaleOnlyRefuseStore(Settings(max_entries=2, ttl=10))
    assert [store.increment(name, now) for now, name in enumerate("abcdac")] == [1, 1, 1, 2, 2, 3]
    assert store.shared == [3, 4, 6]
    assert store.overflow == 3
    assert store.increment("c", 12) == 1  # b, last seen at 1, is idle for 11
    assert store.evicted == [(7, "b", 1, 2, 1)]
    assert store.snapshot() == {"a": 2, "c": 1}


def test_overflow_never_evicts_and_a_delete_frees_a_place():
    store = OverflowStore(Settings(max_entries=1))
    assert [store.increment(name, 0) for name in "abba"] == [1, 1, 2, 2]
    assert store.shared == [2, 3]
    assert store.delete("b") == 0
    assert store.delete("a") == 2
    assert store.increment("b", 10**18) == 1
    assert store.snapshot() == {"b": 1}
    assert store.evicted == []


def test_a_cap_of_nothing_is_room_for_all():
    for store in (StaleOnlyRefuseStore(Settings(0, 10)), OverflowStore(Settings(-1)), LinkedListStore(Settings(0, 0))):
        for now in range(5000):
            store.increment(str(now), now)
        assert len(store) == 5000
        assert store.shared == []
