"""The compiled generator against the SimPy model: every operation, on every preset and on drawn workloads."""

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import DAY, HOUR, MINUTE
from simlib.experiments.sweep import workload_totals
from simlib.replay import ledger
from simlib.replay.observe import reference
from simlib.replay.totals import Spec, StreamedStore, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate, simulate_all
from simlib.workloads.generator import Traffic, generate_all, generated
from simlib.workloads.kinds import History
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import kind, workload


def in_memory(chosen, sessions=100, age="1h"):
    """A workload whose service keeps the history in memory."""
    history = History.model_validate({"memory": {"sessions": sessions, "age": age}})
    return chosen.model_copy(update={"history": history})


def assert_alike(chosen, seed):
    simulation, (compiled, kind_of, high_volume) = simulate_all(chosen, seed), generate_all(chosen, seed)
    expected = simulation.trace
    np.testing.assert_array_equal(kind_of, simulation.kind_of)
    for ours, theirs in zip(high_volume, simulation.high_volume, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for column in ("time", "session", "op", "counter", "ids"):
        np.testing.assert_array_equal(getattr(compiled, column), getattr(expected, column))
    assert compiled.digest == expected.digest


@pytest.mark.parametrize("seed", [1, 2, 77])
@pytest.mark.parametrize("name", workload_names())
def test_every_preset_seed_by_seed(name, seed):
    assert_alike(load_workload(name).lasting(8 * HOUR), seed)


@pytest.mark.parametrize("name", ["incident", "burst"])
def test_whole_presets(name):
    assert_alike(load_workload(name), 5)


@pytest.mark.parametrize("name", workload_names())
def test_every_preset_with_its_history_in_memory(name):
    assert_alike(in_memory(load_workload(name).lasting((1 if name == "flood" else 4) * HOUR)), 3)


times = st.sampled_from(["0s", "1ns", "3ns", "1s", "7s", "30s", "5m"])
laws = st.one_of(
    times.map("fixed {}".format),
    times.map("exponential {}".format),
    st.tuples(st.sampled_from(["0s", "1ns"]), times.filter(lambda text: text != "0s")).map(
        "uniform {0[0]} {0[1]}".format
    ),
    st.tuples(times, st.sampled_from(["0.5", "2"])).map("lognormal {0[0]} {0[1]}".format),
    st.tuples(times, st.sampled_from(["0.8", "2"])).map("pareto {0[0]} {0[1]}".format),
)
gaps = st.sampled_from(
    ["fixed 1s", "exponential 5s", "uniform 1s 9s", "exponential 2m", "fixed 1m", "lognormal 10s 1", "pareto 5s 1.5"]
)
chances = st.sampled_from([0.0, 0.3, 0.8])
clients = st.none() | st.fixed_dictionaries(
    {
        **dict.fromkeys(("joins", "stays", "away", "drains"), laws),
        **dict.fromkeys(("returns", "another"), chances),
        "buffer": st.sampled_from([1, 2, 5, 1_000_000]),
        "slow": st.none() | st.fixed_dictionaries({"chance": chances, "drains": laws}),
    }
)
shapes = st.sampled_from(
    [
        {},
        {"hourly": [0.0, 3.0] * 12},
        {"burst": {"every": "10m", "lasts": "1m", "times": 9.0}},
        {"burst": {"every": "3ns", "lasts": "1ns", "times": 2.0}},
    ]
)
populations = st.none() | st.fixed_dictionaries(
    {"members": st.sampled_from([1, 2, 50]), "zipf": st.sampled_from([0.0, 0.7, 1.0, 2.0])}
)
kinds = st.builds(
    lambda per_hour, gap, lasts, watched, outlives, deltas, pauses, shape, population: {
        **kind(per_hour, gap, lasts, watched, outlives, arrivals=shape, **({"pauses": pauses} if pauses else {})),
        "token_deltas": deltas and (watched is not None or population is None),
        "population": population if watched is None else None,
    },
    st.sampled_from([0.0, 1.0, 40.0, 300.0]),
    gaps,
    laws,
    clients,
    st.booleans(),
    st.booleans(),
    st.none() | st.fixed_dictionaries({"chance": chances, "lasts": gaps}),
    shapes,
    populations,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    drawn=st.lists(kinds, min_size=1, max_size=3),
    history=st.just("store")
    | st.fixed_dictionaries(
        {"sessions": st.sampled_from([1, 2, 30, 1000]), "age": st.sampled_from(["1ns", "1s", "2m", "1h"])}
    ).map(lambda memory: {"memory": memory}),
    before=st.sampled_from(["0s", "1ns", "5m", "1h", "10h"]),
    seed=st.integers(-2, 5),
)
def test_any_workload_on_one_coarse_clock(drawn, history, before, seed):
    chosen = {f"kind {place}": each for place, each in enumerate(drawn)}
    assert_alike(workload("2h", history, before, **chosen), seed)


@pytest.mark.parametrize("name", ["incident", "diurnal", "burst", "orphans"])
@pytest.mark.parametrize("before", [1, 5 * HOUR, 30 * HOUR])
def test_presets_that_begin_with_sessions_under_way(name, before):
    chosen = load_workload(name).lasting(2 * HOUR).model_copy(update={"before": before})
    assert_alike(chosen, 3)
    assert_alike(in_memory(chosen), 3)


def test_simultaneous_actions_keep_their_order():
    """Fixed times on a clock of whole seconds: arrivals apart, all else ties within a session and between clients."""
    fixed = {"joins": "fixed 1s", "stays": "fixed 2s", "away": "fixed 1s", "drains": "fixed 3s", "buffer": 1}
    watched = kind(600.0, "fixed 1s", "fixed 20s", {**fixed, "returns": 0.8, "another": 0.8})
    assert_alike(workload("1h", watched=watched, orphan={**watched, "outlives_clients": True}), 3)


def test_many_comings_and_goings_between_two_events():
    """Hundreds of last disconnects, each with its two deletes, while the session itself says nothing."""
    restless = {
        "joins": "fixed 1s",
        "stays": "exponential 2s",
        "returns": 0.99,
        "away": "exponential 2s",
        "another": 0.0,
    }
    quiet = kind(60.0, "fixed 50m", "fixed 2h", restless, outlives=True)
    chosen = workload("6h", quiet=quiet, watched={**quiet, "outlives_clients": False})
    assert np.bincount(simulate(chosen, 1).session).max() > 500
    assert_alike(chosen, 1)


def test_a_buffer_that_takes_longer_than_64_bits_to_drain():
    slow = {"joins": "fixed 0s", "stays": "exponential 40d", "buffer": 1_000_000, "drains": "uniform 1d 300d"}
    small = {**slow, "buffer": 2}
    assert_alike(
        workload(
            "50d",
            huge=kind(1.0, "exponential 10m", "exponential 20d", slow),
            small=kind(1.0, "exponential 10m", "exponential 20d", small),
        ),
        1,
    )


def test_a_storm_within_a_millisecond_is_put_in_order():
    """Thousands of operations in a thousandth of a slice, many of them simultaneous."""
    storm = {"burst": {"every": "1h", "lasts": "1ms", "times": 3.6e8}}
    assert_alike(workload("2h", storm=kind(100.0, "exponential 100us", "fixed 1ms", arrivals=storm)), 1)
    storm["burst"].update(lasts="1us", times=1e9)
    assert_alike(workload("2h", storm=kind(400.0, "fixed 1ns", "fixed 20ns", arrivals=storm)), 1)


@pytest.mark.parametrize("rows", [1, 7, 1000, 10**9])
def test_the_size_of_a_slice_changes_nothing(rows):
    chosen = load_workload("incident").lasting(2 * HOUR)
    expected = columns(Traffic(chosen, 4).until())
    for column, other in zip(expected, columns(Traffic(chosen, 4, rows).until()), strict=True):
        np.testing.assert_array_equal(column, other)


def test_the_third_map_is_known_as_far_as_the_stream():
    chosen = load_workload("incident").lasting(2 * HOUR)
    for each in (chosen, in_memory(chosen)):
        whole = simulate_all(each, 4).high_volume
        traffic = Traffic(each, 4, third_map=True)
        assert traffic.high_volume().time.size == 0
        for _ in traffic.until(HOUR):
            pass
        assert 0 < traffic.high_volume().time.size == (whole.time < HOUR).sum() < whole.time.size


@pytest.mark.parametrize("change", [lambda chosen: chosen, in_memory], ids=["on disk", "in memory"])
def test_a_stream_keeps_nothing_of_the_third_map_unless_asked(change):
    chosen = change(load_workload("incident").lasting(2 * HOUR))
    sizes = {}
    for third_map in (False, True):
        traffic = Traffic(chosen, 4, third_map=third_map)
        for _ in traffic.until():
            pass
        kept = [traffic._high_volume]
        if traffic._forgetting is not None:
            kept += vars(traffic._forgetting._entries).values()
        sizes[third_map] = sum(map(len, kept))
    assert sizes[False] == 0 < sizes[True]
    with pytest.raises(ValueError, match="third_map=True"):
        Traffic(chosen, 4).high_volume()


def test_long_sessions_take_no_more_memory_than_short_ones():
    """Sessions of thousands of events are played in parts, and the stream is that of the model."""
    lasting = workload(
        "60h", series=kind(20.0, "fixed 1m", "fixed 60h"), pausing=kind(5.0, "exponential 20s", "fixed 2d")
    )
    assert_alike(lasting.lasting(12 * HOUR), 1)
    traffic = Traffic(lasting, 1)
    operations = sum(chunk.time.size for chunk in traffic.until())
    assert traffic._parked.shape[1] >= 1000
    assert operations > 20 * traffic._times.size


def columns(chunks):
    chunks = list(chunks)
    return [np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("time", "session", "code")]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(stops=st.lists(st.integers(-1, 3 * HOUR), max_size=8), rows=st.sampled_from([50, 5000]))
def test_it_can_be_halted_anywhere(stops, rows):
    chosen = load_workload("orphans").lasting(2 * HOUR)
    traffic, given_ = Traffic(chosen, 2, rows), []
    for stop in sorted(stops):
        for chunk in traffic.until(stop):
            assert chunk.time[-1] < stop
            given_.append(chunk)
    for whole, part in zip(columns(Traffic(chosen, 2).until()), columns([*given_, *traffic.until()]), strict=True):
        np.testing.assert_array_equal(whole, part)


def assert_same_totals(chosen):
    settings_ = Settings(300, 10 * MINUTE, 100)
    trace = simulate(chosen, 1)
    (bounded, unbounded) = workload_totals(chosen, 1, [("bounded", settings_), ("unbounded", settings_)])
    for counter in COUNTERS:
        only = trace.only(counter)
        assert bounded[counter] == ledger.totals(only, reference(only, "bounded", settings_))
        assert unbounded[counter] == ledger.totals(only, reference(only, "unbounded"))


@pytest.mark.parametrize("name", workload_names())
def test_the_stream_says_what_each_session_does_next(name):
    """So no evicted session has to be awaited: the totals are those of the recorded trace."""
    assert_same_totals(load_workload(name).lasting(4 * HOUR))


def test_totals_without_knowing_what_each_session_does_next():
    """With the history in memory, any event may delete another session's counters."""
    assert_same_totals(in_memory(load_workload("incident").lasting(4 * HOUR), sessions=1000))


def test_totals_of_members_that_come_again():
    """The next visit of a member is not known ahead, so those evicted are awaited."""
    regular = {**kind(2000.0, "exponential 1m", "pareto 1m 1.5"), "population": {"members": 2000, "zipf": 0.9}}
    assert_same_totals(workload("4h", before="1h", regular=regular, orphan=kind(clients={}, outlives=True)))


def test_ties_between_sessions_are_settled_by_their_ids():
    """Hundreds of sessions that work within the same 200 ns of each minute, and a cap that keeps some of them."""
    crowd = kind(
        400.0, "fixed 1m", "exponential 30m", arrivals={"burst": {"every": "1m", "lasts": "200ns", "times": 1e9}}
    )
    chosen, settings_ = workload("2h", crowd=crowd), Settings(500, 10 * MINUTE, 256)
    trace = simulate(chosen, 1).only("no_client")
    assert (np.diff(trace.time) == 0).mean() > 0.5
    (totals,) = stream_totals(generated(chosen, 1, rows=3000), [Spec("bounded", settings_)])
    assert totals == ledger.totals(trace, reference(trace, "bounded", settings_))
    assert totals.cap_evictions > 1000


def test_simpy_processes_drive_it_through_restarts_and_a_change_of_settings():
    """A nightly restart empties the map, and a deploy brings the bound: ordinary SimPy processes, a compiled stream."""
    chosen = load_workload("incident").lasting(DAY)
    traffic, env, lives = Traffic(chosen, 3), simpy.Environment(), [StreamedStore(Spec("unbounded"))]

    def observe():
        for chunk in traffic.until(env.now):
            lives[-1].apply(chunk)

    def restarts():
        while True:
            yield env.timeout(5 * HOUR)
            observe()
            lives.append(StreamedStore(Spec("unbounded")))

    def deploy():
        yield env.timeout(13 * HOUR + 1)
        observe()
        lives.append(StreamedStore(Spec("bounded")))

    env.process(restarts())
    env.process(deploy())
    env.run(until=chosen.duration)
    observe()

    trace = simulate(chosen, 3).only("no_client")
    bounds = [0, 5 * HOUR, 10 * HOUR, 13 * HOUR + 1, 15 * HOUR, 20 * HOUR, DAY]
    designs = ["unbounded", "unbounded", "unbounded", "bounded", "unbounded", "unbounded"]
    assert len(lives) == len(designs)
    for life, design, begins, ends in zip(lives, designs, bounds, bounds[1:], strict=False):
        rows = (trace.time >= begins) & (trace.time < ends)
        part = Trace.of(trace.time[rows], trace.ids[trace.session[rows]], trace.op[rows], trace.counter[rows])
        found, expected = life.totals(), ledger.totals(part, reference(part, design))
        assert found.increments == int((part.op == INCREMENT).sum()) > 0
        # An eviction is judged by what the session does next, and that may come in the next life of the process.
        assert found.false_evictions >= expected.false_evictions
        for name in ("creates", "deletes_hit", "final_entries", "final_count_sum", "log_lines", "entries_scanned"):
            assert getattr(found, name) == getattr(expected, name)
