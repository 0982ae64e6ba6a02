"""The two generations' edges, computed by hand."""

import pytest

from simlib.stores.contract import Settings
from simlib.stores.two_generations import TwoGenerationsStore


def store_of(max_entries, ttl, rows):
    store = TwoGenerationsStore(Settings(max_entries, ttl))
    for session, now in rows:
        store.increment(session, now)
        store.check()
    return store


def test_a_newcomer_to_half_a_cap_makes_the_current_map_the_previous_one():
    store = store_of(4, 0, [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)])
    # c finds a and b in the current map, e finds c and d: only then do a and b leave, in the order they came.
    assert store.evicted == [(5, "a", 1, 1, 1), (5, "b", 1, 2, 1)]
    assert store.snapshot() == {"c": 1, "d": 1, "e": 1}
    assert store.created == [1, 2, 3, 4, 5]


def test_an_entry_in_the_previous_map_is_taken_out_before_the_rest_of_that_leaves():
    store = store_of(4, 0, [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("b", 4)])
    assert store.evicted == [(5, "a", 1, 1, 1)]
    assert store.snapshot() == {"c": 1, "d": 1, "b": 2}
    assert store.created == [1, 2, 3, 4]
    assert store.steps[-1] == (1, 0, 2)


def test_a_hit_in_the_current_map_moves_and_evicts_nothing():
    store = store_of(4, 0, [("a", 0), ("b", 1), ("b", 2)])
    assert store.evicted == []
    store.increment("c", 3)
    store.increment("c", 4)
    assert store.evicted == []
    assert len(store) == 3
    assert store.steps == [(0, 0, 1), (0, 0, 1), (1, 0, 0), (0, 0, 1), (1, 0, 0)]


def test_a_deleted_entry_makes_room_in_its_map():
    store = store_of(4, 0, [("a", 0), ("b", 1)])
    assert store.delete("a") == 1
    store.increment("c", 2)
    store.increment("d", 3)
    assert store.delete("b") == 1  # In the previous map by now.
    store.increment("e", 4)
    store.increment("f", 5)
    assert [row[1] for row in store.evicted] == ["c"]


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (5, {"a": 1, "b": 2, "c": 1}),  # Just a period after the first increment: nothing leaves.
        (6, {"a": 1, "b": 1, "c": 1}),  # The previous map is still empty.
        (10, {"a": 1, "b": 1, "c": 1}),  # Just two periods.
        (11, {"c": 1}),  # All leave.
    ],
)
def test_maps_change_after_more_than_half_the_ttl_and_all_leave_after_more_than_all_of_it(now, left):
    # A TTL of 11 has a period of 5.
    store = store_of(0, 11, [("a", 0), ("b", 1), *([("b", 1)] if now == 5 else []), ("c", now)])
    assert store.snapshot() == left
    assert [row[1:3] for row in store.evicted] == ([("a", 0), ("b", 0)] if now == 11 else [])


def test_the_next_period_begins_with_the_increment_that_changed_the_maps():
    store = store_of(0, 10, [("a", 0), ("b", 8), ("a", 13), ("c", 14)])
    # The maps changed at 8. At 13 a moves over, at 14 they change again and nothing is left to leave.
    assert store.evicted == []
    store.increment("d", 20)
    assert store.evicted == [(5, "b", 0, 2, 1), (5, "a", 0, 3, 2)]


def test_a_change_by_the_cap_begins_a_period_too():
    store = store_of(2, 10, [("a", 0), ("b", 4), ("b", 9)])
    # The cap changed the maps at 4, so a is still in the previous map at 9, and no longer at 10.
    assert store.evicted == []
    assert len(store) == 2
    store.increment("b", 10)
    assert store.evicted == [(4, "a", 0, 1, 1)]
    assert store.snapshot() == {"b": 3}


def test_a_session_that_expires_in_its_own_increment_starts_anew():
    store = store_of(0, 10, [("a", 0), ("a", 11)])
    assert store.evicted == [(2, "a", 0, 1, 1)]
    assert store.snapshot() == {"a": 1}
    assert store.created == [1, 2]


def test_the_first_period_begins_with_the_first_increment_wherever_the_clock_stands():
    store = TwoGenerationsStore(Settings(0, 10))
    store.delete("a")
    store.increment("a", 10**15)
    assert store.increment("a", 10**15 + 5) == 2
    assert store.steps[0] == (0, 0, 0)


def test_a_cap_of_one_may_hold_two_and_an_odd_cap_one_less_than_itself():
    assert len(store_of(1, 0, [("a", 0), ("b", 1), ("c", 2)])) == 2
    peak = [len(store_of(5, 0, [(f"{i}", i) for i in range(n)])) for n in range(12)]
    assert max(peak) == 4


@pytest.mark.parametrize("off", [0, -1])
def test_bounds_that_are_off_never_evict(off):
    store = TwoGenerationsStore(Settings(off, off))
    for i in range(5000):
        store.increment(f"{i}", i * 10**12)
    assert len(store) == 5000
    assert store.evicted == []


def in_both(store):
    store._previous["b"] = 1, 1


def zero(store):
    store._current["b"] = 0, 2


def over_half(store):
    store._current.update({str(number): (1, 2) for number in range(3)})


@pytest.mark.parametrize("spoil", [in_both, zero, over_half])
def test_check_notices_a_spoiled_store_of_two_generations(spoil):
    store = store_of(4, 0, [("a", 0), ("b", 1)])
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()
