"""Sentences and figure of a leak, by hand: ten sessions a minute that never come back, each of 1 MiB."""

from dataclasses import replace

import pytest

from simlib.analysis.leak import Leak
from simlib.analysis.memory import Memory
from simlib.core.units import MINUTE
from simlib.figures.memory import FARTHEST, ONE_INSTANT
from simlib.models.heap import MIB
from simlib.stores.contract import Settings
from simlib.workloads.entry import Entry
from tests.analysis.test_findings import experiment_of

SETTINGS = Settings(max_entries=100, ttl=30 * MINUTE)
STEADY = [(6 * number, f"s{number}", "increment") for number in range(1201)]


def leak_of(rows=STEADY, mib=None, entries=None, given=MIB, settings=SETTINGS):
    experiment = replace(experiment_of(rows, settings), memory_limit_mib=mib, entry_limit=entries)
    return Leak(Memory(replace(experiment, entry=Entry(given=given)), "1.27"))


def test_a_limit_that_was_reached():
    leak = leak_of(mib=601)
    assert leak.answer() == (
        "The unbounded map reached 601 MiB in 1 h. "
        "The growth is 600 entries an hour; 100 % of the growth comes from sessions all. "
        "Bounded, 100 MiB is enough, with at most 100 entries in a store, at the given 1,050,000 bytes an entry."
    )
    assert leak.tile() == ("1 h → never", "unbounded → bounded", True)
    assert leak.summary() == "The unbounded map reached 601 MiB in 1 h, growing by 600 entries an hour."
    assert leak.impact()[0] == "The process ran out of memory 1 h after its start."
    assert leak.draw().message == "The unbounded map reached 601 MiB in 1 h; bounded, 100 MiB is enough"
    assert "The cross marks where" in leak.caption()
    assert "band" not in leak.caption()


def test_two_counters_have_two_maps():
    experiment = replace(experiment_of(STEADY, SETTINGS, drops=[1, 2]), memory_limit_mib=601.0)
    leak = Leak(Memory(replace(experiment, entry=Entry(given=MIB)), "1.27"))
    assert leak.answer().startswith("The unbounded maps reached 601 MiB in 1 h.")
    assert {counter for counter, _ in leak.memory.table().columns} == {"no_client", "drops"}
    assert {counter for counter, _ in leak_of().memory.table().columns} == {"no_client"}


def test_a_limit_beyond_the_end_is_reached_by_a_dashed_line_at_the_time_that_the_title_names():
    leak = leak_of(mib=6001)
    assert leak.tile()[0] == "10 h → never"
    assert leak.draw().message.startswith("The unbounded map would reach 5.86 GiB in 10 h; ")
    axes = leak.draw().figure.axes[0]
    ends = {(round(line.get_xdata()[-1], 3), round(line.get_ydata()[-1], 2)) for line in axes.lines}
    cross = next(line for line in axes.lines if line.get_marker() == "X")
    assert (round(cross.get_xdata()[0], 3), round(cross.get_ydata()[0], 2)) == (10, 5.86)
    assert sum(end == (10, 5.86) for end in ends) == 1
    assert "limit 5.86 GiB,\nprojected in 10 h" in {text.get_text() for text in axes.texts}


def test_a_limit_too_far_away_is_only_named():
    leak = leak_of(mib=1200 * FARTHEST * 1.1)
    axes = leak.draw().figure.axes[0]
    assert axes.get_xlim()[1] == pytest.approx(120)
    assert any(text.get_text().endswith(", far above") for text in axes.texts)


def test_a_limit_in_entries():
    leak = leak_of(entries=301)
    assert leak.tile() == ("30 min → never", "301 entries: unbounded → bounded", True)
    assert leak.impact()[0] == "The process reached its limit 30 min after its start."
    assert leak.draw().data["limit_mib"].iloc[0] == pytest.approx(301)
    # The number of entries is the verdict, and is not said again.
    assert "Bounded, 100 entries are enough, at the given" in leak.answer()
    assert leak.resolution()[0].endswith("): 100 entries are enough.")


def test_without_a_limit_no_time_is_given():
    leak = leak_of()
    assert leak.tile() == ("+600 entries/h", "unbounded; no limit given", None)
    assert leak.answer().startswith("The unbounded map gained 600 entries an hour. 100 % of the growth comes from")
    assert leak.memory.limit_table()["limit reached in"].tolist() == ["no limit given"]
    assert leak.memory.limits_in_order() is None
    assert len(leak.impact()) == 1


def test_a_bound_that_is_still_too_large_is_no_resolution():
    leak = leak_of(mib=50)
    assert leak.tile() == ("4.9 min → still above the limit", "unbounded → bounded", False)
    assert leak.draw().message.endswith("; bounded, 100 MiB is still above the limit")
    assert "100 MiB is still above the limit" in leak.resolution()[0]


def test_what_does_not_grow_says_no_more():
    rows = [(6 * number, f"s{number % 20}", "increment") for number in range(1201)]
    leak = leak_of(rows, mib=601)
    assert leak.tile() == ("does not grow", "also without a bound", True)
    assert leak.answer() == (
        "The unbounded map did not grow. "
        "Bounded, 20 MiB is enough, with at most 20 entries in a store, at the given 1,050,000 bytes an entry."
    )
    assert leak.lesson() == ""
    assert "is not reached" in leak.caption()


@pytest.mark.parametrize("rows", [STEADY[:1], [(0, "a", "increment"), (3600, "b", "increment")]])
@pytest.mark.parametrize("mib", [None, 601])
def test_a_few_rows_are_no_leak(rows, mib):
    leak = leak_of(rows, mib)
    assert leak.tile() == ("not known", "too few instants to say", None)
    assert leak.answer().startswith("Too few instants to say whether the unbounded map would grow. Bounded,")
    shown = leak.draw()
    assert shown == ONE_INSTANT if rows == STEADY[:1] else shown.message.startswith("Too few instants to say")
    assert leak.memory.growth.blame() == ""
    assert leak.memory.growth.table()["share of the growth"].tolist() == ["not known"]
    assert leak.root_cause()[0] == ""
    assert leak.lesson() == ""
    assert leak.memory.limits_in_order() is None


def test_why_nobody_removes_what_grows():
    rows = [(6 * number, f"s{number}", "increment") for number in range(100)]
    kept = [(600, f"s{number}", "delete") for number in range(40)]
    assert leak_of([*rows, *kept]).root_cause()[1] == (
        "An entry leaves only when its session is deleted, which never happened to 60 of 100."
    )
    assert leak_of(rows).root_cause()[1].endswith("which never happened to any of 100.")
    cleaned = leak_of([*rows, *((600, f"s{number}", "delete") for number in range(100))])
    assert cleaned.root_cause() == ["", ""]
    assert "no entry is left" in cleaned.memory.growth.draw().reason


def test_memory_is_said_to_be_modelled_where_nothing_is_given():
    leak = leak_of(given=None)
    assert "a modelled " in leak.answer()
    assert "within 10 %" in leak.unknown()[1]
    assert "within 10 %" not in leak_of().unknown()[1]


def test_slow_growth_is_given_by_the_year_and_one_entry_is_one():
    year = 8766 * 3600
    leak = leak_of(
        [(number * year // 20, f"s{number}", "increment") for number in range(41)],
        settings=Settings(max_entries=100, ttl=30 * MINUTE, prune_every=1),
    )
    assert leak.tile()[0] == "+20 entries/year"
    assert leak.answer().startswith("The unbounded map gained 20 entries a year.")
    assert "with at most 1 entry in a store" in leak.answer()
