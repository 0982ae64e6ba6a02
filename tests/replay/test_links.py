"""A store by its watermark against the readable one, for every total; ties and deletes included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.links import Links
from simlib.replay.observe import reference, replay
from simlib.replay.surface import FEW, surface
from simlib.replay.totals import stream_totals
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names
from tests.paths import LOGS

SETTINGS = [
    Settings(cap, ttl, every)
    for cap, ttl, every in (
        (2048, 30 * MINUTE, 256),
        (100, 5 * MINUTE, 1),
        (20, 0, 256),
        (0, MINUTE, 50),
        (1, 1, 7),
        (0, 0, 256),
        (500, 2**63 - 1, 256),
        (2**63 - 1, 10 * MINUTE, 64),
        (3, 90 * MINUTE, 2),
    )
]


def by_reference(trace, each, run=reference):
    return ledger.totals(trace, run(trace, "bounded", each))


sessions = st.sampled_from(["", "__missing__", "a", "b", "c", "B", "é", "日", "\U0001f600", "ab", *"defghij"])
caps, ttls, every = st.integers(-1, 9), st.integers(-1, 30), st.integers(1, 6)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    stream=st.lists(
        st.tuples(st.sampled_from([1, 1, 1, 0, 2, 7]), sessions, st.sampled_from([0, 0, 0, 0, 1])), max_size=150
    ),
    ties=st.booleans(),
    bounds=st.lists(st.builds(Settings, caps, ttls, every), min_size=1, max_size=4),
)
def test_any_stream_and_settings(stream, ties, bounds):
    steps, names, ops = zip(*stream, strict=True) if stream else ((), (), ())
    steps = np.array(steps, dtype=np.int64)
    trace = Trace.of(np.cumsum(steps if ties else steps + 1) - 5, names, ops, np.zeros(len(ops)))
    assert ties or not trace.has_ties
    links = Links.of(trace)
    for each in bounds:
        assert links.totals(each) == by_reference(trace, each)


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(workload):
    trace = simulate(load_workload(workload).lasting(6 * HOUR), 3)
    for counter in COUNTERS:
        links = Links.of(trace.only(counter))
        for each in SETTINGS:
            assert links.totals(each) == by_reference(links.trace, each, replay)


def test_every_log():
    # The logs lie beside the project, where they are at all.
    for log in LOGS:
        links = Links.of(read_trace(log).only("no_client"))
        for each in SETTINGS:
            assert links.totals(each) == by_reference(links.trace, each, replay)


def test_an_entry_below_the_watermark_is_left_to_the_list(monkeypatch):
    """c, d, e come at once: c goes. e is deleted, and a, which comes before c, finds room below the watermark."""
    asked = []

    def asking(*given):
        asked.append(given)
        return stream_totals(*given)

    monkeypatch.setattr("simlib.replay.links.stream_totals", asking)
    names, ops = ["c", "d", "e", "e", "a", "f", "a", "c"], [0, 0, 0, 1, 0, 0, 0, 0]
    links = Links.of(Trace.of([5, 5, 5, 5, 5, 5, 5, 9], names, ops, np.zeros(8)))
    for each in (Settings(2, 0, 2), Settings(2, 2, 2), Settings(2, 100, 2)):
        assert links.totals(each) == by_reference(links.trace, each)
    assert len(asked) == 3
    assert links.totals(Settings(3, 100, 9)) == by_reference(links.trace, Settings(3, 100, 9))
    assert len(asked) == 3, "a cap that cuts through no instant needs no list"


def test_a_map_is_the_same_however_many_ttls_go_together():
    trace = simulate(load_workload("incident").lasting(4 * HOUR), 1).only("no_client")
    some, links = [100, 500, 2048], Links.of(trace)
    together = [0, *(minutes * MINUTE for minutes in range(1, FEW + 3))]
    found = surface(trace, some, together)
    for cap in some:
        for ttl in together:
            assert found.at(cap, ttl) == surface(trace, [cap], [ttl]).at(cap, ttl) == links.totals(Settings(cap, ttl))


def test_columns_that_may_not_be_written_or_lie_apart():
    trace = simulate(load_workload("incident").lasting(HOUR), 1).only("no_client")
    session, op = np.stack([trace.session] * 2, axis=1)[:, 0], trace.op.copy()
    op.flags.writeable = False
    odd = Trace(trace.time, session, op, trace.counter, trace.ids)
    assert Links.of(odd).totals(SETTINGS[1]) == Links.of(trace).totals(SETTINGS[1])
    many = [minutes * MINUTE for minutes in range(1, FEW + 2)]
    assert surface(odd, [100], many).table().equals(surface(trace, [100], many).table())


def test_both_counters_at_once_are_refused():
    with pytest.raises(ValueError, match="both counters"):
        Links.of(Trace.of([0, 1], ["a", "a"], [0, 0], [0, 1]))
