"""Packs to open in a browser: each is made once, whichever of the test processes needs it first."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.paths import ROOT

HOSTILE = (
    '<img src=x onerror="window.harmed=1">',
    "</script><script>window.harmed=1</script>",
    "\u202eevil",
    "a\x1b[31mb",
)
"""Session ids that a page or a terminal would act on: markup, right-to-left override, an escape sequence."""


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` fills, unless another process did; it is named when it is whole."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            shutil.rmtree(unfinished := path.with_name(f"{path.name}.unfinished"), ignore_errors=True)
            make(unfinished)
            unfinished.rename(path)
    return path


def run(out: Path, *options: str) -> None:
    """Make a pack at the small profile."""
    command = [sys.executable, "-m", "simlib", "run", "--profile", "ci", "--jobs", "2", "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def write_hostile_log(path: Path) -> None:
    """Write a log whose ids mean harm: each is one of them and a number, and comes twice."""
    rows = ["time,session"]
    for second in range(1200):
        name = f"{HOSTILE[second % len(HOSTILE)]}-{second // 8}"
        rows.append('{},"{}"'.format(second, name.replace('"', '""')))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
