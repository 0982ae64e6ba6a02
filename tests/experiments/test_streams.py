"""Kept streams: experiments on them give what those on new ones give."""

import numpy as np
import pytest

from simlib.core import cache
from simlib.experiments import streams
from simlib.experiments.experiment import open_experiment
from simlib.experiments.streams import log_trace
from simlib.traces.files import read_trace

BRIEF = {"replications": 2, "hours": 0.5}


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "DIRECTORY", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_kept_simulation_is_the_simulation(directory, monkeypatch):
    fresh = open_experiment(max_entries=64, **BRIEF)
    monkeypatch.setattr("simlib.experiments.experiment.simulate_all", None)
    again = open_experiment(max_entries=64, **BRIEF)
    assert again.digests == fresh.digests
    for one, other in zip(fresh.replications, again.replications, strict=True):
        assert other.ledgers == one.ledgers
        assert np.array_equal(other.class_of, one.class_of)
        assert all(map(np.array_equal, other.high_volume, one.high_volume))
        for key, observed in one.observed.items():
            for name in ("answers", "created", "shared", "prunes", "evictions"):
                assert np.array_equal(getattr(other.observed[key], name), getattr(observed, name)), (key, name)
            assert sorted(other.observed[key].final_counts) == sorted(observed.final_counts)


def test_another_seed_length_or_workload_is_another_stream(directory, monkeypatch):
    open_experiment(**BRIEF)
    for other in ({"seed": 3}, {"hours": 0.6}, {"workload": "steady"}):
        before = len(list(directory.iterdir()))
        open_experiment(**{**BRIEF, **other})
        assert len(list(directory.iterdir())) == before + 2, other
    monkeypatch.setattr("simlib.experiments.experiment.simulate_all", None)
    open_experiment(max_entries=7, ttl="1m", prune_every=3, **BRIEF)


def test_a_readable_store_runs_once_for_each_stream_and_the_settings_that_it_uses(directory, monkeypatch):
    runs, real = [], streams.reference
    monkeypatch.setattr(streams, "reference", lambda *given: runs.append(given[1]) or real(*given))
    # The first experiment observes its stores live.
    for cap in (64, 64, 64, 7, 7):
        open_experiment(max_entries=cap, **BRIEF)
    assert runs == ["unbounded", "bounded"] * 2 + ["bounded"] * 2
    open_experiment(max_entries=7, seed=3, **BRIEF)
    assert len(runs) == 6, "another stream is observed live"


def test_a_log_is_read_once_for_each_content(tmp_path, directory, monkeypatch):
    log, reads, real = tmp_path / "log.csv", [], streams.trace_of
    monkeypatch.setattr(streams, "trace_of", lambda opened: reads.append(opened) or real(opened))
    for rows in ("1,a\n2,\u00fc\n", "1,a\n2,b\n"):
        log.write_text("time,session\n" + rows, encoding="utf-8")
        digests = {log_trace(log).digest, log_trace(log).digest, read_trace(log).digest}
        assert len(digests) == 1
    assert len(reads) == 2
    renamed = log.rename(tmp_path / "other.csv")
    log_trace(renamed)
    assert len(reads) == 3
