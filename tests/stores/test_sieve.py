"""SIEVE's edges, computed by hand."""

import pytest

from simlib.stores.contract import Settings
from simlib.stores.sieve import SieveStore


def store_of(max_entries, sessions, ttl=0, prune_every=1):
    store = SieveStore(Settings(max_entries, ttl, prune_every))
    apply(store, sessions)
    return store


def apply(store, sessions):
    for session in sessions:
        store.increment(session, len(store.steps))
        store.check()


def evicted(store):
    return "".join(row[1] for row in store.evicted)


def test_the_oldest_leaves_where_none_was_used_again():
    store = store_of(3, "abcde")
    assert store.evicted == [(4, "a", 1, 1, 1), (5, "b", 1, 2, 1)]
    assert store.snapshot() == {"c": 1, "d": 1, "e": 1}


def test_an_entry_used_again_is_passed_over_once_and_stays_in_its_place():
    store = store_of(3, "abcad")
    # The hand clears a, takes b and stands at c.
    assert store.evicted == [(5, "b", 1, 2, 1)]
    assert store.steps[-1] == (2, 0, 2)
    apply(store, "ef")
    # c leaves, then d, which is newer: the hand has passed a, though a is the oldest.
    assert evicted(store) == "bcd"


def test_the_hand_wraps_from_the_newest_to_the_oldest():
    store = store_of(3, "abcabcd")
    # All three bits are cleared, and a is the first that is found clear: four looks.
    assert evicted(store) == "a"
    assert store.steps[-1] == (4, 0, 2)


def test_a_hand_past_the_newest_stands_nowhere_and_starts_at_the_oldest_again():
    store = store_of(2, "abac")
    # The hand clears a and takes b, the newest, before c is inserted: so it does not stand at c.
    assert evicted(store) == "b"
    apply(store, "d")
    assert evicted(store) == "ba"


def test_a_deleted_entry_under_the_hand_moves_it_to_the_next_newer():
    store = store_of(4, "abcdae")  # The hand clears a, takes b and stands at c.
    assert store.delete("c") == 1
    store.check()
    apply(store, "fg")
    assert evicted(store) == "bd"


def test_a_deleted_newest_entry_under_the_hand_leaves_it_nowhere():
    store = store_of(3, "abcabd")  # The hand clears a and b, takes c and stands nowhere.
    apply(store, "ade")  # It clears a and takes b: it stands at d.
    assert evicted(store) == "cb"
    assert store.delete("e") == 1
    assert store.delete("d") == 2
    store.check()
    apply(store, "fgh")
    assert evicted(store) == "cba"


def test_an_entry_deleted_and_made_again_is_new_and_its_bit_clear():
    store = store_of(2, "aab")
    store.delete("a")
    apply(store, "ac")
    assert evicted(store) == "b"
    apply(store, "d")
    assert evicted(store) == "ba"


@pytest.mark.parametrize(("idle", "left"), [(10, {"a": 1, "b": 1}), (11, {"b": 1})])
def test_at_each_tick_those_idle_for_longer_than_the_ttl_leave(idle, left):
    store = SieveStore(Settings(0, 10, 2))
    store.increment("a", 0)
    store.increment("b", idle)
    assert store.snapshot() == left
    assert store.prunes == [(2, 2, 0)]
    assert store.steps[-1] == (2, 2, 1 + ("a" not in left))


def test_no_prune_happens_between_and_a_stale_entry_goes_on_with_its_count():
    store = SieveStore(Settings(0, 10, 3))
    store.increment("a", 0)
    assert store.increment("a", 1000) == 2
    assert store.prunes == []


def test_a_newcomer_evicts_before_its_own_prune_and_is_scanned_in_it():
    store = SieveStore(Settings(2, 10, 3))
    store.increment("a", 0)
    store.increment("b", 1)
    store.increment("c", 20)
    assert store.evicted == [(3, "a", 1, 1, 1), (3, "b", 0, 2, 1)]
    assert store.prunes == [(3, 2, 0)]
    assert store.steps[-1] == (3, 2, 3)


def test_an_entry_under_the_hand_that_expires_moves_it_too():
    store = SieveStore(Settings(3, 10, 6))
    for session, now in [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("d", 4), ("c", 12)]:
        store.increment(session, now)
    # a left for d and the hand stood at b, which expires: it moves to c, used again, and d is cleared too.
    assert [row[1:3] for row in store.evicted] == [("a", 1), ("b", 0)]
    for session, now in [("e", 13), ("f", 13)]:
        store.increment(session, now)
        store.check()
    assert evicted(store) == "abe"


@pytest.mark.parametrize("off", [0, -1])
def test_bounds_that_are_off_never_evict_and_never_scan(off):
    store = SieveStore(Settings(off, off, 1))
    for i in range(5000):
        store.increment(f"{i}", i * 10**12)
    assert len(store) == 5000
    assert store.evicted == store.prunes == []


def test_a_prune_costs_what_it_removes():
    # 200 000 prunes of a store of 100 000: were each to visit the store, this would take hours.
    store = SieveStore(Settings(100_000, 10**9, 1))
    for i in range(200_000):
        store.increment(f"{i}", i)
    assert len(store.evicted) == 100_000
    assert store.prunes[-1] == (200_000, 100_000, 0)


def zero(store):
    store._entries["a"].count = 0


def broken_link(store):
    store._entries["a"].older = store._entries["b"]


def lost_hand(store):
    store._hand = type(store._hand)("x")


def wrong_order(store):
    store._entries.move_to_end("a")


@pytest.mark.parametrize("spoil", [zero, broken_link, lost_hand, wrong_order])
def test_check_notices_a_spoiled_sieve(spoil):
    store = store_of(3, "ab")
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()
