"""`00_overview`: the numbers of `01` to `03` beside each other, words where there are none, and the verdict first."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simlib.analysis.accuracy import Accuracy
from simlib.analysis.leak import Leak
from simlib.analysis.measures import MEASURES
from simlib.analysis.memory import Memory
from simlib.analysis.overview import Overview, _presets
from simlib.analysis.prune import PruneCost
from simlib.core.errors import InputError
from simlib.core.statistics import Estimate
from simlib.core.units import HOUR
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import LeftOut
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.files import write_trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload, workload_file

SMALL = {"max_entries": 100, "ttl": "10m", "prune_every": 32}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Half an hour of the flood as a log."""
    path = tmp_path_factory.mktemp("logs") / "flood log.csv"
    write_trace(generate(load_workload("flood").lasting(HOUR // 2), 7), path)
    return path


@pytest.fixture(scope="module")
def overview(log):
    """A workload and a log under small bounds; do not change it."""
    return Overview.of("incident", str(log), "1.27", hours=1, replications=2, **SMALL)


def of_rows(path, *rows, **settings):
    path.write_text("time,session,op,counter\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return Overview.of("", str(path), "1.27", **settings)


def test_a_bound_at_the_limit_itself_is_enough(log):
    held = Memory(open_experiment(trace=str(log), **SMALL), "1.27").bounded_entries
    for limit, fits in ((held, True), (held - 1, False)):
        (row,) = Overview.of("", str(log), "1.27", entry_limit=limit, **SMALL).rows
        leak = Leak(Memory(open_experiment(trace=str(log), entry_limit=limit, **SMALL), "1.27"))
        assert (row.fits, leak.fits) == (fits, fits)


@pytest.mark.parametrize("place", [0, 1])
def test_its_numbers_are_those_that_the_other_notebooks_print(overview, log, place):
    # By the readable stores and the SimPy model, which those notebooks use.
    experiment = (
        open_experiment("incident", hours=1, replications=2, **SMALL),
        open_experiment(trace=str(log), **SMALL),
    )
    row, experiment = overview.rows[place], experiment[place]
    memory, accuracy, cost = Memory(experiment, "1.27"), Accuracy(experiment), PruneCost(experiment, "1.27")
    assert row.estimates["growth_per_hour"] == memory.oom.growth
    leak = Leak(memory)
    assert row.fits == leak.fits
    if place == 0:
        assert row.estimates["oom_hours"] == memory.oom.hours
    else:
        assert row.texts["oom_hours"] == "no limit given"
    assert row.mean("unbounded_peak_entries") == memory.peak_entries[LEAKED]
    assert row.mean("bounded_peak_entries") == memory.peak_entries[SHIPPED] == 100
    assert row.estimates["false_eviction_share"] == accuracy.false_share
    assert row.estimates["extra_log_lines"] == accuracy.extra_lines
    assert row.estimates["utilisation"] == cost.utilisation
    assert row.mean("worst_ns") >= cost.worst_ns
    assert row.mean("unbounded_peak_mib") >= leak.draw().data["unbounded_middle_mib"].max()
    printed = {
        leak.answer(): (
            "oom_hours" if place == 0 else "growth_per_hour",
            "bounded_peak_mib",
            "bounded_peak_entries",
        ),
        accuracy.answer(): ("false_eviction_share", "lost_count_share", "extra_log_lines"),
        cost.answer(): ("mean_ns", "cliff_traffic"),
    }
    for answer, names in printed.items():
        for name in names:
            assert row.texts[name] in answer, name


def test_a_log_by_hand(tmp_path):
    # A cap of 1, no TTL: b evicts a, which comes back; a evicts b, which does not; c evicts a, which is deleted next.
    rows = ("0,a,increment,", "10,b,increment,", "20,a,increment,", "5000,c,increment,", "9000,a,delete,")
    (row,) = of_rows(tmp_path / "log.csv", *rows, max_entries=1, ttl="0").rows
    assert row.mean("cap_eviction_share") == 1
    assert row.mean("false_eviction_share") == pytest.approx(1 / 3)
    assert row.mean("lost_count_share") == pytest.approx(1 / 4)
    assert row.mean("sorting_share") == pytest.approx(3 / 4)
    assert (row.texts["covers_hours"], row.texts["cap_eviction_share"]) == ("2.5 h", "cap")
    assert (row.texts["unbounded_peak_entries"], row.texts["bounded_peak_entries"]) == ("3", "1")


def test_words_stand_where_there_is_no_number(tmp_path):
    one = of_rows(tmp_path / "one.csv", "5,a,increment,drops")
    assert set(one.rows[0].texts.values()) >= {"no limit given", "too few instants to say", "none", "neither"}
    assert one.answer().startswith("There are too few instants to say whether one leaks.")
    # Two rows in a second: every eviction, and every increment of the second half, is too near to one end.
    two = of_rows(tmp_path / "two.csv", "5,a,increment,", "6,b,increment,drops", "7,b,increment,drops")
    assert two.rows[0].texts["mean_ns"] == "too short to say"
    for overview in (one, two):
        numbers, texts = overview.numbers().iloc[0], overview.rows[0].texts
        missing = dict(part.split(": ") for part in numbers["words"].split("; "))
        assert missing == {m.name: texts[m.name] for m in MEASURES if np.isnan(numbers[m.name])}
        assert not {"inf", "nan", "NaN"} & set(overview.table().iloc[0])
        assert overview.answer().endswith("The cap is not reached, and no counts are lost.")
        assert overview.lesson() == "Test at scale: at this traffic no full store is sorted; at more, one may be."


def test_the_table_has_a_column_a_measure_and_the_file_its_interval(overview):
    assert list(overview.table().columns) == [measure.header for measure in MEASURES]
    numbers = overview.numbers()
    assert list(numbers.index) == ["incident", "flood log"]
    assert numbers["mean_ns_low"]["incident"] < numbers["mean_ns"]["incident"] < numbers["mean_ns_high"]["incident"]
    assert np.isnan(numbers["mean_ns_low"]["flood log"])
    assert not np.isinf(numbers.select_dtypes("number")).any(axis=None)


def test_what_it_claims_holds(overview):
    assert overview.overshoot() == overview.unbalanced() == 0
    assert overview.ledgers() == 3 * 4
    assert overview.sorted() == overview.reached() == ["incident", "flood log"]
    assert overview.least_surplus() >= 0
    assert overview.least_extra_lines() >= 0


def changed(row, name, *, hours=np.nan, lost=np.nan, evicts=True, **more):
    """A row of another name that runs out of memory in `hours`, loses a share, and reaches its cap or does not."""
    numbers = {"oom_hours": hours, "lost_count_share": lost, "growth_per_hour": 9.0}
    texts = {"oom_hours": f"{hours:g} h", "lost_count_share": f"{100 * lost:g} %"}
    return replace(
        row,
        name=name,
        estimates={**row.estimates, **{key: Estimate(value, np.nan, np.nan, 1) for key, value in numbers.items()}},
        texts={**row.texts, **texts, "bounded_peak_mib": "1 MiB"},
        bounded=[replace(row.bounded[0], cap_evictions=int(evicts))],
        **more,
    )


def test_the_answer_leads_with_who_runs_out_of_memory_and_what_the_bound_loses(overview):
    row = overview.rows[0]
    first, second = changed(row, "a", hours=40.0, lost=0.05), changed(row, "b", hours=2.0, lost=0.125)
    slow = changed(row, "c", hours=1e6, lost=0.25, evicts=False)
    answer = replace(overview, rows=(first, second, slow)).answer()
    assert answer.startswith(
        "Without a bound 2 of 3 workloads run out of memory within a year, b first, in 2 h. The bound saves all of them"
    )
    assert answer.endswith(
        "The cap is reached on 2 of them, where up to 12.5 % of the counts are lost (b), "
        "and the TTL alone loses up to 25 % (c)."
    )
    full = replace(second, fits=False)
    assert "The bound saves 1 of them" in replace(overview, rows=(first, full)).answer()
    assert "1 still" in replace(overview, rows=(first, full)).draw().message
    assert "The bound saves none of them" in replace(overview, rows=(full, slow)).answer()
    unlimited = replace(slow, name="e", texts={**slow.texts, "oom_hours": "no limit given"})
    mixed = replace(overview, rows=(first, unlimited)).answer()
    assert (
        "Without a bound 1 of 2 workloads runs out of memory within a year, a first, in 40 h (no limit given" in mixed
    )
    growing = replace(overview, rows=(unlimited, replace(unlimited, name="f")))
    assert growing.answer().startswith("Without a bound 2 of 2 workloads grow, e fastest, by ")
    assert growing.draw().message.startswith("Unbounded, 2 of 2 grow; bounded, up to 25 %")
    assert isinstance(replace(overview, rows=(first,)).draw(), LeftOut)
    spared = changed(row, "d", lost=0.0, evicts=False)
    nobody = replace(overview, rows=(spared, slow))
    assert nobody.answer().startswith("Without a bound none of 2 workloads runs out of memory within a year")
    assert "The cap is reached on none of them" in nobody.answer()


def test_the_lesson_is_the_share_of_increments_that_sort_a_full_store(overview):
    rows = [
        replace(overview.rows[0], name=name, stalled=share) for name, share in (("a", 0.0), ("b", 0.25), ("c", 0.5))
    ]
    lesson = replace(overview, rows=tuple(rows)).lesson()
    assert lesson.endswith("within 25 % of the increments of b and 50 % of the increments of c.")
    assert replace(overview, rows=(rows[0],)).lesson() == (
        "Test at scale: at this traffic no full store is sorted; at 0.213 times the traffic of a, some new sessions "
        "sort one."
    )


def test_where_the_history_ties_sessions_no_cliff_is_estimated(tmp_path):
    text = workload_file("steady").read_text(encoding="utf-8")
    path = tmp_path / "tied.yaml"
    path.write_text(f"{text}\nhistory: {{memory: {{sessions: 100, age: 1h}}}}\n", encoding="utf-8")
    (row,) = Overview.of(str(path), "", "1.27", hours=0.5).rows
    assert row.texts["cliff_traffic"] == "not estimated"


def test_what_is_compared_is_a_list_by_commas_by_lines_or_in_json(tmp_path, log):
    other = tmp_path / "a, b.csv"
    other.write_text("time,session\n0,a\n9,b\n", encoding="utf-8")
    by_lines = Overview.of("", f"{log}\n{other}\n", "1.27")
    assert [row.name for row in by_lines.rows] == ["flood log", "a, b"]
    assert by_lines.caption().startswith("2 logs; cap 2048")
    in_json = Overview.of('["steady"]', json.dumps([str(other), str(other)]), "1.27", hours=0.2)
    assert [row.name for row in in_json.rows] == ["steady", "a, b"]
    assert in_json.caption().startswith("1 workload (seed 1) and 1 log; cap 2048")
    assert not in_json.simulated
    assert len(in_json.digests) == 2
    assert _presets()[0] == "incident"
    assert len(_presets()) >= 7


@pytest.mark.parametrize(
    ("workloads", "traces", "complaint"),
    [
        ("[steady]", "", r"^workloads: begins with '\[' but is no JSON list"),
        ("", "[1]", "^traces: a JSON list of other than texts"),
        ("no such", "", "no such"),
        ("", "{0}/a.csv\n{0}/a.jsonl", "^two of what is compared are called 'a'"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, workloads, traces, complaint):
    (tmp_path / "a.csv").write_text("time,session\n0,a\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"time": 0, "session": "a"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        Overview.of(workloads, traces.format(tmp_path), "1.27", hours=0.1)
