"""The finer parts of the ledger on examples computed by hand."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import MINUTE
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.contract import Settings
from tests.builders import trace_of


def test_evictions_as_rows():
    # cap 2, no TTL. Row 3 creates c and evicts a (seen at 10, next op an increment: false).
    # Row 4 brings a back and evicts b (seen at 20; its next op is a delete: dead).
    # Row 6 creates d and evicts c (seen at 30, never again: dead).
    operations = [
        (10, "a", "increment"),
        (20, "b", "increment"),
        (20, "b", "increment"),
        (30, "c", "increment"),
        (40, "a", "increment"),
        (41, "b", "delete"),
        (50, "d", "increment"),
    ]
    trace = trace_of(operations)
    rows = ledger.evictions(trace, replay(trace, "bounded", Settings(2, 0, 256)))
    names = [trace.ids[code] for code in rows["session"]]
    assert names == ["a", "b", "c"]
    assert rows["row"].tolist() == [3, 4, 6]
    assert rows["time"].tolist() == [30, 40, 50]
    assert rows["cause"].tolist() == ["cap"] * 3
    assert rows["idle"].tolist() == [20, 20, 20]
    assert rows["count"].tolist() == [1, 2, 1]
    assert rows["next_row"].tolist() == [4, 5, 7]
    assert rows["dead"].tolist() == [False, True, True]


def test_a_ledger_that_does_not_balance_is_refused():
    trace = trace_of([(0, "a", "increment"), (1, "b", "increment")])
    observed = reference(trace, "unbounded")
    observed.store.delete("a")  # behind the observer's back
    with pytest.raises(AssertionError, match="balance"):
        ledger.totals(trace, observed)


def test_a_store_that_received_another_stream_is_refused():
    observed = replay(trace_of([(0, "a", "increment")]), "unbounded")
    with pytest.raises(ValueError, match="received 1 operations, the trace holds 2"):
        ledger.totals(trace_of([(0, "a", "increment"), (1, "a", "increment")]), observed)


def test_live_sessions_counts_those_that_will_be_incremented_before_a_delete():
    # a is live in rows 0 to 1 (row 2 is its last), b never (a delete comes next), then a again never.
    operations = [
        (0, "a", "increment"),
        (1, "b", "increment"),
        (2, "a", "increment"),
        (3, "b", "delete"),
        (4, "a", "delete"),
        (5, "a", "increment"),
    ]
    assert ledger.live_sessions(trace_of(operations)).tolist() == [1, 1, 0, 0, 0, 0]


def test_evictions_by_ttl_and_cap_and_entries_over_time():
    # cap 2, TTL 10, a tick on every 4th increment.
    # row 0 t=0   a       1 entry
    # row 1 t=3   b       2
    # row 2 t=11  c       3 > cap: the TTL phase removes a (idle 11 > 10); two left, nothing sorted -> 2
    # row 3 t=11  delete c                                                                          -> 1
    # row 4 t=20  b       4th increment: ticks, b itself is fresh (idle 17 before: a stale hit)      -> 1
    # row 5 t=21  a       2
    # row 6 t=22  d       3 > cap: none expired, b (seen 20) is the first of three                   -> 2
    # row 7 t=22  delete b: not there, and it makes the eviction of b true                           -> 2
    operations = [
        (0, "a", "increment"),
        (3, "b", "increment"),
        (11, "c", "increment"),
        (11, "c", "delete"),
        (20, "b", "increment"),
        (21, "a", "increment"),
        (22, "d", "increment"),
        (22, "b", "delete"),
    ]
    trace = trace_of(operations)
    observed = replay(trace, "bounded", Settings(2, 10, 4))
    rows = ledger.evictions(trace, observed)
    assert trace.ids[rows["session"]].tolist() == ["a", "b"]
    assert rows["cause"].tolist() == ["ttl", "cap"]
    assert rows["row"].tolist() == [2, 6]
    assert rows["idle"].tolist() == [11, 2]
    assert rows["count"].tolist() == [1, 2]
    assert rows["next_row"].tolist() == [5, 7]
    assert rows["dead"].tolist() == [False, True]
    assert np.cumsum(ledger.changes(trace, observed)).tolist() == [1, 2, 2, 1, 1, 2, 2, 2]
    assert asdict(ledger.totals(trace, observed)) == {
        "increments": 6,
        "deletes": 2,
        "deletes_hit": 1,
        "creates": 5,
        "stale_hits": 1,
        "cap_evictions": 1,
        "ttl_evictions": 1,
        "false_evictions": 1,
        "lost_counts": 1,
        "prunes": 3,  # rows 2, 4 and 6
        "entries_scanned": 3 + 1 + 3,
        "entries_sorted": 3,
        "peak_entries": 2,
        "final_entries": 2,
        "final_count_sum": 2,
        "log_lines": 6,
        "overflow_counts": 0,
        "inherited_counts": 0,
        "retired_counts": 0,
    }


@pytest.mark.parametrize("gap", ["entries", "counts"])
def test_each_invariant_is_checked(gap):
    trace = trace_of([(0, "a", "increment"), (1, "a", "increment")])
    observed = reference(trace, "unbounded")
    # A store that grew an entry, or a count, that no operation gave it.
    observed.store._counts["b" if gap == "entries" else "a"] = 3
    with pytest.raises(AssertionError, match=f"{gap} do not balance"):
        ledger.totals(trace, observed)


small = st.lists(
    st.tuples(st.sampled_from(["", "__missing__", "a", "b"]), st.sampled_from(["increment", "increment", "delete"])),
    max_size=25,
)


@settings(max_examples=200)
@given(small)
def test_live_sessions_lie_between_two_increments(rows):
    # By definition, looking both ways from each row: the last operation and the next one are both increments.
    names = [name or "__missing__" if op == "increment" else name for name, op in rows]
    ops = [op for _, op in rows]
    n = len(rows)
    expected = [
        sum(
            [ops[j] for j in range(i + 1) if names[j] == name][-1:] == ["increment"]
            and [ops[j] for j in range(i + 1, n) if names[j] == name][:1] == ["increment"]
            for name in set(names[: i + 1])
        )
        for i in range(n)
    ]
    trace = trace_of([(i, name, op) for i, (name, op) in enumerate(rows)])
    assert ledger.live_sessions(trace).tolist() == expected


@pytest.mark.parametrize(("ttl", "patience"), [(10, 10), (0, 30 * MINUTE)])
def test_an_eviction_near_the_end_is_undecided(ttl, patience):
    # Each new session evicts the one before. The stream ends at 3 x patience: a and b had that long to come back or
    # longer, c one nanosecond less, d is evicted at the end itself.
    end = 3 * patience
    operations = [
        (time, name, "increment")
        for time, name in zip((0, 1, end - patience, end - patience + 1, end), "abcde", strict=True)
    ]
    trace = trace_of(operations)
    rows = ledger.evictions(trace, replay(trace, "bounded", Settings(1, ttl, 10**6)))
    assert [trace.ids[code] for code in rows["session"]] == list("abcd")
    assert rows["dead"].all()
    assert rows["undecided"].tolist() == [False, False, True, True]


def test_one_that_comes_back_or_is_deleted_is_decided():
    operations = [(0, "a", "increment"), (1, "b", "increment"), (2, "a", "increment"), (3, "b", "delete")]
    trace = trace_of(operations)
    rows = ledger.evictions(trace, replay(trace, "bounded", Settings(1, 10, 10**6)))
    assert rows["dead"].tolist() == [False, True]
    assert not rows["undecided"].any()


def test_why_a_prune_ran():
    # Every second increment looks for expired entries; the third overflows a cap of 2; the fourth does both at once.
    operations = [(time, name, "increment") for time, name in enumerate("abcd")]
    trace = trace_of(operations)
    rows = ledger.prunes(trace, replay(trace, "bounded", Settings(2, 10, 2)))
    assert rows["row"].tolist() == [1, 2, 3]
    assert rows["overflow"].tolist() == [False, True, True]
    rows = ledger.prunes(trace, replay(trace, "bounded", Settings(2, 0, 2)))
    assert rows["overflow"].tolist() == [True, True]


def test_mean_occupancy_by_hand():
    # Stream of 100 ns, TTL 30, so seen from 30 on. a: 0 to 20, then to 50; b: from 50, deleted at 60; c: from 100.
    operations = [(0, "a", "increment"), (20, "a", "increment"), (50, "b", "increment"), (60, "b", "delete")]
    trace = trace_of([*operations, (100, "c", "increment")])
    assert ledger.occupancy(trace, 30) == pytest.approx((20 + 10) / 70)
    # Half as fast: gaps double, the TTL does not. Seen from 30 of 200 on: a from 40 to 70, b from 100 to 120.
    assert ledger.occupancy(trace.faster(0.5), 30) == pytest.approx((30 + 20) / 170)
    # Too fast to be seen for a TTL after the first; and no stream at all.
    assert math.isnan(ledger.occupancy(trace.faster(2), 30))
    assert math.isnan(ledger.occupancy(trace_of([(5, "a", "increment")]), 30))
