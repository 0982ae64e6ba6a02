"""Designs that expire as stores elsewhere do, by hand: by age, by a sweep on the clock, or refusing at the cap."""

from simlib.replay.observe import reference, replay
from simlib.stores.aged import AgedStore
from simlib.stores.contract import Settings
from simlib.stores.refuse import RefuseStore
from simlib.stores.swept import SweptStore
from tests.builders import trace_of


def test_an_entry_leaves_at_its_age_however_often_it_is_touched():
    store = AgedStore(Settings(max_entries=9, ttl=10))
    assert [store.increment("a", now) for now in (0, 5, 10, 11, 21, 22)] == [1, 2, 3, 1, 2, 1]
    assert store.created == [1, 4, 6]
    assert store.evicted == [(4, "a", 0, 3, 3), (6, "a", 0, 5, 2)]


def test_the_oldest_leave_by_age_and_the_least_recently_touched_by_the_cap():
    store = AgedStore(Settings(max_entries=2, ttl=10))
    for now, name in enumerate("abac"):
        store.increment(name, now)
    assert store.evicted == [(4, "b", 1, 2, 1)]
    store.increment("c", 11)  # a is 11 old, though touched at 2
    assert store.evicted[1:] == [(5, "a", 0, 3, 2)]
    assert store.snapshot() == {"c": 2}
    assert store.delete("c") == 2
    # A creation, a removal and an eviction are of two lists, a hit is of one.
    assert store.steps == [(0, 0, 2), (1, 1, 2), (2, 1, 1), (2, 2, 4), (3, 2, 3), (1, 0, 2)]
    assert store.increment("c", 20) == 1


def test_a_full_store_refuses_newcomers_until_one_of_its_sessions_is_idle_for_the_ttl():
    store = RefuseStore(Settings(max_entries=2, ttl=10))
    assert [store.increment(name, now) for now, name in enumerate("abcac")] == [1, 1, 1, 2, 2]
    assert store.shared == [3, 5]
    assert store.increment("c", 11) == 3  # b, last seen at 1, is idle for just the TTL
    assert store.increment("c", 12) == 1
    assert store.evicted == [(7, "b", 0, 2, 1)]
    assert store.increment("c", 100) == 1  # all are idle, the session at hand too
    assert store.evicted[1:] == [(8, "a", 0, 4, 2), (8, "c", 0, 7, 1)]
    assert store.created == [1, 2, 7, 8]


def test_the_idle_leave_at_the_sweep_and_are_found_again_before_it():
    store = SweptStore(Settings(max_entries=9, ttl=10, sweep=25))
    store.increment("a", 100)
    store.increment("b", 112)
    assert store.increment("a", 124) == 2  # idle for 24, but no sweep was due
    assert store.prunes == []
    store.increment("c", 149)  # of the sweep at 125: b was idle for 13, a for 1
    assert store.evicted == [(4, "b", 0, 2, 1)]
    assert store.prunes == [(4, 2, 0)]
    store.increment("c", 150)  # a sweep at its very instant: a is idle for 26
    assert store.evicted[1:] == [(5, "a", 0, 3, 2)]
    store.increment("d", 1000)  # of all the sweeps since then only the last matters
    assert store.prunes[1:] == [(5, 2, 0), (6, 1, 0)]
    assert store.snapshot() == {"d": 1}
    assert store.steps[3] == (2, 2, 2)


def test_a_sweep_has_no_ttl_to_go_by_where_it_is_off_and_the_cap_holds_between_sweeps():
    store = SweptStore(Settings(max_entries=2, ttl=0, sweep=1))
    for now, name in enumerate("abc"):
        store.increment(name, now)
    assert store.evicted == [(3, "a", 1, 1, 1)]
    assert store.prunes == []


def test_refusing_without_a_ttl_frees_a_place_by_a_delete_only():
    store = RefuseStore(Settings(max_entries=1, ttl=0))
    assert [store.increment(name, 10**18) for name in "abba"] == [1, 1, 2, 2]
    assert store.delete("a") == 2
    assert store.increment("b", 2 * 10**18) == 1
    assert store.evicted == []


def test_the_compiled_rules_evict_in_the_same_order():
    rows = [(now, name, "increment") for now, name in enumerate("abcabdaceba")] + [(60, "z", "increment")]
    for design in ("aged", "refuse", "swept"):
        readable, compiled = (engine(trace_of(rows), design, Settings(2, 4, sweep=3)) for engine in (reference, replay))
        assert compiled.evictions.tolist() == readable.evictions.tolist()
        assert compiled.answers.tolist() == readable.answers.tolist()
