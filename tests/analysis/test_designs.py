"""The findings of `05_designs`: outcomes by hand, claims that must hold, and what is said where there is little."""

import re

import numpy as np
import pytest

from simlib.analysis.designs import Designs, as_text, lines_of_go, outcomes
from simlib.analysis.libraries import Libraries
from simlib.analysis.replacement import HALF, Replacement, lesson
from simlib.calibration.golang import SOURCE
from simlib.core.numbers import format_duration, format_percent
from simlib.core.units import SECOND
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import LeftOut
from simlib.models import cost
from simlib.models.footprint import Footprint
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS, LEAKED, SHIPPED
from simlib.traces.codes import OPS
from simlib.traces.trace import Trace
from tests.analysis.test_findings import check_figures, figures_of
from tests.paths import LOGS


def trace_of(*operations):
    """A trace of (session, op) a second apart."""
    sessions, ops = zip(*operations, strict=True)
    n = len(ops)
    return Trace.of([SECOND * t for t in range(n)], sessions, [OPS.index(op) for op in ops], np.zeros(n))


def test_an_outcome_by_hand():
    # At a cap of 1 each change of session evicts the other: a is wrong when it comes back, b is never seen again.
    trace = trace_of(*((name, "increment") for name in "aaba"))
    found = outcomes(trace, Settings(max_entries=1, ttl=0), Footprint())
    bounded, unbounded = found[SHIPPED], found[LEAKED]
    assert (bounded.misses, unbounded.misses) == (3, 2)
    assert bounded.lost_share == 2 / 4
    assert bounded.wrong_share == 1 / 4
    assert (bounded.estimate_of_total, bounded.truth) == (1, 4)
    assert bounded.total_error == -3 / 4
    assert (bounded.top_10, unbounded.top_10) == (1 / 2, 1)
    assert unbounded.wrong_share == unbounded.total_error == 0


def test_without_any_count_left_there_is_no_error_of_the_total():
    found = outcomes(trace_of(("a", "increment"), ("a", "delete")), Settings(), Footprint())
    assert np.isnan(found[SHIPPED].total_error)


def test_lines_of_go_are_those_to_copy():
    lines = (SOURCE / "bounded.go").read_text(encoding="utf-8").splitlines()
    assert 20 < lines_of_go(SHIPPED) < len(lines)
    assert np.isnan(lines_of_go("no_such_design"))


@pytest.fixture(scope="module")
def incident():
    return Replacement(Designs(open_experiment("incident", hours=3, replications=2, compiled=True)))


def test_compiled_engines_give_the_experiment_that_the_simulation_gives():
    fast, slow = (open_experiment("burst", hours=1, compiled=compiled).first for compiled in (True, False))
    assert fast.trace.digest == slow.trace.digest
    assert fast.ledgers == slow.ledgers
    assert fast.warm_up == slow.warm_up


def test_the_designs_keep_what_is_claimed_of_them(incident):
    assert all(holds for _, holds, _ in incident.designs.claims())
    assert incident.bound_agrees()
    # The libraries replayed the whole workload, not its first hours.
    assert Libraries(incident.designs).agree() is None
    check_figures(figures_of(incident))


def test_every_design_is_in_every_table(incident):
    designs = incident.designs
    for table in (designs.table(), designs.costs, designs.flood()):
        assert list(table.index) == list(DESIGNS)
    assert (designs.costs["steps_worst"] >= designs.costs["steps_mean"]).all()


def test_a_design_is_recommended_that_may_replace_the_shipped_one(incident):
    assert incident.design in incident.designs.eligible
    assert SHIPPED in incident.designs.eligible
    assert LEAKED not in incident.designs.eligible
    assert incident.design in incident.answer()
    designs = incident.designs
    shown = [as_text(table, "not measured") for table in (designs.table(), designs.costs, designs.regret)]
    for text in (incident.answer(), lesson(), *(t.to_string() for t in (incident.pruning(), *shown))):
        assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)


def test_the_answer_is_three_short_sentences_and_its_numbers_are_those_of_the_figures(incident):
    assert len(re.findall(r"\.(?= |$)", incident.answer())) <= 3
    lost = [format_percent(incident.designs.mean(d, lambda o: o.lost_share).mean) for d in (incident.design, SHIPPED)]
    for number in lost:
        assert number in incident.answer()
        assert number in incident.draw_trade_off().message


def test_the_lesson_has_the_times_that_were_measured():
    measured = {name: format_duration(cost.design_cost(name).mean_ns) for name in ("bounded", "heap", "linked_list")}
    assert all(f"{time} in {name}" in lesson() for name, time in measured.items())


def test_the_lock_is_half_used_when_every_increment_sorts_for_half_of_a_second_a_second(incident):
    per_new = incident.increments_per_new
    assert incident.saturates_at * per_new * incident.sort_ns == pytest.approx(HALF * SECOND)
    assert 200_000 < incident.sort_ns < 400_000


@pytest.mark.parametrize("chosen", [{"max_entries": 1}, {"ttl": "0"}, {"max_entries": 0}, {"max_entries": 40}])
def test_other_settings_are_answered(chosen):
    replacement = Replacement(Designs(open_experiment("burst", hours=1, compiled=True, **chosen)))
    assert all(holds for _, holds, _ in replacement.designs.claims())
    assert replacement.bound_agrees() in (True, None)
    check_figures(figures_of(replacement))
    assert replacement.design in replacement.answer()
    # Go was measured at another cap.
    assert "in Go (" not in replacement.answer()
    assert "steps" in replacement.draw_costs().message or "max_entries" not in chosen


def test_what_may_outgrow_the_cap_is_taken_only_where_no_other_is_as_accurate():
    # By night a TTL loses nobody here, so all designs lose nothing and the cap need not be given up.
    replacement = Replacement(Designs(open_experiment("diurnal", hours=3, compiled=True)))
    assert not DESIGNS[replacement.design].exceeds_cap


def test_memory_is_said_to_stand_on_the_bytes_that_are_given_or_modelled():
    assert Designs(open_experiment("burst", hours=0.2, compiled=True)).an_entry().startswith("a modelled 1")
    given = Designs(open_experiment("burst", hours=0.2, compiled=True, entry_bytes=1024))
    assert given.an_entry() == "the given 1020 bytes an entry"
    heap = given.table()["heap_mib"]
    # Whatever the design, an entry is an entry: those of the same peak take the same.
    assert heap["heap"] == heap["bounded"] == heap["retired_total"]


def test_without_a_cap_nothing_is_sorted_and_without_increments_nothing_is_said(tmp_path):
    endless = Replacement(Designs(open_experiment("burst", hours=0.5, max_entries=0, compiled=True)))
    assert endless.pruning()["value"].iloc[-1].startswith("none, as without a cap")
    path = tmp_path / "deletes.csv"
    path.write_text("time,session,op\n0,a,delete\n9,b,delete\n", encoding="utf-8")
    silent = Replacement(Designs(open_experiment(trace=str(path), compiled=True)))
    assert "never incremented" in silent.answer()
    assert Libraries(silent.designs).agree() is silent.bound_agrees() is None
    assert all(isinstance(getattr(silent, f"draw_{name}")(), LeftOut) for name in ("trade_off", "costs", "regret"))
    assert silent.designs.claims() == []
    assert silent.pruning().empty


@pytest.mark.parametrize("path", [path for path in LOGS if path.name.startswith("elastic")], ids=lambda path: path.name)
def test_real_logs_are_answered(path):
    replacement = Replacement(Designs(open_experiment(trace=str(path), compiled=True)))
    assert all(holds for _, holds, _ in replacement.designs.claims())
    assert "steps" in replacement.answer()
    # With room for every session, a TTL loses what a design that evicts only when full keeps.
    keeps = [name for name, each in DESIGNS.items() if each.exceeds_cap and name in replacement.designs.within_cap()]
    assert replacement.design in keeps
    assert "may outgrow the cap" in replacement.answer()
    check_figures(figures_of(replacement))
