"""The ledger for people: the span, the verdict, and a line with a word of help for each setting and figure."""

import re
from dataclasses import fields

import pytest

from simlib.cli.ledger_text import FIGURES, SETTINGS, Span, ledger_text
from simlib.cli.main import main
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.replay.ledger import Totals
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS
from simlib.workloads.entry import UNKNOWN, Entry, Limit

NOTHING = dict.fromkeys((field.name for field in fields(Totals)), 0)
SPAN = Span("log.csv", "no_client", 2 * HOUR)


def lines(design="bounded", settings=None, **figures):
    return ledger_text(SPAN, design, settings or Settings(), Totals(**NOTHING | figures)).splitlines()


def line(name, *given, **figures):
    (found,) = (each for each in lines(*given, **figures) if each.startswith(f"  {name}  "))
    return " ".join(found.split())


def test_every_figure_of_the_ledger_has_a_word_of_help():
    assert set(FIGURES) == set(NOTHING)
    names = [each.split()[0] for each in lines()[3:7]]
    assert names == ["design", "max_entries", "ttl_seconds", "prune_every"]
    assert {*names, *(each.split()[0] for each in lines("swept")[3:])} >= set(SETTINGS)
    # Span, verdict, an empty line, the settings that the design uses, heap and mean increment.
    assert len(lines()) == 3 + len(names) + len(FIGURES) + 2


def test_the_span_comes_first_and_then_the_verdict():
    found = lines(increments=20_000, deletes=1, cap_evictions=60, ttl_evictions=40, false_evictions=25, lost_counts=50)
    assert found[0] == "log.csv, counter no_client: 20,000 increments and 1 delete in 2 h."
    assert found[1].startswith(
        "Verdict: with bounded, 25 % of 100 evictions removed sessions still in use, which lost 0.25 % of the counts."
    )


def test_a_store_that_evicts_nothing_says_so_with_its_memory():
    (verdict,) = (each for each in lines("unbounded", increments=5, peak_entries=100_000) if "Verdict" in each)
    assert "nothing was evicted and no count was lost. The store held at most 100,000 sessions (" in verdict
    assert re.search(r" MiB, at a modelled 1[0-9]{2} bytes an entry\)\.$", verdict)


def test_memory_is_at_the_given_bytes_and_said_to_be_above_or_within_the_limit():
    totals, entry = Totals(**NOTHING | {"increments": 5, "peak_entries": 100_000}), Entry(given=10_000)
    shown = {
        limit: ledger_text(SPAN, "bounded", Settings(), totals, entry, limit).splitlines()
        for limit in (UNKNOWN, Limit(512), Limit(1024), Limit(entries=99_999), Limit(1024, 50))
    }
    # 10^9 bytes are 953.67 MiB.
    held = "The store held at most 100,000 sessions (954 MiB, at the given 10,000 bytes an entry"
    assert shown[UNKNOWN][1].endswith(f"{held}).")
    assert shown[Limit(512)][1].endswith(f"{held}; above your limit of 512 MiB).")
    assert shown[Limit(1024)][1].endswith(f"{held}; within your limit of 1 GiB).")
    assert shown[Limit(entries=99_999)][1].endswith(f"{held}; above your limit of 99,999 entries).")
    assert shown[Limit(1024, 50)][1].endswith(f"{held}; above your limit of 50 entries).")
    (heap,) = (each for each in shown[UNKNOWN] if each.startswith("  heap "))
    assert heap.endswith("memory at the peak, at the given 10,000 bytes an entry")


def test_a_shared_counter_is_part_of_the_verdict():
    assert "A shared counter took 30 % of the increments." in lines("overflow", increments=10, overflow_counts=3)[1]


def test_shares_are_per_cent_of_what_the_line_names():
    figures = {"increments": 200, "deletes": 8, "deletes_hit": 2, "creates": 50, "log_lines": 20}
    assert line("creates", **figures).startswith("creates 50 25 % of increments ")
    assert line("deletes_hit", **figures).startswith("deletes_hit 2 25 % of deletes ")
    assert line("false_evictions").startswith("false_evictions 0 0 % of evictions ")


def test_settings_that_are_off_or_not_used_are_words():
    assert line("max_entries", "bounded", Settings(0, 90 * MINUTE)).startswith("max_entries off ")
    assert line("ttl_seconds", "bounded", Settings(0, 90 * MINUTE)).startswith("ttl_seconds 1.5 h ")
    assert line("ttl_seconds", "bounded", Settings(ttl=-SECOND)).startswith("ttl_seconds off ")
    assert line("ttl_seconds", "overflow").startswith("ttl_seconds not used ")


@pytest.mark.parametrize("design", DESIGNS)
def test_every_design_has_its_heap_and_its_time(design):
    figures = {"increments": 5000, "creates": 500, "peak_entries": 500, "final_entries": 500}
    assert line("heap", design, **figures).split()[2] in ("KiB", "MiB")
    mean = line("mean increment", design, **figures)
    assert " ns modelled " in mean or " measured in Go " in mean or mean.endswith("this design has no Go version")


def test_replay_prints_it_without_json(capsys, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("time,session\n0,a\n60,b\n120,a\n")
    assert main(["replay", str(log), "--max-entries", "1"]) == 0
    found = capsys.readouterr().out.splitlines()
    assert found[0] == f"{log}, counter no_client: 3 increments and 0 deletes in 2 min."
    # b evicts a, which comes back and evicts b.
    assert "50 % of 2 evictions removed sessions still in use, which lost 33.3 % of the counts." in found[1]
