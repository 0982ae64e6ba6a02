"""Other loads: how traffic is multiplied, what is measured, reckoned and fitted, and what the notebook claims of it."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from simlib.analysis import load, projection
from simlib.analysis.load import ScaledLog, ScaledWorkload, Stores, loads, measure
from simlib.analysis.projection import TRAFFIC, Fleet
from simlib.analysis.scale import Scale, lowest
from simlib.analysis.structure import Increments, Structure
from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.core.statistics import estimate, exponent, slopes
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.experiments.experiment import open_experiment
from simlib.models import cost, heap, theory
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.traces.chunks import stream_of
from simlib.traces.routing import rows_of
from simlib.traces.trace import COUNTERS, INCREMENT, Trace, read_trace, write_trace
from simlib.workloads.churn import simulate
from simlib.workloads.generator import generate, generated
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import kind, workload
from tests.paths import LOGS

SMALL = Settings(40, 5 * MINUTE, 16)

# --- Traffic, multiplied


def test_a_workload_times_a_load_has_every_rate_multiplied_and_nothing_else():
    chosen = load_workload("burst")
    more = chosen.times(2.5)
    for name, each in chosen.kinds.items():
        assert more.kinds[name].arrivals.per_hour == 2.5 * each.arrivals.per_hour
        assert more.kinds[name].arrivals.burst == each.arrivals.burst
        assert more.kinds[name].events == each.events
    assert chosen.times(1) == chosen
    assert chosen.times(2).times(3) == chosen.times(6)
    assert simulate(chosen.times(0).lasting(HOUR), 1).time.size == 0


@pytest.mark.parametrize("name", workload_names())
def test_at_the_highest_load_sessions_still_arrive_in_order(name):
    """What is expected to arrive in a day still goes into 63 bits; at more it is refused."""
    chosen = load_workload(name)
    busiest = chosen.from_hour(chosen.busiest_hour(1)).times(chosen.most_times).lasting(SECOND // 100)
    time, _, _ = operations(generated(busiest, 1))
    assert time.size > 20
    assert (np.diff(time) >= 0).all()
    assert 0 <= time[0] <= time[-1] < SECOND // 100
    with pytest.raises(InputError, match="load: "):
        chosen.times(1.001 * chosen.most_times)


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, 1e12])
def test_a_load_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="load: "):
        load_workload("incident").times(wrong)


def test_a_session_does_the_same_at_any_load():
    """Variates belong to the number of a session: at twice the load it comes in half the time and does the same."""
    single = workload("10h", jobs=kind(60.0, "exponential 1m", "exponential 20m"))
    once, twice = (generate(each, 7) for each in (single, single.times(2)))
    for who in range(100):
        mine, same = (each.time[each.session == list(each.ids).index(once.ids[who])] for each in (once, twice))
        n = min(mine.size, same.size)
        assert n > 0
        np.testing.assert_array_equal(np.diff(mine[:n]), np.diff(same[:n]))


def test_a_day_may_begin_at_its_busiest_hour():
    hourly = [1.0] * 24
    hourly[9:11] = [5.0, 6.0]
    chosen = workload("24h", day=kind(10.0, arrivals={"hourly": hourly}), even=kind(500.0))
    assert chosen.busiest_hour(2) == 9
    assert chosen.busiest_hour(1) == 10
    begun = chosen.from_hour(9)
    assert begun.kinds["day"].arrivals.hourly == [*hourly[9:], *hourly[:9]]
    assert begun.kinds["even"] == chosen.kinds["even"]
    assert begun.from_hour(15) == chosen
    assert workload("2h", even=kind()).busiest_hour(2) == 0


rows = st.tuples(
    st.sampled_from([0, 0, 1, 3, 40]),
    st.sampled_from(["", "a", "b", "é", *"cdefghij"]),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 0, 1]),
)


def trace_of(stream):
    steps, names, ops, counters = zip(*stream, strict=True)
    return Trace.of(np.cumsum(np.array(steps, dtype=np.int64)) * SECOND, names, ops, counters)


def operations(stream):
    """The columns of all chunks of a stream; there may be none."""
    chunks, empty = list(stream()), np.zeros(0, dtype=np.int64)
    names = ("time", "session", "code")
    return [np.concatenate([empty, *(getattr(chunk, name) for chunk in chunks)]) for name in names]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=80))
def test_a_log_at_load_1_is_the_log(stream):
    trace = trace_of(stream)
    scaled = ScaledLog(trace, SMALL)
    time, session, _ = operations(scaled.stream(1))
    np.testing.assert_array_equal(time, trace.time - trace.time[0])
    np.testing.assert_array_equal(session, trace.session)
    specs = [
        Spec(design, Settings(3, 9 * SECOND, 2), counter) for design in ("bounded", "unbounded") for counter in COUNTERS
    ]
    assert stream_totals(scaled.stream(1), specs) == [
        ledger.totals(trace.only(s.counter), reference(trace.only(s.counter), s.design, s.settings)) for s in specs
    ]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=60), times=st.sampled_from([0.3, 0.7, 1, 1.4, 3, 5.5]))
def test_a_log_at_any_load_is_whole_sessions_in_copies_in_order(stream, times):
    trace = trace_of(stream)
    scaled = ScaledLog(trace, SMALL)
    time, session, _ = operations(scaled.stream(times))
    assert (np.diff(time) >= 0).all()
    copies, who = np.divmod(session, trace.ids.size)
    for copy in range(math.ceil(times)):
        mine = copies == copy
        kept = np.isin(trace.session, who[mine])
        began = trace.time[kept] - trace.time[0]
        late = time[mine][:1].sum() - began[:1].sum()
        assert 0 <= late <= min(SECOND, scaled.lasts // 100)
        np.testing.assert_array_equal(time[mine] - late, began)
        np.testing.assert_array_equal(who[mine], trace.session[kept])
        assert mine.sum() == len(trace) or copy == int(times)
    # What is kept at a load is kept at every higher one.
    more = set(operations(scaled.stream(times + 0.2))[1].tolist())
    assert set(session.tolist()) <= more


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=80), times=st.sampled_from([0.5, 1, 2.5]))
def test_a_log_tells_what_each_session_does_next_and_what_is_deleted(stream, times):
    scaled, chosen = ScaledLog(trace_of(stream), SMALL), Settings(3, 9 * SECOND, 2)
    told = list(scaled.stream(times)())
    blind = [rows_of(chunk, np.arange(chunk.time.size), next_known=False) for chunk in told]
    specs = [Spec("bounded", chosen, counter) for counter in COUNTERS]
    assert stream_totals(lambda: told, specs) == stream_totals(lambda: blind, specs)
    unbounded = stream_totals(lambda: told, [Spec("unbounded", counter=counter) for counter in COUNTERS])
    assert scaled.deletes_hit(times) == {c: u.deletes_hit for c, u in zip(COUNTERS, unbounded, strict=True)}


# --- Measuring


@pytest.mark.parametrize("name", ["incident", "steady", "flood", "orphans"])
def test_what_is_measured_is_what_stores_over_the_whole_stream_did(name):
    traffic = ScaledWorkload(load_workload(name).lasting(HOUR), (3,), SMALL)
    found = measure(traffic, 2, 0, SMALL)
    specs = [Spec(design, SMALL, counter) for design in ("bounded", "unbounded") for counter in COUNTERS]
    totals = stream_totals(generated(traffic.workload.times(2), 3), specs)
    assert list(found.whole.values()) == totals[:2]
    # No map of all sessions was held: what is created is told by the stream, what is deleted by the watched sessions.
    assert list(found.unbounded.values()) == [each.final_entries for each in totals[2:]]
    assert found.operations == sum(each.increments + each.deletes for each in totals[:2])


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_the_part_after_the_warm_up_is_counted_apart(chunk):
    trace = simulate(load_workload("orphans").lasting(HOUR), 1).first(6000)
    warm_up = int(trace.time[2500])
    stores = Stores(SMALL, warm_up, unbounded=True)
    for each in stream_of(trace, chunk)():
        stores.hear(each)
    found = stores.measured()
    only = trace.only("no_client")
    observed = reference(only, "bounded", SMALL)
    assert found.whole["no_client"] == ledger.totals(only, observed)
    settled = only.time >= warm_up
    prunes = ledger.prunes(only, observed)
    prunes = prunes[settled[prunes["row"]]]
    part = found.settled["no_client"]
    assert part.increments == int((settled & (only.op == INCREMENT)).sum())
    assert part.prunes == len(prunes)
    assert part.entries_scanned == int(prunes["scanned"].sum())
    assert part.cap_evictions == int(prunes["capped"].sum())
    assert part.peak_entries == found.whole["no_client"].peak_entries


def test_the_loads_reach_over_four_decades_or_as_far_as_they_can():
    even = workload("2h", jobs=kind(600.0, "exponential 1m", "exponential 5m"))
    traffic = ScaledWorkload(even, (1,), Settings())
    measured = loads(traffic)
    assert measured[0] * traffic.increments >= load.LEAST_INCREMENTS
    assert measured[-1] / measured[0] == pytest.approx(1e4)
    assert all(1.9 < b / a < 2.6 for a, b in pairwise(measured))
    # Next to nothing at load 1: more is counted at a higher one.
    rare = ScaledWorkload(workload("2h", rare=kind(0.01)), (1,), Settings())
    assert loads(rare)[0] * rare.increments >= load.LEAST_INCREMENTS
    never = ScaledWorkload(workload("2h", never=kind(0.0)), (1,), Settings())
    assert loads(never) == []
    # A log may be small, but is never begun above its own load, nor laid over itself without end.
    tiny = ScaledLog(Trace.of([0], ["a"], [0], [0]), Settings())
    assert loads(tiny)[0] == 1
    long = ScaledLog(Trace.of(np.arange(60_000), np.arange(60_000).astype(str), [0] * 60_000, [0] * 60_000), Settings())
    assert loads(long)[0] * 60_000 >= 1000
    assert 2_000_000 < loads(long)[-1] * 60_000 <= load.MOST_OF_LOG
    assert loads(ScaledLog(Trace.of([0, 1], ["a", "b"], [1, 1], [0, 0]), Settings())) == []


# --- Exponents and prices


def test_an_exponent_of_exact_data_is_exact():
    x = np.array([0.1, 1, 5, 20, 300])
    assert slopes(x, 7 * x**1.3) == pytest.approx(1.3)
    found = exponent(x, np.stack([3 * x**2, 5 * x**2]))
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((2, 2, 2, 2))


def test_the_interval_of_an_exponent_is_students_over_replications_or_that_of_the_regression():
    random, x = np.random.default_rng(1), np.geomspace(1, 1000, 9)
    noise = np.exp(random.normal(0, 0.2, (6, 9)) + random.normal(0, 1, (6, 1)))
    found = exponent(x, noise * x**0.8)
    each = [linregress(np.log(x), np.log(row * x**0.8)).slope for row in noise]
    assert (found.mean, found.low, found.high) == pytest.approx(
        [getattr(estimate(each), name) for name in ("mean", "low", "high")]
    )
    one, expected = exponent(x, noise[:1] * x**0.8), linregress(np.log(x), np.log(noise[0] * x**0.8))
    assert one.mean == pytest.approx(expected.slope)
    # Student's quantile for 7 degrees of freedom.
    assert one.high - one.mean == pytest.approx(2.364624 * expected.stderr)
    assert math.isnan(exponent(x[:2], noise[:1, :2]).low)


def test_the_interval_covers_the_exponent_as_often_as_it_says():
    random, x = np.random.default_rng(2), np.geomspace(1, 1000, 8)
    covered = 0
    for _ in range(400):
        found = exponent(x, x * np.exp(random.normal(0, 0.3, (5, 8))))
        covered += found.low <= 1 <= found.high
    assert 0.91 < covered / 400 < 0.985


def test_a_load_is_found_from_which_on_something_is_reached():
    assert lowest(lambda x: x >= 37) == pytest.approx(37, rel=0.001)
    assert lowest(lambda x: False) == math.inf
    assert lowest(lambda x: True) == 0


@pytest.mark.parametrize("name", workload_names())
@pytest.mark.parametrize("times", [0.3, 1, 3])
def test_prices_from_totals_are_those_of_the_increments_one_by_one(name, times):
    chosen = load_workload(name)
    trace = generate(chosen.from_hour(chosen.busiest_hour(2)).lasting(2 * HOUR).times(times), 1).only("no_client")
    many = int((trace.op == INCREMENT).sum())
    for settings_, tolerance in (
        (Settings(), 0.03 if many > 1000 else 0.06),
        (Settings(300, 0), 0.1),
        (Settings(0, 20 * MINUTE), 0.15),
        (Settings(0, 0), 0.15),
    ):
        observed = replay(trace, "bounded", settings_)
        expected = cost.increment_ns(trace, observed).sum()
        assert cost.held_ns(ledger.totals(trace, observed), settings_) == pytest.approx(expected, rel=tolerance)


# --- The structure


def structure_of(chosen, seed, settings_, lasts, times=1.0):
    of = Increments.of(generated(chosen.lasting(lasts).times(times), seed), "no_client", times)
    return Structure(of, settings_, lasts, lasts // 4)


def test_the_cap_binds_where_the_closed_form_says():
    """One event a session, evenly: what an idle TTL keeps is rate x TTL, and that reaches the cap at one load."""
    even = workload("2h", one=kind(3600.0, "fixed 1s", "fixed 0s"))
    kinds = theory.sessions(theory.evened(even))
    found = structure_of(even, 1, Settings(), 2 * HOUR, 10)
    binds = theory.cap_binds_at(kinds, 2048, 30 * MINUTE) / theory.growth(kinds)
    assert lowest(lambda load: found.at(load).sorts > 0) == pytest.approx(binds, rel=0.03)
    # Far below, entries are those of the TTL and of a tick; far beyond, every new entry sorts the whole store.
    assert found.at(0.2).peak_entries == pytest.approx(0.2 * 1800 + 256, rel=0.05)
    far = found.at(100)
    assert far.sorts == pytest.approx(far.creates) == pytest.approx(far.increments)
    assert far.capped == 1
    assert far.peak_entries == 2048


def test_live_sessions_are_lost_as_ches_approximation_says():
    even = workload("6h", jobs=kind(1200.0, "exponential 2m", "exponential 20m"))
    kinds = theory.sessions(even)
    found = structure_of(even, 1, Settings(200, 0), 6 * HOUR, 10)
    expected = found.at(1)
    again = expected.creates / expected.increments - theory.growth(kinds) / theory.increments(kinds)
    assert again == pytest.approx(theory.false_evictions(kinds, 200), abs=0.03)


def test_chance_raises_the_peak_alone():
    even = workload("2h", one=kind(600.0, "fixed 1m", "exponential 3m"))
    found = structure_of(even, 1, Settings(), 2 * HOUR, 20)
    given_, drawn = found.at(1), found.at(1, chance=1)
    assert given_.peak_entries < drawn.peak_entries < 1.5 * given_.peak_entries
    assert given_.busy == drawn.busy


# --- The findings


@pytest.fixture
def briefly(monkeypatch):
    """Less of everything, for the tests."""
    monkeypatch.setattr(load, "MOST_OPERATIONS", 600_000)
    monkeypatch.setattr(load, "MOST_OF_LOG", 300_000)
    monkeypatch.setattr(projection, "MOST_DEALT", 600_000)
    monkeypatch.setattr(projection, "HEARD_IN_ALL", 40_000)


def claims(scale, fleet):
    made = {text: holds for text, holds, _ in (*scale.claims(), *fleet.claims())}
    return {"engines": scale.engines_agree(), **made}


@pytest.mark.parametrize("name", workload_names())
def test_every_claim_holds_on_every_workload(briefly, name):
    scale = Scale(open_experiment(name, replications=3, hours=2))
    fleet = Fleet(scale)
    assert all(claims(scale, fleet).values()), claims(scale, fleet)
    assert scale.reckons
    assert fleet.projects
    # Whatever can be claimed is; only without deletes none can miss.
    assert (len(scale.claims()), len(fleet.claims())) == (3, 3 - math.isnan(fleet.missing()[1]))
    assert scale.fit("unbounded", "at any load").measured.mean == pytest.approx(1, abs=0.05)
    answer = f"{scale.answer()} {fleet.answer()}"
    assert "nan" not in answer
    assert f"Projected to 1,000,000 times the traffic of {scale.traffic.scope()}, on 1,000 instances" in answer
    # Entries and times were held to a simulation.
    assert {"entries", "peak", "busy"} <= set(fleet.projection_errors["name"])


def test_a_wrong_expectation_is_noticed(briefly):
    """In every regime, on either side: the intervals are narrow enough to tell."""
    noticed = set()
    for name in ("flood", "diurnal"):
        scale = Scale(open_experiment(name, replications=5, hours=2))
        assert scale.exponents_hold()
        for fit in scale.fits:
            assert not any(fit._replace(expected=fit.expected + by).holds for by in (-0.4, 0.4)), fit
            noticed.add((fit.what, fit.regime))
    assert len(noticed) == 5


def test_a_wrong_projection_is_noticed(briefly, monkeypatch):
    at = Structure.at
    for name in ("busy", "peak_entries"):
        with monkeypatch.context() as patched:
            patched.setattr(Structure, "at", lambda *given, name=name, **by: spoiled(at(*given, **by), **{name: 1.25}))
            fleet = Fleet(Scale(open_experiment("dormant", replications=2, hours=2)))
            assert fleet.projects
            assert not fleet.projection_holds()


def spoiled(expected, **factors):
    return replace(expected, **{name: factor * getattr(expected, name) for name, factor in factors.items()})


def test_shares_are_told_where_they_are_seen_to_be_right(briefly, monkeypatch):
    def fleet():
        return Fleet(Scale(open_experiment("flood", replications=2, hours=2)))

    assert fleet().share_errors[True] < projection.SHARE_LIMIT
    assert not fleet().left_open(TRAFFIC[-1], True)
    assert fleet().row(TRAFFIC[-1], True).values["false_share"].mean > 0.01
    # Below the cap they are not told, nor anywhere once they are seen to be wrong.
    assert fleet().left_open(10, True) == set(projection.SHARES)
    at = Structure.at
    monkeypatch.setattr(Structure, "at", lambda *given, **by: spoiled(at(*given, **by), lost_share=2))
    assert fleet().left_open(TRAFFIC[-1], True) == set(projection.SHARES)
    assert math.isnan(fleet().row(TRAFFIC[-1], True).values["false_share"].mean)


def test_the_cliff_is_seen_where_the_structure_has_it(briefly):
    scale = Scale(open_experiment("flood", replications=2, hours=2))
    table = scale.growth.set_index("load")
    assert (table["sorted_percent"][table.index < 0.8 * scale.binds_at] == 0).all()
    assert (table["sorted_percent"][table.index > 2.5 * scale.binds_at] > 99).all()
    assert scale.jump.times > 500
    assert scale.jump.before < scale.binds_at < scale.jump.after
    assert scale.fit("bounded", "at the cap").measured.mean == pytest.approx(0, abs=1e-6)


def test_a_fleet_in_sum_and_per_instance(briefly):
    fleet = Fleet(Scale(open_experiment("orphans", replications=2, hours=1)), 50)
    table = fleet.table()
    assert list(table.columns) == ["1 x", "10 x", "1,000 x (projection)", "1,000,000 x (projection)"]
    kept, dealt = (fleet.row(10, affinity) for affinity in (True, False))
    assert kept.simulated
    assert not fleet.row(1000, True).simulated
    # Sessions of many events leave an entry on each instance that they touch, and deletes find few of them.
    assert dealt.values["entries"].mean > 5 * kept.values["entries"].mean
    assert fleet.entries_ratio > 5
    with_affinity, without = fleet.missing()
    assert with_affinity < 0.5 < without
    sizes = fleet.sizes.set_index(["traffic", "affinity"])
    assert (sizes["no_sorting"] >= sizes["half_busy"]).all()
    for limit in ("no_sorting", "half_busy"):
        for affinity in (True, False):
            wanted = sizes[limit].xs(affinity, level="affinity")
            assert wanted.is_monotonic_increasing


@pytest.mark.parametrize("name", ["steady", "incident"])
def test_of_the_smallest_fleet_hardly_a_store_reaches_its_cap_and_of_a_smaller_one_each_does(briefly, name):
    scale = Scale(open_experiment(name, replications=2, hours=2))
    wanted = int(Fleet(scale).sizes.set_index(["traffic", "affinity"])["no_sorting"][TRAFFIC[-1], True])
    traffic = ScaledWorkload(load_workload(name).lasting(2 * HOUR), range(100, 112), Settings())
    for instances, reach in ((wanted, 0), (0.8 * wanted, 12)):
        peaks = [
            measure(traffic, TRAFFIC[-1] / instances, number, Settings()).whole[traffic.counter].peak_entries
            for number in range(12)
        ]
        assert sum(peak >= 2048 for peak in peaks) == reach, peaks


def test_the_limit_is_reached_when_a_simulation_reaches_it_and_never_without_a_leak(briefly):
    """Sessions that are alive from the first are no leak, and those that leak do not do so from the first second on."""
    steady = Fleet(Scale(open_experiment("steady", replications=2, hours=2)))
    assert steady.row(TRAFFIC[-1], True).values["hours"].mean == math.inf
    fleet = Fleet(Scale(open_experiment("orphans", replications=2, hours=2)))
    hours = fleet.row(TRAFFIC[-1], True).values["hours"].mean
    limit = heap.entries_at(fleet.scale.experiment.memory_limit_mib, "unbounded", fleet.scale.go_version)
    crowd = load_workload("orphans").times(TRAFFIC[-1] / fleet.instances).lasting(int(hours * HOUR))
    found = stream_totals(generated(crowd, 7), [Spec("unbounded", counter=counter) for counter in COUNTERS])
    assert sum(totals.final_entries for totals in found) == pytest.approx(limit, rel=0.1)


def test_a_verdict_on_a_lock_needs_prices_that_leave_no_doubt():
    fleet = Fleet(Scale(open_experiment("flood", replications=2, hours=1)))
    error = fleet.scale.price_error
    assert 0.01 < error < 0.2
    assert fleet.held(0.99 / (1 + error)).endswith("of the time")
    assert "about all it has" in fleet.held(1.01 / (1 + error))
    assert "about all it has" in fleet.held(0.99 / (1 - error))
    assert fleet.held(1.01 / (1 - error)).endswith("so it cannot keep up")


def test_on_one_instance_affinity_is_nothing(briefly):
    fleet = Fleet(Scale(open_experiment("burst", replications=2, hours=1)), 1)
    for traffic in TRAFFIC:
        kept, dealt = (fleet.row(traffic, affinity).values for affinity in (True, False))
        # Without affinity the stream does not tell what comes next, so that evictions are told apart as it goes on.
        assert kept["entries"] == dealt["entries"]
        assert kept["peak"].mean == pytest.approx(dealt["peak"].mean)
        assert kept["busy"].mean == pytest.approx(dealt["busy"].mean)
    assert fleet.entries_ratio == 1


def test_every_drawing_says_something_and_has_its_numbers(briefly):
    scale = Scale(open_experiment("incident", replications=2, hours=1))
    fleet = Fleet(scale)
    drawings = [scale.draw_memory(), scale.draw_time(), scale.draw_exponents()]
    for drawing in (*drawings, fleet.draw_entries(), fleet.draw_busy()):
        assert len(drawing.message) > 20
        assert len(drawing.data) > 0
    assert "(projection)" in fleet.draw_entries().message
    assert "(projection)" in fleet.draw_busy().message


def log(tmp_path, lines):
    path = tmp_path / "log.csv"
    path.write_text("time,session,op,counter\n" + "".join(lines), encoding="utf-8")
    return str(path)


SHAPES = {
    "one row": ["5,a,increment,no_client\n"],
    "deletes alone": [f"{i},s{i % 7},delete,no_client\n" for i in range(60)],
    "drops alone": [f"{9 * i},s{i % 7},{'delete' if i % 5 == 0 else 'increment'},drops\n" for i in range(300)],
    "one instant": [f"7,s{i % 97},{'delete' if i % 3 == 0 else 'increment'},no_client\n" for i in range(500)],
    "one session": [f"{60 * i},a,increment,no_client\n" for i in range(400)],
    "centuries": ["-4000000000,a,increment,\n", "0,b,increment,\n", "5000000000,a,increment,\n"],
    "rare storms": [f"{i // 50 * 4000},s{i},increment,no_client\n" for i in range(1000)],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chosen", [{}, {"max_entries": 0}, {"ttl": "0"}, {"max_entries": 1, "prune_every": 1}])
def test_logs_that_are_hardly_any_get_an_answer_all_the_same(briefly, tmp_path, shape, chosen):
    scale = Scale(open_experiment(trace=log(tmp_path, SHAPES[shape]), **chosen))
    fleet = Fleet(scale, 10)
    assert all(claims(scale, fleet).values()), claims(scale, fleet)
    answer = f"{scale.answer()} {fleet.answer()}"
    assert len(answer) > 40
    assert "nan" not in answer.replace("instances", "")
    for finding, names in ((scale, ("memory", "time", "exponents")), (fleet, ("entries", "busy"))):
        for name in names:
            assert len(getattr(finding, f"draw_{name}")().message) > 20
    assert len(fleet.table()) == 26
    fleet.sizes_table()


TABLES = {"drops alone": ["fleet", "fleet_sizes"], "deletes alone": ["fleet"]}


@pytest.mark.parametrize("shape", TABLES)
def test_the_notebook_runs_on_them(tmp_path, shape):
    out = tmp_path / "out"
    arguments = ["--profile", "ci", "--notebook", "07_scale", "--trace", log(tmp_path, SHAPES[shape])]
    assert main(["run", *arguments, "--out", str(out)]) == 0
    summary = json.loads((out / "log/07_scale/summary.json").read_text(encoding="utf-8"))
    assert all(claim["holds"] for claim in summary["claims"])
    assert len(summary["figures"]) == 5
    # Of fleets whose size nothing can be said of there is no table.
    assert [table["name"] for table in summary["tables"]] == TABLES[shape]
    # What a fleet does is told where the answers are, not in the notebook alone.
    html, markdown = ((out / name).read_text(encoding="utf-8") for name in ("index.html", "postmortem.md"))
    assert "<td>unbounded maps: entries at the end</td>" in html
    assert "| affinity | unbounded maps: entries at the end | per instance |" in markdown


def test_a_real_log_is_measured_reckoned_and_projected(briefly):
    for path in [path for path in LOGS if path.name.startswith("gharchive")]:
        scale = Scale(open_experiment(trace=str(path)))
        fleet = Fleet(scale)
        assert all(claims(scale, fleet).values()), claims(scale, fleet)
        assert scale.reckons
        assert fleet.projects
        assert len(scale.fits) >= 3


def test_a_trace_written_and_read_is_the_same_case_at_every_load(tmp_path):
    trace = simulate(load_workload("burst").lasting(HOUR), 1)
    write_trace(trace, tmp_path / "trace.parquet")
    whole, read = (ScaledLog(each, Settings()) for each in (trace, read_trace(tmp_path / "trace.parquet")))
    for one, other in zip(operations(whole.stream(1.5)), operations(read.stream(1.5)), strict=True):
        np.testing.assert_array_equal(one, other)
