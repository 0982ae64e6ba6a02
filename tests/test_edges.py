"""Edges that other suites leave open: kinds of damage, crowds of ties, a `check()` that fails."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.bounded import BoundedStore
from simlib.stores.contract import Settings
from simlib.stores.unbounded import UnboundedStore
from simlib.traces.codes import OPS
from simlib.traces.trace import Trace
from tests.naive import naive_ledger


def trace_of(operations):
    times, sessions, ops = zip(*operations, strict=True) if operations else ((), (), ())
    return Trace.of(times, sessions, [OPS.index(op) for op in ops], np.zeros(len(ops)))


def totals(operations, design, chosen):
    trace = trace_of(operations)
    return asdict(ledger.totals(trace, replay(trace, design, chosen)))


# Stores


def zero_count(store):
    store._entries["a"] = 0, 5


def out_of_order(store):
    store._entries.move_to_end("a", last=False)
    store._entries["a"] = 1, 9


def over_the_cap(store):
    store._entries.update({"x": (1, 5), "y": (1, 5)})


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


@pytest.mark.parametrize("part", ["_counts", "prunes", "evicted"])
def test_check_notices_a_spoiled_unbounded_store(part):
    store = UnboundedStore()
    store.increment("a", 0)
    store.check()
    kept = getattr(store, part)
    kept.update(b=0) if part == "_counts" else kept.append("a")
    with pytest.raises(AssertionError):
        store.check()


crowds = st.tuples(
    st.lists(st.tuples(st.integers(0, 39), st.sampled_from([0] * 12 + [1, 2]), st.booleans()), max_size=150),
    st.permutations(range(40)),
).map(
    # Ids arrive in any order of their names, dozens at one instant; one operation in four is a delete.
    lambda drawn: [
        (int(now), f"s{drawn[1][who]:02}", "delete" if deletes and who % 2 else "increment")
        for now, (who, _, deletes) in zip(np.cumsum([row[1] for row in drawn[0]]), drawn[0], strict=True)
    ]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(operations=crowds, cap=st.integers(1, 12), ttl=st.integers(0, 3), prune_every=st.sampled_from([1, 2, 5, 256]))
def test_crowds_of_ties_far_over_the_cap(operations, cap, ttl, prune_every):
    expected = naive_ledger(operations, "bounded", cap, ttl, prune_every)
    assert totals(operations, "bounded", Settings(cap, ttl, prune_every)) == expected


# Ledger


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


@settings(max_examples=200, deadline=None, derandomize=True)
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
