"""Keeps arrays that take long to compute from one process to the next: never stale, bounded, and safe to delete.

An entry is named by what it depends on, the code included. Without a folder that can be written to, nothing is kept.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping

import numpy as np

from simlib.core.errors import InputError
from simlib.core.files import code_digest, whole_file
from simlib.core.places import CACHE

DIRECTORY = CACHE / "cache"

MOST_BYTES = 1 << 30
"""Bytes of all entries: 170 replications of the worked example. The longest unused go first."""

_CODE = code_digest()
"""Of the code that this process runs: at import, as the files may change later."""


def cached(key: Callable[[], object], compute: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
    """Return what `compute` returns, from an earlier process where one has kept it.

    `key` returns all that it depends on beside the code, as JSON can write it. It is asked again before the result is
    kept, as a file may change while it is read.
    """
    before = key()
    path = DIRECTORY / f"{hashlib.sha256(json.dumps([_CODE, before]).encode()).hexdigest()}.npz"
    # Damaged bytes may raise anything, and are replaced as if there were none.
    with contextlib.suppress(Exception), open(path, "rb") as kept, np.load(kept, allow_pickle=False) as arrays:
        found = dict(arrays)
        # Who may read an entry need not be its owner.
        with contextlib.suppress(OSError):
            os.utime(path)
        return found
    computed = compute()
    if sum(array.nbytes for array in computed.values()) <= MOST_BYTES and [code_digest(), key()] == [_CODE, before]:
        with contextlib.suppress(InputError, OSError):
            with whole_file(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, **computed)
            _bound()
    return computed


def _bound() -> None:
    """Remove the entries that were not used for longest, what an ended process left half written too."""
    used = sorted(((path, path.stat()) for path in DIRECTORY.iterdir()), key=lambda each: each[1].st_mtime_ns)
    over = sum(stat.st_size for _, stat in used) - MOST_BYTES
    for path, stat in used:
        if over <= 0:
            return
        path.unlink(missing_ok=True)
        over -= stat.st_size
