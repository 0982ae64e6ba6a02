"""The findings of the notebooks, on streams small enough to compute by hand and in the directions they must go."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from simlib.analysis.accuracy import Accuracy
from simlib.analysis.caps import Caps
from simlib.analysis.closed_forms import ClosedForms
from simlib.analysis.growth import Growth
from simlib.analysis.leak import Leak
from simlib.analysis.memory import Memory
from simlib.analysis.prune import PruneCost
from simlib.analysis.validation import Validation
from simlib.analysis.work import PLAIN, SORTS, VISITS
from simlib.core.units import SECOND
from simlib.experiments.experiment import Experiment, open_experiment
from simlib.experiments.replication import Replication
from simlib.figures.style import LeftOut
from simlib.models import cost
from simlib.replay import ledger
from simlib.replay.observe import Observed
from simlib.stores import registry
from simlib.stores.contract import Settings
from simlib.stores.registry import INCIDENT, LEAKED, SHIPPED
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.trace import Trace
from simlib.workloads.schema import workload_names


def experiment_of(operations, settings, drops=()):
    """An experiment of one replication, of operations (time in s, session, op): no_client, but for the rows `drops`."""
    times, sessions, ops = zip(*operations, strict=True)
    n = len(ops)
    trace = Trace.of([t * SECOND for t in times], sessions, [OPS.index(op) for op in ops], np.isin(np.arange(n), drops))
    observed = {}
    for counter in COUNTERS:
        for design in ("unbounded", "bounded"):
            observed[counter, design] = Observed(design, settings)
            observed[counter, design].apply(trace.only(counter))
    replication = Replication(
        trace, 0, times[-1] * SECOND, observed, ("all",), np.zeros(trace.ids.size, dtype=np.int64)
    )
    return Experiment("hand", "By hand", "for a test", "test", None, 64.0, settings, (), (replication,))


# A cap of 1 and no TTL: every change of session evicts the one before. a at 0, b at 10 (evicts a, which comes back),
# a at 20 (evicts b, which never does), c at 5000 (evicts a, count 1, which is deleted next).
OPERATIONS = [(0, "a", "increment"), (10, "b", "increment"), (20, "a", "increment"), (5000, "c", "increment")]
OPERATIONS += [(9000, "a", "delete")]


def test_the_third_map_keeps_what_streams_and_a_log_does_not_record_it():
    memory = Memory(open_experiment("incident", hours=1), "1.27")
    ((_, holds, numbers),) = memory.left_claims()
    assert holds
    assert numbers["entries"] >= numbers["kept_by_no_client"] > 100
    by_hand = Memory(experiment_of(OPERATIONS, Settings()), "1.27")
    assert by_hand.left_claims() == []
    assert "does not record" in by_hand.draw_left().reason


def test_who_grows_the_maps_is_not_who_lies_there():
    # Two workers from the start, two orphans in the second half, of which one is deleted, and a third session before.
    rows = [(0, "w1", "increment"), (1, "w2", "increment"), (2, "early", "increment")]
    rows += [(6000, "w1", "increment"), (6500, "w2", "increment"), (7000, "o1", "increment"), (7100, "o2", "increment")]
    rows += [(7101 + number, "w1", "increment") for number in range(9)]
    experiment = experiment_of([*rows, (7200, "o2", "delete")], Settings())
    of = np.array([{"w": 0, "o": 1, "e": 2}[name[0]] for name in experiment.first.trace.ids])
    first = replace(experiment.first, classes=("worker", "orphan", "early"), class_of=of)
    growth = Growth(replace(experiment, replications=(first,)))
    assert growth.classes.index[0] == "orphan"
    assert growth.classes.loc["orphan"].tolist() == [1, 1, 1]
    assert growth.classes.loc["worker"].tolist() == [2, 0, 0]
    assert growth.answer() == "The growth is 1 entry an hour; 100 % of the growth comes from sessions orphan."
    assert growth.table().loc["early"].tolist() == ["1", "0", "does not grow"]
    assert growth.draw().data.columns.tolist() == ["time_minutes", "early", "worker", "orphan"]


def test_what_goes_up_and_down_grows_nothing():
    # A visitor comes each seven minutes and leaves after three, the last at the end; an orphan each ten minutes.
    rows = [(420 * number, f"v{number}", "increment") for number in range(18)]
    rows += [(420 * number + 180, f"v{number}", "delete") for number in range(17)]
    rows += [(600 * number + 1, f"o{number}", "increment") for number in range(12)]
    experiment = experiment_of(sorted(rows), Settings())
    of = np.array([int(name[0] == "o") for name in experiment.first.trace.ids])
    first = replace(experiment.first, classes=("visitor", "orphan"), class_of=of)
    growth = Growth(replace(experiment, replications=(first,)))
    assert growth.classes["share"].to_dict() == {"orphan": 1, "visitor": 0}
    assert growth.classes.loc["visitor", "growth"] > 0
    assert growth.table().loc["visitor", "share of the growth"] == "up and down"


def test_the_warm_up_ends_once_the_store_is_full():
    # An entry a second up to a cap of 100, then full in second 99 of 1 000.
    operations = [(number, f"s{number:04}", "increment") for number in range(1000)]
    experiment = experiment_of(operations, Settings(max_entries=100, ttl=0))
    assert experiment.first.warm_up == 99 * SECOND
    # The evictions, from second 100 on, all come after it.
    assert len(Accuracy(experiment).after_warm_up[0].evictions) == 900
    assert len(Accuracy(experiment).after_warm_up[0].increments) == 901


def test_costs_by_hand():
    experiment = experiment_of(OPERATIONS, Settings(max_entries=1, ttl=0))
    ns = cost.increment_ns(experiment.first.counters["no_client"], experiment.first.observed["no_client", "bounded"])
    at = cost.prices()
    created = float(at.of("known", 1)) + at.creating
    # With the TTL off nothing is scanned; two entries are copied and sorted, as part of what a whole prune takes.
    sort = float(at.of("sort", 2) - at.of("scan", 2))
    assert ns.tolist() == pytest.approx([created, created + sort, created + sort, created + sort])
    prune = PruneCost(experiment)
    assert prune.mean_ns.mean == pytest.approx(created + 0.75 * sort)
    assert prune.utilisation.mean == pytest.approx(sum(ns) / (9000 * SECOND))
    assert prune.miniature_is_the_store()


def test_increments_by_what_they_do_to_the_store_by_hand():
    # A cap of 1 and a TTL of 10 s, looked for on every third increment: b at 1 is over the cap, the third visits a's
    # entry too early, a at 3 goes on, c at 20 finds a expired and sorts nothing, d is deleted in time.
    operations = [(0, "a", "increment"), (1, "b", "increment"), (2, "b", "increment"), (3, "b", "increment")]
    operations += [(20, "c", "increment"), (40, "z", "delete")]
    settings = Settings(max_entries=1, ttl=10 * SECOND, prune_every=3)
    prune = PruneCost(experiment_of(operations, settings))
    # The warm-up ends with the first entry, when the store is full.
    kinds = prune.kinds
    assert kinds.index.tolist() == [PLAIN, VISITS, SORTS]
    assert kinds["increments_percent"].tolist() == pytest.approx([40, 40, 20])
    # The third increment visits one entry, that of c two, and so does that of b.
    assert kinds["entries_visited"].tolist() == pytest.approx([0, 1.5, 2])
    assert kinds["time_percent"].sum() == pytest.approx(100)
    assert prune.worst_ns == kinds["worst_ns"].max()
    assert prune.stalled.mean == pytest.approx(0.2)
    assert prune.kinds_text().loc["visits and sorts all entries", "share of increments"] == "20 %"
    assert "20 % of them sort the whole store" in prune.answer()
    assert prune.tile()[1].endswith("20 % sort the store")
    assert prune.tile()[2] is True


def test_the_lesson_of_pruning_has_its_number():
    operations = [(number, f"s{number}", "increment") for number in range(4000)]
    over = PruneCost(experiment_of(operations, Settings(max_entries=32, ttl=100 * SECOND, prune_every=16)))
    share = over.kinds["time_percent"][SORTS]
    assert over.lesson().startswith(f"Prune proactively: {share:.3g} % of the time")
    below = PruneCost(experiment_of(operations, Settings(max_entries=2048, ttl=100 * SECOND)))
    assert "none takes longer than" in below.lesson()


def test_the_only_counter_is_looked_at_whichever_it_is():
    operations, settings = [(n, f"s{n}", "increment") for n in range(2000)], Settings(max_entries=32, ttl=100 * SECOND)
    drops = PruneCost(experiment_of(operations, settings, drops=range(2000)))
    no_client = PruneCost(experiment_of(operations, settings))
    assert (drops.counter, no_client.counter) == ("drops", "no_client")
    assert drops.kinds.equals(no_client.kinds)
    assert drops.answer() == no_client.answer()


def test_where_nothing_is_counted_or_known_it_says_so_and_has_no_rate():
    silent = PruneCost(experiment_of([(0, "a", "delete"), (1, "a", "delete")], Settings()))
    assert silent.answer() == silent.tile()[1]
    assert silent.lesson() == silent.unknown() == ""
    assert silent.answer().endswith("never incremented, so its store is never pruned.")
    assert silent.kinds.empty
    assert silent.kinds_text().empty
    one = PruneCost(experiment_of([(0, "a", "increment")], Settings()))
    assert one.answer().endswith("none prunes the store. The events fall into too few instants to estimate a rate.")
    assert one.cliff.draw().reason == one.cliff.fixed
    late = PruneCost(experiment_of([(0, "a", "increment"), (90_000, "b", "delete")], Settings()))
    assert late.answer() == "No increment comes after the warm-up."


def test_a_prune_that_scans_and_sorts_costs_what_was_measured_of_one():
    operations = [(number, f"s{number}", "increment") for number in range(2049)]
    experiment = experiment_of(operations, Settings(ttl=10**6 * SECOND))
    ns = cost.increment_ns(experiment.first.counters["no_client"], experiment.first.observed["no_client", "bounded"])
    at = cost.prices()
    assert ns[-1] == pytest.approx(float(at.of("known", 2048) + at.creating + at.of("sort", 2049)), rel=0.01)


def test_the_cliff_in_closed_form_is_where_miniatures_fall_off_it():
    """Steady arrivals of one event each: occupancy is rate x TTL, so the cap is reached at cap / TTL a second."""
    operations = [(number, f"s{number}", "increment") for number in range(4000)]
    prune = PruneCost(experiment_of(operations, Settings(max_entries=320, ttl=100 * SECOND, prune_every=16)))
    assert prune.cliff.closed_form == pytest.approx(3.2, rel=0.01)
    assert prune.cliff.closed_form_per_second == pytest.approx(3.2, rel=0.01)
    table = prune.cliff.table.set_index("traffic")["sorted_percent"]
    assert table[2.0] == 0
    assert table[0.8 * prune.cliff.closed_form] == 0
    assert table[8.0] > 95
    assert prune.cliff.sorts_more_with_traffic()
    assert prune.cliff.simulated.mean == pytest.approx(3.2, rel=0.05)
    # Beyond ten times the miniature would be too small.
    assert table.index.max() <= 10


@pytest.mark.parametrize("settings", [Settings(max_entries=0), Settings(ttl=0)])
def test_without_a_cap_or_a_ttl_there_is_no_cliff(settings):
    prune = PruneCost(experiment_of(OPERATIONS, settings))
    assert prune.cliff.closed_form_per_second == math.inf
    assert prune.cliff.simulated.mean == math.inf


def test_figures_take_a_design_s_colour_and_map_from_its_registration(monkeypatch):
    repainted = {LEAKED: "#010203", SHIPPED: "#040506"}
    for name, colour in repainted.items():
        monkeypatch.setitem(registry.DESIGNS, name, replace(registry.DESIGNS[name], colour=colour))
    experiment = open_experiment("incident", hours=0.1, replications=1)
    memory, validation = Memory(experiment, "1.27"), Validation()
    for drawing, designs in (
        (Leak(memory).draw(), INCIDENT),
        (validation.draw_heap(), INCIDENT),
        (memory.draw_bound(), [SHIPPED]),
        (memory.draw_left(), [SHIPPED]),
    ):
        (axes, *_) = drawing.figure.axes
        lines, texts = ({each.get_color() for each in shown} for shown in (axes.lines, axes.texts))
        assert {repainted[design] for design in designs} == set(repainted.values()) & lines & texts
    written = {text.get_text() for text in validation.draw_heap().figure.axes[0].texts}
    assert {f"{name}\n({registry.find_design(name).go_map})" for name in INCIDENT} <= written


@pytest.fixture(scope="module")
def flood():
    return open_experiment("flood", hours=0.5, replications=2)


def test_what_more_of_something_does(flood):
    """A smaller cap loses more and scans less; a longer TTL evicts less by it."""
    replication = flood.first
    trace = replication.counters["no_client"]
    small, large = (_totals(trace, replace(flood.settings, max_entries=cap)) for cap in (500, 4000))
    assert small.false_evictions > large.false_evictions
    assert small.entries_scanned < large.entries_scanned
    short, long = (_totals(trace, Settings(max_entries=0, ttl=minutes * 60 * SECOND)) for minutes in (2, 10))
    assert short.ttl_evictions > long.ttl_evictions


def _totals(trace, settings):
    observed = Observed("bounded", settings)
    observed.apply(trace)
    return ledger.totals(trace, observed)


def figures_of(*findings):
    """Every figure of some findings that is not left out."""
    drawn = [getattr(finding, name)() for finding in findings for name in dir(type(finding)) if name.startswith("draw")]
    return [each for each in drawn if not isinstance(each, LeftOut)]


def check_figures(drawings):
    for drawing in drawings:
        assert 20 < len(drawing.message) <= 90, drawing.message
        assert len(re.findall(r"\d[\d,.]*", drawing.message)) <= 2, drawing.message
        assert len(drawing.data) > 0
        assert not drawing.data.isna().to_numpy().any()


@pytest.mark.parametrize("workload", workload_names())
def test_a_figure_has_a_short_title_and_all_its_numbers(workload):
    experiment = open_experiment(workload, hours=1, replications=2)
    check_figures(
        figures_of(Memory(experiment, "1.27"), Accuracy(experiment), Caps(experiment), ClosedForms(experiment))
    )


def test_a_figure_of_pruning_has_all_its_numbers(flood):
    check_figures([PruneCost(flood).cliff.draw()])


def test_a_stream_without_closed_forms_has_no_claim_on_them():
    theory = ClosedForms(experiment_of(OPERATIONS, Settings(max_entries=1, ttl=0)))
    assert theory.littles_law == 0
    assert theory.hold() is None
    assert theory.answer().endswith("Closed forms cover only simulated sessions that nobody watches; here are none.")


def test_a_figure_of_what_was_measured_has_a_short_title_and_all_its_numbers():
    drawings = figures_of(Validation())
    check_figures([drawing for drawing in drawings if "resident_mib" not in drawing.data])
    # A process that has reached the limit has no memory any more.
    (incident,) = [drawing for drawing in drawings if "resident_mib" in drawing.data]
    check_figures([replace(incident, data=incident.data.dropna())])


def test_numbers_over_replications_have_intervals(flood):
    table = Accuracy(flood).estimates()
    assert set(table["n"]) == {0, 2}
    # In a flood the TTL evicts nothing, so there is no share of that which is false.
    assert table.index[table["n"] == 0].tolist() == ["false among those by the TTL (%)"]
    table = table[table["n"] == 2]
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    share = Accuracy(flood).false_share
    assert 0 <= share.low < share.mean < share.high <= 1
    assert share.percent() in Accuracy(flood).answer()
