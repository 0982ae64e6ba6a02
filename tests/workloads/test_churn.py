"""The SimPy model: hand-worked scripts, what more of something must do, and one law from queueing theory."""

import numpy as np
import pytest

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.observe import Observed, replay
from simlib.traces.codes import COUNTERS, OPS
from simlib.workloads.broadcaster import Broadcaster, Client, Counter, Entries, MemoryHistory
from simlib.workloads.churn import Recorder, play, simulate, simulate_all
from simlib.workloads.kinds import History, InMemory
from simlib.workloads.schema import load_workload
from tests.builders import kind, workload

EMIT, ON, OFF = 0, 1, -1


def played(*timetables, buffer=1, duration="1h", memory=None, third=None):
    """The operations recorded of hand-written timetables, one a kind: (time, session, op, counter) rows."""
    kinds = {
        f"kind{number}": {**kind(clients={"buffer": buffer}), "token_deltas": third is not None}
        for number in range(len(timetables))
    }
    recorder = Recorder()
    history = MemoryHistory(InMemory.model_validate(memory)) if memory else None
    counters = [Counter([recorder.of(name)]) for name in COUNTERS]
    broadcaster = Broadcaster(*counters, Counter([third] if third is not None else []), history)
    play(broadcaster, workload(duration, **kinds), dict(zip(kinds, timetables, strict=True)))
    trace = recorder.trace()
    columns = (trace.time.tolist(), trace.ids[trace.session], trace.op.tolist(), trace.counter.tolist())
    return [(t, s, OPS[op], COUNTERS[c]) for t, s, op, c in zip(*columns, strict=True)]


def deleted(time, session):
    return [(time, session, "delete", "no_client"), (time, session, "delete", "drops")]


def test_an_event_without_a_client_is_counted():
    assert played([(5, "a", EMIT, 0)]) == [(5, "a", "increment", "no_client")]


def test_an_event_with_a_client_is_delivered_and_leaves_no_trace():
    assert played([(5, "a", ON, 10), (6, "a", EMIT, 0)]) == []


def test_the_last_disconnect_deletes_both_entries_even_where_there_are_none():
    assert played([(5, "a", ON, 10), (6, "a", OFF, 0)]) == deleted(6, "a")


def test_only_the_last_disconnect_deletes():
    rows = [(1, "a", 1, 10), (2, "a", 2, 10), (3, "a", -1, 0), (4, "a", EMIT, 0), (5, "a", -2, 0), (6, "a", EMIT, 0)]
    assert played(rows) == [*deleted(5, "a"), (6, "a", "increment", "no_client")]


def test_what_is_counted_after_the_last_disconnect_stays():
    """The leak: an orphaned producer."""
    rows = [(1, "a", ON, 10), (2, "a", OFF, 0), (3, "a", EMIT, 0), (4, "a", EMIT, 0)]
    assert played(rows)[2:] == [(3, "a", "increment", "no_client"), (4, "a", "increment", "no_client")]


def test_an_event_that_finds_the_channel_full_is_dropped():
    # One event in the channel and one with the writer, 10 ns each. At 0 the writer takes the event, at 1 the channel
    # does. At 2 and 9 it is full; at 10 the writer takes the next; at 11 it is full again until 20.
    rows = [(0, "a", ON, 10), *((t, "a", EMIT, 0) for t in (0, 1, 2, 9, 10, 11, 19, 20))]
    assert [row[0] for row in played(rows)] == [2, 9, 11, 19]
    assert {row[2:] for row in played(rows)} == {("increment", "drops")}


def test_a_client_holds_its_buffer_and_the_event_that_its_writer_sends():
    client = Client(buffer=1, drain=10)
    assert [client.offer(now) for now in (0, 9, 9, 10, 19, 20)] == [True, True, False, True, False, True]
    client = Client(buffer=3, drain=10)
    assert [client.offer(0) for _ in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize(("name", "drops"), [("orphans", 1346), ("incident", 2328)])
def test_drops_are_those_of_the_real_broadcaster(name, drops):
    """Counted on the service's own source, with real channels, on the whole of these timetables under seed 1."""
    assert increments(load_workload(name), "drops").increments == drops


def test_each_client_whose_buffer_is_full_drops_for_itself():
    rows = [(0, "a", 1, 10), (0, "a", 2, 1), *((t, "a", EMIT, 0) for t in (0, 5, 6))]
    # At 6 the slow client holds two events, the quick one none: one drop. With two slow ones there are two.
    assert played(rows) == [(6, "a", "increment", "drops")]
    rows[1] = (0, "a", 2, 10)
    assert played(rows) == [(6, "a", "increment", "drops")] * 2


def test_a_client_that_comes_back_has_an_empty_channel():
    rows = [(0, "a", ON, 1000), (1, "a", EMIT, 0), (2, "a", EMIT, 0), (3, "a", EMIT, 0), (4, "a", OFF, 0)]
    rows += [(5, "a", ON, 1000), (6, "a", EMIT, 0)]
    assert played(rows) == [(3, "a", "increment", "drops"), *deleted(4, "a")]


@pytest.mark.parametrize(
    "earlier", [[], [(1, "a", EMIT, 0)], [(1, "b", EMIT, 0)], [(1, "a", EMIT, 0), (2, "b", EMIT, 0)]]
)
def test_within_one_instant_kinds_act_in_their_order(earlier):
    # Whichever kind had the last action before, and so stands first in SimPy's queue.
    first, second = ([row for row in earlier if row[1] == name] for name in "ab")
    recorded = played([*first, (9, "a", EMIT, 0), (9, "a", EMIT, 0)], [*second, (9, "b", EMIT, 0)])
    assert [row[1] for row in recorded if row[0] == 9] == ["a", "a", "b"]


def test_nothing_happens_at_the_end_or_after_it():
    rows = [(HOUR - 1, "a", EMIT, 0), (HOUR, "a", EMIT, 0), (HOUR + 1, "a", EMIT, 0)]
    assert [row[0] for row in played(rows)] == [HOUR - 1]


def test_every_receiver_gets_the_same_operations_as_a_replay():
    incident = load_workload("incident").lasting(3 * HOUR)
    live = {name: [Observed("unbounded"), Observed("bounded")] for name in COUNTERS}
    trace = simulate(incident, 1, live)
    for name in COUNTERS:
        stream = trace.only(name)
        assert len(stream) > 100
        for observed in live[name]:
            again = replay(stream, observed.design)
            assert ledger.totals(stream, observed) == ledger.totals(stream, again)
            assert observed.answers.tolist() == again.answers.tolist()
            assert observed.prunes.tolist() == again.prunes.tolist()


def increments(of, counter):
    trace = simulate(of, 1).only(counter)
    return ledger.totals(trace, replay(trace, "unbounded"))


def test_longer_stays_leave_fewer_events_undelivered():
    brief, long = (
        workload(one=kind(lasts="fixed 5m", clients={"stays": stays}, outlives=True))
        for stays in ("fixed 10s", "fixed 4m")
    )
    assert increments(long, "no_client").increments < 0.6 * increments(brief, "no_client").increments


def test_more_orphans_leave_more_entries():
    few, many = (workload(duration="4h", one=kind(per_hour=rate, clients={}, outlives=True)) for rate in (100.0, 200.0))
    assert 1.6 < increments(many, "no_client").final_entries / increments(few, "no_client").final_entries < 2.5


def test_smaller_buffers_and_slower_clients_drop_more():
    base = kind(clients={"buffer": 10, "drains": "fixed 6s"})
    small = kind(clients={"buffer": 2, "drains": "fixed 6s"})
    slow = kind(clients={"buffer": 10, "drains": "fixed 12s"})
    drops = [increments(workload(one=one), "drops").increments for one in (base, small, slow)]
    assert 0 < drops[0] < min(drops[1:])


def test_without_clients_nothing_is_deleted_or_dropped():
    of = workload(one=kind())
    assert increments(of, "no_client").deletes == 0
    assert increments(of, "no_client").increments > 0
    assert increments(of, "drops").increments == 0


def test_where_every_session_is_cleaned_up_nothing_leaks():
    of = workload(duration="4h", one=kind(lasts="fixed 2m", clients={"joins": "fixed 1s", "returns": 0.0}))
    totals = increments(of, "no_client")
    assert totals.creates > 1000
    # Only those watched as the run ends are still there: ten a minute, for little more than a minute each.
    assert totals.final_entries < 12 + 4 * 12**0.5


def test_live_sessions_are_an_m_g_infinity_queue():
    """Mean of a Poisson law: arrival rate x mean lifetime (Takacs, Introduction to the Theory of Queues, 1962)."""
    of = workload(duration="2h", one=kind(per_hour=1200.0, gap="exponential 1s", lasts="exponential 3m"))
    at = np.arange(60, 120, 5, dtype=np.int64) * MINUTE
    alive = []
    for seed in range(8):
        trace = simulate(of, seed).only("no_client")
        first, last = (np.full(trace.ids.size, -1), np.full(trace.ids.size, -1))
        np.maximum.at(last, trace.session, trace.time)
        first[trace.session[::-1]] = trace.time[::-1]
        alive += [int(((first <= t) & (last > t)).sum()) for t in at]
    # The last event falls short of the end of work by a gap, 1 s on average: 1200 / h x (180 s - 1 s) = 59.7.
    # Over 8 x 12 looks, a lifetime or more apart: standard error at most sqrt(59.7 / 96) = 0.8, and 1 for those that
    # are not quite independent.
    assert np.mean(alive) == pytest.approx(59.7, abs=3)
    assert np.var(alive) == pytest.approx(59.7, rel=0.4)


def test_broadcaster_caps_no_client_session_metrics():
    """The write-up's TestEventBroadcasterCapsNoClientSessionMetrics, with well over 2000 sessions."""
    unbounded, bounded = Observed("unbounded"), Observed("bounded")
    broadcaster = Broadcaster(Counter([unbounded, bounded]), Counter([]), Counter([]))
    for number in range(5000):
        broadcaster.publish(f"session-{number}", number)
        assert len(bounded.store) <= 2048
    assert len(unbounded.store) == 5000
    assert len(bounded.store) == 2048


MEMORY = {"sessions": 2, "age": "1h"}


def test_a_session_without_a_place_in_the_history_loses_its_counters_before_the_next_counts():
    rows = [(1, "a", EMIT, 0), (2, "b", EMIT, 0), (3, "a", EMIT, 0), (4, "c", EMIT, 0)]
    assert played(rows, memory=MEMORY)[3:] == [*deleted(4, "b"), (4, "c", "increment", "no_client")]


def test_a_delivered_event_keeps_the_history_too():
    rows = [(1, "a", ON, 10), (1, "a", EMIT, 0), (2, "b", EMIT, 0), (3, "a", EMIT, 0), (4, "c", EMIT, 0)]
    assert played(rows, memory=MEMORY) == [
        (2, "b", "increment", "no_client"),
        *deleted(4, "b"),
        (4, "c", "increment", "no_client"),
    ]


def test_old_histories_are_dropped_at_every_hundredth_event():
    """As in the service: `a` is too old from event 3 on, and is dropped at event 100."""
    rows = [(0, "a", EMIT, 0), *((HOUR + second, "b", EMIT, 0) for second in range(99))]
    recorded = played(rows, memory={"sessions": 5, "age": "1h"}, duration="2h")
    assert [row for row in recorded if row[2] == "delete"] == deleted(HOUR + 98, "a")
    assert recorded[-1] == (HOUR + 98, "b", "increment", "no_client")
    assert not any(row[2] == "delete" for row in played(rows[:-1], memory={"sessions": 5, "age": "1h"}, duration="2h"))


def test_with_its_history_in_memory_the_incident_does_not_leak():
    incident = load_workload("incident").lasting(8 * HOUR)
    kept = incident.model_copy(update={"history": History.model_validate({"memory": {"sessions": 100, "age": "1h"}})})
    leaked, bounded = increments(incident, "no_client"), increments(kept, "no_client")
    assert leaked.increments == bounded.increments
    assert leaked.peak_entries > 15_000
    assert bounded.peak_entries == 100


def test_the_third_map_loses_an_entry_at_the_last_disconnect_only():
    third = Entries()
    rows = [(1, "a", ON, 10), (2, "a", EMIT, 0), (3, "a", EMIT, 0), (4, "a", OFF, 0), (5, "a", EMIT, 0)]
    rows += [(6, "b", EMIT, 0), (7, "c", ON, 10), (8, "c", OFF, 0)]
    played(rows, third=third)
    assert [column.tolist() for column in third.timeline()] == [[2, 4, 5, 6], [1, -1, 1, 1]]
    assert third.timeline().entries_at(np.array([0, 1, 2, 3, 4, 5, 9])).tolist() == [0, 0, 1, 1, 0, 1, 2]
    assert third.timeline().peak == 2


def test_the_third_map_loses_an_entry_with_the_history_in_memory():
    third = Entries()
    played([(time, session, EMIT, 0) for time, session in enumerate("abc")], third=third, memory=MEMORY)
    assert [column.tolist() for column in third.timeline()] == [[0, 1, 2, 2], [1, 1, 1, -1]]


def test_the_third_map_has_an_entry_for_each_session_of_the_kinds_with_token_deltas():
    streaming = kind(clients=None)
    of = workload(one={**streaming, "token_deltas": True}, two=streaming)
    found = simulate_all(of, 1)
    assert found.high_volume.peak == found.high_volume.time.size == (found.kind_of == 0).sum() > 100
    assert simulate_all(workload(one=streaming), 1).high_volume.time.size == 0


def test_sessions_are_of_the_kind_that_drew_them():
    of = workload(one=kind(lasts="fixed 0s"), two=kind(gap="fixed 1s", lasts="fixed 1s"))
    found = simulate_all(of, 1)
    events = np.bincount(found.trace.session)
    assert set(events[found.kind_of == 0]) == {1}
    assert set(events[(found.kind_of == 1)][:-5]) == {2}
