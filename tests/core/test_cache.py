"""The cache: what was computed once is found again, and only what still holds."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from simlib.core import cache
from simlib.core.cache import cached


class Computed:
    """Counts how often it is computed."""

    def __init__(self, size: int = 4):
        self.size, self.times = size, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.times += 1
        return {"numbers": np.arange(self.size), "text": np.frombuffer(b"ab", np.uint8)}


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "DIRECTORY", tmp_path / "cache")
    return tmp_path / "cache"


def test_it_is_computed_once_for_what_it_depends_on(directory, monkeypatch):
    compute = Computed()
    first, second = (cached(lambda: ["a", 1], compute) for _ in range(2))
    assert compute.times == 1
    assert {name: array.tolist() for name, array in second.items()} == {"numbers": [0, 1, 2, 3], "text": [97, 98]}
    assert {name: array.dtype for name, array in second.items()} == {name: each.dtype for name, each in first.items()}
    cached(lambda: ["a", 2], compute)
    assert compute.times == 2
    monkeypatch.setattr(cache, "_CODE", "of another version")
    monkeypatch.setattr(cache, "code_digest", lambda: "of another version")
    cached(lambda: ["a", 1], compute)
    assert compute.times == 3


def test_nothing_is_kept_of_what_changes_meanwhile(directory, monkeypatch):
    compute, keys = Computed(), iter(["before", "after", "before", "before"])
    for times in (1, 2):
        cached(lambda: next(keys), compute)
        assert compute.times == times
    monkeypatch.setattr(cache, "code_digest", lambda: "edited")
    for times in (3, 4):
        cached(lambda: "other", compute)
        assert compute.times == times


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"\x80\x04N.", "cut", "flipped"])
def test_a_damaged_entry_is_computed_again_and_replaced(directory, damage):
    compute = Computed(1000)
    cached(lambda: 1, compute)
    (entry,) = directory.iterdir()
    whole = entry.read_bytes()
    flipped = whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]
    entry.write_bytes({"cut": whole[:-30], "flipped": flipped}.get(damage, damage))
    assert cached(lambda: 1, compute)["numbers"].tolist() == list(range(1000))
    assert compute.times == 2
    cached(lambda: 1, compute)
    assert compute.times == 2


def test_the_longest_unused_go_first(directory, monkeypatch):
    compute = Computed(1000)
    for number in range(3):
        cached(lambda number=number: number, compute)
        for place, entry in enumerate(sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
            os.utime(entry, (place, place))
    cached(lambda: 0, compute)
    size = next(directory.iterdir()).stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * size)
    cached(lambda: 3, compute)
    assert len(list(directory.iterdir())) == 3
    assert compute.times == 4
    for number, times in ((0, 4), (2, 4), (3, 4), (1, 5)):
        cached(lambda number=number: number, compute)
        assert compute.times == times


def test_what_is_larger_than_all_is_not_kept(directory, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 100)
    cached(lambda: 1, Computed(1000))
    assert not directory.exists()


def test_without_a_folder_to_write_to_it_computes(directory):
    directory.write_text("a file")
    compute = Computed()
    assert cached(lambda: 1, compute)["numbers"].size == 4
    assert cached(lambda: 1, compute)["numbers"].size == 4
    assert compute.times == 2


def test_what_is_kept_serves_who_may_only_read_it(directory, monkeypatch):
    compute = Computed()
    cached(lambda: 1, compute)

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(os, "utime", refuse)
    assert cached(lambda: 1, compute)["numbers"].tolist() == [0, 1, 2, 3]
    assert compute.times == 1


def keep(directory, number: int) -> int:
    cache.DIRECTORY = directory
    return int(cached(lambda: number % 3, lambda: {"n": np.full(10_000, number % 3)})["n"].sum())


def test_processes_share_it(directory):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(keep, [directory] * 60, range(60))) == [n % 3 * 10_000 for n in range(60)]
    assert len(list(directory.iterdir())) == 3


def test_a_killed_process_leaves_what_harms_nobody(directory, monkeypatch):
    code = f"""
import os, signal, pathlib, numpy
from simlib.core import cache
cache.DIRECTORY = pathlib.Path({str(directory)!r})
cache.np.savez = lambda file, **_: (file.write(b"half"), file.flush(), os.kill(os.getpid(), signal.SIGKILL))
cache.cached(lambda: 1, lambda: {{"a": numpy.zeros(9)}})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (left,) = directory.iterdir()
    os.utime(left, (0, 0))
    compute = Computed(1000)
    cached(lambda: 1, compute)
    assert compute.times == 1
    monkeypatch.setattr(cache, "MOST_BYTES", next(p for p in directory.iterdir() if p != left).stat().st_size)
    cached(lambda: 2, compute)
    assert not left.exists()
