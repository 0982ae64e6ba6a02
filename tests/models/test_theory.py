"""Closed forms: against a plain Monte Carlo of their laws, by hand where they are simple, and in the model."""

import numpy as np
import pytest

from simlib.analysis.closed_forms import ClosedForms
from simlib.analysis.work import Work
from simlib.core.distributions import Distribution
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.experiments.experiment import open_experiment
from simlib.models import theory
from simlib.models.theory import Sessions
from simlib.replay.observe import replay
from simlib.workloads.arrivals import Arrivals
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names

NEVER = Distribution("fixed", 0, 0)
PAUSED = Sessions(1 / MINUTE, 20 * SECOND, 180 * SECOND, 0.25, Distribution("uniform", 20 * MINUTE, 40 * MINUTE))
PLAIN = Sessions(1 / SECOND, 60 * SECOND, 600 * SECOND, 0.0, NEVER)
ONE = Sessions(1 / SECOND, SECOND, 0, 0.0, NEVER)


def drawn(kind, sessions=60_000):
    """Gaps of many sessions, one list, and the number of sessions: events while it works, each gap perhaps longer."""
    random, gaps = np.random.default_rng(5), []
    left = random.exponential(kind.lasts, sessions)
    while left.size:
        gap = random.exponential(kind.gap, left.size)
        left, gap = (left - gap)[gap <= left], gap[gap <= left]
        paused = random.random(gap.size) < kind.pauses
        gaps.append(gap + np.where(paused, random.uniform(kind.pause.low, kind.pause.high, gap.size), 0))
    return np.concatenate(gaps), sessions


@pytest.mark.parametrize("kind", [PAUSED, PLAIN])
def test_the_laws_of_a_session_are_those_of_a_plain_monte_carlo(kind):
    gaps, sessions = drawn(kind)
    assert kind.gaps == pytest.approx(gaps.size / sessions, rel=0.02)
    assert kind.mean_gap == pytest.approx(gaps.mean(), rel=0.02)
    assert kind.mean_span == pytest.approx(gaps.sum() / sessions, rel=0.02)
    for time in (10 * SECOND, MINUTE, 25 * MINUTE, 35 * MINUTE):
        assert kind.longer(time) == pytest.approx((gaps > time).mean(), abs=0.005)
        assert kind.mean_gap_up_to(time) == pytest.approx(np.minimum(gaps, time).mean(), rel=0.02)


def test_by_hand_where_a_session_is_one_event():
    assert theory.live([ONE]) == 0
    assert theory.growth([ONE]) * HOUR == pytest.approx(3600)
    # One new session a second, each kept for the TTL: 1 800 entries; a cap of 2 048 is reached at 2048 / 1800 a second.
    assert theory.idle_occupancy([ONE], 30 * MINUTE) == pytest.approx(1800)
    assert theory.cap_reached_at([ONE], 2048, 30 * MINUTE) * SECOND == pytest.approx(2048 / 1800)
    # A prune every 256 increments, one a second: an expired entry waits 128 s on average.
    assert theory.prune_lag([ONE], 256) == pytest.approx(128 * SECOND)
    assert theory.occupancy([ONE], 30 * MINUTE, 256) == pytest.approx(1928)
    # LRU with room for 100 holds each for 100 s, and none of them comes back.
    assert theory.characteristic_time([ONE], 100) == pytest.approx(100 * SECOND)
    assert theory.false_evictions([ONE], 100) == 0


def test_even_arrivals_keep_the_mean_rate_and_only_what_the_forms_cover():
    incident = load_workload("incident")
    even = theory.evened(incident)
    assert sorted(even.kinds) == ["background", "transient"]
    assert even.kinds["background"].arrivals.per_hour == 900
    hourly = incident.kinds["transient"].arrivals.hourly
    assert even.kinds["transient"].arrivals.per_hour == pytest.approx(2400 * sum(hourly) / 24)
    assert even.kinds["transient"].arrivals.hourly is None
    assert theory.evened(load_workload("steady")) is None


@pytest.mark.parametrize("workload", sorted(set(workload_names()) - {"flood"}))
def test_closed_forms_hold_in_the_model(workload):
    checks = ClosedForms(open_experiment(workload, replications=3, hours=1))
    assert checks.littles_law == 0
    assert len(checks.forms) == (0 if workload in ("steady", "orphans") else 6)
    assert all(abs(form.ratio.mean - 1) <= 0.05 for form in checks.forms)
    # Three times the half-width that three replications have: an error is then no accident.
    for form in checks.forms:
        assert abs(form.ratio.mean - 1) <= 3 * max(form.ratio.high - form.ratio.mean, 0.002), form.name
    che = checks.che
    assert (len(che) > 0) is (workload not in ("steady", "orphans"))
    assert (abs(che["simulated"] - che["expected"]) <= np.maximum(0.1 * che["expected"], 6)).all()


@pytest.mark.parametrize(("share", "least", "most"), [(0.85, 0, 0.05), (1.15, 0.6, 1)])
def test_the_cap_is_reached_at_the_rate_in_closed_form(share, least, most):
    even = theory.evened(load_workload("incident"))
    kinds = theory.sessions(even)
    faster = share * theory.cap_reached_at(kinds, 2048, 30 * MINUTE) / theory.growth(kinds)
    scaled = {
        name: kind.model_copy(update={"arrivals": Arrivals(per_hour=faster * kind.arrivals.per_hour)})
        for name, kind in even.kinds.items()
    }
    trace = simulate(even.model_copy(update={"kinds": scaled}).lasting(8 * HOUR), 1).only("no_client")
    work = Work.of(trace, replay(trace), 2 * HOUR, 8 * HOUR, "1.27")
    assert least <= work.sorts_per_create <= most
