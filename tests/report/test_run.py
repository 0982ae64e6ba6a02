"""The runner and the pack: complete or absent, the same twice, resumed after a kill, failures reported by cell."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import forkserver
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.report import notebooks, runner
from simlib.report.pack import SUMMARY
from simlib.report.pages import write_report
from simlib.report.runner import Job, Result, is_complete, opened, run_jobs

LOG = "time,session,op\n" + "".join(
    f"{i * 7},s<b>{i % 40}\u2028*,{'delete' if i % 11 == 0 else 'increment'}\n" for i in range(400)
)


def export(out: Path, *arguments: str) -> int:
    return main(["run", "--profile", "ci", "--out", str(out), *arguments])


CASE = "incident.ci,hours=1"
"""The folder of a run on the worked example that is as brief as this."""

BRIEFLY = ("--parameter", "hours=1", "--notebook", "01_memory")
ENDINGS = (".svg", ".png", ".csv", ".json", ".html", ".md")


def is_current(job: Job, out: Path) -> bool:
    return is_complete(job, out, job.seal())


def contents(out: Path, *endings: str) -> dict:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.suffix in endings}


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A pack of one notebook on one workload; do not change it."""
    out = tmp_path_factory.mktemp("exported")
    assert export(out, "--workload", "incident", *BRIEFLY) == 0
    return out


def test_a_workload_is_exported_whole(exported):
    made = contents(exported, *ENDINGS)
    assert {f"{CASE}/01_memory/{name}" for name in ("heap.svg", "heap.png", "heap.csv", SUMMARY)} <= set(made)
    assert {"index.html", "claims.json", "manifest.json", "postmortem.md"} <= set(made)
    copy = (exported / CASE / "01_memory/01_memory.ipynb").read_text(encoding="utf-8")
    # A bar is for whoever watches, and warnings are for whoever writes the code.
    assert "widget" not in copy
    assert "stderr" not in copy
    claims = json.loads(made["claims.json"])
    assert claims
    assert all(claim["holds"] and claim["numbers"] for claim in claims)
    (manifest,) = json.loads(made["manifest.json"])
    assert manifest["seeds"] == [1, 2]
    assert len(manifest["streams_sha256"][0]) == 64
    assert {"numpy", "simpy", "python"} <= set(manifest["versions"])


def test_a_complete_result_is_kept(exported, tmp_path, capsys):
    out = shutil.copytree(exported, tmp_path / "out")
    assert export(out, "--workload", "incident", *BRIEFLY) == 0
    assert f"kept   01_memory on {CASE}" in capsys.readouterr().err
    assert contents(out, *ENDINGS, ".ipynb") == contents(exported, *ENDINGS, ".ipynb")


def test_a_log_is_exported_and_its_strings_are_harmless(tmp_path):
    log = tmp_path / "<i>my $log$.csv"
    log.write_text(LOG, encoding="utf-8")
    assert export(tmp_path / "out", "--trace", str(log)) == 0
    # Who may list the folder of results may read all in it.
    case = next(path for path in (tmp_path / "out").iterdir() if path.is_dir() and path.name[0] != ".")
    assert {path.stat().st_mode for path in case.iterdir() if path.is_dir()} == {case.stat().st_mode}
    html = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "<i>my" not in html
    assert "&lt;i&gt;my $log$" in html
    markdown = (tmp_path / "out/postmortem.md").read_text(encoding="utf-8")
    assert "<i>my" not in markdown
    for target in [part.split(")")[0] for part in markdown.split("](")[1:]]:
        assert (tmp_path / "out" / target).exists()


def test_runs_accumulate_whatever_the_log_or_the_setting(tmp_path, capsys):
    out, logs = tmp_path / "out", [tmp_path / place / "access.csv" for place in ("web1", "web2")]
    for number, log in enumerate(logs):
        log.parent.mkdir()
        log.write_text(LOG.replace("s<b>", f"s{number}-"), encoding="utf-8")
    one = ("--notebook", "01_memory")
    assert export(out, *one, "--trace", str(logs[0])) == 0
    first = contents(out / "access", *ENDINGS)
    assert export(out, *one, "--trace", str(logs[0]), "--parameter", "max_entries=7") == 0
    assert export(out, *one, "--trace", str(logs[1])) == 0
    other, *rest = sorted(path.name for path in out.iterdir() if path.is_dir() and path.name.startswith("web"))
    assert not rest
    assert other.startswith("web2_access-")
    html = (out / "index.html").read_text(encoding="utf-8")
    assert all(f'id="case-{name}"' in html for name in ("access", "access.max_entries=7", other))
    assert contents(out / "access", *ENDINGS) == first
    capsys.readouterr()
    assert export(out, *one, "--trace", str(logs[1])) == 0
    assert f"kept   01_memory on {other}" in capsys.readouterr().err


@pytest.mark.parametrize("rows", ["5,a,delete,\n", "5,a,delete,drops\n6,,increment,drops\n6,b,,drops\n"])
@pytest.mark.parametrize("name", notebooks.notebook_names())
@pytest.mark.filterwarnings("default")  # As in a kernel, which shows a warning and goes on.
def test_the_smallest_logs_are_no_exception(tmp_path, name, rows):
    log = tmp_path / "tiny.csv"
    log.write_text("time,session,op,counter\n" + rows, encoding="utf-8")
    which = "traces" if notebooks.compares(name) else "trace"
    given = {which: str(log), "max_entries": 1, "out": str(tmp_path / "out")}
    # In this process: a kernel for each would take most of the time.
    space: dict = {}
    for cell in nbformat.read(notebooks.notebook_path(name), as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
        if "parameters" in cell.metadata.get("tags", ()):
            space |= given
    assert json.loads((tmp_path / "out" / SUMMARY).read_text(encoding="utf-8"))["answers"]


def test_an_earlier_result_survives_a_parameter_that_is_refused(exported, tmp_path, capsys):
    out = shutil.copytree(exported, tmp_path / "out")
    refused = ("ttl=30 parsecs", "max_entries=1.5", "max_entries=x", "memory_limit_mib=nan", "memory_limit_mib=-1")
    for bad in (*refused, "go_version=1.22", "replications=0", "hours=-1", "prune_every=0"):
        assert export(out, "--workload", "incident", *BRIEFLY, "--parameter", bad) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert contents(out, *ENDINGS, ".ipynb") == contents(exported, *ENDINGS, ".ipynb")


def test_one_run_at_a_time_writes_to_a_folder(tmp_path, capsys):
    with opened(tmp_path / "out"):
        assert export(tmp_path / "out", "--workload", "steady", *BRIEFLY) == 2
    assert "another run is writing to it" in capsys.readouterr().err


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A folder of notebooks of our own in the place of the project's."""
    own = tmp_path / "notebooks"
    own.mkdir()
    monkeypatch.setattr(notebooks, "NOTEBOOKS", own)
    return own


def write(directory: Path, name: str, source: str, input: Path | None = None) -> Job:
    parameters = new_code_cell(
        "out: str = ''  # folder\nlate: int = 0  # s", id="parameters", metadata={"tags": ["parameters"]}
    )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [
        new_markdown_cell("# ?", id="title"),
        parameters,
        new_code_cell(source, id="the-cell"),
        new_code_cell(SEALED, id="end"),
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), directory / f"{name}.ipynb")
    input = input or directory / "input.txt"
    input.touch()
    return Job(name, "case", {"late": 0}, (input,))


SEALED = """
import json, pathlib
pathlib.Path(out, "summary.json").write_text(json.dumps({"notebook": "n", "case": "case", "title": "t", "about": "a",
    "scope": "s", "verdict": "", "tiles": {}, "sentences": {}, "answers": [{"text": "yes", "about": "case"}],
    "claims": [], "figures": [], "tables": []}))
"""


def test_one_failure_is_reported_by_cell_and_stops_no_other(directory, tmp_path):
    jobs = [write(directory, "1_bad", "1 / 0"), write(directory, "2_good", "1 + 1")]
    reported = []
    results = run_jobs(jobs, tmp_path / "out", 2, reported.append)
    assert [result.error for result in results] == ["ZeroDivisionError: division by zero", ""]
    assert str(results[0]) == "FAILED 1_bad on case: cell the-cell: ZeroDivisionError: division by zero"
    assert len(reported) == 2
    copy = nbformat.read(tmp_path / "out/case/1_bad.failed/1_bad.ipynb", as_version=4)
    assert "ZeroDivisionError" in str(copy.cells)
    write_report(tmp_path / "out")
    html = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "in cell the-cell: ZeroDivisionError" in html
    assert "yes" in html
    # A failure is not taken for complete: it is run again.
    assert not is_current(jobs[0], tmp_path / "out")
    assert run_jobs(jobs, tmp_path / "out", 1, reported.append)[1].resumed


def test_a_cell_that_takes_too_long_and_a_kernel_that_is_killed_are_reported_as_such(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "CELL_TIMEOUT", 2)
    slow = write(directory, "1_slow", "import time; time.sleep(60)")
    dead = write(directory, "2_dead", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    lost = write(directory, "3_lost", "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    results = run_jobs([slow, dead, lost], tmp_path / "out", 3, lambda result: None)
    assert [(result.cell, result.error) for result in results] == [
        ("the-cell", "took longer than 2 s and was stopped"),
        ("the-cell", "the kernel ended early (out of memory, killed, or crashed)"),
        ("?", "the worker process was killed (SIGKILL)"),
    ]


def test_a_killed_fork_server_costs_one_run_at_most_and_the_next_start_another(directory, tmp_path):
    jobs = [write(directory, f"{n}_n", "1") for n in range(2)]

    def kill(result):
        if result.job is jobs[0]:
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)

    first, second = run_jobs(jobs, tmp_path / "out", 1, kill)
    assert first.error == ""
    assert second.error in ("", "the worker process could not be started")
    assert [result.error for result in run_jobs(jobs, tmp_path / "out", 1, lambda result: None)] == ["", ""]


def test_what_changed_is_run_again_and_what_did_not_is_kept(directory, tmp_path):
    out, input = tmp_path / "out", tmp_path / "input"
    input.write_text("a")
    job = write(directory, "1_n", "1", input)

    def resumed(job):
        return run_jobs([job], out, 1, lambda result: None)[0].resumed

    assert not resumed(job)
    assert resumed(job)
    assert not is_current(Job(job.notebook, job.experiment, {"late": 1}, (input,)), out)
    input.write_text("b")
    assert not is_current(job, out)
    input.write_text("a")
    assert is_current(job, out)
    write(directory, "1_n", "2", input)
    assert not resumed(job)
    assert resumed(job)
    sealed = (job.directory(out) / SUMMARY).read_bytes()
    (job.directory(out) / SUMMARY).write_text("{}")
    assert not is_current(job, out)
    (job.directory(out) / SUMMARY).write_bytes(sealed)
    assert is_current(job, out)
    (job.directory(out) / SUMMARY).unlink()
    assert not is_current(job, out)


def test_a_failure_leaves_an_earlier_result_in_its_place(directory, tmp_path):
    out = tmp_path / "out"
    good = write(directory, "1_n", "1")
    run_jobs([good], out, 1, lambda result: None)
    run_jobs([write(directory, "1_n", "1 / 0")], out, 1, lambda result: None)
    assert (out / "case/1_n.failed/failure.json").exists()
    good = write(directory, "1_n", "1")
    assert is_current(good, out)
    (good.directory(out) / SUMMARY).unlink()
    run_jobs([good], out, 1, lambda result: None)
    assert not (out / "case/1_n.failed").exists()


def test_an_input_that_changes_meanwhile_makes_the_result_stale(directory, tmp_path):
    input = tmp_path / "input"
    input.write_text("a")
    job = write(directory, "1_n", f"open({str(input)!r}, 'w').write('b')", input)
    run_jobs([job], tmp_path / "out", 1, lambda result: None)
    assert not is_current(job, tmp_path / "out")


def test_killed_and_started_again_it_gives_the_same_bytes(exported, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "simlib", "run", "--profile", "ci", "--out", str(out), "--workload", "incident"]
    process = subprocess.Popen(
        [*command, *BRIEFLY], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    while not list(out.glob(".work/*/01_memory.ipynb")):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "index.html").exists()
    assert not (out / CASE).exists()
    again = subprocess.run([*command, *BRIEFLY], capture_output=True, text=True, check=True)
    assert f"done   01_memory on {CASE}" in again.stderr
    # What the killed run had begun is gone.
    assert not (out / ".work").exists()
    first, second = contents(exported, *ENDINGS), contents(out, *ENDINGS)
    # The seal also covers the executed copy, in which papermill notes the time.
    assert {name for name in first if first[name] != second.get(name)} == {f"{CASE}/01_memory/seal.json"}


@pytest.mark.parametrize(
    ("number", "how"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")], ids=str
)
def test_interrupted_it_ends_at_once_and_leaves_nothing_half_made(tmp_path, number, how):
    # Not in `tmp_path`: sockets need a short one.
    out, temporary = tmp_path / "out", Path(tempfile.mkdtemp())
    command = [sys.executable, "-m", "simlib", "run", "--profile", "ci", "--out", str(out), "--workload", "incident"]
    # In a group of its own: the interrupt from a terminal goes to all of it.
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(out.glob(".work/*/01_memory.ipynb")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, number)
    errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 128 + number
    assert errors.splitlines()[-1] == f"simlib run: {how}; run it again to go on where it stopped"
    assert "Traceback" not in errors
    assert [path.read_text(encoding="utf-8") for path in out.glob("*/*.failed/failure.json")] == []
    assert not (out / ".work").exists()
    temporary.rmdir()
    assert "01_memory" in (out / "index.html").read_text(encoding="utf-8").split("missing:")[1]


def test_a_kernel_whose_starter_ended_before_it_began_ends_too(tmp_path):
    # Stopped, it begins only when it is the child of another process.
    starter = (
        "import os, signal, sys; from simlib.report.kernel import Fork; fork = Fork(); "
        "fork.send_signal(signal.SIGSTOP); fork.begin(sys.argv[1], '.', {}); print(fork.pid, flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", starter, str(tmp_path / "kernel.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.wait()
        os.kill(pid, signal.SIGCONT)
        # It holds the other end of the pipe until it ends.
        assert process.stdout.read() == ""
    assert not (tmp_path / "kernel.json").exists()


def test_a_temporary_folder_too_long_for_sockets_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/" + "t" * 60)
    with pytest.raises(InputError, match=r"^/t{60}: too long a path for the sockets of kernels: set TMPDIR"):
        run_jobs([], tmp_path, 1, lambda result: None)


def test_a_result_is_one_line():
    result = Result(Job("n", "c", {}, (Path("x"),)), cell="a", error="E: one\ntwo")
    assert str(result) == "FAILED n on c: cell a: E: one"
