"""The clairvoyant store's edges, computed by hand, and its bound against every choice that there is."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.replay.observe import reference
from simlib.stores.clairvoyant import ClairvoyantStore
from simlib.stores.contract import Settings
from tests.builders import trace_of


def observed(max_entries, operations):
    """The store after increments of lower-case sessions, and deletes of those in upper case."""
    rows = [(0, each.lower(), "increment" if each.islower() else "delete") for each in operations]
    store = reference(trace_of(rows), "clairvoyant", Settings(max_entries)).store
    store.check()
    return store


def test_the_one_that_comes_back_last_leaves():
    store = observed(2, "abcbca")
    assert store.evicted == [(3, "a", 1, 1, 1), (6, "b", 1, 4, 2)]
    assert store.created == [1, 2, 3, 6]


def test_the_new_one_itself_leaves_where_it_comes_back_last():
    store = observed(2, "abcabc")
    assert store.evicted[0] == (3, "c", 1, 3, 1)
    assert store.created == [1, 2, 3, 6]


def test_the_dead_leave_before_all_others_the_least_recently_incremented_first():
    store = observed(3, "adbdeaba")
    # At e none but a and b come back: d was incremented before e, though created later than a.
    assert [row[:2] for row in store.evicted] == [(5, "d")]
    assert store.created == [1, 2, 3, 5]


def test_a_session_that_is_deleted_next_counts_as_dead():
    store = observed(2, "abcBac")
    assert [row[1] for row in store.evicted] == ["b"]
    assert store.steps[3] == (0, 0, 0)


def test_a_deleted_entry_made_again_is_not_taken_for_the_dead_one_it_was():
    store = observed(2, "aAabcab")
    # a's first increment was dead. Of its second on, c alone never comes back.
    assert [row[1] for row in store.evicted] == ["c"]
    assert store.created == [1, 2, 3, 4]


def test_steps_are_those_of_a_heap():
    store = observed(2, "abca")
    assert store.steps == [(0, 1, 1), (0, 2, 1), (0, 4, 2), (1, 2, 1)]
    assert observed(0, "aba").steps == [(0, 0, 1), (0, 0, 1), (1, 0, 0)]


@pytest.mark.parametrize("off", [0, -1])
def test_a_cap_that_is_off_never_evicts(off):
    store = observed(off, "abcdefghij" * 20)
    assert len(store) == 10
    assert store.evicted == []


def test_what_later_increments_leave_in_the_heap_is_cleared_away():
    store = ClairvoyantStore(Settings(2), range(1, 10_001))
    for _ in range(10_000):
        store.increment("a", 0)
    store.check()
    assert len(store._farthest) < 100


def test_an_increment_beyond_the_future_is_refused():
    store = ClairvoyantStore(Settings(2), [1])
    store.increment("a", 0)
    with pytest.raises(IndexError):
        store.increment("a", 1)


def fewest_creates(cap, operations):
    """The fewest creates over every choice of whom to evict, the new one included, on each overflow."""

    @cache
    def fewest(row, kept):
        if row == len(operations):
            return 0
        session = operations[row].lower()
        if operations[row].isupper():
            return fewest(row + 1, kept - {session})
        after = kept | {session}
        choices = [after - {gone} for gone in after] if len(after) > cap else [after]
        return (session not in kept) + min(fewest(row + 1, each) for each in choices)

    return fewest(0, frozenset())


@settings(max_examples=300)
@given(cap=st.integers(1, 4), operations=st.text("abcdefabcdefabcdefABCDEF", max_size=24))
def test_no_choice_of_whom_to_evict_creates_fewer_entries(cap, operations):
    assert len(observed(cap, operations).created) == fewest_creates(cap, operations)


def zero(store):
    store._entries["a"] = 0, 1


def forgotten(store):
    store._farthest.clear()


def over_the_cap(store):
    store.settings, store._cap = Settings(1), 1


@pytest.mark.parametrize("spoil", [zero, forgotten, over_the_cap])
def test_check_notices_a_spoiled_clairvoyant_store(spoil):
    store = observed(2, "ab")
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()
