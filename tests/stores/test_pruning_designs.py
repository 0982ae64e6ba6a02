"""The designs that prune as the shipped store or nearly so, computed by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.replay.observe import reference
from simlib.stores.contract import Eviction, Settings
from simlib.stores.heap import HeapStore
from simlib.stores.low_watermark import LowWatermarkStore
from simlib.stores.periodic import PeriodicStore
from simlib.stores.retired_total import RetiredTotalStore
from tests.builders import bounds, operations, trace_of


def evicted(store):
    return [Eviction(*row).session for row in store.evicted]


def filled(store, names, start=0):
    for now, name in enumerate(names, start):
        store.increment(name, now)
    return store


def test_a_low_watermark_leaves_seven_eighths_of_the_cap():
    store = filled(LowWatermarkStore(Settings(max_entries=8, ttl=0)), "abcdefghi")
    assert evicted(store) == ["a", "b"]
    assert len(store) == 7
    filled(store, "j", 9)
    assert len(store.prunes) == 1
    filled(store, "k", 10)
    assert store.prunes == [(9, 0, 9), (11, 0, 9)]


def test_a_low_watermark_of_a_cap_of_one_leaves_nothing():
    store = filled(LowWatermarkStore(Settings(max_entries=1, ttl=0)), "ab")
    assert store.snapshot() == {}
    assert evicted(store) == ["a", "b"]


def test_a_periodic_store_goes_over_its_cap_between_prunes():
    store = PeriodicStore(Settings(max_entries=2, ttl=0, prune_every=5))
    filled(store, "abcd")
    assert len(store) == 4
    filled(store, "e", 4)
    assert store.snapshot() == {"d": 1, "e": 1}
    assert store.prunes == [(5, 0, 5)]


def test_a_periodic_prune_that_finds_nothing_is_a_prune_and_with_both_bounds_off_there_is_none():
    assert filled(PeriodicStore(Settings(2, 0, 2)), "aaaa").prunes == [(2, 0, 0), (4, 0, 0)]
    assert filled(PeriodicStore(Settings(0, 9, 2)), "aaaa").prunes == [(2, 1, 0), (4, 1, 0)]
    assert filled(PeriodicStore(Settings(0, 0, 2)), "aaaa").prunes == []


def test_a_retired_total_keeps_what_was_evicted_and_not_what_was_deleted():
    store = filled(RetiredTotalStore(Settings(max_entries=1, ttl=0)), "aaabbc")
    assert store.retired == 5
    assert store.delete("c") == 1
    assert store.retired == 5


@settings(max_examples=300)
@given(rows=operations, chosen=bounds)
def test_a_heap_and_the_shipped_store_decide_alike_to_the_last_tie(rows, chosen):
    trace = trace_of(rows)
    heap, shipped = (reference(trace, design, chosen).store for design in ("heap", "bounded"))
    heap.check()
    assert heap.created == shipped.created
    assert heap.prunes == shipped.prunes
    assert heap.snapshot() == shipped.snapshot()
    # In the TTL phase a map has no order, and neither has this comparison.
    assert sorted(heap.evicted) == sorted(shipped.evicted)
    assert [row for row in heap.evicted if row[2]] == [row for row in shipped.evicted if row[2]]


@settings(max_examples=100)
@given(names=st.lists(st.integers(0, 400), min_size=1, max_size=600))
def test_no_increment_of_a_heap_takes_more_than_a_few_steps_a_level(names):
    store = filled(HeapStore(Settings(max_entries=100, ttl=0)), map(str, names))
    store.check()
    # Seven levels: one sift for the touch and one for the entry that leaves, each down and up again.
    assert max(sum(row) for row in store.steps) <= 2 * 2 * (7 + 7) + 3


def heap_order(store):
    store._heap.reverse()


def lost_entry(store):
    del store._entries["b"]


@pytest.mark.parametrize("spoil", [heap_order, lost_entry])
def test_check_notices_a_spoiled_heap(spoil):
    store = filled(HeapStore(), "abc")
    store.check()
    spoil(store)
    with pytest.raises((AssertionError, KeyError)):
        store.check()
