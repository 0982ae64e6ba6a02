"""The sweep: the same table from every executor and order, and a finished point is neither lost nor repeated."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from simlib.cli.main import main
from simlib.core.errors import InputError, Stopped
from simlib.core.units import HOUR, MINUTE
from simlib.experiments import sweep
from simlib.experiments.executors import local_processes
from simlib.experiments.sweep import COLUMNS, JOURNAL, TABLE, Point, grid, opened, unfinished, write_table
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.traces.codes import COUNTERS
from simlib.workloads.churn import simulate
from tests.builders import kind, workload
from tests.paths import ROOT

SMALL = [
    workload("10m", watched=kind(clients={}), orphan=kind(clients={}, outlives=True)).model_copy(update={"name": "b"}),
    workload("20m", transient=kind(per_hour=900.0, lasts="fixed 0s")).model_copy(update={"name": "a"}),
]


def small(seeds=(1, 2), designs=("bounded", "unbounded"), max_entries=(40, 10), ttls=(MINUTE, 0)):
    return grid(SMALL, seeds, designs, max_entries, ttls, [16])


class Serial(Executor):
    """Does what it is given at once, and counts the stores that it was given."""

    def __init__(self):
        self.stores = []

    def submit(self, function, workload, seed, stores):
        self.stores.append(len(stores))
        future = Future()
        try:
            future.set_result(self.work(function, workload, seed, stores))
        except Exception as error:
            future.set_exception(error)
        return future

    def work(self, function, *arguments):
        return function(*arguments)


class Backwards(Executor):
    """Waits until it has all tasks, then does the last first."""

    def __init__(self, tasks: int):
        self.tasks, self.given = tasks, []

    def submit(self, function, *arguments):
        self.given.append((future := Future(), function, arguments))
        if len(self.given) == self.tasks:
            threading.Thread(target=self.work).start()
        return future

    def work(self):
        for future, function, arguments in reversed(self.given):
            future.set_result(function(*arguments))


def swept(points, out: Path, executor: Executor | None = None, on_progress=lambda finished: None) -> bytes:
    """The bytes of the table of a sweep."""
    with opened(out) as journal:
        write_table(sweep.sweep(points, journal, executor or Serial(), on_progress), out / TABLE)
    return (out / TABLE).read_bytes()


def lines(out: Path) -> list[str]:
    return (out / JOURNAL).read_text(encoding="utf-8").splitlines()


def run(capsys, *arguments) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> bytes:
    return swept(small(), tmp_path_factory.mktemp("truth"))


def test_a_grid_has_every_combination_once_in_one_order():
    points = small()
    assert len(points) == 2 * 2 * (1 + 4)
    assert [(p.workload.name, p.seed, p.design, p.settings) for p in points[:6]] == [
        ("a", 1, "unbounded", Settings()),
        ("a", 1, "bounded", Settings(10, 0, 16)),
        ("a", 1, "bounded", Settings(10, MINUTE, 16)),
        ("a", 1, "bounded", Settings(40, 0, 16)),
        ("a", 1, "bounded", Settings(40, MINUTE, 16)),
        ("a", 2, "unbounded", Settings()),
    ]
    assert small(seeds=(2, 1, 2), designs=("unbounded", "bounded"), max_entries=(10, 40, 10)) == points
    assert grid(SMALL[::-1] * 2, (1, 2), ("unbounded", "bounded"), (10, 40), (0, MINUTE), [16]) == points


def test_a_grid_refuses_what_cannot_be_swept_over():
    longer, other = SMALL[0].lasting(HOUR), workload(transient=kind()).model_copy(update={"name": "b"})
    assert len(grid([SMALL[0], longer], [1], ["unbounded"], [1], [1], [1])) == 2
    for change, expected in (
        ({"workloads": [SMALL[0], other.lasting(SMALL[0].duration)]}, "two workloads are called 'b'"),
        ({"seeds": []}, "0 points: at least 1"),
        ({"seeds": range(200_001)}, "400,002 points: at least 1, at most 200,000"),
        ({"seeds": [-1]}, "seed -1 is out of range"),
        ({"seeds": [2**63]}, "out of range"),
        ({"designs": ["lru"]}, "unknown design 'lru': choose one of unbounded, bounded"),
        ({"prune_everys": [0]}, "prune_every must be at least 1"),
    ):
        axes = {"workloads": SMALL, "seeds": [1], "designs": ["bounded"]}
        axes |= {"max_entries": [1], "ttls": [1], "prune_everys": [1]} | change
        with pytest.raises(InputError, match=expected):
            grid(**axes)


def test_the_table_is_the_ledger_of_every_point(truth, tmp_path):
    (tmp_path / TABLE).write_bytes(truth)
    table = pd.read_csv(tmp_path / TABLE)
    assert list(table.columns) == COLUMNS
    rows = table.to_dict("records")
    points = small()
    assert len(rows) == len(points) * len(COUNTERS)
    for at, row in enumerate(rows):
        point, counter = points[at // 2], COUNTERS[at % 2]
        trace = simulate(point.workload, point.seed).only(counter)
        totals = ledger.totals(trace, replay(trace, point.design, point.settings or Settings()))
        expected = {**point.labels(), "counter": counter, **point.report(totals)}
        assert {name: None if pd.isna(value) else value for name, value in row.items()} == expected
    assert rows[2]["ttl_seconds"] == 0
    assert rows[4]["ttl_seconds"] == 60
    assert {row["hours"] for row in rows} == {10 / 60, 20 / 60}


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_no_executor_order_or_batch_shows_in_the_table(truth, tmp_path, monkeypatch, batch):
    monkeypatch.setattr(sweep, "BATCH", batch)
    serial = Serial()
    assert swept(small(), tmp_path / "serial", serial) == truth
    assert max(serial.stores) == min(batch, 5)
    shuffled = random.Random(batch).sample(small(), k=len(small()))
    assert swept(shuffled + shuffled[:3], tmp_path / "shuffled") == truth
    assert swept(small(), tmp_path / "backwards", Backwards(len(serial.stores))) == truth
    assert sorted(lines(tmp_path / "backwards")) == sorted(lines(tmp_path / "serial"))
    with ThreadPoolExecutor(4) as threads:
        assert swept(shuffled, tmp_path / "threads", threads) == truth


def test_processes_make_the_same_table_and_report_every_point(truth, tmp_path):
    reported = []
    with local_processes(2) as processes:
        assert swept(small(), tmp_path / "ours", processes, reported.append) == truth
    assert sum(reported) == len(small()) == len(lines(tmp_path / "ours"))


def test_what_is_finished_is_not_done_again_and_what_changed_is(tmp_path, monkeypatch):
    serial = Serial()
    first = swept(small(max_entries=[10]), tmp_path, serial)
    assert sum(serial.stores) == 12
    assert swept(small(max_entries=[10]), tmp_path, serial) == first
    assert sum(serial.stores) == 12
    swept(small(), tmp_path, serial)
    assert sum(serial.stores) == 20 == len(lines(tmp_path))
    assert swept(small(max_entries=[10]), tmp_path, serial) == first
    assert sum(serial.stores) == 20
    with opened(tmp_path) as journal:
        assert not unfinished(small(), journal)
        assert len(unfinished(grid([SMALL[0].lasting(HOUR)], [1], ["bounded"], [10], [0], [16]), journal)) == 1
        monkeypatch.setattr(sweep, "CODE", "another")
        assert len(unfinished(small(), journal)) == 20


def test_what_a_kill_tore_or_a_disk_damaged_is_done_again_and_healed(truth, tmp_path):
    swept(small(), tmp_path)
    whole = lines(tmp_path)
    damaged = list(whole)
    damaged[3] = damaged[3].replace('"increments": ', '"increments": 1')
    damaged[5:5] = ["", "\0" * 40, "[]", "{}", '{"check": 1, "entry": []}', "[" * 100_000, whole[7]]
    (tmp_path / JOURNAL).write_text("\n".join(damaged)[:-30], encoding="utf-8")
    with opened(tmp_path):
        healed = lines(tmp_path)
        assert healed == [*whole[:3], whole[4], whole[7], *whole[5:-1]]
        assert (tmp_path / JOURNAL).read_bytes().endswith(b"\n")
    serial = Serial()
    assert swept(small(), tmp_path, serial) == truth
    assert sum(serial.stores) == 2
    assert lines(tmp_path)[: len(healed)] == healed
    # A line that only lacks its end is whole.
    text = (tmp_path / JOURNAL).read_text(encoding="utf-8")
    (tmp_path / JOURNAL).write_text(text[:-1], encoding="utf-8")
    swept(small(), tmp_path, serial)
    assert (tmp_path / JOURNAL).read_text(encoding="utf-8") == text
    assert sum(serial.stores) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from simlib.experiments.executors import local_processes
from simlib.experiments.sweep import grid, opened, sweep
from simlib.workloads.schema import load_workload

finished = 0

def on_progress(more):
    global finished
    finished += more
    if finished >= 6:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    points = grid([load_workload(sys.argv[1])], range(1, 11), ["bounded"], [10, 100], [0], [256])
    with local_processes(2) as executor, opened(Path(sys.argv[2])) as journal:
        sweep(points, journal, executor, on_progress)
"""

MINE = """
title: Mine
about: for a test
memory_limit_mib: 1
duration: {duration}
kinds:
  transient:
    about: for a test
    arrivals: {{per_hour: 2400}}
    events: {{gap: fixed 1s, lasts: fixed 0s}}
"""


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE.format(duration="15m"))
    return path


def test_killed_midway_it_goes_on_without_loss_and_its_workers_end(tmp_path, mine, capsys, in_threads):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    out, here = tmp_path / "out", ROOT
    killed = subprocess.run(
        [sys.executable, str(script), str(mine), str(out)],
        env={**os.environ, "PYTHONPATH": str(here)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Its output ends when the last of its workers, which share it, has ended.
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert b"Traceback" not in killed.stdout
    assert not (out / TABLE).exists()
    before = lines(out)
    assert 6 <= len(before) < 20
    again = ("sweep", "--workload", mine, "--design", "bounded", "--seeds", "1-10", "--max-entries", "10,100")
    status, said, _ = run(capsys, *again, "--ttl", "0", "--jobs", 2, "--out", out)
    assert status == 0
    assert said.splitlines()[-1] == f"{out / TABLE}: 20 points, {len(before)} of them kept"
    assert lines(out)[: len(before)] == before
    assert len({json.loads(line)["entry"]["fingerprint"] for line in lines(out)}) == len(lines(out)) == 20
    assert run(capsys, *again, "--ttl", "0", "--out", tmp_path / "whole")[0] == 0
    assert (out / TABLE).read_bytes() == (tmp_path / "whole" / TABLE).read_bytes()


@pytest.mark.parametrize(
    ("number", "how"), [(signal.SIGINT, "interrupted"), (signal.SIGHUP, "ended by SIGHUP")], ids=str
)
def test_interrupted_it_ends_at_once_and_keeps_what_is_finished(tmp_path, number, how):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "simlib", "sweep", "--seeds", "1-500", "--out", str(out), "--jobs", "2"]
    # In a group of its own: the interrupt from a terminal goes to all of it.
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while not (out / JOURNAL).exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, number)
        errors = process.communicate(timeout=20)[1].decode()
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == f"simlib sweep: {how}; run it again to go on where it stopped"
    assert not (out / TABLE).exists()
    before = lines(out)
    with opened(out):
        assert lines(out) == before


def test_a_killed_worker_is_one_line_and_nothing_is_lost(truth, tmp_path):
    def kill(finished: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with (
        pytest.raises(Stopped, match="its worker process ended early"),
        local_processes(1) as one,
    ):
        swept(small(seeds=range(1, 9)), tmp_path, one, kill)
    assert 5 <= len(lines(tmp_path)) < 80
    kept, serial = len(lines(tmp_path)), Serial()
    swept(small(seeds=range(1, 9)), tmp_path, serial)
    assert sum(serial.stores) == 80 - kept
    assert swept(small(), tmp_path) == truth


class Failing(Serial):
    """Fails at the third task."""

    def work(self, function, *arguments):
        if len(self.stores) == 3:
            raise MemoryError("no more\nof it")
        return function(*arguments)


class Older(Serial):
    """Has workers that run other code from the third task on."""

    def work(self, function, *arguments):
        code, results = function(*arguments)
        return (code if len(self.stores) < 3 else "older"), results


def test_a_task_that_fails_stops_the_sweep_and_what_is_finished_stays(tmp_path):
    with pytest.raises(Stopped, match="b under seed 1: MemoryError: no more"):
        swept(small(), tmp_path, Failing())
    assert len(lines(tmp_path)) == 10


def test_what_ended_while_another_failed_is_kept_too(tmp_path):
    class Late(Serial):
        """Reports what it has done only once a task has failed."""

        def submit(self, *arguments):
            done = super().submit(*arguments)
            self.held = [*getattr(self, "held", []), (done, Future())]
            if len(self.held) == 4:
                for future, held in self.held:
                    if future.exception():
                        held.set_exception(future.exception())
                    else:
                        held.set_result(future.result())
            return self.held[-1][1]

        def work(self, function, *arguments):
            if len(self.stores) == 1:
                raise MemoryError
            return function(*arguments)

    with pytest.raises(Stopped, match="a under seed 1: MemoryError"):
        swept(small(), tmp_path, Late())
    assert len(lines(tmp_path)) == 15


def test_a_worker_with_another_version_is_refused_before_its_results_are_kept(tmp_path):
    with pytest.raises(InputError, match="a worker runs another version of simlib"):
        swept(small(), tmp_path, Older())
    assert len(lines(tmp_path)) == 10


def test_a_failure_is_one_line_and_status_1(tmp_path, mine, capsys, monkeypatch, in_threads):
    monkeypatch.setattr("simlib.experiments.sweep.workload_totals", None)
    status, out, err = run(capsys, "sweep", "--workload", mine, "--out", tmp_path / "out")
    assert (status, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("simlib sweep: mine under seed 1: TypeError: ")
    assert last.endswith("; run it again to go on where it stopped")


def test_a_workload_changed_under_the_same_name_is_run_again(tmp_path, mine, capsys, in_threads):
    arguments = (
        "sweep",
        "--workload",
        mine,
        "--workload",
        mine,
        "--seeds",
        "1,2",
        "--jobs",
        1,
        "--out",
        tmp_path / "o",
    )
    status, out, err = run(capsys, *arguments)
    assert status == 0
    assert out.splitlines()[-1] == f"{tmp_path / 'o' / TABLE}: 4 points, 0 of them kept"
    assert "4/4" in err
    assert run(capsys, *arguments)[1].endswith(": 4 points, 4 of them kept\n")
    first = (tmp_path / "o" / TABLE).read_bytes()
    text = mine.read_text()
    mine.write_text(text.replace("2400", "2500"))
    assert run(capsys, *arguments)[1].endswith(": 4 points, 0 of them kept\n")
    assert (tmp_path / "o" / TABLE).read_bytes() != first
    mine.write_text(text)
    assert run(capsys, *arguments)[1].endswith(": 4 points, 4 of them kept\n")
    assert (tmp_path / "o" / TABLE).read_bytes() == first
    assert run(capsys, *arguments, "--hours", 0.1)[1].endswith(": 4 points, 0 of them kept\n")


BAD = {
    "unknown workload": (["--workload", "nosuch"], "no workload 'nosuch': choose one of"),
    "two of a name": (["--workload", "{mine}", "--workload", "{other}"], "two workloads are called 'mine'"),
    "damaged workload": (["--workload", "{bad}"], "{bad}: not YAML"),
    "unknown design": (["--design", "lru"], "unknown design 'lru': choose one of unbounded, bounded"),
    "no time": (["--hours", "0"], "hours: 0 is out of range"),
    "prune every 0": (["--prune-every", "0"], "prune_every must be at least 1"),
    "more than 64 bits": (["--max-entries", "9" * 20], "max_entries: 99999999999999999999 is out of range"),
    "a seed of over 64 bits": (["--seeds", "9999999999999999999"], "seed 9999999999999999999 is out of range"),
    "too many points": (["--seeds", "1-50000", "--workload", "flood", "--max-entries", "1,2,3,4,5"], "500,000 points"),
    "out of no name": (["--out", ""], "--out is empty"),
    "out in a file": (["--out", "{mine}"], "cannot be written: it is a file"),
    "out under a file": (["--out", "{mine}/x"], "cannot be written"),
    "no scheduler": (["--scheduler", ""], "'' is not the address of a scheduler: write tcp://host:port"),
    "half a scheduler": (["--scheduler", "localhost:8786"], "'localhost:8786' is not the address of a scheduler"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_status_2_and_leaves_nothing(capsys, tmp_path, mine, case):
    arguments, expected = BAD[case]
    (tmp_path / "bad.yaml").write_text("title: [")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.yaml").write_text(MINE.format(duration="15m").replace("2400", "1"))
    names = {"mine": mine, "other": tmp_path / "other" / "mine.yaml", "bad": tmp_path / "bad.yaml"}
    before = sorted(tmp_path.rglob("*"))
    out = [] if "--out" in arguments else ["--out", tmp_path / "out"]
    status, said, err = run(capsys, "sweep", *(argument.format(**names) for argument in arguments), *out)
    assert (status, said) == (2, "")
    assert err.startswith("simlib sweep: ")
    assert err.count("\n") == 1
    assert expected.format(**names) in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--max-entries", "1,x"], "argument --max-entries: 'x' is not a whole number: write such as 512,2048"),
        (["--prune-every", ""], "argument --prune-every: '' is not a whole number"),
        (["--ttl", "5m,30 parsecs"], "argument --ttl: '30 parsecs' is not a duration: write a number"),
        (["--seeds", "5-1"], "argument --seeds: '5-1' is no range of seeds: write such as 1-5 or 1,2,7"),
        (["--seeds", "1,,2"], "argument --seeds: '' is no range of seeds"),
        (["--seeds", "0-999999999999"], "argument --seeds: '0-999999999999' are too many seeds: at most 100,000"),
        (["--hours", "x"], "argument --hours: invalid float value: 'x'"),
        (["--jobs", "0"], "argument --jobs: '0' is not a whole number of at least 1"),
        (["--jobs", "2", "--scheduler", "tcp://a:1"], "argument --scheduler: not allowed with argument --jobs"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(capsys, arguments, expected):
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *arguments])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"simlib sweep: {expected}")
    assert err.count("\n") == 1


def test_one_sweep_at_a_time_writes_to_a_folder(capsys, tmp_path, mine):
    with opened(tmp_path / "out"):
        status, _, err = run(capsys, "sweep", "--workload", mine, "--out", tmp_path / "out")
    assert (status, err.count("\n")) == (2, 1)
    assert "another run is writing to it" in err


def test_a_point_is_known_by_all_that_its_result_depends_on():
    point = Point(SMALL[0], 1, "bounded", Settings())
    others = [
        Point(SMALL[0].model_copy(update={"duration": HOUR}), 1, "bounded", Settings()),
        Point(SMALL[0].model_copy(update={"kinds": SMALL[1].kinds}), 1, "bounded", Settings()),
        Point(SMALL[0], 2, "bounded", Settings()),
        Point(SMALL[0], 1, "unbounded", Settings()),
        Point(SMALL[0], 1, "bounded", Settings(ttl=1)),
    ]
    assert len({each.fingerprint for each in (point, *others)}) == 6
    assert Point(SMALL[0].model_copy(), 1, "bounded", Settings()).fingerprint == point.fingerprint
