"""The findings of `07_scale`: what is claimed, said and drawn, of workloads, of logs and of next to nothing."""

import json
import math

import numpy as np
import pytest
import yaml

from simlib.analysis.fleet import QUANTITIES, Fleet
from simlib.analysis.scale import LEAST_SHOWN, TRAFFIC, Scale, half_used, table_of
from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.core.numbers import format_count
from simlib.core.places import WORKLOADS
from simlib.core.units import HOUR
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import LeftOut
from simlib.models import miniature
from simlib.replay.totals import Spec, stream_totals
from simlib.traces.codes import COUNTERS
from simlib.workloads.generator import generated
from simlib.workloads.schema import load_workload, workload_names
from tests.paths import LOGS


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """Less of everything."""
    monkeypatch.setattr(miniature, "FEWEST", 5_000)
    monkeypatch.setattr(miniature, "ENOUGH", 20_000)
    monkeypatch.setattr(miniature, "MOST", 400_000)


def claims(scale):
    return {text: holds for text, holds, _ in (*scale.claims(), *Fleet(scale).claims())}


@pytest.mark.parametrize("name", workload_names())
def test_what_is_claimed_of_a_preset_holds(name):
    made = claims(Scale(open_experiment(name, replications=2, hours=2)))
    assert len(made) == 4
    assert all(made.values()), made


def test_more_traffic_costs_more_and_the_cliff_lies_between():
    scale = Scale(open_experiment("orphans", replications=3, hours=2))
    curve = scale.curve().set_index("traffic")
    at = scale.cap_reached_at
    assert 3 < at < 8
    below, above = curve[curve.index < at / 1.5], curve[curve.index > at * 1.5]
    assert (below["sorted_share"] == 0).all()
    assert above["sorted_share"].min() > 0.2
    assert (above["peak"] >= 2048).all()
    assert above["utilisation"].iloc[0] > 30 * below["utilisation"].iloc[-1]
    # The entries of the unbounded map go with the traffic.
    assert curve["entries"].iloc[-1] / curve["entries"].iloc[0] == pytest.approx(curve.index[-1] / curve.index[0])


def test_half_of_the_time_is_found_where_the_lock_is_held_for_half():
    scale = Scale(open_experiment("flood", replications=1, hours=1))
    at = scale.half_used_at
    assert 80 < at < 120
    assert scale.point(at).values["utilisation"].mean == pytest.approx(0.5, rel=0.05)
    assert scale.highest(lambda point: False, True) == math.inf
    assert scale.highest(lambda point: True, True) == 0
    fleet = Fleet(scale)
    assert int(fleet.fewest(half_used, 1_000_000, True).replace(",", "")) == pytest.approx(1e6 / at, rel=0.01)
    assert fleet.fewest(half_used, 1, True) == "1"


def test_losing_affinity_leaves_entries_behind_and_is_nothing_on_one_instance():
    experiment = open_experiment("steady", replications=1, hours=1)
    fleet = Fleet(Scale(experiment, 100))
    assert fleet.entries_ratio > 10
    kept, spread = (fleet.scale.growth[affinity][0] for affinity in (True, False))
    assert spread.deletes_missing > 0.9 > kept.deletes_missing
    assert fleet.scale.hours_to_limit(1, True) == math.inf
    assert fleet.scale.hours_to_limit(1, False) < math.inf
    alone = Scale(experiment, 1)
    assert Fleet(alone).entries_ratio == 1
    assert alone.point(1, True) is alone.point(1, False)


def test_the_limit_is_reached_when_a_simulation_reaches_it():
    scale = Scale(open_experiment("orphans", replications=2, hours=2), 1)
    traffic = 50.0
    hours = scale.hours_to_limit(traffic, True)
    limit = scale.footprint.entries_at(scale.experiment.limit, "unbounded")
    crowd = load_workload("orphans").times(traffic).lasting(int(hours * HOUR))
    found = stream_totals(generated(crowd, 7), [Spec("unbounded", counter=counter) for counter in COUNTERS])
    # Sessions that are alive at the end are there as well, so it is reached a little earlier.
    assert limit < sum(totals.final_entries for totals in found) < 1.2 * limit


def test_beyond_what_is_simulated_it_says_at_least_or_nothing():
    scale = Scale(open_experiment("flood", replications=1, hours=1), 1)
    fleet = Fleet(scale)
    far, most = scale.point(1e6), scale.point(scale.reach)
    assert not far.simulated
    assert most.simulated
    cost = [point.values["utilisation"].mean / point.traffic for point in (most, far)]
    assert cost[1] == pytest.approx(cost[0])
    assert far.values["peak"].mean == 2048
    assert math.isnan(far.values["false_share"].mean)
    column = fleet.table()["1,000,000 x (projection)"]
    assert column["affinity", fleet.quantity("utilisation"), "per instance"].startswith("at least ")
    assert column["affinity", fleet.quantity("false_share"), "per instance"] == "not known"
    assert "at least" in fleet.draw_time().message


def test_memory_is_said_to_stand_on_the_bytes_that_are_given_or_modelled(tmp_path):
    file = log(tmp_path, ["0,a,,\n", "1,b,,\n"])
    assert Scale(open_experiment(trace=file, entry_bytes=500)).an_entry() == "the given 500 bytes an entry"
    assert Scale(open_experiment(trace=file)).an_entry().startswith("a modelled ")


def test_one_counter_has_one_map_and_several_have_several(tmp_path):
    named = {}
    for last in ("no_client", "drops"):
        path = tmp_path / f"{last}.csv"
        path.write_text(f"time,session,counter\n0,a,no_client\n1,b,{last}\n")
        fleet = Fleet(Scale(open_experiment(trace=str(path))))
        named[last] = [fleet.quantity(name) for name in ("entries", "peak", "utilisation")]
    assert named["no_client"] == [
        "unbounded map: entries at the end",
        "bounded store: peak entries",
        "bounded store: lock held, share of the time",
    ]
    assert named["drops"] == [
        "unbounded maps: entries at the end",
        "bounded stores: peak entries",
        "bounded store in most use: lock held, share of the time",
    ]


@pytest.mark.parametrize("instances", [0, 1_000_001])
def test_a_fleet_of_no_size_is_refused(instances):
    with pytest.raises(InputError, match="instances"):
        Scale(open_experiment("burst", hours=1), instances)


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
SILENT = {
    "one row": "too few instants",
    "deletes alone": "Nothing is ever incremented",
    "one instant": "too few instants",
    "centuries": "too few instants",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chosen", [{}, {"max_entries": 0}, {"ttl": "0"}, {"max_entries": 1, "prune_every": 1}])
def test_logs_that_are_hardly_any_get_an_answer_all_the_same(tmp_path, shape, chosen):
    scale = Scale(open_experiment(trace=log(tmp_path, SHAPES[shape]), **chosen), 10)
    fleet = Fleet(scale)
    assert all(claims(scale).values()), claims(scale)
    answer = f"{scale.answer()} {fleet.answer()}"
    assert "nan" not in answer
    assert "inf" not in answer
    if shape in SILENT:
        assert SILENT[shape] in answer
        assert fleet.table().empty
        assert fleet.sizes().empty
        return
    drawings = [scale.draw_memory(), scale.draw_time(), fleet.draw_time()]
    shown = [table_of([scale.point(k) for k in scale.grid]), fleet_points(fleet)]
    for table, drawing in zip(shown, drawings[1:], strict=True):
        assert isinstance(drawing, LeftOut) == (table["utilisation"].max() < LEAST_SHOWN)
    for drawing in [each for each in drawings if not isinstance(each, LeftOut)]:
        assert 20 < len(drawing.message) <= 90
        assert np.isfinite(drawing.data["traffic"]).all()
    assert len(fleet.table()) == 2 * (len(QUANTITIES) + 5)
    assert list(fleet.sizes().columns) == [f"{format_count(traffic)} x" for traffic in TRAFFIC]
    cells = fleet.table().to_numpy().ravel().tolist() + fleet.sizes().to_numpy().ravel().tolist()
    assert not any("nan" in cell or "inf" in cell or "under 0.001 %, at least" in cell for cell in cells)


def fleet_points(fleet):
    """An instance at all traffic that is drawn, with affinity and without."""
    traffic = [*fleet.scale.grid, *(times / fleet.scale.instances for times in TRAFFIC)]
    return table_of([fleet.scale.point(times, affinity) for affinity in (True, False) for times in traffic])


FIGURES = {"drops alone": 2, "deletes alone": 0}
"""Figures of the notebook; where the lock is held for next to no time, that one is left out."""


@pytest.mark.parametrize("shape", FIGURES)
def test_the_notebook_runs_on_them(tmp_path, shape):
    out = tmp_path / "out"
    arguments = ["--profile", "ci", "--notebook", "07_scale", "--trace", log(tmp_path, SHAPES[shape])]
    assert main(["run", *arguments, "--out", str(out)]) == 0
    # JSON has no inf and no NaN.
    text = (out / "log/07_scale/summary.json").read_text(encoding="utf-8")
    summary = json.loads(text, parse_constant=pytest.fail)
    assert all(claim["holds"] for claim in summary["claims"])
    assert len(summary["figures"]) == FIGURES[shape]
    assert [table["name"] for table in summary["tables"]] == (["fleet", "fleet_sizes"] if FIGURES[shape] else [])
    if FIGURES[shape]:
        # What a fleet does stands where the answers are, not in the notebook alone.
        html = (out / "index.html").read_text(encoding="utf-8")
        assert "<td>unbounded map: entries at the end</td>" in html


def test_with_history_in_memory_the_notebooks_say_that_other_traffic_is_not_estimated(tmp_path):
    mine, out = tmp_path / "mine.yaml", tmp_path / "out"
    fields = yaml.safe_load((WORKLOADS / "incident.yaml").read_text(encoding="utf-8"))
    fields["history"] = {"memory": {"sessions": 100, "age": "1h"}}
    mine.write_text(yaml.safe_dump(fields), encoding="utf-8")
    chosen = ["--notebook", "07_scale", "--notebook", "03_prune_cost"]
    assert main(["run", "--profile", "ci", *chosen, "--workload", str(mine), "--out", str(out)]) == 0
    for path in out.glob("*/*/summary.json"):
        summary = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
        assert "othing is estimated for other traffic: the event history in memory" in summary["answers"][0]["text"]
        assert len(summary["claims"]) == 1
        assert all(claim["holds"] for claim in summary["claims"])
    assert len([*out.glob("*/*/summary.json")]) == 2


TWO = [path for path in LOGS if path.name.startswith(("elastic", "gharchive"))]
"""Two logs of those there are: one with many sessions, one with many ties."""


@pytest.mark.parametrize("path", TWO, ids=lambda path: path.name)
def test_real_logs_are_answered(path):
    scale = Scale(open_experiment(trace=str(path)), 10)
    assert all(claims(scale).values()), claims(scale)
    assert scale.reach == 64
    assert scale.cost_rises()
    fleet = Fleet(scale)
    assert f"{fleet.fewest(half_used, 1_000_000, True)} instances keep it under half" in fleet.answer()
