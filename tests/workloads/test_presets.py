"""Each preset is in the regime that it stands for; a change that takes it out of there fails here."""

import pytest

from simlib.experiments.experiment import open_experiment
from simlib.workloads.schema import workload_names

NEITHER, TTL, CAP, BOTH = (False, False), (False, True), (True, False), (True, True)

REGIMES = {
    "burst": BOTH,
    "diurnal": BOTH,
    "dormant": TTL,
    "flood": CAP,
    "incident": BOTH,
    "orphans": TTL,
    "steady": NEITHER,
}


@pytest.fixture(scope="module")
def totals():
    """The ledgers of the whole of each preset, by preset, counter and design."""
    found = {}
    for name in workload_names():
        replication = open_experiment(name).first
        for counter, design in replication.observed:
            found[name, counter, design] = replication.totals(counter, design)
    return found


def test_every_preset_has_its_regime_stated():
    assert set(REGIMES) == set(workload_names())


@pytest.mark.parametrize("name", REGIMES)
def test_which_bounds_act(totals, name):
    ledger = totals[name, "no_client", "bounded"]
    assert (ledger.cap_evictions > 0, ledger.ttl_evictions > 0) == REGIMES[name]
    assert (ledger.peak_entries == 2048) is REGIMES[name][0]


def test_deletes_meet_evictions(totals):
    """A delete that would have found its entry finds that a prune took it."""
    for name in ("orphans", "incident", "diurnal"):
        assert totals[name, "no_client", "bounded"].deletes_hit < totals[name, "no_client", "unbounded"].deletes_hit


def test_clients_drop_events_where_they_are_slow(totals):
    for name in REGIMES:
        assert (totals[name, "drops", "unbounded"].increments > 1000) is (name in ("orphans", "incident"))


def test_the_leak_is_where_nobody_cleans_up(totals):
    for name in REGIMES:
        unbounded = totals[name, "no_client", "unbounded"]
        assert (unbounded.final_entries > 0.1 * unbounded.creates) is (name != "steady")


def test_the_dormant_come_back_before_and_after_the_ttl(totals):
    ledger = totals["dormant", "no_client", "bounded"]
    # Nearly all that is evicted comes back but for the end of each session; and luck keeps some alive.
    assert ledger.false_evictions > 0.4 * ledger.ttl_evictions
    assert ledger.stale_hits > 100


def test_the_flood_drowns_the_living(totals):
    ledger = totals["flood", "no_client", "bounded"]
    assert ledger.false_evictions > 1000
    assert ledger.ttl_evictions == 0
