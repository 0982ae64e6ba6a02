"""The explorer's surfaces equal single replays, and its states survive as text, as JSON, as figures and as commands."""

import json
import math
import shlex
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.analysis.commands import setting_options
from simlib.analysis.explore import COLOURS, Explorer, packed
from simlib.analysis.points import Point, false_share, lost_share
from simlib.analysis.sizing import Sizing, targets_of
from simlib.analysis.snapshot import compared, describe, draw, reproduce
from simlib.analysis.state import DESIGNS, MEASURES, TRAFFIC, State
from simlib.analysis.verdict import short
from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.core.units import HOUR, MINUTE, SECOND, seconds
from simlib.experiments.experiment import open_experiment
from simlib.replay import ledger
from simlib.replay.observe import reference
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS as ALL
from simlib.traces.chunks import stream_of
from simlib.traces.files import write_trace
from tests.analysis.test_advise import in_turn

KEYS = [*MEASURES]


def unpacked(values):
    """Undo `packed`, as the page does."""
    found = []
    for value in values:
        found += [found[-1]] * int(-value) if value is not None and value < 0 else [value]
    return found


@pytest.fixture(scope="module")
def explorer():
    experiment = open_experiment("incident", replications=2, hours=4, compiled=True, max_entries=256, ttl="5m")
    return Explorer(Sizing(experiment, targets_of(), "incident"))


@pytest.fixture(scope="module")
def data(explorer):
    return json.loads(json.dumps(explorer.data(), allow_nan=False))


def cell(data, design, times, key, cap, ttl):
    place = data["caps"].index(cap) * len(data["ttls"]) + data["ttls"].index(ttl)
    return unpacked(data["surfaces"][design][f"{times:g}"][key])[place]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("times", TRAFFIC)
def test_a_cell_is_a_replay_of_the_stream(explorer, data, design, times):
    (trace,) = explorer.points.traces
    for cap, ttl in [(256, 300), (2048, 0), (data["caps"][-2], 60), (0, 600)]:
        small = Settings(max(round(cap / times), 1) if cap else 0, ttl * SECOND, round(256 / times))
        (totals,) = stream_totals(stream_of(trace), [Spec(design, small)])
        assert cell(data, design, times, "lost_share", cap, ttl) == pytest.approx(lost_share(totals), rel=5e-3)
        assert cell(data, design, times, "false_share", cap, ttl) == pytest.approx(false_share(totals), rel=5e-3)
        point = Point(design, Settings(cap, ttl * SECOND))
        mean, worst = explorer.points.nanoseconds(point, times)
        assert cell(data, design, times, "mean_ns", cap, ttl) == pytest.approx(mean, rel=5e-3)
        assert cell(data, design, times, "worst_ns", cap, ttl) == pytest.approx(worst, rel=5e-3)
        assert cell(data, design, times, "heap_mib", cap, ttl) == pytest.approx(
            explorer.points.heap_mib(point, times), rel=5e-6
        )
        share = mean * totals.increments * times / explorer.points.span
        assert cell(data, design, times, "lock_share", cap, ttl) == pytest.approx(share, rel=5e-3)


def test_the_counts_at_todays_point_are_those_of_the_readable_store(explorer, data):
    (trace,) = explorer.points.traces
    totals = ledger.totals(trace, reference(trace, "bounded", Settings(256, 5 * MINUTE)))
    assert cell(data, "bounded", 1, "lost_share", 256, 300) == pytest.approx(lost_share(totals), rel=5e-3)
    assert explorer.agrees()


def test_the_points_are_todays_and_the_advised_one(explorer, data):
    assert data["points"]["today"] == {"design": "bounded", "cap": 256, "ttl": 300}
    point, met = explorer.sizing.advice.found
    assert met
    advised = data["points"]["recommended"]
    assert (advised["cap"], advised["ttl"]) == (point.settings.max_entries, seconds(point.settings.ttl))
    assert (data["caps"][-1], data["ttls"][-1]) == (0, 0)
    assert data["caps"][:-1] == sorted(data["caps"][:-1])
    assert data["ttls"][:-1] == sorted(data["ttls"][:-1])
    assert max(data["ttls"]) <= seconds(4 * HOUR)


def test_the_values_of_the_page_meet_the_targets_where_the_points_do(explorer, data):
    limits = data["start"]["targets"]
    for design in DESIGNS:
        surface = {key: unpacked(data["surfaces"][design]["2"][key]) for key in KEYS}
        for place, point in enumerate(explorer.cells(design)):
            known = surface["lost_share"][place] is not None
            assert known == (not 0 < point.settings.max_entries < 64)
            if known:
                met = all(limits[key] is None or surface[key][place] <= limits[key] for key in KEYS)
                assert met == explorer.points.meets(point, 2), point


def test_the_colours_change_within_the_values_and_the_page_is_small(data):
    for measure in data["measures"]:
        assert len(measure["bounds"]) == len(COLOURS) - 1
        assert measure["bounds"] == sorted(measure["bounds"])
        values = [
            value
            for design in DESIGNS
            for times in TRAFFIC
            for value in unpacked(data["surfaces"][design][f"{times:g}"][measure["key"]])
            if value is not None
        ]
        assert min(values) <= measure["bounds"][0]
        assert measure["bounds"][-1] <= max(values) or not max(values)
    assert len(json.dumps(data, separators=(",", ":"))) < 300_000


@given(st.lists(st.sampled_from([None, 0.0, 1.0, 2.5])))
def test_what_is_packed_comes_back(values):
    assert unpacked(packed(values)) == values


def test_repeats_take_one_number():
    assert packed([0.5, 0.5, 0.5, None, None, 0.5]) == [0.5, -2, None, -1, 0.5]


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_a_rounded_value_is_on_the_same_side_of_its_target(explorer, value, limit):
    targets = explorer.sizing.targets._replace(lost=limit)
    judged = replace(explorer, sizing=replace(explorer.sizing, targets=targets))
    rounded = judged.rounded({"lost_share": value})["lost_share"]
    assert (rounded > limit) == (value > limit)
    assert rounded == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize("times", TRAFFIC)
def test_a_replayed_point_has_the_digits_of_the_map(explorer, data, times):
    for design in DESIGNS:
        for cap, ttl in [(256, 300), (data["caps"][3], 60), (0, 600)]:
            point = Point(design, Settings(cap, ttl * SECOND))
            alone = explorer.rounded(explorer.replay(explorer.start._replace(point=point, times=times)))
            assert alone == {key: cell(data, design, times, key, cap, ttl) for key in KEYS}
    assert set(explorer.rounded({"lost_share": math.nan}).values()) == {None}


# --- States


def test_a_state_survives_as_text_and_as_the_page_has_it(explorer):
    state = explorer.start.changed("design=heap max_entries=700 ttl=90s traffic=0.5 measure=worst_ns")
    assert state == State(Point("heap", Settings(700, 90 * SECOND)), explorer.sizing.targets, 0.5, "worst_ns")
    assert explorer.start.changed(state.written()) == state
    assert explorer.start.moved(json.loads(json.dumps(state.as_json()))) == state
    free = state._replace(targets=state.targets._replace(memory_mib=math.inf))
    assert free.as_json()["targets"]["heap_mib"] is None
    assert explorer.start.moved(free.as_json()) == free


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour=red", "no part of a state: there are design"),
        ("design=sieve", "design 'sieve' is unknown: choose one of bounded, heap, linked_list"),
        ("traffic=3", "traffic '3' is unknown: choose one of 0.25, 0.5, 1, 2, 4"),
        ("measure=joy", "measure 'joy' is unknown"),
        ("max_entries=1e3", "max_entries '1e3' is not a whole number"),
        ("ttl=soon", "'soon' is not a duration"),
    ],
)
def test_a_text_that_is_no_state_is_refused(explorer, text, says):
    with pytest.raises(InputError, match=says):
        explorer.start.changed(text)


def test_a_run_refuses_it_before_it_begins(tmp_path, capsys):
    given = ["--workload", "steady", "--notebook", "explore", "--parameter", "at=design=sieve"]
    assert main(["run", *given, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "at: design 'sieve' is unknown" in error
    assert error.count("\n") == 1


def test_off_the_map_a_state_is_replayed_exactly(explorer):
    state = explorer.start.changed("max_entries=333 ttl=77s")
    assert 333 not in explorer.caps
    (trace,) = explorer.points.traces
    (totals,) = stream_totals(stream_of(trace), [Spec("bounded", Settings(333, 77 * SECOND))])
    found = explorer.replay(state)
    assert found["lost_share"] == lost_share(totals)
    assert [*found] == KEYS
    assert set(explorer.replay(state.changed("max_entries=100 traffic=4")).values()) == {None}


def test_a_state_is_drawn_where_it_is_with_its_own_region(explorer):
    state = explorer.start.changed("max_entries=333 ttl=77s design=linked_list traffic=2 measure=heap_mib")
    drawing = draw(explorer, state)
    table = drawing.data.set_index(["max_entries", "ttl_seconds"])
    assert (333, 77) in table.index
    assert drawing.message == "Memory of the full map: 50 KiB at cap 333, TTL 1.28 min"
    assert len(drawing.message) <= 90
    some = table["meets_targets"].sum()
    assert 0 < some < len(table)
    assert not table.loc[0, "meets_targets"].any()
    strict = state._replace(targets=state.targets._replace(memory_mib=1e-6))
    assert not draw(explorer, strict).data["meets_targets"].any()


def test_the_answer_says_what_the_point_comes_to(explorer):
    says = describe(explorer, explorer.start)
    assert says.startswith("At cap 256, TTL 5 min (bounded): counts lost ")
    assert says.endswith("A target is missed.")
    point = explorer.sizing.advice.found[0]
    assert describe(explorer, explorer.start._replace(point=point)).endswith("Every target is met.")
    rows = compared(explorer, explorer.start)
    assert [*rows.index] == ["today", "recommended"]
    assert rows.loc["recommended", "setting"] == short(point)
    assert [*replace(explorer, at="ttl=1m").known] == ["today", "recommended", "here"]


def test_the_commands_give_the_state_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_trace(in_turn(3000, rounds=150, gap=600 * 10**9), tmp_path / "turns.parquet")
    sizing = Sizing(open_experiment(trace="turns.parquet", compiled=True), targets_of(), "turns.parquet")
    explorer = Explorer(sizing, "max_entries=4095 ttl=15m traffic=2")
    state = explorer.start._replace(targets=replace_limits(explorer.start.targets))
    command, *given = reproduce(explorer, state)
    assert main([*shlex.split(command)[3:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["max_entries"] == 2048
    assert found["prune_every"] == 128
    assert found["lost_counts"] / found["increments"] == explorer.replay(state)["lost_share"]
    assert given == [
        "at = 'design=bounded max_entries=4095 ttl=15m traffic=2 measure=lost_share'",
        "max_lost = 0.02",
        "max_stall = '2ms'",
    ]
    assert sizing.advice.now == Point("bounded", Settings())


@pytest.mark.parametrize("design", ALL)
def test_the_options_of_every_design_are_those_that_it_uses_and_give_its_numbers(tmp_path, capsys, design):
    path, trace = str(tmp_path / "turns.parquet"), in_turn(40, rounds=9, gap=100 * SECOND)
    write_trace(trace, path)
    settings = Settings(30, 45 * SECOND, 7, 20 * SECOND)
    assert main(["replay", path, *setting_options(Point(design, settings)), "--json"]) == 0
    found, noted = capsys.readouterr()
    assert "does not use" not in noted
    (totals,) = stream_totals(stream_of(trace), [Spec(design, settings)])
    assert json.loads(found) == ledger.report(design, settings, totals)


def replace_limits(targets):
    return targets._replace(lost=0.02, stall_ns=2_000_000)


def test_a_log_too_short_to_advise_is_explored_without_advice(tmp_path):
    write_trace(in_turn(100, rounds=2, gap=10 * MINUTE), tmp_path / "short.parquet")
    experiment = open_experiment(trace=str(tmp_path / "short.parquet"), compiled=True)
    explorer = Explorer(Sizing(experiment, targets_of(), "short.parquet"))
    assert explorer.sizing.advice.refusal
    assert [*explorer.data()["points"]] == ["today"]
    assert np.isfinite(explorer.replay(explorer.start)["lost_share"])
    assert replace(explorer, at="ttl=1m").start.point.settings.ttl == MINUTE
