"""The timetables: a pure function of workload, seed and kind, whose parts do not disturb each other."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.workloads.schema import load_workload
from simlib.workloads.timetable import Action, timetable
from tests.builders import kind, workload

WATCHED = workload(duration="2h", one=kind(clients={}, pauses={"chance": 0.1, "lasts": "uniform 1m 20m"}))


def actions(of, seed=1, name="one", **more):
    return [Action(*row) for row in timetable(of, seed, name, **more)]


def session_ids(of, seed=1, name="one"):
    """The ids of all sessions of a kind, in order of arrival."""
    ids = []
    list(timetable(of, seed, name, drawn=ids.extend))
    return ids


def emissions(of, seed=1, name="one"):
    """Times of the events of each session."""
    times = defaultdict(list)
    for action in actions(of, seed, name):
        if action.code == 0:
            times[action.session].append(action.time)
    return dict(times)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 500), st.sampled_from(["interactive", "orphan", "background", "transient"]))
def test_the_size_of_a_chunk_changes_nothing(chunk, name):
    incident = load_workload("incident").lasting(2 * HOUR)
    assert actions(incident, 3, name, chunk=chunk) == actions(incident, 3, name)


def test_actions_stand_in_order_and_before_the_end():
    rows = actions(WATCHED)
    arrival = {name: number for number, name in enumerate(session_ids(WATCHED))}
    order = [
        (row.time, arrival[row.session], 0 if row.code > 0 else 1 if row.code == 0 else 2, abs(row.code))
        for row in rows
    ]
    assert order == sorted(order)
    assert rows[-1].time < WATCHED.duration
    assert {row.session for row in rows} == set(arrival)


def test_ties_go_by_arrival_then_connect_emit_disconnect():
    # Gaps, stays and joins of whole seconds from arrivals at any time: within a session everything ties.
    tied = workload(one=kind(gap="fixed 1s", lasts="fixed 5s", clients={"stays": "fixed 2s", "away": "fixed 1s"}))
    by_session = defaultdict(list)
    for row in actions(tied):
        by_session[row.session].append(row)
    together = 0
    for rows in by_session.values():
        for before, after in pairwise(rows):
            if before.time == after.time:
                together += 1
                rank = [0 if row.code > 0 else 1 if row.code == 0 else 2 for row in (before, after)]
                assert rank == sorted(rank)
    assert together > 100


def test_every_session_obeys_the_rules():
    connected = defaultdict(set)
    stays, drained = 0, set()
    for row in actions(WATCHED):
        if row.code > 0:
            assert row.code not in connected[row.session]
            assert row.drain >= 1
            connected[row.session].add(row.code)
            drained.add((row.session, row.code, row.drain))
            stays += 1
        else:
            assert row.drain == 0
        if row.code < 0:
            connected[row.session].remove(-row.code)
    # A client drains at its own pace whenever it comes back.
    assert len(drained) == len({pair[:2] for pair in drained}) < stays


def test_a_session_emits_as_it_begins_and_works_for_as_long_as_it_lasts():
    plain = workload(one=kind(gap="fixed 10s", lasts="fixed 60s"))
    for times in emissions(plain.lasting(HOUR)).values():
        complete = times[0] + 60 * SECOND < HOUR
        assert np.diff(times).tolist() == [10 * SECOND] * (len(times) - 1)
        assert not complete or len(times) == 7


def test_a_pause_does_not_count_as_work():
    resting = workload(
        duration="10h", one=kind(gap="fixed 10s", lasts="fixed 60s", pauses={"chance": 1.0, "lasts": "fixed 10m"})
    )
    whole = [times for times in emissions(resting).values() if times[0] < 8 * HOUR]
    assert all(np.diff(times).tolist() == [10 * SECOND + 10 * MINUTE] * 6 for times in whole)


@pytest.mark.parametrize("outlives", [False, True])
def test_a_producer_stops_with_its_last_client_unless_it_outlives_it(outlives):
    by_session = defaultdict(list)
    for row in actions(workload(one=kind(lasts="fixed 10m", clients={}, outlives=outlives))):
        by_session[row.session].append(row.code)
    # The codes add up to 0 where every client that came has gone; what then follows the last of them is too late.
    left = [codes for codes in by_session.values() if any(codes) and sum(codes) == 0]
    late = [codes for codes in left if codes[-1] == 0]
    assert len(left) > 300
    assert (len(late) > 200) if outlives else not late


def test_other_kinds_do_not_disturb_a_kind():
    alone = workload(one=kind(clients={}))
    among = workload(zero=kind(per_hour=50.0), one=kind(clients={}), two=kind(lasts="fixed 0s"))
    assert actions(alone) == actions(among)
    assert actions(among, name="zero") != actions(among, name="two")


def test_changing_one_part_leaves_the_other_draws_alone():
    base = workload(one=kind(clients={}, outlives=True))
    other_clients = workload(one=kind(clients={"stays": "exponential 5m", "drains": "fixed 1s"}, outlives=True))
    assert emissions(base) == emissions(other_clients)
    other_gaps = workload(one=kind(gap="exponential 30s", clients={}, outlives=True))
    comings = [[row for row in actions(of) if row.code] for of in (base, other_gaps)]
    assert comings[0] == comings[1]
    assert actions(base, seed=2) != actions(base, seed=1)


def test_a_longer_run_begins_with_the_shorter_one():
    short, long = WATCHED.lasting(HOUR), WATCHED.lasting(2 * HOUR)
    assert [row for row in actions(long) if row.time < HOUR] == actions(short)


def arrivals(of, seed):
    return np.array([times[0] for times in emissions(of, seed).values()])


def test_homogeneous_arrivals_are_a_poisson_process():
    of = workload(duration="10h", one=kind(per_hour=1000.0, lasts="fixed 0s"))
    counts = np.array([arrivals(of, seed).size for seed in range(20)])
    assert counts.mean() == pytest.approx(10_000, abs=4 * 100 / np.sqrt(20))
    assert counts.var(ddof=1) == pytest.approx(10_000, rel=1)
    gaps = np.diff(arrivals(of, 1))
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("shape", "period", "bounds", "weights"),
    [
        ({"hourly": [0, 3, 1] * 8}, 24 * HOUR, [h * HOUR for h in range(25)], [0, 3, 1] * 8),
        (
            {"burst": {"every": "2h", "lasts": "12m", "times": 20}},
            2 * HOUR,
            [0, 54 * MINUTE, 66 * MINUTE, 120 * MINUTE],
            [1, 20, 1],
        ),
    ],
)
def test_arrivals_come_when_the_rate_says(shape, period, bounds, weights):
    of = workload(duration="96h", one=kind(per_hour=100.0, lasts="fixed 0s", arrivals=shape))
    counts, _ = np.histogram(arrivals(of, 1) % period, bins=bounds)
    expected = 100 * np.array(weights) * np.diff(bounds) / HOUR * (96 * HOUR / period)
    assert (np.abs(counts - expected) <= 4 * np.sqrt(expected)).all()


@pytest.mark.parametrize("rate", [0.0, 1e-6])
def test_a_kind_that_hardly_comes(rate):
    assert actions(workload(duration="366d", one=kind(per_hour=rate))) == []


def test_a_rate_of_nothing_by_shape():
    assert actions(workload(duration="48h", one=kind(per_hour=5.0, arrivals={"hourly": [0] * 24}))) == []


def test_extremes_do_not_overflow():
    of = workload(
        duration="366d",
        one=kind(
            per_hour=0.02,
            gap="exponential 366d",
            lasts="exponential 366d",
            pauses={"chance": 1.0, "lasts": "fixed 366d"},
            clients={"stays": "exponential 366d", "away": "exponential 366d", "returns": 0.99, "another": 0.99},
        ),
    )
    times = [row.time for row in actions(of)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < of.duration


def test_ids_are_as_long_as_those_that_were_measured():
    names = session_ids(WATCHED)
    assert len(set(names)) == len(names)
    assert {len(name.encode()) for name in names} == {37}
