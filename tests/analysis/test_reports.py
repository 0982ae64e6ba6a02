"""Public reports and logs at the bytes and limits that their people give: what was answered is what happened."""

import numpy as np
import pytest

from simlib.analysis.memory import Memory
from simlib.core.units import HOUR, MINUTE
from simlib.experiments.experiment import open_experiment
from simlib.experiments.sweep import workload_totals
from simlib.stores.contract import Settings
from simlib.workloads.generator import Traffic, generate_all
from simlib.workloads.schema import load_workload
from tests.paths import CASES

WORKLOADS, LOGS = CASES / "workloads", CASES / "logs"
there = pytest.mark.skipif(not CASES.exists(), reason="the reports lie beside the project")


def memory(**given):
    return Memory(open_experiment(compiled=True, **given), "1.27")


def test_a_limit_is_reached_at_the_bytes_of_the_file():
    # 10 kB a session, 12.4 MiB a day, 211 MiB left: some 17 days.
    assert 16 * 24 < memory(workload="tool_sessions").oom.hours.mean < 18 * 24


@there
def test_a_limit_is_reached_at_the_bytes_that_are_given():
    file = str(WORKLOADS / "mcp_init.yaml")
    given = memory(workload=file, entry_bytes=10_000)
    assert 16 * 24 < given.oom.hours.mean < 18 * 24
    # A counter's entry is far smaller: at modelled bytes the answer was off by 30 times.
    assert memory(workload=file).oom.hours.mean > 25 * given.oom.hours.mean


@there
def test_a_limit_in_entries_is_reached_by_their_number():
    found = memory(workload=str(WORKLOADS / "socket_clients.yaml"), entry_limit=2_097_152)
    # 310 new connections a second, all of which stay.
    assert found.oom.growth.mean == pytest.approx(1.116e6, rel=0.02)
    assert found.oom.hours.mean == pytest.approx(2_097_152 / 1.116e6, rel=0.02)


@there
def test_a_bound_that_would_be_killed_is_above_the_limit():
    # 2048 entries of 500 kB are 977 MiB.
    found = memory(workload=str(WORKLOADS / "socket_clients.yaml"), entry_bytes=500_000, memory_limit_mib=512)
    assert found.peak_entries["bounded"] == 2048
    assert found.bounded_peak_mib == pytest.approx(976.6, abs=0.1)
    assert not found.experiment.limit.allows(found.bounded_peak_mib, 2048)


@there
def test_longer_keys_reach_the_limit_earlier():
    long, short = (
        memory(trace=str(LOGS / f"{name}.csv.gz"), memory_limit_mib=64) for name in ("longkey", "haproxy_ip")
    )
    assert (long.experiment.entry.key_length, short.experiment.entry.key_length) == (390, 13)
    assert long.oom.hours.mean < short.oom.hours.mean / 3


@there
def test_without_a_limit_there_is_growth_and_no_time():
    found = memory(trace=str(LOGS / "haproxy_ip.csv.gz"))
    assert not found.oom.finite
    assert found.oom.growth.mean > 30


@there
def test_connections_that_close_stay_as_many_and_those_that_are_lost_grow():
    # 300 connections a second of some 50 s, so 15 000 at a time; one in two hundred is never removed.
    experiment = open_experiment(str(WORKLOADS / "ws_sessions.yaml"), compiled=True)
    entries = experiment.first.entries_by_class("unbounded", np.array([10, 20, 30]) * MINUTE)
    assert entries["closed"].tolist() == pytest.approx([14_925] * 3, rel=0.03)
    assert entries["lost"].tolist() == pytest.approx([900, 1800, 2700], rel=0.1)


@there
def test_regulars_of_a_rate_limiter_lose_four_in_five_of_their_repeat_calls():
    workload = load_workload(WORKLOADS / "ip_limiter.yaml")
    (totals,) = workload_totals(workload, 1, [("bounded", Settings())])
    trace, kind_of, _ = generate_all(workload, 1, third_map=False)
    regular = kind_of[trace.session] == 0
    repeats = regular.sum() - (kind_of == 0).sum()
    assert (totals["no_client"].false_evictions, repeats) == (56_763, 72_101)


@there
def test_sessions_of_weeks_take_no_more_room_than_those_of_hours():
    workload = load_workload(WORKLOADS / "stay_series.yaml")
    assert workload.duration == 300 * HOUR
    room = []
    for hours in (20, 60):
        traffic = Traffic(workload.lasting(hours * HOUR), 1)
        operations = sum(chunk.time.size for chunk in traffic.until())
        sessions = 100 * hours
        room.append((traffic._times.nbytes + traffic._whats.nbytes + traffic._parked.nbytes) / sessions)
    assert operations > 10**7
    # 64 operations of 16 bytes are made ahead of each session, and blocks of as many are kept for each slice of time.
    assert room[1] < max(room[0], 4096)
