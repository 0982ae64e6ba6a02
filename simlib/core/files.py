"""Writes files whole, locks a folder of results for one process, and computes digests of what results depend on."""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import secrets
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from simlib.core.errors import InputError
from simlib.core.places import PACKAGE, SHIPPED

LOCK = ".lock"


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Lock a folder for this process and create it where it is missing.

    Raises InputError where it cannot be written or another process has locked it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: cannot be written: it is a file, not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / LOCK, "w")  # noqa: SIM115 - it stays open until the block ends
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from None
    with lock:
        try:
            # The kernel releases the lock when the process ends, even by a kill.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{out}: another run is writing to it; wait for it, or name another folder") from None
        try:
            yield
        except OSError as error:
            raise InputError(f"{error.filename or out}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block succeeds and is removed when it fails.

    Raises InputError where the file cannot be written.
    """
    # Named before it is made: an interrupt may come in between.
    temporary = path.parent / f".{path.name[:50]}.{secrets.token_hex(8)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def directory_digest(directory: Path) -> str:
    """Compute the SHA-256 over all files of a folder at any depth, by relative path and bytes, as they are on disk now.

    Hidden files, bytecode and the data that a wheel carries do not count.
    """
    names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    kept = (name for name in names if not _IGNORED.search(name))
    return hashlib.sha256("".join(f"{name}:{file_digest(directory / name)}\n" for name in kept).encode()).hexdigest()


_IGNORED = re.compile(rf"(^|/)(\.|__pycache__/)|^{SHIPPED.name}/")


def code_digest() -> str:
    """Compute the SHA-256 over the package's files and the versions of Python and of the direct dependencies."""
    content = [directory_digest(PACKAGE), platform.python_version(), dependency_versions()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def dependency_versions() -> dict[str, str | None]:
    """List the installed version of each required dependency, None where it is missing."""
    try:
        required = [each for each in metadata.requires("simlib") or () if "extra ==" not in each]
    except metadata.PackageNotFoundError:
        # A checkout that is run without being installed.
        required = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "dependencies"
        ]
    return {name: installed_version(name) for name in sorted(re.split(r"[^\w.-]", each)[0] for each in required)}


def installed_version(name: str) -> str | None:
    """Look up the version of an installed package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
