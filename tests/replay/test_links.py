"""Links and their watermark: what is left to the compiled store, odd columns, and what is refused."""

import numpy as np
import pytest

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.links import Links
from simlib.replay.observe import reference
from simlib.replay.surface import FEW, surface
from simlib.replay.totals import stream_totals
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload


def by_reference(trace, each):
    return ledger.totals(trace, reference(trace, "bounded", each))


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


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_has_its_ledger(design):
    """a comes back after 3 ns, b after 4 and c after 5: under a cap of 2 and a TTL of 4 ns designs differ."""
    trace = Trace.of([0, 1, 2, 3, 5, 7, 7, 9], [*"abcabcac"], [0, 0, 0, 0, 0, 0, 1, 0], np.zeros(8))
    each = Settings(2, 4, 3)
    assert Links.of(trace).totals(each, design) == ledger.totals(trace, reference(trace, design, each))


def test_columns_that_may_not_be_written_or_lie_apart():
    trace = simulate(load_workload("incident").lasting(HOUR), 1).only("no_client")
    session, op = np.stack([trace.session] * 2, axis=1)[:, 0], trace.op.copy()
    op.flags.writeable = False
    odd = Trace(trace.time, session, op, trace.counter, trace.ids)
    assert Links.of(odd).totals(Settings(100, 5 * MINUTE, 1)) == Links.of(trace).totals(Settings(100, 5 * MINUTE, 1))
    many = [minutes * MINUTE for minutes in range(1, FEW + 2)]
    assert surface(odd, [100], many).table().equals(surface(trace, [100], many).table())


def test_both_counters_at_once_are_refused():
    with pytest.raises(ValueError, match="both counters"):
        Links.of(Trace.of([0, 1], ["a", "a"], [0, 0], [0, 1]))
