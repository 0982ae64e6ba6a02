"""Finished results in a file that a kill at any moment leaves readable: a JSON object a line, only ever appended to.

Owns what makes a line good: it is whole, and its check is that of its entry. A line that is torn or damaged counts as
not there, and is gone once the file has been opened. Next: `sweep` looks up what it need not do again.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from simlib.core.files import whole_file


class Journal:
    """Entries by their `fingerprint`, as they stand in a file. The last of those with the same fingerprint counts.

    Whoever opens one holds the folder it is in. It takes as much memory as the file is long.
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
        """Add entries, JSON objects with a `fingerprint`; when this returns they are on the disk."""
        lines = {entry["fingerprint"]: _line(entry) for entry in entries}
        with open(self._path, "ab") as file:
            file.write(b"".join(line + b"\n" for line in lines.values()))
            file.flush()
            os.fsync(file.fileno())
        self._lines.update(lines)


def _line(entry: dict) -> bytes:
    return json.dumps({"check": _check(entry), "entry": entry}).encode()


def _good(line: bytes) -> dict | None:
    """The entry of a line, None where the line is torn or damaged."""
    try:
        found = json.loads(line)
        entry = found["entry"]
        return entry if found["check"] == _check(entry) and isinstance(entry["fingerprint"], str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _check(entry: dict) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
