"""The bounded store's edges, computed by hand."""

import pytest

from simlib.core.units import MINUTE
from simlib.stores.bounded import BoundedStore
from simlib.stores.contract import Eviction, Settings

TTL = 30 * MINUTE


def evicted(store):
    return [Eviction(*row).session for row in store.evicted]


def test_time_may_stand_but_not_go_backwards():
    store = BoundedStore()
    store.increment("a", 5)
    store.increment("a", 5)
    with pytest.raises(ValueError, match="backwards"):
        store.increment("a", 4)


def test_prune_every_must_be_at_least_one():
    with pytest.raises(ValueError, match="prune_every"):
        Settings(prune_every=0)


@pytest.mark.parametrize(("idle", "kept"), [(TTL, True), (TTL + 1, False)])
def test_an_entry_idle_for_just_the_ttl_stays_and_one_nanosecond_more_goes(idle, kept):
    store = BoundedStore(Settings(prune_every=2))
    store.increment("old", 0)
    store.increment("new", idle)  # the second increment: prunes
    assert ("old" in store.snapshot()) is kept
    assert store.prunes == [(2, 2, 0)]
    assert evicted(store) == ([] if kept else ["old"])


def test_the_ttl_prunes_on_the_256th_increment_and_not_on_the_255th():
    store = BoundedStore()
    store.increment("old", 0)
    for _ in range(254):
        store.increment("new", 2 * TTL)
    assert len(store) == 2
    assert store.prunes == []
    store.increment("new", 2 * TTL)
    assert store.snapshot() == {"new": 255}
    assert store.prunes == [(256, 2, 0)]


def test_deletes_are_no_operations_and_prune_nothing():
    store = BoundedStore(Settings(prune_every=2))
    store.increment("old", 0)
    for _ in range(10):
        store.delete("nobody")
    assert store.prunes == []
    store.increment("new", 2 * TTL)
    assert store.prunes == [(2, 2, 0)]


def test_an_expired_entry_that_no_prune_removed_goes_on_with_its_count():
    store = BoundedStore()
    store.increment("a", 0)
    assert store.increment("a", 100 * TTL) == 2


def test_the_tick_looks_after_the_increment_so_the_session_at_hand_never_expires_in_it():
    store = BoundedStore(Settings(prune_every=1))
    store.increment("a", 0)
    assert store.increment("a", 100 * TTL) == 2
    assert evicted(store) == []


def test_one_over_the_cap_evicts_the_one_seen_longest_ago():
    store = BoundedStore(Settings(max_entries=2))
    store.increment("a", 0)
    store.increment("b", 1)
    store.increment("a", 2)
    store.increment("c", 3)
    assert store.snapshot() == {"a": 2, "c": 1}
    assert evicted(store) == ["b"]
    # The TTL phase looked at all three, then the cap phase sorted all three.
    assert store.prunes == [(4, 3, 3)]


def test_an_overflow_lets_the_ttl_phase_go_first_and_may_need_no_sort():
    store = BoundedStore(Settings(max_entries=2))
    store.increment("a", 0)
    store.increment("b", 1)
    store.increment("c", TTL + 1)  # a is idle for longer than the TTL, b for just the TTL
    assert evicted(store) == ["a"]
    assert store.prunes == [(3, 3, 0)]


def test_one_increment_calls_one_prune_even_where_both_reasons_hold():
    store = BoundedStore(Settings(max_entries=1, prune_every=2))
    store.increment("a", 0)
    store.increment("b", 1)
    assert store.prunes == [(2, 2, 2)]


def test_ties_go_by_id_in_code_point_order():
    store = BoundedStore(Settings(max_entries=3))
    for name in ("b", "Z", "é"):
        store.increment(name, 7)
    store.increment("a", 8)
    store.increment("c", 8)
    store.increment("d", 8)
    # 'Z' < 'b' < 'é' by code point, whatever the order of arrival or the alphabet of a locale.
    assert evicted(store) == ["Z", "b", "é"]


def test_within_one_instant_the_new_session_itself_is_evicted_where_its_id_comes_first():
    store = BoundedStore(Settings(max_entries=2))
    store.increment("b", 7)
    store.increment("c", 7)
    assert store.increment("a", 7) == 1
    assert store.snapshot() == {"b": 1, "c": 1}


def test_a_session_seen_again_leaves_its_old_tie_and_joins_the_new_one():
    store = BoundedStore(Settings(max_entries=3))
    for name in "abc":
        store.increment(name, 1)
    store.increment("d", 2)  # evicts a
    store.increment("b", 2)  # leaves the tie at 1
    store.increment("e", 2)  # evicts c, the last of the tie at 1
    store.increment("f", 2)  # b, d, e, f are tied at 2: evicts b
    assert evicted(store) == ["a", "c", "b"]


def test_a_session_deleted_and_made_again_in_one_instant_is_tied_once():
    store = BoundedStore(Settings(max_entries=2))
    store.increment("a", 1)
    store.increment("b", 1)
    store.increment("c", 1)  # evicts a
    store.delete("b")
    store.increment("b", 1)
    store.increment("d", 1)  # evicts b
    store.increment("e", 1)  # evicts c, not the b that is gone
    assert evicted(store) == ["a", "b", "c"]


@pytest.mark.parametrize("off", [0, -1])
def test_a_cap_that_is_off_never_evicts(off):
    store = BoundedStore(Settings(max_entries=off))
    for i in range(5000):
        store.increment(f"s{i}", i)
    assert len(store) == 5000
    assert evicted(store) == []
    assert [prune[0] for prune in store.prunes] == list(range(256, 5001, 256))


@pytest.mark.parametrize("off", [0, -1])
def test_a_ttl_that_is_off_never_expires_and_never_scans(off):
    store = BoundedStore(Settings(max_entries=2, ttl=off, prune_every=1))
    store.increment("a", 0)
    store.increment("b", 1000 * TTL)
    assert store.prunes == []
    store.increment("c", 2000 * TTL)
    assert store.prunes == [(3, 0, 3)]
    assert evicted(store) == ["a"]


def test_with_both_bounds_off_it_is_the_unbounded_map():
    store = BoundedStore(Settings(max_entries=0, ttl=0))
    for i in range(5000):
        store.increment(f"s{i}", i * TTL)
    assert len(store) == 5000
    assert store.prunes == []


def test_caps_entries():
    """The write-up's TestBoundedSessionCounterStoreCapsEntries."""
    store = BoundedStore()
    for i in range(10_000):
        store.increment(f"session-{i}", i)
        assert len(store) <= 2048
    assert set(store.snapshot()) == {f"session-{i}" for i in range(10_000 - 2048, 10_000)}


@pytest.mark.parametrize("spacing", [0, 1])
def test_a_prune_costs_what_it_removes(spacing):
    # 200 000 prunes of a store of 100 000: were each to visit the store, this would take hours.
    store = BoundedStore(Settings(max_entries=100_000, ttl=0))
    for i in range(300_000):
        store.increment(f"{i:06}", i * spacing)
    assert len(store.evicted) == 200_000
    assert sum(prune[2] for prune in store.prunes) == 200_000 * 100_001


def zero_count(store):
    store._entries["a"] = 0, 5, 1


def out_of_order(store):
    store._entries.move_to_end("a", last=False)
    store._entries["a"] = 1, 9, 1


def over_the_cap(store):
    store._entries.update({"x": (1, 5, 1), "y": (1, 5, 2)})


def forgotten_tie(store):
    store._tied.clear()


@pytest.mark.parametrize("spoil", [zero_count, out_of_order, over_the_cap, forgotten_tie])
def test_check_notices_a_spoiled_bounded_store(spoil):
    # Three ids at one instant over a cap of two: "0" is evicted and the heap of ties is in use.
    store = BoundedStore(Settings(max_entries=2))
    for session in ("a", "b", "0"):
        store.increment(session, 5)
    store.check()
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()
