"""Runs notebooks on cases, several at a time, and resumes: what is complete and unchanged is not run again.

Owns which runs there are and what makes one complete: a folder with a seal over every file in it and over all that it
was made from. A run works in a folder of its own and takes its place when it has ended, so no half-made result is ever
where a whole one belongs. Next: `report` gathers the folders.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from simlib.core.files import code_digest, file_digest, files_digest, held
from simlib.report.execute import ERRORS, OUTCOME, PRELOAD, run_job
from simlib.report.notebooks import notebook_path

SEAL = "seal.json"
FAILURE = "failure.json"
WORK = ".work"

CELL_TIMEOUT = 900
"""Seconds that one cell may take."""

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(PRELOAD)

PROFILES = {
    "ci": {"replications": 2, "hours": 3.0},
    "full": {"replications": 5},
}
"""Parameters by profile. CI looks only at the first hours: enough for every claim, not for the limit to be reached."""


@dataclass(frozen=True)
class Job:
    """One notebook on one case: its parameters, and the input file it reads."""

    notebook: str
    case: str
    parameters: dict
    input: Path

    def __str__(self) -> str:
        return f"{self.notebook} on {self.case}"

    def folder(self, out: Path) -> Path:
        return out / self.case / self.notebook

    def failed_folder(self, out: Path) -> Path:
        """Where a run that failed leaves its executed copy, beside an earlier result that is whole."""
        return out / self.case / f"{self.notebook}.failed"

    def fingerprint(self) -> str:
        """SHA-256 over all that the result depends on: notebook, code, environment, parameters and input."""
        files = files_digest([notebook_path(self.notebook), self.input])
        content = [self.parameters, sys.version, code_digest(), files]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """How a job ended: complete before, done now, or failed, in which case `cell` and `error` say where and how."""

    job: Job
    resumed: bool = False
    cell: str = ""
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"FAILED {self.job}: cell {self.cell}: {self.error.splitlines()[0]}"
        return f"{'kept  ' if self.resumed else 'done  '} {self.job}"


def run_jobs(jobs: Sequence[Job], out: Path, workers: int, tell: Callable[[Result], None]) -> list[Result]:
    """Run the jobs that are not complete, `workers` at a time; `tell` hears each as it ends. In order of `jobs`.

    Where it is interrupted, what runs is ended and leaves nothing.
    """
    (out / WORK).mkdir(parents=True, exist_ok=True)
    results = {}
    running = _Running()
    with ThreadPoolExecutor(workers) as pool:
        todo = []
        for job in jobs:
            if is_complete(job, out):
                results[job.case, job.notebook] = Result(job, resumed=True)
                tell(results[job.case, job.notebook])
            else:
                todo.append(job)
        futures = [pool.submit(_run, job, out, running) for job in todo]
        try:
            for future in as_completed(futures):
                result = future.result()
                results[result.job.case, result.job.notebook] = result
                tell(result)
        except BaseException:
            for future in futures:
                future.cancel()
            running.end()
            raise
    return [results[job.case, job.notebook] for job in jobs]


class _Running:
    """The processes at work, which can all be ended at once."""

    def __init__(self):
        self.ended = False
        self._processes = set()
        self._lock = threading.Lock()

    def run(self, process: multiprocessing.Process) -> None:
        """Start a process and wait for its end. Raises CancelledError where it was ended from outside."""
        with self._lock:
            if self.ended:
                raise CancelledError
            process.start()
            self._processes.add(process)
        process.join()
        with self._lock:
            self._processes.remove(process)
            if self.ended:
                raise CancelledError

    def end(self) -> None:
        with self._lock:
            self.ended = True
            for process in self._processes:
                process.terminate()


def is_complete(job: Job, out: Path) -> bool:
    """Whether a job's folder holds a whole result of just this job, every file as it was sealed."""
    folder = job.folder(out)
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return seal["fingerprint"] == job.fingerprint() and seal["files"] == _digests(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def opened(out: Path) -> Iterator[None]:
    """Hold the folder of a pack for this process alone, and clear what interrupted runs left in it.

    Raises InputError where it cannot be written, or another process holds it.
    """
    with held(out):
        shutil.rmtree(out / WORK, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(out / WORK, ignore_errors=True)


def _run(job: Job, out: Path, running: _Running) -> Result:
    work = Path(tempfile.mkdtemp(prefix="run.", dir=out / WORK))
    # What the result is made from is fixed before it is made: a change meanwhile must make it stale.
    fingerprint = job.fingerprint()
    result = _execute(job, work, running)
    for left in (OUTCOME, ERRORS):
        (work / left).unlink(missing_ok=True)
    if result.error:
        _write(work / FAILURE, {"cell": result.cell, "error": result.error})
        _take_place(work, job.failed_folder(out))
    else:
        _write(work / SEAL, {"fingerprint": fingerprint, "files": _digests(work)})
        _take_place(work, job.folder(out))
        shutil.rmtree(job.failed_folder(out), ignore_errors=True)
    return result


def _execute(job: Job, work: Path, running: _Running) -> Result:
    folder = work.resolve()
    # One process a notebook: papermill changes the working directory, and a worker that dies takes no other with it.
    process = _PROCESSES.Process(
        target=run_job,
        args=(notebook_path(job.notebook), folder, {**job.parameters, "out": str(folder)}, CELL_TIMEOUT),
    )
    running.run(process)
    with contextlib.suppress(OSError, ValueError):
        outcome = json.loads((work / OUTCOME).read_text(encoding="utf-8"))
        return Result(job, cell=outcome.get("cell", ""), error=outcome.get("error", ""))
    errors = (work / ERRORS).read_text(encoding="utf-8", errors="replace").strip() if (work / ERRORS).exists() else ""
    reason = errors.splitlines()[-1] if errors else f"ended with status {process.exitcode}"
    return Result(job, cell="?", error=f"the process that ran it died: {reason}")


def _take_place(work: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A temporary folder is its owner's alone; whoever may read the report may read its figures.
    work.chmod(stat.S_IMODE(folder.parent.stat().st_mode))
    if folder.exists():
        # Renamed first, so that at no time a folder stands there half removed.
        old = Path(tempfile.mkdtemp(prefix="old.", dir=work.parent))
        os.replace(folder, old / "folder")
        os.replace(work, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(work, folder)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): file_digest(path) for path in files}


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
