"""The ledger of every design against the naive model, on every field and in its finer parts."""

from bisect import bisect_right
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simlib.replay import ledger
from simlib.replay.observe import Observed, reference, replay
from simlib.stores.contract import Eviction, Settings
from simlib.stores.registry import DESIGNS, INCIDENT
from simlib.traces.codes import OPS
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from tests.builders import bounds, ids, operations, trace_of
from tests.naive.ledger import naive_ledger, next_op
from tests.naive.stores import NAIVE
from tests.paths import LOGS

MODELLED = [design for design in DESIGNS if design in NAIVE]


def test_every_registered_design_has_a_naive_model():
    assert list(DESIGNS) == MODELLED


class AgainstNaive(RuleBasedStateMachine):
    """Any calls on a live store: the naive model answers the same, and in the end their ledgers agree."""

    design = "bounded"

    @initialize(chosen=bounds)
    def begin(self, chosen):
        self.settings = chosen
        self.observed = Observed(self.design, chosen)
        self.naive = NAIVE[self.design](chosen.max_entries, chosen.ttl, chosen.prune_every)
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
        answer = self.naive.increment(session, self.now)
        assert self.observed.answers[-1] == answer.count
        number = sum(op == "increment" for *_, op in self.operations)
        assert (self.observed.store.created[-1:] == [number]) is answer.created
        logged = [Eviction(*row).session for row in self.observed.store.evicted[self.removed :]]
        self.removed += len(logged)
        # A map has no order: within the TTL phase any order is right, within the cap phase just one is.
        expired, capped = ([each.session for each in answer.removed if each.cause == by] for by in ("ttl", "cap"))
        assert sorted(logged[: len(expired)]) == sorted(expired)
        assert logged[len(expired) :] == capped

    @rule(session=ids)
    def delete(self, session):
        self.observed.delete(session, self.now)
        self.operations.append((self.now, session, "delete"))
        assert self.observed.answers[-1] == (self.naive.delete(session) or 0)

    @invariant()
    def same_entries(self):
        self.observed.store.check()
        assert self.observed.store.snapshot() == self.naive.snapshot()
        assert len(self.observed.store) == len(self.naive.entries)

    def teardown(self):
        if not getattr(self, "operations", None):
            return
        s = self.settings
        expected = naive_ledger(self.operations, self.design, s.max_entries, s.ttl, s.prune_every)
        assert asdict(ledger.totals(trace_of(self.operations), self.observed)) == expected


class UnboundedAgainstNaive(AgainstNaive):
    design = "unbounded"


TestBounded = AgainstNaive.TestCase
TestBounded.settings = settings(max_examples=300, stateful_step_count=60)
TestUnbounded = UnboundedAgainstNaive.TestCase
TestUnbounded.settings = settings(max_examples=60, stateful_step_count=40)


def hold_to_naive(rows, design, chosen):
    """Assert that the readable and the compiled store have the naive ledger."""
    trace = trace_of(rows)
    expected = naive_ledger(rows, design, chosen.max_entries, chosen.ttl, chosen.prune_every, sweep=chosen.sweep)
    for engine in (reference, replay):
        assert asdict(ledger.totals(trace, engine(trace, design, chosen))) == expected


@pytest.mark.parametrize("design", MODELLED)
@settings(max_examples=400)
@given(rows=operations, chosen=bounds)
def test_a_replay_gives_the_naive_ledger(design, rows, chosen):
    hold_to_naive(rows, design, chosen)


def steps_of(design, rows, chosen):
    """The naive store after each operation of a stream, with its number."""
    naive = NAIVE[design](chosen.max_entries, chosen.ttl, chosen.prune_every, rows)
    naive.sweep = chosen.sweep
    for row, (time, session, op) in enumerate(rows):
        naive.increment(session, time) if op == "increment" else naive.delete(session)
        yield row, naive


@pytest.mark.parametrize("design", MODELLED)
@settings(max_examples=150)
@given(rows=operations, chosen=bounds)
def test_entries_over_time_and_in_use_are_those_of_a_naive_look(design, rows, chosen):
    trace = trace_of(rows)
    observed = replay(trace, design, chosen)
    entries, in_use = [], []
    for row, naive in steps_of(design, rows, chosen):
        entries.append(len(naive.entries))
        in_use.append(sum(next_op(rows, row, kept) == "increment" for kept in naive.entries))
    assert np.cumsum(ledger.changes(trace, observed)).tolist() == entries
    assert ledger.kept_in_use(trace, observed).tolist() == in_use


def naive_overlap(truth, counts, order, k):
    k = min(k, len(truth))
    if k == 0:
        return 1.0
    top, found = (set(sorted(held, key=lambda name: (-held[name], order.index(name)))[:k]) for held in (truth, counts))
    return len(top & found) / k


@pytest.mark.parametrize("design", MODELLED)
@settings(max_examples=200)
@given(rows=operations, chosen=bounds)
def test_a_snapshot_misses_what_a_comparison_of_snapshots_says(design, rows, chosen):
    trace = trace_of(rows)
    truth, observed = (replay(trace, each, chosen) for each in ("unbounded", design))
    found = ledger.snapshot_error(trace, truth, observed, np.arange(len(trace)))
    both = zip(steps_of("unbounded", rows, chosen), steps_of(design, rows, chosen), strict=True)
    for (row, unbounded), (_, naive) in both:
        true_counts, counts = unbounded.snapshot(), naive.snapshot()
        total = sum(true_counts.values())
        assert found["undercount"][row] == pytest.approx(1 - sum(counts.values()) / total if total else 0)
        order = trace.ids.tolist()
        assert found["top_10"][row] == pytest.approx(naive_overlap(true_counts, counts, order, 10))
        used = [name for name in true_counts if next_op(rows, row, name) == "increment"]
        if not used:
            assert found.loc[row, ["in_use_undercount", "in_use_top_10"]].isna().all()
            continue
        true_used, kept = ({name: held[name] for name in used if name in held} for held in (true_counts, counts))
        missing = 1 - sum(kept.values()) / sum(true_used.values())
        assert found["in_use_undercount"][row] == pytest.approx(missing)
        assert found["in_use_top_10"][row] == pytest.approx(naive_overlap(true_used, kept, order, 10))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
@pytest.mark.parametrize("design", INCIDENT)
def test_real_logs_give_the_naive_ledger(design, log):
    # The logs lie beside the project, where they are at all. The naive model visits the whole store in each prune, so
    # it is given the first rows only.
    whole = read_trace(log).only("no_client")
    trace = Trace(whole.time[:12_000], whole.session[:12_000], whole.op[:12_000], whole.counter[:12_000], whole.ids)
    names = trace.ids[trace.session]
    operations = [(t, s, OPS[op]) for t, s, op in zip(trace.time.tolist(), names, trace.op.tolist(), strict=True)]
    s = Settings()
    expected = naive_ledger(operations, design, s.max_entries, s.ttl, s.prune_every, IndexedFuture())
    assert asdict(ledger.totals(trace, replay(trace, design, s))) == expected


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


@pytest.mark.parametrize("design", MODELLED)
@settings(max_examples=300)
@given(rows=crowds, cap=st.integers(1, 12), ttl=st.integers(0, 3), prune_every=st.sampled_from([1, 2, 5, 256]))
def test_crowds_of_ties_far_over_the_cap(design, rows, cap, ttl, prune_every):
    hold_to_naive(rows, design, Settings(cap, ttl, prune_every))
