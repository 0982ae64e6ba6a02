"""Space-Saving's edges, computed by hand."""

import pytest

from simlib.stores.contract import Settings
from simlib.stores.space_saving import SpaceSavingStore


def store_of(max_entries, sessions):
    store = SpaceSavingStore(Settings(max_entries))
    for session in sessions:
        store.increment(session, 0)
        store.check()
    return store


def test_a_newcomer_to_a_full_store_goes_on_from_the_smallest_count():
    store = store_of(2, "aaabb")
    assert store.increment("c", 0) == 3
    assert store.snapshot() == {"a": 3, "c": 3}
    assert store.evicted == [(6, "b", 1, 5, 2)]
    assert store.created == [1, 4, 6]
    assert store.steps == [(0, 0, 1), (1, 0, 1), (1, 0, 1), (0, 0, 1), (1, 0, 1), (1, 0, 2)]


def test_an_evicted_entry_is_logged_with_what_it_counted_itself():
    store = store_of(1, "aabbbc")
    # b went on from a's 2 and counted 3 itself; c goes on from 5.
    assert store.evicted == [(3, "a", 1, 2, 2), (6, "b", 1, 5, 3)]
    assert store.snapshot() == {"c": 6}


def test_among_equal_counts_the_least_recently_incremented_leaves():
    store = store_of(3, "abcbacd")
    # All three have 2: b was incremented first of them the second time, though a is older.
    assert [row[1] for row in store.evicted] == ["b"]


def test_a_newcomer_is_the_most_recent_among_those_of_its_new_count():
    store = store_of(2, "aabcd")
    # c takes b's place with 2, where a was before: so a leaves for d.
    assert [row[1] for row in store.evicted] == ["b", "a"]
    assert store.snapshot() == {"c": 2, "d": 3}


def test_a_delete_answers_the_whole_count_and_makes_room_for_a_count_from_one():
    store = store_of(2, "aabbbc")
    assert store.delete("c") == 3
    assert store.delete("c") == 0
    store.check()
    assert store.increment("d", 0) == 1
    assert [row[1] for row in store.evicted] == ["a"]
    assert store.steps[-3:] == [(1, 0, 1), (0, 0, 0), (0, 0, 1)]


def test_the_smallest_count_is_found_again_after_deletes_left_a_gap():
    store = store_of(3, "abbbbcccc")
    store.delete("a")
    store.increment("d", 0)
    for _ in range(4):
        store.increment("d", 0)
    assert store.increment("e", 0) == 5
    store.check()
    assert [row[1] for row in store.evicted] == ["b"]


@pytest.mark.parametrize("off", [0, -1])
def test_a_cap_that_is_off_never_evicts(off):
    store = store_of(off, map(str, range(50)))
    for i in range(5000):
        store.increment(f"{i}", i)
    assert len(store) == 5000
    assert store.evicted == []


def test_counts_add_up_to_all_increments_while_nothing_is_deleted():
    store = store_of(5, (str(number * number % 41) for number in range(1000)))
    assert sum(store.snapshot().values()) == 1000


def inherits_all(store):
    store._entries["a"] = 2, 2, 2


def lost_from_its_bucket(store):
    del store._buckets[2]["a"]


def out_of_order(store):
    store._buckets[2].move_to_end("a")


def smaller_than_the_least(store):
    store._least = 3


@pytest.mark.parametrize("spoil", [inherits_all, lost_from_its_bucket, out_of_order, smaller_than_the_least])
def test_check_notices_a_spoiled_space_saving_store(spoil):
    store = store_of(2, "aabb")
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()
