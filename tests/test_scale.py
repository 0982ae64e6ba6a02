"""What `07_scale` rests on: multiplied traffic, fitted exponents, prices from totals, and its claims on presets."""

import numpy as np
import pytest

from simlib import cost, ledger
from simlib.case import open_case
from simlib.churn import simulate
from simlib.errors import InputError
from simlib.growth import even_incident, peak_mib, run
from simlib.projection import Fleet
from simlib.replay import replay
from simlib.scale import Scale
from simlib.statistics import exponent
from simlib.stores import Settings
from simlib.theory import evened, growth, sessions
from simlib.units import HOUR, MINUTE
from simlib.workload import load_workload, workload_names


def test_twice_the_traffic_is_twice_the_sessions_and_the_same_shape():
    usual = load_workload("diurnal").lasting(24 * HOUR)
    busy = usual.times(2)
    assert busy.kinds["watched"].arrivals.hourly == usual.kinds["watched"].arrivals.hourly
    assert busy.kinds["watched"].arrivals.per_hour == 2 * usual.kinds["watched"].arrivals.per_hour
    rates = [growth(sessions(evened(each))) for each in (usual, busy)]
    assert rates[1] == pytest.approx(2 * rates[0])
    assert len(simulate(usual.times(0), 1)) == 0
    assert simulate(usual.times(1).lasting(HOUR), 1).digest == simulate(usual.lasting(HOUR), 1).digest


@pytest.mark.parametrize("load", [-1.0, float("nan"), float("inf"), 1e12])
def test_a_load_that_no_workload_may_have_is_refused(load):
    with pytest.raises(InputError, match="load: "):
        load_workload("incident").times(load)


def test_the_exponent_of_a_power_law_is_found():
    x = np.geomspace(1, 1000, 10)
    exact = exponent(x, 3 * x**1.5)
    assert (exact.mean, exact.low, exact.high) == pytest.approx((1.5, 1.5, 1.5))
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        # Replications that differ as wholes, which no residual of one shows.
        own = 2 + 0.1 * random.standard_normal((5, 1))
        found = exponent(x, x**own * np.exp(0.01 * random.standard_normal((5, x.size))))
        covered += found.low <= 2 <= found.high
    assert 0.9 <= covered / 200 <= 0.99


def test_one_realisation_has_the_interval_of_its_regression():
    random, x = np.random.default_rng(2), np.geomspace(1, 100, 12)
    found = [exponent(x, x**0.7 * np.exp(0.1 * random.standard_normal(x.size))) for _ in range(300)]
    covered = np.mean([each.low <= 0.7 <= each.high for each in found])
    assert 0.9 <= covered <= 0.99
    assert np.isnan(exponent(x[:2], x[:2]).low)


@pytest.mark.parametrize("name", workload_names())
@pytest.mark.parametrize("chosen", [Settings(), Settings(200, 5 * MINUTE, 64), Settings(0), Settings(300, 0)])
def test_the_time_from_totals_is_that_from_every_increment(name, chosen):
    trace = simulate(load_workload(name).lasting(4 * HOUR), 1).only("no_client")
    observed = replay(trace, "bounded", chosen)
    exact = cost.increment_ns(trace, observed).sum()
    assert cost.held_ns(ledger.totals(trace, observed), chosen) == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("name", ["incident", "steady"])
def test_the_findings_hold_on_a_small_case(name):
    case = open_case(name, replications=2, hours=3)
    scale = Scale(case)
    assert scale.engines_agree()
    assert scale.exponents_hold()
    assert scale.sorts_as_it_should()
    assert scale.decades >= 3
    assert np.isfinite(list(scale.simulator_numbers().values())).all()
    fleet = Fleet(scale, 50)
    assert fleet.affinity_helps()
    assert fleet.larger_without()
    assert len(fleet.table())


def test_growth_measures_what_it_says():
    rates = {name: kind.arrivals for name, kind in even_incident(1).kinds.items()}
    assert all(arrivals.hourly is None for arrivals in rates.values())
    measured = run(hours=0.05)
    assert measured["operations"] > 1000
    assert measured["seconds"] > 0
    assert 20 < measured["peak_mib"] <= peak_mib()
