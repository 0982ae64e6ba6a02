"""The models of the real thing: Go's layout by hand and by brute force, and every model against its measurements."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simlib.analysis.validation import GoLedgers, Validation
from simlib.calibration.calibrate import cost_errors, fit_heap, heap_errors
from simlib.experiments.experiment import open_experiment
from simlib.models import cost, heap
from simlib.models.cost import PARTS
from simlib.models.footprint import Footprint
from simlib.models.heap import (
    CALIBRATION,
    GO_VERSIONS,
    HIGH_VOLUME,
    MAPS,
    HeapModel,
    allocated,
    heap_model,
    table_bytes,
)
from simlib.workloads.entry import Limit


@pytest.fixture(scope="module")
def measured():
    return pd.read_csv(CALIBRATION / "heap.csv", dtype={"go_version": str})


@pytest.fixture(scope="module")
def checks():
    return Validation()


def table(design, version, peak, entries=None, deleted=False):
    return float(table_bytes(design, version, peak, peak if entries is None else entries, deleted))


def test_objects_take_the_size_of_their_class():
    assert allocated(np.array([1, 16, 37, 100, 32768, 32769])).tolist() == [1, 16, 48, 112, 32768, 40960]


def test_tables_by_hand():
    # Go 1.23: a bucket holds 8 at 208 bytes; 9 to 13 take two.
    assert table("bounded", "1.23", 8) == 208
    assert 416 < table("bounded", "1.23", 9, 1, deleted=True) < 416 + 0.1 * 208
    # The 105th entry doubles 16 buckets and the one set aside for them, which stay until they are moved: 4 096 bytes
    # and what their chains took.
    assert 4096 <= table("bounded", "1.23", 105) - table("bounded", "1.23", 105, 1, deleted=True) < 4200
    # Chains take on average a fifth of a bucket more for each that holds 6.5.
    assert table("bounded", "1.23", 13) == pytest.approx(416 + 2 * 0.21 * 208, rel=0.02)
    # Since 1.24: a group holds 8, then groups are full at 7/8: 9 to 14 take two, 896 take 128, in one table.
    assert [table("bounded", "1.27", n) for n in (8, 9, 14, 15, 896)] == [208, 416, 416, 896, 27264]
    # A trie has its root; two keys share a first digit once in 16.
    assert table("unbounded", "1.27", 1) == 160
    assert table("unbounded", "1.27", 2) == pytest.approx(160 * (1 + 1 / 16 + 1 / 256 + 1 / 4096), rel=1e-4)
    # All gone, only the root is left.
    assert table("unbounded", "1.27", 10_000, 0, deleted=True) == pytest.approx(160)


def naive_trie(hashes, kept):
    """Inner nodes of a trie over 64-bit hashes, 4 bits a level, and those left when only the first `kept` stay."""
    prefixes = {}
    for number, value in enumerate(hashes):
        for level in range(1, 8):
            prefixes.setdefault((level, value >> (64 - 4 * level)), []).append(number)
    return [
        1 + sum(len(under) > 1 and min(under) < kept for under in prefixes.values()) for kept in (len(hashes), kept)
    ]


def naive_tables(hashes, depth=0):
    """Tables of at most 896 of 1 024 slots, split by the next bit."""
    if len(hashes) <= 896:
        return 1
    bit = 1 << (63 - depth)
    return sum(naive_tables([h for h in hashes if bool(h & bit) is side], depth + 1) for side in (False, True))


def test_tables_by_brute_force():
    random = np.random.default_rng(3)
    for n in (50, 900, 5000):
        whole, after, tables = np.mean(
            [
                [*naive_trie(hashes, n // 5), naive_tables(hashes)]
                for hashes in (random.integers(0, 2**64, n, dtype=np.uint64).tolist() for _ in range(100_000 // n))
            ],
            axis=0,
        )
        assert table("unbounded", "1.27", n) == pytest.approx(160 * whole, rel=0.02)
        assert table("unbounded", "1.27", n, n // 5, deleted=True) == pytest.approx(160 * after, rel=0.03)
        if n > 896:
            assert table("bounded", "1.27", n) == pytest.approx(27264 * tables, rel=0.05)


@pytest.mark.parametrize("design", MAPS)
@pytest.mark.parametrize("version", GO_VERSIONS)
def test_heap_models_are_within_5_percent_at_sizes_held_back(measured, design, version):
    mine = measured[(measured["go_version"] == version) & (measured["design"] == design) & measured["held_back"]]
    assert mine["entries"].min() < 150
    assert mine["entries"].max() == 2_000_000
    assert len(set(mine["key_length"])) == 4
    errors = np.abs(heap_errors(heap_model(design, version), mine))
    assert errors.max() <= 0.05
    assert heap_model(design, version).worst_error == pytest.approx(errors.max(), abs=1e-6)


@pytest.mark.parametrize(
    ("design", "entries", "expected"),
    # The service's own maps, measured apart from the program here: 32-byte entries with a time, and plain counts.
    [("bounded", 2048, 133), ("bounded", 100_000, 115), (HIGH_VOLUME, 2048, 101)],
)
def test_bytes_an_entry_are_those_of_the_service(design, entries, expected):
    assert float(heap_model(design, "1.27").live_bytes(entries)) / entries == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("design", sorted(set(heap.designs_measured()["design"])))
def test_an_entry_of_a_measured_design_takes_the_bytes_measured(design):
    measured = heap.designs_measured().groupby(["design", "entries"])["heap_bytes_entry"].mean()[design]
    assert measured.index.tolist() == [2048, 100_000]
    sizes = measured.index.to_numpy()
    assert heap_model(design, "1.27").live_bytes(sizes) / sizes == pytest.approx(measured.to_numpy(), rel=0.03)


def test_a_design_that_was_not_measured_takes_the_bytes_of_its_go_map():
    assert heap_model("periodic", "1.24") == heap_model("bounded", "1.24")
    # A second pair of pointers and the id in each entry, on every version.
    for version in GO_VERSIONS:
        more = heap_model("linked_list", version).per_live - heap_model("bounded", version).per_live
        assert more == pytest.approx(32, abs=0.1)


def test_the_shipped_store_pays_thousands_of_times_what_a_list_does():
    shipped, linked = cost.design_cost("bounded"), cost.design_cost("linked_list")
    assert 100_000 < shipped.mean_ns < shipped.p99_ns < shipped.worst_ns
    assert linked.mean_ns < 1000
    assert shipped.mean_ns > 1000 * linked.mean_ns
    # Others wait for the lock while one goroutine sorts.
    assert cost.design_cost("bounded", goroutines=8).mean_ns > 2 * shipped.mean_ns
    # In the incident's mix 2 increments in 5 are of new sessions.
    assert 0.3 < cost.design_cost("bounded", "incident").mean_ns / shipped.mean_ns < 0.6
    assert cost.design_cost("periodic") is None


def test_garbage_of_an_increment_by_hand():
    table = heap.designs_measured()
    garbage = table[table["traffic"] == "churn"].groupby("design")["garbage_bytes"].min()
    # 2,049 records of 40 bytes, the entry, and the closure and the header of the sort.
    assert garbage["bounded"] == pytest.approx(allocated(2049 * 40) + 32 + 120, rel=0.001)
    assert garbage["linked_list"] == pytest.approx(64, abs=0.1)


def test_a_fit_finds_the_factors_that_made_the_measurements(measured):
    truth = HeapModel("bounded", "1.27", 64, 3, 1.1, 200, 0.0)
    made = measured.copy()
    mine = (made["go_version"] == "1.27") & (made["design"] == "bounded")
    made.loc[mine, "grown"] = truth.live_bytes(made.loc[mine, "entries"])
    made.loc[mine, "after"] = truth.live_bytes(made.loc[mine, "keep"], made.loc[mine, "entries"])
    found = next(model for model in fit_heap(made) if (model.design, model.go_version) == ("bounded", "1.27"))
    assert (found.per_live, found.per_dead, found.scale, found.constant) == pytest.approx((64, 3, 1.1, 200), rel=1e-3)


def test_prices_are_within_20_percent_at_sizes_held_back():
    errors = cost_errors(pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str}))
    assert set(errors["go_version"]) == set(GO_VERSIONS)
    assert errors[list(PARTS)].abs().to_numpy().max() <= 0.20
    assert all(float(cost.prices(version).of(part, 0)) == 0 for version in GO_VERSIONS for part in PARTS)


@pytest.mark.parametrize("version", GO_VERSIONS)
def test_the_limit_is_where_memory_first_reaches_it(version):
    footprint = Footprint(go_version=version)
    for design in ("unbounded", "bounded"):
        limit = footprint.entries_at(Limit(mib=32), design)
        # In 1.23 a table that doubles may jump over the limit by a fifth.
        assert 31.99 <= float(footprint.resident_mib(limit, design)) < (40 if version == "1.23" else 32.5)
        below = np.linspace(1, limit * 0.999, 5000)
        assert footprint.resident_mib(below, design).max() < 32 * 1.001


def test_a_go_version_that_was_not_measured_is_refused():
    with pytest.raises(ValueError, match=r"Go '1\.1' was not measured: choose one of 1\.23, 1\.24, 1\.27"):
        heap_model("bounded", "1.1")


def test_real_processes_reached_the_limit_when_it_was_predicted(checks):
    assert len(checks.limit_reached) == 3
    assert checks.limit_error() <= 0.10
    assert 1 < heap.resident_per_live() < 2.2


def test_the_real_cliff_is_where_the_model_has_it(checks):
    stall = checks.stall
    jump = (stall["measured_ns"] > 10_000).to_numpy()
    assert jump.tolist() == (stall["model_ns"] > 10_000).tolist()
    assert 0 < jump.sum() < len(jump)


def test_go_and_python_gave_the_same_ledgers(checks):
    assert checks.conformance["streams"] > 8000
    assert checks.conformance["differences"] == 0
    go = GoLedgers.of(open_experiment("steady", hours=0.5))
    assert go.agree
    assert go.compared > 1000
    assert "the same ledgers" in go.note()
    assert "2 different ledgers" in replace(go, differ=2).note()


def test_without_go_nothing_is_compared(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    without = GoLedgers.of(open_experiment("steady", hours=0.1))
    assert (without.agree, without.note()) == (None, "")
