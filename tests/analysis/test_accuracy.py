"""The findings of `02_eviction_accuracy` on streams small enough to compute by hand, and whom evictions hit."""

import math
from dataclasses import replace

import numpy as np
import pytest

from simlib.analysis.accuracy import Accuracy
from simlib.analysis.caps import Caps
from simlib.analysis.harm import as_text, hardest_hit
from simlib.core.units import SECOND
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import LeftOut
from simlib.stores.contract import Settings
from tests.analysis.test_findings import OPERATIONS, experiment_of
from tests.paths import CASES


@pytest.mark.parametrize(
    ("cap", "message"),
    [
        (0, "No cap is set; none up to 16 evicts no session still in use"),
        (2, "Today's cap evicts 38 sessions still in use; no larger one tried evicts none"),
    ],
)
def test_a_cap_that_was_not_found_is_not_named(cap, message):
    # Two are live at once, so caps up to sixteen are tried; between their increments a hundred strangers come.
    caps = Caps(experiment_of(strangers_between(100), Settings(max_entries=cap, ttl=0)))
    assert math.isinf(caps.none_from)
    assert caps.draw().message == message


def test_accuracy_by_hand():
    accuracy = Accuracy(experiment_of(OPERATIONS, Settings(max_entries=1, ttl=0)))
    assert accuracy.false_share.mean == pytest.approx(1 / 3)
    assert accuracy.lost_share.mean == pytest.approx(1 / 4)
    # Unbounded a's count is 1, 2, with eviction 1, 1: two lines either way.
    assert accuracy.extra_lines.mean == 0
    assert accuracy.causes().loc["cap"].tolist() == [2, 0, 1]
    assert accuracy.accounts_agree()
    assert Caps(accuracy.experiment).agree()
    assert accuracy.tile() == ("25 %", "of the counts; 33.3 % of evictions hit sessions in use", False)
    assert accuracy.answer() == (
        "No: 33.3 % of the evictions removed a session still in use. "
        "With them 25 % of the counts were lost, and the service logged no extra line."
    )


def test_rates_are_those_after_the_warm_up_and_sentences_are_of_the_whole():
    # TTL 100 s, looked for on every increment. a at 0 is evicted at 101 by b, and comes back at 102: a false eviction
    # after the warm-up.
    operations = [(0, "a", "increment"), (101, "b", "increment"), (102, "a", "increment"), (260, "c", "increment")]
    settings = Settings(max_entries=0, ttl=100 * SECOND, prune_every=1)
    accuracy = Accuracy(experiment_of(operations, settings))
    # a and b, once more, expire at 260.
    assert accuracy.false_share.mean == pytest.approx(1 / 3)
    assert accuracy.lost_share.mean == pytest.approx(1 / 3)


def test_where_every_eviction_comes_in_the_warm_up_there_is_no_rate():
    # The store of drops never fills, so the warm-up lasts for half of the time; the other one is full before.
    operations = [(time, session, "increment") for time, session in enumerate("dabca")]
    settings = Settings(max_entries=2, ttl=1000 * SECOND)
    swallowed = Accuracy(experiment_of([*operations, (40, "a", "delete")], settings, drops=[0]))
    assert swallowed.accounts_agree()
    assert swallowed.experiment.first.totals("no_client", "bounded").false_evictions == 1
    assert "come in the warm-up" in swallowed.answer()


def test_where_nothing_is_evicted_nothing_is_lost():
    accuracy = Accuracy(experiment_of(OPERATIONS, Settings(max_entries=0, ttl=0)))
    assert math.isnan(accuracy.false_share.mean)
    assert accuracy.answer().startswith("Nothing is evicted here")
    assert accuracy.tile() == ("0 %", "of the counts; no session is evicted", True)
    assert accuracy.price() == [accuracy.answer()]
    assert isinstance(accuracy.draw_causes(), LeftOut)
    assert isinstance(accuracy.draw_snapshots(), LeftOut)


def strangers_between(strangers=10):
    """Two regulars alternate while strangers pass by one after another between their increments, 20 rounds."""
    names = [name for at in range(20) for name in ("a", "b", *(f"stranger-{at}-{n}" for n in range(strangers)))]
    return [(time, name, "increment") for time, name in enumerate(names)]


def test_the_cap_that_spares_the_living():
    # Each regular is last seen before the other and ten strangers: the store must hold 12.
    caps = Caps(experiment_of(strangers_between(), Settings(max_entries=2, ttl=0)))
    assert caps.evicted(2).mean == caps.evicted(11).mean == 2 * 19
    assert caps.evicted(12).mean == 0
    assert caps.none_from == 12
    assert caps.agree()
    assert caps.draw().message == "Today's cap evicts 38 sessions still in use; from 12 on it evicts none"
    assert caps.table["cap"].is_monotonic_increasing
    assert 2 in set(caps.table["cap"])


def test_a_cap_that_is_never_reached_and_no_cap_are_said_in_words():
    spared = Caps(experiment_of(strangers_between(), Settings(max_entries=100, ttl=0)))
    assert spared.draw().message == "Today's cap evicts no session still in use; one below 12 would"
    endless = Caps(experiment_of(strangers_between(), Settings(max_entries=0, ttl=0)))
    assert endless.agree()
    assert endless.draw().message == "No cap is set; one from 12 on evicts no session still in use"
    once = Caps(experiment_of(OPERATIONS[1:4], Settings(max_entries=1, ttl=0)))
    assert isinstance(once.draw(), LeftOut)


def test_harm_by_class_by_hand():
    experiment = experiment_of(strangers_between(), Settings(max_entries=2, ttl=0))
    regular = np.isin(experiment.first.trace.ids, ["a", "b"]).astype(np.int64)
    replication = replace(experiment.first, classes=("strangers", "regulars", "no one"), class_of=regular)
    accuracy = Accuracy(replace(experiment, replications=(replication,)))
    table = accuracy.harm
    # The store is full in second 1, so the first call of a is left out. All calls but the first find their count gone.
    assert table.index.tolist() == ["strangers", "regulars", "all"]
    regulars = table.loc["regulars"]
    assert (regulars["sessions"], regulars["hit_percent"]) == (2, 100)
    assert (regulars["increments"], regulars["repeats"], regulars["repeats_gone_percent"]) == (39, 38, 100)
    strangers = table.loc["strangers"]
    assert (strangers["sessions"], strangers["increments"], strangers["repeats"]) == (200, 200, 0)
    assert math.isnan(strangers["repeats_gone_percent"])
    # Both regulars are evicted in each round, in the last one for good.
    assert regulars["evictions"] == 40
    assert regulars["in_use_percent"] == 95
    assert table.loc["all", "gone_percent"] == pytest.approx(100 * 38 / 239)
    assert table.loc["all", "in_use_percent"] == pytest.approx(100 * accuracy.false_share.mean)
    assert hardest_hit(table) == "regulars"
    assert accuracy.price()[1] == "100 % of repeat calls find their count gone."
    assert as_text(table).loc["strangers", "repeat calls, count gone (%)"] == "none"


def test_a_snapshot_is_measured_by_the_sessions_in_use():
    accuracy = Accuracy(experiment_of(strangers_between(), Settings(max_entries=2, ttl=0)))
    table = accuracy.snapshots
    # Of the two in use at any time the store holds one with a count of one, or none.
    assert (table["in_use_undercount"].dropna() > 0.8).all()
    assert accuracy.draw_snapshots().message.startswith("Snapshots lack ")
    # With room for all, nothing is missing.
    whole = Accuracy(experiment_of(strangers_between(), Settings(max_entries=1000, ttl=0)))
    assert isinstance(whole.draw_snapshots(), LeftOut)


def test_evictions_too_near_the_end_are_no_evidence():
    # All that leaves by the cap in the last TTL is undecided.
    operations = [(time, f"s{time}", "increment") for time in range(50)]
    accuracy = Accuracy(experiment_of(operations, Settings(max_entries=10, ttl=1000 * SECOND)))
    assert accuracy.answer() == "Too early to say: 100 % of the evictions came too near the end to decide."
    assert accuracy.unknown() == accuracy.answer()
    assert accuracy.price() == []
    assert accuracy.tile()[0] == "not known"


def test_one_replication_has_no_interval():
    accuracy = Accuracy(experiment_of(OPERATIONS, Settings(max_entries=1, ttl=0)))
    assert accuracy.estimates_table().columns.tolist() == ["mean"]


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_an_address_that_rotates_evicts_the_regulars():
    # In two hours 56 763 false evictions, 79 % of the 72 101 repeat calls of regulars. The share is soon reached.
    experiment = open_experiment(str(CASES / "workloads/ip_limiter.yaml"), hours=0.25)
    harm = Accuracy(experiment).harm
    assert hardest_hit(harm) == "regular"
    assert harm.loc["regular", "repeats_gone_percent"] == pytest.approx(79, abs=3)
