"""A folder of results: held by one process at a time, and SHA-256 over what its results were made from.

Owns the lock and the digests by which a result knows whether it is still current. Next: `journal`, `sweep`, `runner`.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from simlib.core.errors import InputError

LOCK = ".lock"


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold a folder for this process alone; it is made if it is not there.

    Raises InputError where it cannot be written, or another process holds it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: cannot be written: it is a file, not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / LOCK, "w")  # noqa: SIM115 - it is held open for as long as the block lasts
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from None
    with lock:
        try:
            # The kernel lets go of it when the process ends, however it does.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{out}: another run is writing to it; wait for it, or name another folder") from None
        try:
            yield
        except OSError as error:
            raise InputError(f"{error.filename or out}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block ends well, and vanishes when it does not.

    Raises InputError where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 over files by their names and bytes, in the order given."""
    lines = (f"{path.name}:{file_digest(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def code_digest() -> str:
    """SHA-256 over the source of this package and the pinned versions of what it uses, as they are on disk now."""
    package = Path(__file__).parents[1]
    return files_digest([*sorted(package.rglob("*.py")), package.parent / "requirements.lock"])
