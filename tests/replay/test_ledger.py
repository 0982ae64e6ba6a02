"""The ledger against the naive model on every field, and its finer parts on an example worked out by hand."""

from bisect import bisect_right
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simlib.replay import ledger
from simlib.replay.observe import Observed, reference, replay
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS
from simlib.traces.codes import OPS
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from tests.naive import NaiveStore, naive_ledger, next_op
from tests.paths import LOGS

ids = st.sampled_from(["", "__missing__", "a", "b", "c", "B", "é", "日", "\U0001f600", "ab"])
bounds = st.builds(Settings, max_entries=st.integers(-1, 5), ttl=st.integers(-1, 12), prune_every=st.integers(1, 6))


def trace_of(operations):
    times, sessions, ops = zip(*operations, strict=True) if operations else ((), (), ())
    return Trace.of(times, sessions, [OPS.index(op) for op in ops], np.zeros(len(ops)))


class AgainstNaive(RuleBasedStateMachine):
    """Any calls on a live store: the naive model answers the same, and in the end their ledgers agree."""

    design = "bounded"

    @initialize(chosen=bounds)
    def begin(self, chosen):
        self.settings = chosen
        self.observed = Observed(self.design, chosen)
        self.naive = NaiveStore(self.design == "bounded", chosen.max_entries, chosen.ttl, chosen.prune_every)
        self.now = 0
        self.operations = []
        self.removed = 0

    @rule(step=st.integers(0, 14))
    def wait(self, step):
        self.now += step

    @rule(session=ids)
    def increment(self, session):
        self.observed.increment(session, self.now)
        self.operations.append((self.now, session, "increment"))
        count, _, removed = self.naive.increment(session, self.now)
        assert self.observed.answers[-1] == count
        logged = self.observed.store.evicted[self.removed :]
        self.removed += len(logged)
        # A map has no order: within the TTL phase any order is right, within the cap phase just one is.
        expired = [name for cause, name, _, _ in removed if cause == "ttl"]
        assert sorted(logged[: len(expired)]) == sorted(expired)
        assert logged[len(expired) :] == [name for cause, name, _, _ in removed if cause == "cap"]

    @rule(session=ids)
    def delete(self, session):
        self.observed.delete(session, self.now)
        self.operations.append((self.now, session, "delete"))
        assert self.observed.answers[-1] == (self.naive.delete(session) or 0)

    @invariant()
    def same_entries(self):
        self.observed.store.check()
        expected = {session: entry["count"] for session, entry in self.naive.entries.items()}
        assert self.observed.store.snapshot() == expected
        assert len(self.observed.store) == len(expected)

    def teardown(self):
        if not getattr(self, "operations", None):
            return
        s = self.settings
        expected = naive_ledger(self.operations, self.design, s.max_entries, s.ttl, s.prune_every)
        assert asdict(ledger.totals(trace_of(self.operations), self.observed)) == expected


class UnboundedAgainstNaive(AgainstNaive):
    design = "unbounded"


TestBounded = AgainstNaive.TestCase
TestBounded.settings = settings(max_examples=300, stateful_step_count=60, deadline=None, derandomize=True)
TestUnbounded = UnboundedAgainstNaive.TestCase
TestUnbounded.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)

streams = st.lists(
    st.tuples(st.integers(0, 6), ids, st.sampled_from(["increment"] * 4 + ["delete"])), max_size=120
).map(lambda rows: [(int(t), s, op) for t, (_, s, op) in zip(np.cumsum([row[0] for row in rows]), rows, strict=True)])


@pytest.mark.parametrize("design", ["unbounded", "bounded"])
@settings(max_examples=400, deadline=None, derandomize=True)
@given(operations=streams, chosen=bounds)
def test_a_replay_gives_the_naive_ledger(design, operations, chosen):
    trace = trace_of(operations)
    expected = naive_ledger(operations, design, chosen.max_entries, chosen.ttl, chosen.prune_every)
    assert asdict(ledger.totals(trace, replay(trace, design, chosen))) == expected


@settings(max_examples=150, deadline=None, derandomize=True)
@given(operations=streams, chosen=bounds)
def test_entries_over_time_and_in_use_are_those_of_a_naive_look(operations, chosen):
    trace = trace_of(operations)
    observed = replay(trace, "bounded", chosen)
    naive = NaiveStore(True, chosen.max_entries, chosen.ttl, chosen.prune_every)
    entries, in_use = [], []
    for row, (time, session, op) in enumerate(operations):
        naive.increment(session, time) if op == "increment" else naive.delete(session)
        entries.append(len(naive.entries))
        in_use.append(sum(next_op(operations, row, kept) == "increment" for kept in naive.entries))
    assert np.cumsum(ledger.changes(trace, observed)).tolist() == entries
    assert ledger.kept_in_use(trace, observed).tolist() == in_use


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


def test_a_store_that_heard_another_stream_is_refused():
    observed = replay(trace_of([(0, "a", "increment")]), "unbounded")
    with pytest.raises(ValueError, match="heard 1 operations, the trace holds 2"):
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


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_real_logs_give_the_naive_ledger(design):
    # The logs lie beside the project, where they are at all. The naive model visits the whole store in each prune, so
    # it is given the first rows only.
    for log in LOGS:
        whole = read_trace(log).only("no_client")
        trace = Trace(whole.time[:12_000], whole.session[:12_000], whole.op[:12_000], whole.counter[:12_000], whole.ids)
        names = trace.ids[trace.session]
        operations = [(t, s, OPS[op]) for t, s, op in zip(trace.time.tolist(), names, trace.op.tolist(), strict=True)]
        s = Settings()
        expected = naive_ledger(operations, design, s.max_entries, s.ttl, s.prune_every, IndexedFuture())
        assert asdict(ledger.totals(trace, replay(trace, design, s))) == expected, log.name


class IndexedFuture:
    """The naive look ahead, by bisection in the rows of a session: only for long streams without empty ids."""

    def __init__(self):
        self.rows = {}

    def __call__(self, operations, row, session):
        if not self.rows:
            for number, (_, other, _) in enumerate(operations):
                self.rows.setdefault(other, []).append(number)
        rows = self.rows[session]
        after = bisect_right(rows, row)
        return operations[rows[after]][2] if after < len(rows) else None
