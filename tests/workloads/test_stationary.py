"""Sessions under way at the start, members that come again and heavy tails, each against its theory."""

import numpy as np
import pytest
from scipy import integrate, stats

from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload
from simlib.workloads.timetable import timetable
from tests.builders import kind, workload

LAWS = {
    "fixed 30m": stats.uniform(30 * MINUTE, 1e-6),
    "uniform 10m 50m": stats.uniform(10 * MINUTE, 40 * MINUTE),
    "exponential 20m": stats.expon(scale=20 * MINUTE),
    "lognormal 15m 0.8": stats.lognorm(0.8, scale=15 * MINUTE),
    "pareto 10m 2.5": stats.pareto(2.5, scale=10 * MINUTE),
}


def lives(trace, begin=0):
    """The last event of each session that has one within 5 s of an instant, from there, ns."""
    last = np.zeros(trace.ids.size, np.int64)
    last[trace.session] = trace.time
    soon = np.unique(trace.session[(trace.time >= begin) & (trace.time < begin + 5 * SECOND)])
    return last[soon] - begin


@pytest.mark.parametrize("law", LAWS)
def test_the_start_is_that_of_an_m_g_infinity_queue(law):
    """Sessions under way are Poisson, of mean rate x lifetime (Little); what is left of each has the excess law.

    The excess law has density P(lifetime > x) / mean (Takacs, Introduction to the Theory of Queues, 1962, chapter 3).
    """
    theory = LAWS[law]
    chosen = workload("20h", before="50h", one=kind(1200.0, "fixed 5s", law))
    residuals = [lives(generate(chosen, seed)) for seed in range(1, 4)]
    # Within the 5 s looked at 1.7 more arrive on average; of those in their last gap, 0.8 on average are not seen.
    expected = 3 * 1200 * theory.mean() / HOUR
    assert sum(map(len, residuals)) == pytest.approx(expected, abs=4 * expected**0.5 + 10)

    def excess(times):
        grid = np.linspace(0, 20 * HOUR, 200_001)
        return np.interp(times, grid, integrate.cumulative_trapezoid(theory.sf(grid), grid, initial=0) / theory.mean())

    assert stats.kstest(np.concatenate(residuals), excess).pvalue > 0.001


def test_the_start_is_like_any_later_instant():
    chosen = workload("6h", before="48h", one=kind(1200.0, "fixed 5s", "lognormal 15m 0.8"))
    traces = [generate(chosen, seed) for seed in range(4)]
    first, later = (np.concatenate([lives(trace, at) for trace in traces]) for at in (0, 3 * HOUR))
    assert stats.ks_2samp(np.minimum(first, 2 * HOUR), np.minimum(later, 2 * HOUR)).pvalue > 0.001


def test_without_a_time_before_nobody_is_under_way():
    assert len(lives(generate(workload("1h", one=kind(1200.0, "fixed 5s", "fixed 30m")), 1))) < 15


@pytest.mark.parametrize(("hour", "found"), [(23, True), (22, True), (21, False), (5, False)])
def test_the_time_before_is_the_end_of_a_day(hour, found):
    hourly = [0.0] * 24
    hourly[hour] = 1.0
    chosen = workload("30m", before="2h", one=kind(100.0, "fixed 1m", "fixed 150m", arrivals={"hourly": hourly}))
    soon = generate(chosen, 1).time < 50 * SECOND
    assert bool(soon.any()) == found


def test_a_client_that_is_connected_at_the_start_connects_then():
    watched = {"joins": "fixed 1m", "stays": "fixed 30m", "returns": 0.0, "another": 0.0}
    chosen = workload("1h", before="1h", one=kind(60.0, "fixed 7m", "fixed 2h", watched, outlives=True))
    rows = list(timetable(chosen, 1, "one"))
    at_start = [code for time, _, code, _ in rows if time == 0]
    # A minute after their begin they connect for half an hour, and 60 an hour begin: some 30 are connected.
    assert set(at_start) == {1}
    assert 15 < len(at_start) < 50
    assert min(time for time, *_ in rows) == 0
    # Every one of them disconnects within the half hour.
    ids = {session for time, session, code, _ in rows if time == 0}
    gone = {session for time, session, code, _ in rows if code == -1 and time < 30 * MINUTE}
    assert ids <= gone


@pytest.mark.parametrize("zipf", [0.0, 0.8, 1.0, 2.0])
def test_visits_follow_zipf(zipf):
    """The share of rank r is r ** -s over the sum of all (Zipf, Human Behavior and the Principle of Least Effort)."""
    regular = {**kind(40_000.0, lasts="fixed 0s"), "population": {"members": 500, "zipf": zipf}}
    trace = generate(workload("3h", one=regular), 1)
    weights = np.arange(1, 501) ** -zipf
    visits = np.sort(np.bincount(trace.session, minlength=500))[::-1]
    assert trace.ids.size <= 500
    # The ranks are known by the ids of sessions of a kind that has no population: its first sessions are the members.
    alone = generate(workload("3h", one=kind(40_000.0, lasts="fixed 0s")), 1)
    of_member = dict(zip(trace.ids, np.bincount(trace.session), strict=True))
    counts = np.array([of_member.get(name, 0) for name in alone.ids[:500]])
    assert counts.sum() == visits.sum() == len(trace)
    expected = len(trace) * weights / weights.sum()
    many = expected >= 5
    observed = np.append(counts[many], counts[~many].sum())
    wanted = np.append(expected[many], expected[~many].sum())
    kept = wanted > 0
    assert stats.chisquare(observed[kept], wanted[kept]).pvalue > 0.001


def test_new_members_come_ever_more_rarely():
    """Expected members seen after n visits: the sum of 1 - (1 - share) ** n (the coupon collector's problem)."""
    regular = {**kind(5_000.0, lasts="fixed 0s"), "population": {"members": 10_000, "zipf": 1.0}}
    seen, visits = zip(
        *((trace.ids.size, len(trace)) for trace in (generate(workload("4h", one=regular), seed) for seed in range(4))),
        strict=True,
    )
    shares = 1 / np.arange(1, 10_001) / (1 / np.arange(1, 10_001)).sum()
    assert np.mean(seen) == pytest.approx(np.mean([(1 - (1 - shares) ** n).sum() for n in visits]), rel=0.02)


def test_a_population_leaves_the_times_of_its_visits_as_they_are():
    chosen, names = kind(600.0, "exponential 10s", "exponential 5m"), {"members": 30, "zipf": 1.0}
    alone, visiting = (generate(workload(one=one), 3) for one in (chosen, {**chosen, "population": names}))
    np.testing.assert_array_equal(alone.time, visiting.time)
    assert visiting.ids.size == 30 < alone.ids.size


def test_a_time_before_leaves_an_even_workload_of_short_sessions_alike():
    steady = load_workload("steady").lasting(2 * HOUR)
    plain, begun = (generate(steady.model_copy(update={"before": before}), 1) for before in (0, 24 * HOUR))
    # 1200 sessions, so 35 is one standard error.
    assert begun.ids.size == pytest.approx(plain.ids.size, abs=200)
