"""Copies of logs and measurements that only options can read; they stay as long as a result needs them."""

import json
import shutil
from pathlib import Path

from simlib.core.files import LOCK

COPIES = ".logs"
"""The folder of the copies, each in a folder of its own."""


def remove_unused(out: Path) -> None:
    """Remove from a locked folder the copies that no result there was computed from, failed ones included.

    A copy that is younger than the lock is of a run that waits for it.
    """
    from simlib.report.results import read_outcomes

    used = [text for outcome in read_outcomes(out) for text in outcome.parameters.values() if isinstance(text, str)]
    since = (out / LOCK).stat().st_mtime_ns
    for directory in (out / COPIES).glob("*/"):
        # A parameter is a path, or a list of paths as JSON.
        names = {f"{COPIES}/{name}/" for name in (directory.name, json.dumps(directory.name)[1:-1])}
        needed = any(name in text for name in names for text in used)
        if not needed and directory.stat().st_mtime_ns < since:
            shutil.rmtree(directory, ignore_errors=True)
