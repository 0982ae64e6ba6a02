"""An experiment as it is opened: the bytes of its entries, its limits, its counters."""

import pytest

from simlib.core.errors import InputError
from simlib.experiments.experiment import open_experiment
from simlib.workloads.entry import KEY_LENGTH, Entry, Limit

TWO = "time,session,op,counter\n0,a,increment,no_client\n1,bbb,increment,drops\n2,a,increment,drops\n3,a,delete,drops\n"


def log(tmp_path, text="time,session\n0,a\n1,bbb\n2,a\n"):
    path = tmp_path / "log.csv"
    path.write_text(text)
    return str(path)


def test_a_log_has_its_own_keys_and_no_limit(tmp_path):
    opened = open_experiment(trace=log(tmp_path))
    # Of a and bbb.
    assert opened.entry == Entry(key_length=2.0)
    assert not opened.limit.known


def test_keys_are_measured_in_bytes(tmp_path):
    assert open_experiment(trace=log(tmp_path, "time,session\n0,é\n1,日本\n")).entry.key_length == (2 + 6) / 2


def test_what_a_user_gives_of_a_log_is_kept_with_its_keys(tmp_path):
    given = open_experiment(trace=log(tmp_path), value_bytes=200, memory_limit_mib=512, entry_limit=100)
    assert given.entry == Entry(key_length=2.0, value_bytes=200)
    assert given.limit == Limit(512, 100)


def test_a_workload_has_its_own_entry_and_limit_unless_others_are_given():
    incident = open_experiment("incident", hours=0.1, compiled=True)
    assert (incident.entry, incident.limit) == (Entry(), Limit(32))
    assert incident.first.trace.key_length == KEY_LENGTH
    assert open_experiment("tool_sessions", hours=1, compiled=True).entry == Entry(given=10_000)
    # A limit in entries stands instead of that in memory.
    assert open_experiment("metric_streams", hours=0.1, compiled=True).limit == Limit(entries=2048)
    given = open_experiment("metric_streams", hours=0.1, compiled=True, memory_limit_mib=8, entry_bytes=500)
    assert (given.entry, given.limit) == (Entry(given=500), Limit(8))


def test_a_stream_of_one_counter_has_one_map(tmp_path):
    assert open_experiment(trace=log(tmp_path)).counters == ("no_client",)
    assert open_experiment(trace=log(tmp_path, TWO)).counters == ("no_client", "drops")


@pytest.mark.parametrize("compiled", [True, False])
def test_one_of_two_counters_is_looked_at_alone(tmp_path, compiled):
    drops = open_experiment(trace=log(tmp_path, TWO), counter="drops", compiled=compiled)
    assert drops.counters == ("drops",)
    assert drops.first.totals("drops", "unbounded").increments == 2
    assert drops.first.totals("no_client", "bounded").increments == 0
    assert drops.first.start == 10**9
    both = open_experiment("incident", hours=0.5, compiled=compiled)
    one = open_experiment("incident", hours=0.5, compiled=compiled, counter="drops")
    assert both.counters == ("no_client", "drops")
    assert one.counters == ("drops",)
    assert one.first.totals("drops", "bounded") == both.first.totals("drops", "bounded")
    assert one.first.class_of.size == one.first.trace.ids.size
    assert one.first.entries("unbounded")[-1] == both.first.totals("drops", "unbounded").final_entries


def test_an_unknown_or_absent_counter_is_refused(tmp_path):
    with pytest.raises(InputError, match="counter: 'drop' is unknown: choose one of no_client, drops"):
        open_experiment(counter="drop")
    with pytest.raises(InputError, match=r"log\.csv: the log has no rows of counter 'drops'"):
        open_experiment(trace=log(tmp_path), counter="drops")
    with pytest.raises(InputError, match="workload flood: nothing is counted within 6 min"):
        open_experiment("flood", hours=0.1, counter="drops", compiled=True)


def test_compiled_engines_record_what_the_readable_ones_do():
    readable, compiled = (open_experiment("incident", hours=0.5, compiled=each).first for each in (False, True))
    assert compiled.classes == readable.classes
    assert compiled.class_of.tolist() == readable.class_of.tolist()
    assert compiled.high_volume.peak == readable.high_volume.peak > 0
    assert compiled.ledgers == readable.ledgers
