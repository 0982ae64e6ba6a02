"""Results are the same bytes whatever their user has configured, for Python, for other programs and for the machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RESULTS = (".svg", ".png", ".csv", ".html", ".md")
"""Endings of computed files. Seals and executed copies also record the time, and a seal the place of its input."""

RC = """
text.usetex: True
font.size: 30
axes.facecolor: red
lines.linewidth: 9
savefig.dpi: 30
savefig.bbox: tight
svg.fonttype: none
no.such.key: 1
"""

SPOILS = "from simlib.figures import style; style.STYLE['font.size'] = 30"
"""Changes every figure of a kernel that runs it."""

CONFIG = f"c.InteractiveShellApp.exec_lines = [{SPOILS!r}]"

KERNEL = {"argv": ["false"], "language": "R", "display_name": "Mine", "env": {"MPLBACKEND": "svg"}}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def in_home(place: Path) -> dict[str, str]:
    """Everything in the home folder; text is ASCII, and files are for their owner alone."""
    write(place / ".config/matplotlib/matplotlibrc", RC)
    write(place / ".ipython/profile_default/startup/1.py", SPOILS)
    write(
        place / ".ipython/profile_default/ipython_kernel_config.py", f"c.InteractiveShellApp.exec_lines = [{SPOILS!r}]"
    )
    write(place / ".jupyter/jupyter_config.py", "raise SystemError")
    write(place / ".local/share/jupyter/kernels/python3/kernel.json", json.dumps(KERNEL))
    encoding = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    return {"HOME": str(place), "PYTHONOPTIMIZE": "2", **encoding}


def in_variables(place: Path) -> dict[str, str]:
    """Everything named by a variable, in another time zone, with warnings as errors."""
    write(place / "ipython/profile_default/startup/1.py", SPOILS)
    write(place / "jupyter/kernels/python3/kernel.json", json.dumps(KERNEL))
    write(place / "config/jupyter_config.py", "raise SystemError")
    return {
        "MATPLOTLIBRC": str(write(place / "rc/matplotlibrc", RC)),
        "IPYTHONDIR": str(place / "ipython"),
        "JUPYTER_PATH": str(place / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "PYTHONSTARTUP": str(write(place / "startup.py", SPOILS)),
        "PYTHONWARNINGS": "error",
        "PYTHONHASHSEED": "1",
        "TZ": "Pacific/Kiritimati",
    }


def in_working_directory(place: Path) -> dict[str, str]:
    """Everything where the command is run; there is no home, and matplotlib is to open windows that nobody sees."""
    write(place / "matplotlibrc", RC)
    write(place / "ipython_config.py", CONFIG)
    return {"HOME": os.devnull, "MPLBACKEND": "no-such-backend", "PYTHONHASHSEED": "2"}


SURROUNDINGS: dict[Callable, tuple[str, ...]] = {
    in_home: ("--jobs", "1"),
    in_variables: ("--jobs", "2"),
    in_working_directory: ("--jobs", "2"),
}


def run(place: Path, environment: dict[str, str], *options: str, umask: int = 0o022) -> dict[str, bytes]:
    """Run two notebooks on a log in an environment; return all results."""
    rows = (f"{i * 7},s{i % 40},{'delete' if i % 11 == 0 else 'increment'}\n" for i in range(400))
    write(place / "log.csv", "time,session,op\n" + "".join(rows))
    command = [sys.executable, "-m", "simlib", "run", "--trace", "log.csv", "--out", "out", *options]
    for notebook in ("01_memory", "02_eviction_accuracy"):
        command += ["--notebook", notebook]
    done = subprocess.run(
        command, cwd=place, env={**os.environ, **environment}, umask=umask, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # What was recognised, and a line for each run: no word of anybody else.
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["log.csv:", "done", "done"]
    out = place / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.suffix in RESULTS}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, bytes]:
    return run(tmp_path_factory.mktemp("plain"), {})


@pytest.mark.parametrize("hostile", SURROUNDINGS)
def test_results_are_the_same_bytes(plain, hostile, tmp_path):
    found = run(tmp_path, hostile(tmp_path), *SURROUNDINGS[hostile], umask=0o077)
    assert {name.rpartition(".")[2] for name in plain} == {suffix[1:] for suffix in RESULTS}
    assert {name for name in plain.keys() | found.keys() if plain.get(name) != found.get(name)} == set()


def test_a_matplotlibrc_that_ends_matplotlib_is_refused_in_one_line(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff")
    command = [
        sys.executable,
        "-m",
        "simlib",
        "run",
        "--trace",
        str(write(tmp_path / "log.csv", "time,session\n1,a\n")),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("simlib run: matplotlibrc: ")
    assert done.stderr.count("\n") == 1
