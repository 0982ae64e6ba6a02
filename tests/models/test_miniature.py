"""k times the traffic, and miniatures of stores: held to direct simulation on every preset, on logs, and on a fleet."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.models.miniature import (
    LEAST_CAP,
    Generated,
    Miniature,
    Recorded,
    most_traffic,
    predict,
    simulate,
    spread,
)
from simlib.replay import ledger
from simlib.replay.observe import reference
from simlib.replay.totals import Spec, stream_totals, totals_at
from simlib.stores.contract import Settings
from simlib.traces.chunks import stream_of
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.files import read_trace
from simlib.traces.routing import instance_of, rows_of
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate as churn
from simlib.workloads.generator import generate, generated
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import kind, workload
from tests.paths import LOGS

SHIPPED = Settings()
SEEDS = (1, 2, 3)

# --- More traffic


def test_k_times_the_traffic_multiplies_every_rate_and_nothing_else():
    chosen = load_workload("burst")
    more = chosen.times(2.5)
    for name, each in chosen.kinds.items():
        assert more.kinds[name].arrivals.per_hour == 2.5 * each.arrivals.per_hour
        assert more.kinds[name].arrivals.burst == each.arrivals.burst
        assert more.kinds[name].events == each.events
    assert chosen.times(1) == chosen
    assert chosen.times(2).times(3) == chosen.times(6)
    assert churn(chosen.times(0).lasting(HOUR), 1).time.size == 0


@pytest.mark.parametrize("name", workload_names())
def test_at_the_highest_traffic_sessions_still_arrive_in_order(name):
    """The arrivals expected in a day still fit 63 bits; more is refused."""
    chosen = load_workload(name)
    busiest = chosen.from_hour(chosen.busiest_hour(1)).times(chosen.most_times).lasting(SECOND // 100)
    time = np.concatenate([chunk.time for chunk in generated(busiest, 1)()])
    assert time.size > 20
    assert (np.diff(time) >= 0).all()
    assert 0 <= time[0] <= time[-1] < SECOND // 100


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, 1e12])
def test_traffic_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="factor: "):
        load_workload("incident").times(wrong)


def test_a_session_does_the_same_at_any_traffic():
    """Variates belong to the number of a session: at twice the traffic it comes in half the time and does the same."""
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


# --- The miniature


def busiest(name, lasts=2 * HOUR):
    chosen = load_workload(name)
    return chosen.from_hour(chosen.busiest_hour(2)).lasting(lasts)


def direct(source, traffic, of=SHIPPED):
    return simulate(source, Miniature(traffic, traffic, of, of))


def by_factor(source, traffic, factor, of=SHIPPED):
    """A miniature `factor` times smaller, all whole numbers."""
    small = Settings(of.max_entries // factor, of.ttl, of.prune_every // factor)
    return simulate(source, Miniature(traffic, traffic / factor, small, of))


def shares(prediction):
    after = prediction.after_warm_up
    evicted = max(after.cap_evictions + after.ttl_evictions, 1)
    sorts = after.cap_evictions / max(after.creates, 1)
    return np.array([after.false_evictions / evicted, after.lost_counts / after.increments, sorts])


def chance(*found):
    """The standard error of the difference of two means over independent seeds."""
    return np.sqrt(sum(each.var(axis=0, ddof=1) / len(each) for each in found))


@pytest.mark.parametrize("name", workload_names())
def test_a_miniature_of_an_eighth_does_what_direct_simulation_does(name):
    """On streams of other seeds: so far below the cap, at the cliff and far beyond it."""
    for traffic in (2, 8, 30):
        sources = [Generated(busiest(name), seed) for seed in SEEDS]
        others = [Generated(busiest(name), seed + 100) for seed in SEEDS]
        whole = [direct(source, traffic) for source in sources]
        mine = [by_factor(source, traffic, 8) for source in others]
        held, expected = (np.array([each.utilisation() for each in found]) for found in (mine, whole))
        # Chance between seeds is largest at the cliff, where the store is at its cap now and then.
        assert held.mean() == pytest.approx(expected.mean(), rel=0.05, abs=3 * chance(held, expected)), traffic
        if sum(each.after_warm_up.cap_evictions for each in whole) > 3_000:
            found, wanted = (np.array([shares(each) for each in both]) for both in (mine, whole))
            off = np.abs(found.mean(axis=0) - wanted.mean(axis=0))
            assert (off < np.maximum(0.012, 3 * chance(found, wanted))).all(), traffic


@pytest.mark.parametrize("factor", [4, 16, 64])
def test_miniatures_hold_at_a_hundred_times_the_traffic(factor):
    whole = [direct(Generated(busiest("incident"), seed), 100) for seed in SEEDS]
    mine = [by_factor(Generated(busiest("incident"), seed + 100), 100, factor) for seed in SEEDS]
    held, expected = (np.mean([each.utilisation() for each in found]) for found in (mine, whole))
    assert held == pytest.approx(expected, rel=0.03)
    for name in ("increments", "creates", "cap_evictions", "entries_scanned", "entries_sorted", "prunes"):
        totals = [np.mean([getattr(each.after_warm_up, name) for each in found]) for found in (mine, whole)]
        assert totals[0] == pytest.approx(totals[1], rel=0.05), name
    assert all(each.whole.peak_entries == 2048 for each in (*mine, *whole))


def test_at_its_own_traffic_a_miniature_is_the_store_itself():
    trace = churn(load_workload("orphans").lasting(HOUR), 1)
    of = Settings(40, 5 * MINUTE, 16)
    for counter in COUNTERS:
        only = trace.only(counter)
        found = predict(Recorded(trace, 0, HOUR), 1, of, counter)
        assert found.miniature.settings == of
        assert found.whole == ledger.totals(only, reference(only, "bounded", of))


def test_where_traffic_is_too_little_a_larger_store_stands_for_many():
    """One event a session, evenly: what an idle TTL keeps is rate x TTL, and what waits for the next tick."""
    even = Generated(workload("6h", one=kind(60.0, "fixed 1s", "fixed 0s")), 1)
    found = predict(even, 0.1, SHIPPED)
    assert found.miniature.factor < 1
    assert found.miniature.settings.max_entries > 2048
    # 6 sessions an hour: in six hours none of the ticks of one store comes.
    assert found.whole.peak_entries == pytest.approx(36, rel=0.05)
    assert predict(even, 10, SHIPPED).whole.peak_entries == pytest.approx(600 / 2 + 256, rel=0.08)


def test_ticks_are_counted_right_where_prune_every_is_no_whole_number():
    even = Generated(workload("2h", one=kind(7200.0, "fixed 1s", "fixed 0s")), 1)
    of = Settings(2048, 2 * MINUTE, 7)
    whole, mine = direct(even, 4, of), simulate(even, Miniature(4, 1, Settings(512, 2 * MINUTE, 2), of))
    assert mine.after_warm_up.prunes == pytest.approx(whole.after_warm_up.prunes, rel=0.02)
    assert mine.after_warm_up.entries_scanned == pytest.approx(whole.after_warm_up.entries_scanned, rel=0.05)


def test_without_a_cap_any_traffic_can_be_simulated():
    even = Generated(workload("2h", one=kind(3600.0, "fixed 1s", "fixed 0s")), 1)
    of = Settings(0, 10 * MINUTE)
    assert most_traffic(even, of) == np.inf
    found = predict(even, 1e6, of)
    # Rate x TTL; a tick comes with every increment, as 256 of them are less than one of the miniature.
    assert found.whole.peak_entries == pytest.approx(600e6, rel=0.15)


def test_a_miniature_too_small_is_refused_in_one_sentence():
    trace = churn(load_workload("burst").lasting(HOUR), 1)
    log = Recorded(trace, 0, HOUR)
    assert most_traffic(log, SHIPPED) == 64
    assert predict(log, 64, SHIPPED).miniature.settings.max_entries == LEAST_CAP
    with pytest.raises(InputError, match=r"^65 times the traffic is out of range: .* at most 64, .* fewer than 32"):
        predict(log, 65, SHIPPED)
    with pytest.raises(InputError, match="out of range"):
        predict(log, 0, SHIPPED)
    # A store that small is simulated as it is.
    assert predict(log, 1, replace(SHIPPED, max_entries=1)).whole.peak_entries == 1


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_what_comes_after_an_instant_is_counted_apart(chunk):
    trace = churn(load_workload("orphans").lasting(HOUR), 1).first(6000).only("no_client")
    of, instant = Settings(40, 5 * MINUTE, 16), int(trace.time[2500])
    whole, after = totals_at(stream_of(trace, chunk), Spec("bounded", of), instant)
    observed = reference(trace, "bounded", of)
    assert whole == ledger.totals(trace, observed)
    assert after.increments == int(((trace.time >= instant) & (trace.op == INCREMENT)).sum())
    prunes = ledger.prunes(trace, observed)
    assert after.prunes == int((trace.time[prunes["row"]] >= instant).sum())
    assert after.peak_entries == whole.peak_entries


def test_evictions_that_there_is_no_room_to_await_are_counted_after_an_instant_too():
    random = np.random.default_rng(1)
    names = [str(number) for number in random.integers(0, 20_000, 60_000)]
    trace = Trace.of(np.arange(60_000), names, random.random(60_000) < 0.05, np.zeros(60_000))
    stream, spec = spread(stream_of(trace, 7000), 2), Spec("bounded", Settings(100, 0))
    for instant in (30_000, 70_000):
        found = totals_at(stream, spec, instant, max_awaiting=4000)
        assert found == totals_at(stream, spec, instant)
        assert found[0].false_evictions > 10_000
    assert found[1].false_evictions == 0


def test_the_operations_of_a_short_and_dense_workload_are_counted_at_the_traffic_that_is_simulated():
    """Its rates may be multiplied by 100 only, so 500 operations become 50,000 and no more."""
    few = Generated(workload("1s", one=kind(1e7, "fixed 1h", "fixed 0s")).lasting(SECOND // 5), 1)
    assert few.workload.most_times == 100
    n = sum(chunk.time.size for chunk in few.stream(1)())
    assert n < 1000
    assert few.least == pytest.approx(20_000 / n, rel=0.1)


def test_with_history_in_memory_only_its_own_traffic_is_simulated():
    tied = Generated(workload("2h", {"memory": {"sessions": 100, "age": "1h"}}, one=kind(200_000.0)), 1)
    trace = generate(tied.workload, 1)
    log = Recorded(trace, 0, HOUR * 2, in_memory=True)
    assert predict(tied, 1, SHIPPED).whole == predict(log, 1, SHIPPED).whole
    for source in (tied, log):
        for traffic in (0.5, 2):
            with pytest.raises(InputError, match=r"^nothing is estimated for other traffic: .* memory"):
                predict(source, traffic, SHIPPED)
        with pytest.raises(InputError, match="other traffic"):
            by_factor(source, 1, 2)
    with pytest.raises(InputError, match="other traffic"):
        tied.stream(2)


@pytest.mark.parametrize("path", [path for path in LOGS if path.name.startswith("gharchive")])
def test_a_log_is_predicted_from_a_part_of_its_sessions(path):
    """The same question at a time when the answer is known: half of the sessions, at twice their traffic."""
    trace = read_trace(path)
    lasts = int(trace.time[-1] - trace.time[0])
    whole = predict(Recorded(trace, int(trace.time[0]), lasts), 1, SHIPPED)
    for parts in (2, 4, 8):
        keep = trace.session % parts == 0
        some = Trace.of(trace.time[keep], trace.ids[trace.session[keep]], trace.op[keep], trace.counter[keep])
        mine = predict(Recorded(some, int(trace.time[0]), lasts), parts, SHIPPED)
        per_increment, expected = (each.held_ns() / each.after_warm_up.increments for each in (mine, whole))
        assert per_increment == pytest.approx(expected, rel=0.05)
        assert np.abs(shares(mine) - shares(whole)).max() < 0.04


# --- A fleet


def routed(stream, instances, number, affinity=False):
    """The stream of one instance."""

    def chunks():
        first = 0
        for chunk in stream():
            mine = instance_of(chunk, first, instances, affinity) == number
            yield rows_of(chunk, np.flatnonzero(mine), next_known=False)
            first += chunk.time.size

    return chunks


@pytest.mark.parametrize(
    ("name", "traffic", "instances"),
    [("incident", 30, 3), ("incident", 60, 10), ("orphans", 90, 3), ("steady", 100, 10), ("flood", 6, 3)],
)
@pytest.mark.parametrize("affinity", [True, False])
def test_an_instance_does_what_those_of_a_routed_fleet_do(name, traffic, instances, affinity):
    source = Generated(busiest(name), 1)
    found = []
    for number in range(3):
        stream = routed(source.stream(traffic), instances, number, affinity)
        found.append(totals_at(stream, Spec("bounded", SHIPPED), 30 * MINUTE)[0])
    among = 1 if affinity else instances
    mine = predict(Generated(busiest(name), 7), traffic / instances, SHIPPED, instances=among)
    for field in ("increments", "creates", "deletes", "entries_scanned", "peak_entries"):
        mean = np.mean([getattr(totals, field) for totals in found])
        assert getattr(mine.whole, field) == pytest.approx(mean, rel=0.08, abs=1), field


rows = st.tuples(st.sampled_from([0, 0, 1, 3]), st.sampled_from("abcdef"), st.sampled_from([0, 0, 0, 1]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=st.lists(rows, min_size=1, max_size=60), instances=st.integers(2, 5), chunk=st.integers(1, 40))
def test_a_spread_stream_is_all_instances_in_one(stream, instances, chunk):
    """With no bound the one store holds just what all of the fleet's maps hold, whatever the chunks."""
    steps, names, ops = zip(*stream, strict=True)
    trace = Trace.of(np.cumsum(np.array(steps)) * SECOND, names, ops, np.zeros(len(ops)))
    unbounded = [Spec("unbounded")]
    (one,) = stream_totals(spread(stream_of(trace, chunk), instances), unbounded)
    each = [stream_totals(routed(stream_of(trace, chunk), instances, n), unbounded)[0] for n in range(instances)]
    for field in ("increments", "deletes", "deletes_hit", "creates", "final_entries", "final_count_sum", "log_lines"):
        assert getattr(one, field) == sum(getattr(totals, field) for totals in each)
