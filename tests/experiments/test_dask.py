"""The sweep over Dask: a real scheduler and workers in processes of their own, one of which is killed at work."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from simlib.cli.main import main
from simlib.experiments import executors
from simlib.experiments.sweep import JOURNAL, TABLE
from tests.experiments.test_sweep import MINE, lines
from tests.paths import ROOT

SEEDS = 60


@contextlib.contextmanager
def process(*arguments: object, **more) -> Iterator[subprocess.Popen]:
    """A process of Python's, which is killed at the end of the block if it has not ended."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    started = subprocess.Popen([sys.executable, *map(str, arguments)], **{**quiet, **more})
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def dask_worker(address: str, folder: Path, **more) -> contextlib.AbstractContextManager[subprocess.Popen]:
    # Without a nanny, which would replace a killed worker; one thread, so that it runs one task at a time.
    options = ("--no-nanny", "--no-dashboard", "--nthreads", 1, "--host", "127.0.0.1", "--local-directory", folder)
    return process("-m", "distributed.cli.dask_worker", address, *options, **more)


def joined(client: Client, worker: subprocess.Popen) -> str:
    """The address of a worker, once it has joined; one of an earlier test may not have been missed yet."""
    while True:
        assert worker.poll() is None
        for address, pid in client.run(os.getpid, on_error="ignore").items():
            if pid == worker.pid:
                return address
        time.sleep(0.05)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """The address of a scheduler without workers."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file)
    with process("-m", "distributed.cli.dask_scheduler", *options) as started:
        while not file.exists() or not file.read_text():
            assert started.poll() is None
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


def arguments(workload: Path, out: Path, *more: object) -> list[str]:
    grid = ("--workload", workload, "--seeds", f"1-{SEEDS}", "--max-entries", "50,500")
    return ["sweep", *map(str, (*grid, "--out", out, *more))]


def test_a_worker_killed_at_work_costs_nothing(scheduler, tmp_path, capsys, in_threads):
    workload, out = tmp_path / "mine.yaml", tmp_path / "out"
    workload.write_text(MINE.format(duration="1h"))
    with (
        dask_worker(scheduler, tmp_path / "one") as survivor,
        dask_worker(scheduler, tmp_path / "other") as victim,
        Client(scheduler, set_as_default=False) as client,
    ):
        working, left = joined(client, victim), joined(client, survivor)
        with process(
            "-m", "simlib", *arguments(workload, out, "--scheduler", scheduler), stderr=subprocess.PIPE
        ) as run:
            while not (out / JOURNAL).exists():
                assert run.poll() is None
                time.sleep(0.005)
            # It stands still while we look, so that what it has begun is still unfinished when it is killed.
            victim.send_signal(signal.SIGSTOP)
            while not client.processing()[working]:
                assert run.poll() is None
            finished = len(lines(out))
            victim.kill()
            errors = run.communicate(timeout=30)[1].decode()
        assert run.returncode == 0, errors
        assert 0 < finished < 3 * SEEDS
        assert "Traceback" not in errors
        assert list(client.scheduler_info()["workers"]) == [left]
    assert len({json.loads(line)["entry"]["fingerprint"] for line in lines(out)}) == len(lines(out)) == 3 * SEEDS
    assert main(arguments(workload, tmp_path / "local", "--jobs", "1")) == 0
    assert (out / TABLE).read_bytes() == (tmp_path / "local" / TABLE).read_bytes()
    assert capsys.readouterr().out.endswith(f"{3 * SEEDS} points, 0 of them kept\n")


def said(capsys, *given: object) -> str:
    """The one line that a refused sweep prints."""
    assert main(["sweep", *map(str, given)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("simlib sweep: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_scheduler_without_workers_is_reported_and_a_worker_is_no_scheduler(scheduler, tmp_path, capsys):
    reported = []
    with Client(scheduler, set_as_default=False) as client:
        while client.scheduler_info()["workers"]:
            time.sleep(0.05)
    with executors.dask_workers(scheduler, reported.append):
        assert reported == [f"{scheduler} has no workers yet: waiting for the first"]
    out = tmp_path / "out"
    with dask_worker(scheduler, tmp_path) as worker, Client(scheduler, set_as_default=False) as client:
        address = joined(client, worker)
        with executors.dask_workers(scheduler, reported.append):
            assert len(reported) == 1
        assert "this is a Worker of Dask: name its scheduler" in said(capsys, "--scheduler", address, "--out", out)
    assert not out.exists()


def test_a_worker_with_other_code_is_named_before_anything_is_done(scheduler, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "simlib", other / "simlib", ignore=shutil.ignore_patterns("__pycache__"))
    with open(other / "simlib/core/units.py", "a") as file:
        file.write("\n")
    with dask_worker(scheduler, tmp_path, cwd=other) as worker, Client(scheduler, set_as_default=False) as client:
        address = joined(client, worker)
        err = said(capsys, "--scheduler", scheduler, "--out", tmp_path / "out")
    assert f"worker {address} has another version of simlib, of Python or of a package: give it the same" in err
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_does_not_answer_is_reported_in_time(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert f"{address}: no Dask scheduler answers" in said(capsys, "--scheduler", address, "--out", tmp_path / "o")
    assert f"{address}: no Dask scheduler answers" in said(capsys, "--scheduler", address, "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_where_dask_is_not_installed_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    err = said(capsys, "--scheduler", "tcp://127.0.0.1:8786", "--out", tmp_path / "o")
    assert err.endswith("which is not installed: install simlib[dask]\n")
