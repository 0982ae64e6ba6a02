"""Keeps finished results in a file that stays readable after a kill at any moment: one JSON object a line, appended.

Each line carries a checksum of its entry. A torn or damaged line is ignored, and removed when the file is opened.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from simlib.core.files import whole_file


class Journal:
    """The entries of a file by their `fingerprint`; of several with the same one the last counts.

    The caller must have locked its folder. Takes as much memory as the file is long.
    """

    def __init__(self, path: Path):
        self._path = path
        self._lines = {}
        written = path.read_bytes() if path.exists() else b""
        good = []
        for line in written.split(b"\n"):
            if entry := _good(line):
                self._lines[entry["fingerprint"]] = line
                good.append(line + b"\n")
        if (whole := b"".join(good)) != written:
            with whole_file(path) as file:
                file.write_bytes(whole)

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._lines

    def __getitem__(self, fingerprint: str) -> dict:
        return json.loads(self._lines[fingerprint])["entry"]

    def append(self, entries: Iterable[dict]) -> None:
        """Add entries, JSON objects with a `fingerprint`; they are on the disk when this returns."""
        lines = {entry["fingerprint"]: _line(entry) for entry in entries}
        with open(self._path, "ab") as file:
            file.write(b"".join(line + b"\n" for line in lines.values()))
            file.flush()
            os.fsync(file.fileno())
        self._lines.update(lines)


def _line(entry: dict) -> bytes:
    return json.dumps({"check": _check(entry), "entry": entry}).encode()


def _good(line: bytes) -> dict | None:
    """Read the entry of a line, None where the line is torn or damaged."""
    try:
        found = json.loads(line)
        entry = found["entry"]
        return entry if found["check"] == _check(entry) and isinstance(entry["fingerprint"], str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _check(entry: dict) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
