"""The advice: plain answers on hand-made streams, its refusals, and its promises on what it has not seen."""

from dataclasses import replace

import numpy as np
import pytest

from simlib.analysis import advice as text
from simlib.analysis.advise import MOST_MARGIN, Advice
from simlib.analysis.held_out import held_out
from simlib.analysis.points import Point, Points, Targets
from simlib.analysis.verdict import alert, alert_rate, verdict
from simlib.core.units import DAY, HOUR, MINUTE, SECOND
from simlib.stores.contract import Settings
from simlib.traces.files import read_trace
from simlib.traces.trace import Trace
from simlib.workloads.entry import Entry
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload, workload_names
from tests.paths import LOGS

CHOICE = {
    "design": str,
    "max_entries": int,
    "ttl_seconds": (int, float),
    "prune_every": (int, type(None)),
    "false_eviction_share": float,
    "lost_count_share": float,
    "heap_mib": float,
    "mean_ns": float,
    "worst_ns": float,
    "headroom": float,
}
"""The contract of a choice: its fields and their types, in order."""


def stream(times, sessions):
    times = np.asarray(times, dtype=np.int64)
    return Trace.of(times, [f"s{each}" for each in sessions], np.zeros(times.size), np.zeros(times.size))


def in_turn(sessions, rounds, gap):
    """Sessions that never end: each is counted once every `gap` ns."""
    n = sessions * rounds
    return stream(np.arange(n) * gap // sessions, np.arange(n) % sessions)


def only_once(n, lasts=DAY):
    """Sessions that are counted once and never come back."""
    return stream(np.arange(n) * lasts // n, np.arange(n))


def some_stay_and_others_leave():
    """New sessions fill any cap and any TTL: the shipped store sorts or scans thousands of entries."""
    stay, leave = in_turn(1000, rounds=150, gap=10 * MINUTE), only_once(20_000)
    times = np.concatenate([stay.time, leave.time])
    order = np.argsort(times, kind="stable")
    return stream(times[order], np.concatenate([stay.session, 1000 + leave.session])[order])


def advised(trace, **options):
    return Advice([trace], **options)


def test_sessions_that_all_go_on_get_room_for_all_of_them_and_for_the_traffic_to_come():
    advice = advised(in_turn(3000, rounds=150, gap=10 * MINUTE))
    point, met = advice.found
    assert met
    # A day and an hour: the margin is 1 + 1/days.
    allowed = 3000 * 2 * advice.margin
    assert allowed <= point.settings.max_entries <= 1.25 * allowed
    assert not advice.meets(advice.now)
    assert verdict(advice).startswith(
        f"Set a cap of {point.settings.max_entries:,} entries and a TTL of 15 min: with a cap"
    )
    assert verdict(advice).endswith("% of the evictions remove sessions still in use, above the limit of 1 %.")


def test_sessions_that_never_come_back_need_the_least_store():
    advice = advised(only_once(20_000))
    point, met = advice.found
    assert (met, point.design, point.settings.max_entries) == (True, "bounded", 32)
    assert verdict(advice).startswith("Keep a cap of 2048 entries and a TTL of 30 min, as they meet every target")
    assert advice.row(point)["lost_count_share"] == 0


def test_a_map_is_judged_by_the_given_bytes_and_by_its_limits_in_memory_and_in_entries():
    trace, entry, point = only_once(5000), Entry(given=1024), Point("bounded", Settings(1024, 0))
    for targets, size in (
        (Targets(memory_mib=4.0), 0.25),
        (Targets(memory_mib=0.5), 2.0),
        (Targets(memory_mib=4.0, entries=256), 4.0),
    ):
        points = Points([trace], targets, entry)
        # 1024 entries of 1 KiB; unbounded, all 5000.
        assert points.heap_mib(point) == 1.0
        assert points.ratios(point)["memory"] == size
        assert points.heap_mib(Point("unbounded", Settings())) == pytest.approx(5000 / 1024)


def test_no_setting_is_recommended_that_outgrows_the_limit():
    trace = in_turn(3000, rounds=150, gap=10 * MINUTE)
    for targets in (Targets(memory_mib=2.0), Targets(memory_mib=np.inf, entries=2048)):
        advice = advised(trace, targets=targets, entry=Entry(given=1024))
        point, met = advice.found
        assert not met
        assert point.settings.max_entries <= 2048
        assert "at the given 1020 bytes an entry." in " ".join(text.blocks(advice, []).split())


def test_what_is_set_now_is_kept_where_nothing_smaller_will_do():
    trace = only_once(20_000)
    point, _ = advised(trace).found
    advice = advised(trace, now=point)
    assert verdict(advice).startswith("Keep a cap of 32 entries")
    assert "no smaller setting" in verdict(advice)
    assert "Change nothing." in text.blocks(advice, [])


def test_a_store_without_a_cap_is_never_called_safe():
    advice = advised(only_once(20_000), now=Point("bounded", Settings(0, 0)))
    assert verdict(advice).endswith("without a cap, as now, nothing limits the size of the store.")


def test_a_pause_longer_than_the_ttl_lengthens_it():
    # Of each session two counts, 40 minutes apart, for four days: a TTL of 30 minutes loses too much.
    n = 4000
    starts = np.arange(n) * 4 * DAY // n
    times = np.concatenate([starts, starts + 40 * MINUTE])
    order = np.argsort(times, kind="stable")
    advice = advised(stream(times[order], np.tile(np.arange(n), 2)[order]))
    point, met = advice.found
    assert met
    assert point.settings.ttl > 40 * MINUTE or point.settings.ttl == 0
    assert advice.ratios(advice.now)["lost"] > 1
    assert advice.confidence == "good"


def test_a_short_stall_asks_for_a_design_that_never_sorts():
    trace = some_stay_and_others_leave()
    advice = advised(trace, targets=Targets(stall_ns=20_000))
    point, met = advice.found
    assert (met, point.design) == (True, "linked_list")
    assert "ttlcache" in text.blocks(advice, [])


def test_it_says_when_no_setting_meets_the_targets_and_names_the_nearest():
    advice = advised(in_turn(1000, rounds=150, gap=10 * MINUTE), targets=Targets(memory_mib=0.1))
    point, met = advice.found
    assert not met
    assert verdict(advice).startswith("No setting meets every target; with the nearest, a cap of ")
    result = text.result(advice, [])
    assert (result["targets_met"], result["recommended"]["max_entries"]) == (False, point.settings.max_entries)


def test_too_few_evictions_to_be_sure_are_not_called_a_target_that_is_missed():
    # A hundred sessions that never come back and room for forty: no eviction is false, but few say so.
    advice = advised(only_once(100), targets=Targets(memory_mib=np.inf, entries=40), simulated=True)
    point, met = advice.found
    assert (met, advice.unsure, advice.meets_all(point)) == (False, True, False)
    # Under twice the traffic the cap of 32 is one of 16 under these; each of its overflows leaves the newest alone.
    assert verdict(advice) == (
        "No setting is sure to meet every target; with the nearest, a cap of 32 entries and a TTL of 2 min, at 2 times "
        "the traffic there are too few evictions, 96, to say that at most 1 % of them remove sessions still in use."
    )
    assert "Record for longer, or relax a target" in text.blocks(advice, [])


def test_what_is_set_now_must_be_as_sure_as_what_is_advised():
    # A thousand and one sessions that never come back: of a single eviction no share can be said.
    now = Point("bounded", Settings(1000, 0))
    advice = advised(only_once(1001), targets=Targets(headroom=1), simulated=True, now=now)
    assert advice.totals(now).cap_evictions == 1
    assert advice.meets(now)
    assert verdict(advice).startswith("Set a cap of ")
    assert "as now, there are too few evictions, 1, to say" in verdict(advice)


def test_a_log_shorter_than_a_few_of_the_shortest_ttls_is_refused():
    long, short = (advised(in_turn(10, rounds=60, gap=gap)) for gap in (4 * SECOND, 2 * SECOND))
    assert (long.span > 3 * MINUTE, long.refusal) == (True, "")
    assert short.refusal.endswith("and the shortest TTL to choose is 1 min; 3 min or more are needed")


def test_gaps_that_grow_with_the_log_are_a_doubt():
    # Each session comes at 1, 2, 4, 8, ... minutes: the longer the log, the longer its gaps.
    ids = np.repeat(np.arange(50), 11)
    times = np.tile(2 ** np.arange(11), 50) * MINUTE + ids * SECOND // 50
    order = np.argsort(times, kind="stable")
    assert advised(stream(times[order], ids[order])).gaps_grow
    assert not advised(in_turn(50, rounds=100, gap=10 * MINUTE)).gaps_grow


def test_a_design_that_never_evicts_is_no_choice():
    advice = advised(only_once(100_000), targets=Targets(quiet_ns=400 * HOUR))
    assert advice.found[0].settings.ttl == 0
    assert "stale_only" not in [each.design for each in advice.others]


def test_the_window_of_the_alert_holds_enough_new_entries():
    assert alert(1.0) == "rate(session_counter_creates_total[10m]) > 1"
    assert alert(20 / 3600) == "rate(session_counter_creates_total[1h]) > 0.00556"
    assert alert(1e-6) == "rate(session_counter_creates_total[24h]) > 1e-06"


def test_the_nearest_setting_is_nearer_also_where_nothing_may_be_lost():
    # A hundred sessions are counted each minute, and three thousand each ten minutes, for which there is no room.
    often, seldom = in_turn(100, rounds=300, gap=MINUTE), in_turn(3000, rounds=30, gap=10 * MINUTE)
    times = np.concatenate([often.time, seldom.time])
    order = np.argsort(times, kind="stable")
    trace = stream(times[order], np.concatenate([often.session, 100 + seldom.session])[order])
    nearest = [
        advised(trace, targets=Targets(lost=lost, false=1, memory_mib=np.inf, entries=1024), simulated=True).found
        for lost in (0, 1e-6)
    ]
    assert nearest[0] == nearest[1]
    point, met = nearest[0]
    assert (met, point.settings.max_entries > 32) == (False, True)


def test_headroom_is_looked_for_above_the_own_traffic_where_that_is_fine():
    # Most sessions are deleted after half an hour; at a sixteenth of the traffic the cap evicts none of them, and what
    # the TTL evicts is still in use. One in two hundred comes back after an hour.
    n, back = 20_000, 100
    starts, returns = np.arange(n) * DAY // n, np.arange(back) * DAY // back
    times = np.concatenate([starts, starts + 30 * MINUTE, returns, returns + HOUR])
    ids = [*(f"s{each}" for each in [*range(n)] * 2), *(f"r{each}" for each in [*range(back)] * 2)]
    op = np.concatenate([np.zeros(n), np.ones(n), np.zeros(2 * back)])
    order = np.argsort(times, kind="stable")
    trace = Trace.of(times[order], np.array(ids)[order], op[order], np.zeros(times.size))
    points, point = Points([trace]), Point("bounded", Settings(64, 40 * MINUTE))
    assert points.meets(point)
    assert not points.meets(point, 1 / 16)
    assert points.headroom(point) >= 1


def test_the_alert_counts_what_the_store_creates_and_no_session_that_is_only_deleted():
    # Each of 300 sessions is deleted a minute after it is counted, a hundred times; as many others are only deleted.
    counts = in_turn(300, rounds=100, gap=10 * MINUTE)
    times = np.concatenate([counts.time, counts.time + MINUTE, counts.time[:300]])
    ids = np.array([f"s{each}" for each in [*counts.session] * 2] + [f"d{each}" for each in range(300)])
    op = np.concatenate([np.zeros(len(counts)), np.ones(len(counts)), np.ones(300)])
    order = np.argsort(times, kind="stable")
    trace = Trace.of(times[order], ids[order], op[order], np.zeros(times.size))
    advice = advised(trace, simulated=True)
    seconds = advice.span / SECOND
    assert advice.new_per_second == pytest.approx(300 / seconds)
    # What is kept is the setting in use, so the alert is for that.
    assert verdict(advice).startswith("Keep")
    assert alert_rate(advice) == pytest.approx(0.8 * advice.headroom(advice.now) * 300 * 100 / seconds)
    missed = advised(trace, simulated=True, targets=Targets(stall_ns=1))
    assert alert_rate(missed) == 0
    assert "alert:" not in text.blocks(missed, [])


def test_the_margin_grows_as_the_log_gets_shorter_and_a_workload_needs_none():
    margins = [advised(only_once(100, lasts)).margin for lasts in (10 * DAY, DAY, HOUR)]
    assert margins == pytest.approx([1.1, 2, MOST_MARGIN], rel=0.02)
    assert advised(only_once(100, HOUR), simulated=True).margin == 1


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (stream([], []), "no increments"),
        (replace(only_once(50), op=np.ones(50, np.uint8)), "no increments"),
        (stream(np.repeat([0, SECOND], 500), np.arange(1000)), "2 instants"),
        (in_turn(100, rounds=2, gap=HOUR), "too short"),
    ],
)
def test_a_log_that_cannot_say_is_refused_with_the_reason(trace, reason):
    advice = advised(trace)
    result = text.result(advice, ["this"])
    assert (result["confidence"], result["targets_met"], result["recommended"]) == ("refused", False, None)
    assert reason in advice.refusal
    assert reason in result["verdict"]


def test_the_object_has_the_fields_and_types_of_the_contract():
    advice = advised(in_turn(300, rounds=150, gap=10 * MINUTE))
    result = text.result(advice, ["this"])
    types = {"verdict": str, "confidence": str, "targets_met": bool, "now": dict, "recommended": dict, "choices": list}
    types |= {"evidence": dict, "breaks_at": dict, "commands": list}
    assert [*result] == [*types]
    assert all(isinstance(result[name], kind) for name, kind in types.items())
    for row in (result["now"], result["recommended"], *result["choices"]):
        assert [*row] == [*CHOICE]
        assert all(isinstance(row[name], kind) for name, kind in CHOICE.items())
    assert result["now"]["max_entries"] == 2048
    caps = [row["max_entries"] for row in result["choices"][:5]]
    assert caps[1] == 2048
    assert [caps[0] * 2, caps[3] / 2, caps[4] / 4] == [caps[2]] * 3


def test_the_advice_holds_up_to_its_headroom_and_no_further():
    advice = advised(in_turn(300, rounds=150, gap=10 * MINUTE))
    point, _ = advice.found
    times, first = advice.breaks(point)
    assert times == advice.headroom(point) >= 2
    assert advice.meets(point, times)
    assert first
    assert not advice.meets(point, times * 1.03)


def test_headroom_is_a_smaller_store_under_the_stream_itself():
    # Up to four times 300 sessions fit a cap of 1,200.
    points = Points([in_turn(300, rounds=150, gap=10 * MINUTE)])
    assert points.headroom(Point("linked_list", Settings(1200, 0))) == pytest.approx(4, rel=0.03)


def test_advice_meets_its_targets_on_what_it_has_not_seen():
    results = {}
    for name in workload_names():
        traces = [generate(load_workload(name), seed).only("no_client") for seed in (1, 2)]
        results[name, "seeds"] = Advice(traces, simulated=True)
        results[name, "halves"] = Advice(traces[:1])
    results |= {(path.name, "halves"): Advice([read_trace(path)]) for path in LOGS}
    rows = {case: held_out(advice) for case, advice in results.items()}
    advised = {case: row["misses"] for case, row in rows.items() if not row["refusal"]}
    assert len(advised) >= 2 * len(workload_names())
    failed = {case: misses for case, misses in advised.items() if misses}
    assert len(failed) <= len(advised) / 10, failed


def test_no_ttl_is_shorter_than_the_longest_quiet_gap_of_a_live_session():
    trace = generate(load_workload("orphans"), 1).only("no_client")
    usual, long = (Advice([trace], Targets(quiet_ns=gap), simulated=True) for gap in (0, 45 * MINUTE))
    assert usual.found[0].settings.ttl < 45 * MINUTE
    assert long.found[0].settings.ttl >= 45 * MINUTE
    # The TTL in use, 30 min, would cut it short.
    assert long.ratios(long.now)["quiet"] == 1.5
    assert verdict(long).endswith("a live session may be quiet for 45 min, above the limit of 30 min.")
