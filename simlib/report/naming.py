"""Names the folders of results by input and settings, so that no run takes the place of another's results."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from simlib.core.errors import InputError
from simlib.core.files import file_digest
from simlib.core.places import INCIDENTS, WORKLOADS
from simlib.core.units import parse_duration
from simlib.report.runner import FAILURE, SEAL

COMPARISON = "overview"
"""The folder of what compares several cases."""

LONGEST = 90
"""Bytes of each of the two parts of a name; file systems take 255 in all."""

DIGITS = 8
"""Hexadecimal digits of a digest in a name."""


def settings_name(given: Mapping[str, object], usual: Mapping[str, object], profile: str = "") -> str:
    """Name a profile and the parameters that differ from the usual ones; empty where none does.

    >>> settings_name({"max_entries": 4096, "ttl": "1800s"}, {"max_entries": 2048, "ttl": "30m"})
    'max_entries=4096'
    >>> settings_name({"ttl": "10m"}, {"ttl": "30m"}, "ci")
    'ci,ttl=10m'
    """
    differing = [f"{name}={_text(given[name])}" for name in sorted(given) if not _same(given[name], usual.get(name))]
    return ",".join(filter(None, [profile, *differing]))


def directory_name(name: str, settings: str = "") -> str:
    """Join a name and its settings to the name of a folder, bounded in length and in characters.

    >>> directory_name("my log", "ttl=10m"), directory_name("..")
    ('my_log.ttl=10m', 'experiment')
    """
    return ".".join(filter(None, (_bounded(name).strip(".") or "experiment", _bounded(settings))))


def free_name(out: Path, name: str, settings: str, files: Sequence[Path], place: str) -> str:
    """Name the folder in `out` for what is found in input files under settings.

    Where results of other inputs have the name, `place` and a digest of the files distinguish them. A changed workload
    of the project's own takes the place of what it was, as changed code does.
    """
    plain, digests = directory_name(name, settings), set(map(file_digest, files))
    if all(file.parent in (WORKLOADS, INCIDENTS) for file in files) or _inputs(out / plain) <= digests:
        return plain
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:DIGITS]
    return directory_name("_".join(filter(None, [place, f"{name}-{digest}"])), settings)


def _inputs(directory: Path) -> set[str]:
    """Collect the digests of the inputs of all results in the folder of an experiment."""
    digests: set[str] = set()
    for path in [*directory.glob(f"*/{SEAL}"), *directory.glob(f"*/{FAILURE}")]:
        # What cannot be read is no result, so nothing is lost where it is replaced.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            digests |= set(json.loads(path.read_text(encoding="utf-8"))["inputs"])
    return digests


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _same(value: object, usual: object) -> bool:
    """Whether two values of a parameter are equal, also as durations."""
    if not (isinstance(value, str) and isinstance(usual, str)):
        return value == usual
    try:
        return parse_duration(value) == parse_duration(usual)
    except InputError:
        return value == usual


def _bounded(text: str) -> str:
    """Replace what a name of a folder should not hold, and what goes beyond LONGEST by a digest of the whole."""
    safe = re.sub(r"[^\w.=,+-]+", "_", text)
    if len(safe.encode()) <= LONGEST:
        return safe
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:DIGITS]
    return safe.encode()[: LONGEST - DIGITS - 1].decode(errors="ignore") + f"~{digest}"
