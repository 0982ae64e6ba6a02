"""An installed wheel runs the commands from any folder, with the notebooks and the data that it carries."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.paths import ROOT

SOURCES = ("simlib", "notebooks", "data")


def python(*arguments, cwd, **variables) -> str:
    """The standard output of a Python process. Fails where the process does."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which a wheel of the project is installed, built without a network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    alone = ("--no-deps", "--no-index", "--disable-pip-version-check")
    python("-m", "pip", "wheel", *alone, "--no-build-isolation", "--wheel-dir", source, source, cwd=source)
    (wheel,) = source.glob("*.whl")
    python("-m", "pip", "install", *alone, "--target", target, wheel, cwd=source)
    files = {path.relative_to(source) for name in SOURCES for path in (source / name).rglob("*") if path.is_file()}
    expected = {str(path) if path.parts[0] == "simlib" else f"simlib/_shipped/{path}" for path in files}
    assert expected == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("simlib/")}
    return target


def test_replay_and_run_work_from_another_folder(installed, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("time,session\n1,a\n2,b\n3,a\n")
    # Nothing is compiled yet there; code that runs once need not be fast.
    variables = {"PYTHONPATH": installed, "NUMBA_OPT": 0}
    result = json.loads(python("-m", "simlib", "replay", log, "--json", cwd=tmp_path, **variables))
    assert (result["increments"], result["creates"]) == (3, 2)
    options = ("--profile", "ci", "--notebook", "01_memory", "--workload", "steady", "--parameter", "hours=1")
    said = python("-m", "simlib", "run", *options, "--out", "out", cwd=tmp_path, **variables)
    assert said.startswith("steady.ci,hours=1: ")
    assert said.endswith("\nout/index.html: 1 of 1 run complete\n")
    assert (tmp_path / "out/steady.ci,hours=1/01_memory/summary.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "out"}
