"""Same seed, same bytes: in this process, in another, under another hash seed, on a worker, today and tomorrow."""

import json
import os
import subprocess
import sys

from simlib.cli.main import main
from simlib.experiments.executors import local_processes
from tests.goldens import FILE, compute, stream_digest


def test_streams_are_those_on_record():
    assert json.loads(FILE.read_text(encoding="utf-8")) == compute()


def test_other_processes_with_other_hash_seeds_give_the_same_bytes(tmp_path):
    command = ["simulate", "incident", "--seed", "5", "--hours", "1", "--out"]
    others = {}
    for hash_seed in ("0", "4242"):
        others[tmp_path / f"{hash_seed}.csv.gz"] = subprocess.Popen(
            [sys.executable, "-m", "simlib", *command, str(tmp_path / f"{hash_seed}.csv.gz")],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.DEVNULL,
        )
    assert main([*command, str(tmp_path / "here.csv.gz")]) == 0
    for file, process in others.items():
        assert process.wait() == 0
        assert file.read_bytes() == (tmp_path / "here.csv.gz").read_bytes()


def test_workers_in_any_order_give_the_same_streams():
    here = [stream_digest("incident", seed) for seed in (1, 2, 3)]
    assert len(set(here)) == 3
    with local_processes(2) as workers:
        there = list(workers.map(stream_digest, ["incident"] * 3, (3, 2, 1)))
    assert there == here[::-1]
