"""Memory at the bytes that are given for an entry, and at its key length; every number by hand."""

import numpy as np
import pytest

from simlib.models.footprint import Footprint
from simlib.models.heap import churned, heap_model, resident_per_live
from simlib.workloads.entry import Entry, Limit

MIB = 1 << 20
GIVEN = Footprint(Entry(given=10_000))


def test_given_bytes_are_the_memory_of_every_design_and_of_the_process():
    for design in ("unbounded", "bounded", "two_generations"):
        assert GIVEN.live_mib(np.array([0, 100_000]), design).tolist() == [0, 1e9 / MIB]
        assert GIVEN.resident_mib(np.array([100_000]), design).tolist() == [1e9 / MIB]
    assert float(GIVEN.resident_mib(100_000, "bounded", 1.1)) == pytest.approx(1.1e9 / MIB)
    assert (GIVEN.churned, GIVEN.spread) == (1.0, 0.0)


def test_a_limit_is_reached_by_given_bytes_or_by_entries_whichever_comes_first():
    assert GIVEN.entries_at(Limit(), "unbounded") == np.inf
    # 211 MiB over 10 kB, and a tenth more memory an entry.
    assert GIVEN.entries_at(Limit(211), "unbounded") == pytest.approx(22_124.95, abs=0.01)
    assert GIVEN.entries_at(Limit(211), "unbounded", 1.1) == pytest.approx(20_113.6, abs=0.1)
    assert GIVEN.entries_at(Limit(211, 5000), "unbounded") == 5000
    assert GIVEN.entries_at(Limit(entries=2_097_152), "unbounded") == 2_097_152


def test_longer_keys_take_what_the_allocator_gives_them():
    # 37 bytes take 48 in Go, 390 take 416, 13 take 13 as they share a block.
    modelled = {length: float(Footprint(Entry(length)).live_mib(1000, "unbounded")) * MIB for length in (13, 37, 390)}
    assert modelled[37] == pytest.approx(float(heap_model("unbounded", "1.27").live_bytes(1000)))
    assert modelled[390] - modelled[37] == pytest.approx(1000 * (416 - 48))
    assert modelled[37] - modelled[13] == pytest.approx(1000 * (48 - 13))
    limits = [Footprint(Entry(length)).entries_at(Limit(32), "unbounded") for length in (13, 37, 390)]
    assert limits == sorted(limits, reverse=True)


def test_a_value_comes_on_top_of_the_modelled_entry():
    with_value, without = Footprint(Entry(value_bytes=200)), Footprint()
    # 200 bytes take 208.
    assert float(with_value.live_mib(1000, "bounded") - without.live_mib(1000, "bounded")) * MIB == pytest.approx(
        208_000
    )
    assert without.churned == churned("1.27")
    live, resident = without.live_mib(1000, "bounded"), without.resident_mib(1000, "bounded")
    assert resident == pytest.approx(live * resident_per_live())


def test_sentences_say_what_they_assume():
    assert GIVEN.an_entry(123.0, 7) == "the given 10,000 bytes an entry"
    assert Footprint().an_entry(133 * 2048 / MIB, 2048) == "a modelled 133 bytes an entry"
    assert Footprint().an_entry(0.001, 0) == "the modelled bytes of an entry"
