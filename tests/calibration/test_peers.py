"""The measured tables of real libraries: complete, pinned, and in agreement with the rules that the libraries follow.

`make peers` measures them and runs the module's own tests in Go; these here need neither Go's modules nor a network.
"""

import json
from dataclasses import asdict

import pandas as pd
import pytest

from simlib.calibration import golang, peers
from simlib.core.places import PEERS as TABLES
from simlib.core.units import HOUR, SECOND
from simlib.models.peers import PEERS, TOTALS, peer_estimates, peers_table, speeds
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.traces.files import read_trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import trace_of
from tests.paths import LOGS

ABOUT = json.loads((TABLES / "about.json").read_text(encoding="utf-8"))
CAP, TTL = Settings().max_entries, Settings().ttl
EXACT_LRU = ("phuslu_1_shard", "freelru")
"""Exact LRUs whose expired entries stay until somebody reads them, or they are the oldest and room is needed."""


def linked_list(trace, max_entries=CAP):
    """The totals of the design `linked_list`, as far as a library's calls and callback give them."""
    found = asdict(ledger.totals(trace, replay(trace, "linked_list", Settings(max_entries, TTL))))
    return {total: found[total] for total in TOTALS}


def measured(library, trace, counter="no_client"):
    """The totals of a library's first replication over a workload or log, by name."""
    table = peers_table()
    of_stream = (table["trace"] == trace) & (table["counter"] == counter) & (table["replication"] == 1)
    (row,) = table[of_stream & (table["library"] == library)][list(TOTALS)].to_dict("records")
    return row


@pytest.mark.parametrize("workload", workload_names())
def test_ttlcache_is_the_linked_list_on_every_workload(workload):
    trace = generate(load_workload(workload), peers.SEED)
    mine = peers_table().query("library == 'ttlcache' and trace == @workload")
    assert "no_client" in set(mine["counter"])
    for counter in mine["counter"]:
        assert measured("ttlcache", workload, counter) == linked_list(trace.only(counter))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_ttlcache_is_the_linked_list_on_every_log(log):
    assert measured("ttlcache", log.name.partition(".")[0]) == linked_list(read_trace(log))


@pytest.mark.parametrize(
    ("max_entries", "rows", "expected"),
    [
        (9, [(0, "a", "increment"), (TTL, "a", "increment")], {"creates": 1}),
        (9, [(0, "a", "increment"), (TTL + 1, "a", "increment")], {"creates": 2, "ttl_evictions": 1}),
        # `ttlcache` counts this eviction as the cap's: its cleaner comes a microsecond after the deadline.
        (1, [(0, "a", "increment"), (TTL + 1, "b", "increment")], {"ttl_evictions": 1, "cap_evictions": 0}),
        # Its goroutine has dropped both before the delete comes.
        (
            9,
            [(0, "a", "increment"), (0, "b", "increment"), (2 * TTL, "a", "delete")],
            {"deletes_hit": 1, "ttl_evictions": 0, "final_entries": 1},
        ),
    ],
    ids=["idle for the TTL", "idle for longer", "within a microsecond", "no increment since"],
)
def test_the_linked_list_on_the_streams_on_which_differences_test_go_has_ttlcache(max_entries, rows, expected):
    found = linked_list(trace_of(rows), max_entries)
    assert {name: found[name] for name in expected} == expected


def test_the_tables_hold_every_library_on_every_workload_with_replications_where_results_vary():
    table = peers_table()
    assert set(table[table["source"] == "workload"]["trace"]) == set(workload_names())
    assert set(table[table["source"] == "log"]["trace"]) >= {log.name.partition(".")[0] for log in LOGS}
    for _, mine in table.groupby(["source", "trace", "counter"]):
        expected = {name: peers.REPLICATIONS if peer.randomised else 1 for name, peer in PEERS.items()}
        assert mine["library"].value_counts().to_dict() == expected
        assert mine[["increments", "deletes"]].drop_duplicates().shape[0] == 1
    evicted = table["cap_evictions"] + table["ttl_evictions"]
    assert (table["creates"] == evicted + table["deletes_hit"] + table["final_entries"]).all()
    assert (table["false_evictions"] <= evicted).all()
    assert (table["peak_entries"] <= CAP).all()


def test_go_mod_and_go_sum_pin_the_versions_that_the_tables_name():
    sums = (peers.SOURCE / "go.sum").read_text(encoding="utf-8")
    assert peers.versions() == ABOUT["modules"]
    for table in (peers_table(), speeds()):
        for library, version in table[["library", "version"]].drop_duplicates().itertuples(index=False):
            assert ABOUT["modules"][PEERS[library].module] == version
            assert f"{PEERS[library].module} {version} h1:" in sums
    assert ABOUT["go"] >= "go1.25"
    assert ABOUT["settings"] == {"max_entries": CAP, "ttl_seconds": TTL // SECOND, "seed": peers.SEED}


def test_no_file_of_the_module_or_the_tables_names_an_address():
    for path in [*peers.SOURCE.iterdir(), *TABLES.iterdir()]:
        assert "://" not in path.read_text(encoding="utf-8")


def both(library, other, total):
    table = peer_estimates(total)["mean"].unstack("library")
    return table[library], table[other]


def test_expirable_makes_the_decisions_of_ttlcache_where_counts_are_put_back():
    for total in ("creates", "false_evictions", "lost_counts"):
        pd.testing.assert_series_equal(*both("expirable", "ttlcache", total), check_names=False)


def test_expirable_loses_more_where_a_hit_only_reads():
    read, written = both("expirable_read", "ttlcache", "lost_counts")
    assert (read >= written).all()
    assert read["workload", "incident", "no_client"] > 1.8 * written["workload", "incident", "no_client"]
    assert written["workload", "orphans", "no_client"] == 0
    assert read["workload", "orphans", "no_client"] > 100_000


def test_admission_by_frequency_creates_more_under_churn_and_less_under_a_flood():
    otter, ttlcache = (peer_estimates("creates").xs(name, level="library") for name in ("otter", "ttlcache"))
    for workload, low, high in (("incident", 1.01, 1.03), ("diurnal", 1.07, 1.10), ("flood", 0.96, 0.99)):
        row = ("workload", workload, "no_client")
        assert low < otter.loc[row, "low"] / ttlcache.loc[row, "mean"]
        assert otter.loc[row, "high"] / ttlcache.loc[row, "mean"] < high


@pytest.mark.parametrize("sharded", ["phuslu", "freelru_sharded"])
def test_a_store_of_shards_evicts_before_it_is_full(sharded):
    table = peer_estimates("cap_evictions").xs(sharded, level="library")
    peak = peer_estimates("peak_entries").xs(sharded, level="library")
    row = ("workload", "orphans", "no_client")
    exact = measured("freelru", "orphans")
    assert table.loc[row, "low"] > exact["cap_evictions"]
    assert peak.loc[row, "high"] < exact["peak_entries"] == CAP


@pytest.mark.parametrize("library", EXACT_LRU)
@pytest.mark.parametrize("workload", workload_names())
def test_exact_lrus_with_an_expiry_at_the_read_make_the_same_decisions(library, workload):
    mine, right = measured(library, workload), measured("ttlcache", workload)
    for total in ("creates", "false_evictions", "lost_counts"):
        assert mine[total] == right[total]
    assert mine["final_entries"] >= right["final_entries"]


def test_the_cleaner_of_sieve_drops_sessions_in_use_on_every_workload():
    with_ttl, without = both("sieve_ttl", "sieve", "lost_counts")
    assert (with_ttl.filter(like="no_client").loc["workload"] > without.filter(like="no_client").loc["workload"]).all()


def test_speeds_are_of_every_library_with_a_lock_or_alone_and_all_below_ten_microseconds():
    table = speeds()
    keys = ["library", "goroutines", "traffic"]
    assert not table.duplicated(keys).any()
    assert set(table["library"]) == set(peers.TIMED)
    assert len(table) == len(peers.TIMED) * len(peers.GOROUTINES) * 2
    assert (table["mean_ns"] < 10_000).all()
    assert (table["p50_ns"] <= table["p99_ns"]).all()
    assert (table["p99_ns"] <= table["worst_ns"]).all()
    assert table["heap_bytes"].between(80, 400).all()


def test_churn_is_new_ids_in_nine_of_ten_increments_and_else_a_session_still_held():
    trace = peers.churn()
    new = trace.previous_row == -1
    assert new.mean() == pytest.approx(peers.CHURN_NEW, abs=0.01)
    assert linked_list(trace)["creates"] == new.sum()
    assert {len(name) for name in trace.ids} == {37}


def test_a_stream_is_written_as_one_line_and_four_columns(tmp_path):
    trace = trace_of([(0, "a", "increment"), (HOUR, "b", "increment"), (HOUR + SECOND, "a", "delete")])
    peers.write_stream(trace, tmp_path / "stream")
    line, columns = (tmp_path / "stream").read_bytes().split(b"\n", 1)
    assert json.loads(line) == {"ids": ["a", "b"], "rows": 3}
    times = b"".join(time.to_bytes(8, "little") for time in (0, HOUR, HOUR + SECOND))
    sessions = bytes([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    assert columns == times + sessions + bytes([0, 0, 1]) + bytes([0, 0, 0])


def test_logs_that_are_not_replayed_anew_keep_their_rows_while_the_versions_last(monkeypatch):
    former = peers_table()
    fresh = former[former["source"] == "workload"]
    assert set(peers.with_logs_kept(fresh)["trace"]) == set(former["trace"])
    monkeypatch.setattr(peers, "versions", lambda: {"a": "v0"})
    assert set(peers.with_logs_kept(fresh)["trace"]) == set(fresh["trace"])


@pytest.mark.parametrize("reason", ["no proxy", "no logs", "no directory"])
def test_what_cannot_be_measured_is_reported_in_one_line_and_the_tables_stay(reason, tmp_path, monkeypatch, capsys):
    before = {path.name: path.read_bytes() for path in TABLES.iterdir()}
    monkeypatch.setattr(golang, "BUILD", tmp_path / "build")
    arguments, expected = [], "the Go module proxy cannot be reached, data/peers/ stays as it is: "
    if reason == "no proxy":
        monkeypatch.setenv("GOPROXY", "off")
    elif reason == "no logs":
        monkeypatch.setattr(peers, "build", lambda: tmp_path / "program")
        monkeypatch.setattr(peers, "workload_names", list)
        arguments, expected = ["--only", "replays", "--logs", str(tmp_path)], "no logs here; their names end in .csv"
    else:
        arguments, expected = ["--logs", str(tmp_path / "none")], "not a directory of logs"
    assert peers.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("peers: ")
    assert expected in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in TABLES.iterdir()} == before
