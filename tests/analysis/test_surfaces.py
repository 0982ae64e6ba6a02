"""The map of every cap and TTL: each cell as if replayed alone, judged as the advice judges."""

import numpy as np
import pytest

from simlib.analysis.advise import Advice
from simlib.analysis.held_out import halves, held_out, on_presets
from simlib.analysis.points import Point, Points, Targets, lost_share
from simlib.analysis.surfaces import Surfaces, figures
from simlib.core.units import MINUTE, SECOND
from simlib.stores.contract import Settings
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload, workload_names
from tests.analysis.test_advise import in_turn, only_once, some_stay_and_others_leave, stream


@pytest.mark.parametrize(
    ("traces", "stall_ns", "design"),
    [
        ([generate(load_workload("steady"), seed).only("no_client") for seed in (1, 2)], 1_000_000, "bounded"),
        ([some_stay_and_others_leave()], 20_000, "linked_list"),
    ],
)
def test_each_cell_is_as_if_replayed_alone(traces, stall_ns, design):
    advice = Advice(traces, Targets(stall_ns=stall_ns), simulated=len(traces) > 1)
    surfaces = Surfaces(advice)
    assert surfaces.design == design
    table = surfaces.table.set_index(["max_entries", "ttl_seconds"])
    assert (0, 0) in table.index
    for cap, ttl in [(0, 0), (2048, 1800), (0, 60), (surfaces.caps[0], 0), *table.index[[5, 30]]]:
        point, alone = (
            Point(surfaces.design, Settings(cap, int(ttl * SECOND))),
            Advice(traces, advice.targets, simulated=advice.simulated),
        )
        row = table.loc[(cap, ttl)]
        assert row[[*figures(alone, point)]].to_dict() == pytest.approx(figures(alone, point))
        assert row["meets_all"] == (cap > 0 and all(alone.meets(point, times) for times in advice.levels))


def test_the_recommended_cell_meets_all_and_agrees_as_the_advice_says():
    advice = Advice([in_turn(300, rounds=150, gap=10 * MINUTE)])
    surfaces, settings = Surfaces(advice), advice.found[0].settings
    row, column = surfaces.caps.index(settings.max_entries), surfaces.ttls.index(settings.ttl)
    assert surfaces.of("meets_all")[row, column]
    assert not surfaces.of("meets_all")[:row, column].any()
    assert surfaces.of("parts_that_agree")[row, column] == advice.agree[0]
    assert not surfaces.of("meets_all")[-1].any()


def test_where_nothing_is_recommended_the_map_is_of_the_store_in_use():
    surfaces = Surfaces(Advice([in_turn(100, rounds=2, gap=10 * MINUTE)]))
    assert surfaces.advice.refusal
    assert [*surfaces.marked] == ["today"]
    assert {256, 2048, 8192, 0} <= set(surfaces.caps)


def test_a_larger_cap_may_create_more_entries():
    # At a cap of 32 the overflow by x expires the 32 before it, and nothing overflows again until x comes back. At a
    # cap of 48 that overflow does not come; the later one by c15 expires x as well, shortly before x comes back.
    before = [(0.01 * n, f"a{n}") for n in range(32)]
    after = [(31 + 0.01 * n, f"c{n}") for n in range(16)]
    times, sessions = zip(*before, (20, "x"), *after, (32, "x"), strict=True)
    trace = stream(np.array(times) * SECOND, sessions)
    surfaces = Surfaces(Advice([trace], now=Point("bounded", Settings(32, 10 * SECOND))))
    worse = surfaces.worse.loc["entries created"]
    assert (worse["steps that raise it"], worse["most"]) == (1, 1)
    assert worse["where"] == "cap 32 to cap 48, TTL 10 s"
    created = surfaces.of("creates")[:2, surfaces.ttls.index(10 * SECOND)]
    assert created.tolist() == [49, 50]


def test_what_no_larger_cap_makes_worse_is_nowhere():
    worse = Surfaces(Advice([only_once(20_000)])).worse.loc["counts lost"]
    assert (worse["steps that raise it"], worse["where"]) == (0, "nowhere")


def test_halves_are_of_time_and_together_the_trace():
    trace = stream([0, SECOND, 2 * SECOND, 9 * SECOND, 10 * SECOND], ["a", "b", "a", "c", "b"])
    first, second = halves(trace)
    assert (first.time.tolist(), second.time.tolist()) == ([0, SECOND, 2 * SECOND], [9 * SECOND, 10 * SECOND])
    assert second.ids[second.session].tolist() == ["sc", "sb"]


def test_advice_from_one_half_is_replayed_on_the_other_only():
    # In the first half forty sessions in turn, in the second four thousand: the advice cannot know of them.
    few, many = in_turn(40, rounds=400, gap=10 * MINUTE), in_turn(4000, rounds=400, gap=10 * MINUTE)
    times = np.concatenate([few.time, few.time[-1] + SECOND + many.time])
    trace = stream(times, np.concatenate([few.session, many.session]))
    row = held_out(Advice([trace]))
    assert row["point"].settings.max_entries < 1000
    assert "lost" in row["misses"]
    _, unseen = halves(trace)
    assert row["lost"] == lost_share(Points([unseen]).totals(row["point"]))
    assert held_out(Advice([in_turn(100, rounds=4, gap=10 * MINUTE)]))["refusal"].startswith("the log is too short")
    assert held_out(Advice([few], simulated=True)) is None


def test_a_setting_is_tried_on_every_preset():
    found = on_presets(Point("bounded", Settings()), Points([]))
    assert [*found] == workload_names()
    assert "lost" in found["incident"]["misses"]
    assert found["steady"]["misses"] == []
