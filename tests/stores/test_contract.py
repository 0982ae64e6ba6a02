"""The contract that the store of every registered design keeps."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import MINUTE
from simlib.replay import ledger
from simlib.replay.observe import Observed, future_of, reference
from simlib.stores.contract import MISSING, Eviction, Settings
from simlib.stores.registry import DESIGNS, find_design, make_store
from simlib.traces.codes import INCREMENT
from tests.builders import bounds, traces

TTL = 30 * MINUTE
NEVER_AGAIN = [2**62] * 100_000
"""A future for designs that need one, in which no session is incremented again."""


@pytest.fixture(params=DESIGNS)
def store(request):
    return make_store(request.param, future=NEVER_AGAIN)


def test_counts_go_up_by_one_and_start_at_one(store):
    assert [store.increment("a", 0), store.increment("b", 1), store.increment("a", 2)] == [1, 1, 2]
    assert store.snapshot() == {"a": 2, "b": 1}
    assert len(store) == 2
    assert store.created == [1, 2]


def test_delete_gives_the_count_it_removed_and_a_session_starts_anew(store):
    store.increment("a", 0)
    store.increment("a", 1)
    assert store.delete("a") == 2
    assert store.delete("a") == 0
    assert len(store) == 0
    assert store.increment("a", 2) == 1
    assert store.created == [1, 3]


def test_an_empty_id_counts_as_missing_and_is_never_deleted(store):
    assert store.increment("", 0) == 1
    assert store.increment(MISSING, 0) == 2
    assert store.delete("") == 0
    assert store.snapshot() == {MISSING: 2}
    assert store.delete(MISSING) == 2


def test_observing_changes_nothing(store):
    store.increment("a", 0)
    before = store.snapshot()
    # Just the TTL later, as some designs remove what is idle for longer; then observed again and again.
    store.increment("b", TTL)
    for _ in range(300):
        assert len(store) == 2
        assert store.snapshot() == {"a": 1, "b": 1}
        store.check()
    assert store.evicted == []
    assert before == {"a": 1}


def test_a_snapshot_is_a_copy(store):
    store.increment("a", 0)
    store.snapshot()["a"] = 99
    assert store.snapshot() == {"a": 1}


def test_a_store_balances_through_churn(store):
    deleted = 0
    for i in range(20_000):
        store.increment(f"s{i * 7919 % 6007}", i * MINUTE // 100)
        deleted += store.delete(f"s{i * 104729 % 6007}") > 0
        if i % 500 == 0:
            store.check()
    assert len(store.created) == deleted + len(store.evicted) + len(store)


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=200)
@given(trace=traces(), chosen=bounds)
def test_a_store_reports_the_creations_that_its_snapshots_show(design, trace, chosen):
    trace = trace.only("no_client")
    observed = reference(trace, design, chosen)
    live = Observed(design, chosen, future_of(trace) if find_design(design).needs_future else None)
    created, before, number = [], set(), 0
    for session, now, op in zip(trace.ids[trace.session], trace.time.tolist(), trace.op, strict=True):
        gone = len(live.store.evicted)
        if op == INCREMENT:
            number += 1
            live.increment(session, now)
            after = set(live.store.snapshot())
            evicted = [Eviction(*row).session for row in live.store.evicted[gone:]]
            # An entry may be evicted in the very increment that created it, or just before.
            created += [number] * ((session in after) + evicted.count(session) - (session in before))
            assert before - after <= set(evicted)
        else:
            live.delete(session, now)
            after = set(live.store.snapshot())
            assert before - after <= {session}
        live.store.check()
        assert len(live.store) == len(after)
        before = after
    assert live.store.created == created == observed.created.tolist()
    assert live.answers.tolist() == observed.answers.tolist()
    assert ledger.totals(trace, live) == ledger.totals(trace, observed)


def live_store(trace, design, chosen):
    """A store before the first operation of a trace, which it can see if it has to."""
    return make_store(design, chosen, future_of(trace).tolist() if find_design(design).needs_future else None)


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=200)
@given(trace=traces(), chosen=bounds)
def test_a_store_holds_what_its_entries_counted_and_what_its_registration_allows(design, trace, chosen):
    trace, promised = trace.only("no_client"), find_design(design)
    store, number, own, last = live_store(trace, design, chosen), 0, {}, {}
    cap = chosen.max_entries if chosen.max_entries > 0 else None
    for session, now, op in zip(trace.ids[trace.session].tolist(), trace.time.tolist(), trace.op, strict=True):
        if op != INCREMENT:
            before = store.snapshot().get(session, 0)
            assert store.delete(session) == before
            own.pop(session, None)
            assert store.snapshot().keys() == own.keys()
            continue
        number, gone = number + 1, len(store.evicted)
        answer = store.increment(session, now)
        created, shared = ([number] == log[-1:] for log in (store.created, store.shared))
        evicted = [Eviction(*row) for row in store.evicted[gone:]]
        assert all(row.increment == number and row.last == last[row.session] for row in evicted if row.last < number)
        # An entry that leaves in the increment of its session left before that was counted, or after.
        assert all(row.counted == own.pop(row.session) for row in evicted if row.last < number)
        assert (session in own) is not (created or shared)
        if not shared:
            own[session], last[session] = own.get(session, 0) + 1, number
        inherited = number // cap if promised.overestimates and cap else 0
        assert shared or own[session] <= answer <= own[session] + inherited
        assert all(row.counted == own.pop(row.session) for row in evicted if row.last == number)
        counts = store.snapshot()
        assert counts.keys() == own.keys()
        assert all(own[name] <= count <= own[name] + inherited for name, count in counts.items())
        assert promised.exceeds_cap or cap is None or len(store) <= max(cap, promised.least_room)
        assert promised.shares_counter or not store.shared


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=100)
@given(trace=traces(), chosen=bounds)
def test_a_store_logs_the_steps_of_each_operation_and_prunes_only_if_it_says_how_often(design, trace, chosen):
    observed = reference(trace.only("no_client"), design, chosen)
    assert observed.steps.shape == (observed.answers.size, 3)
    assert (observed.steps >= 0).all()
    assert {"prune_every", "sweep"} & {*find_design(design).settings} or observed.store.prunes == []


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=100)
@given(trace=traces(), chosen=bounds)
def test_a_running_total_of_what_was_evicted_keeps_the_sum_exact(design, trace, chosen):
    trace = trace.only("no_client")
    observed = reference(trace, design, chosen)
    found = ledger.totals(trace, observed)
    removed = int(observed.answers[trace.op != INCREMENT].sum())
    retired = found.increments - found.final_count_sum - removed if find_design(design).retires else 0
    assert found.retired_counts == retired


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=100)
@given(trace=traces(), chosen=bounds, off=st.integers(-1, 0))
def test_without_a_ttl_nothing_expires_and_without_a_cap_there_is_always_room(design, trace, chosen, off):
    trace = trace.only("no_client")
    timeless = ledger.totals(trace, reference(trace, design, replace(chosen, ttl=off)))
    assert timeless.ttl_evictions == timeless.stale_hits == 0
    boundless = ledger.totals(trace, reference(trace, design, replace(chosen, max_entries=off)))
    assert boundless.cap_evictions == boundless.overflow_counts == boundless.inherited_counts == 0


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=100)
@given(trace=traces(), chosen=bounds)
def test_a_setting_that_a_design_does_not_use_changes_nothing(design, trace, chosen):
    trace, used = trace.only("no_client"), find_design(design).used(chosen)
    one, other = (reference(trace, design, each) for each in (chosen, used))
    assert one.answers.tolist() == other.answers.tolist()
    assert one.store.evicted == other.store.evicted
    assert ledger.totals(trace, one) == ledger.totals(trace, other)


@pytest.mark.parametrize("design", DESIGNS)
def test_prunes_are_those_of_the_increments_that_ran_them(design):
    store = make_store(design, Settings(2, TTL, 2), NEVER_AGAIN)
    for number, name in enumerate("abcabdeef"):
        store.increment(name, number)
    numbers = [prune[0] for prune in store.prunes]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= 9 for number in numbers)
