"""Same seed, same bytes: in this process, in another, under another hash seed, on a worker, today and tomorrow."""

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.goldens import FILE, compute, stream_digest


def test_streams_are_those_on_record():
    assert json.loads(FILE.read_text(encoding="utf-8")) == compute()


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(hash_seed, tmp_path):
    files = [tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"]
    for file, chosen in zip(files, ("0", hash_seed), strict=True):
        subprocess.run(
            [sys.executable, "-m", "simlib", "simulate", "incident", "--seed", "5", "--hours", "1", "--out", str(file)],
            env={**os.environ, "PYTHONHASHSEED": chosen},
            check=True,
            capture_output=True,
        )
    assert files[0].read_bytes() == files[1].read_bytes()


def test_workers_in_any_order_give_the_same_streams():
    here = [stream_digest("incident", seed) for seed in (1, 2, 3)]
    assert len(set(here)) == 3
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = list(pool.map(stream_digest, ["incident"] * 3, (3, 2, 1)))
    assert there == here[::-1]
