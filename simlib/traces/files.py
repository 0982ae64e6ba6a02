"""Read and write trace files: CSV, JSONL or Parquet, as the end of the name says.

Refuses, in one line that names the file and the row or column, whatever does not keep the format.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.traces.parquet import read_parquet, write_parquet
from simlib.traces.text import read_csv, read_jsonl, write_csv, write_jsonl
from simlib.traces.trace import Trace


class Format(NamedTuple):
    """How a format is read and written."""

    read: Callable[[Path], Trace]
    write: Callable[[Trace, Path], None]


FORMATS = {
    ".csv": Format(read_csv, write_csv),
    ".csv.gz": Format(partial(read_csv, packed=True), partial(write_csv, packed=True)),
    ".jsonl": Format(read_jsonl, write_jsonl),
    ".jsonl.gz": Format(partial(read_jsonl, packed=True), partial(write_jsonl, packed=True)),
    ".parquet": Format(read_parquet, write_parquet),
}
"""The formats of trace files, by the end of the name."""


def read_trace(path: str | Path) -> Trace:
    """Read a trace file; the end of its name says its format.

    Columns `time` (seconds, or ISO 8601 taken as UTC where it names no offset), `session`, and optionally `op` and
    `counter`, whose blank cells stand for `increment` and `no_client`. Further columns are ignored.

    Raises InputError naming the file, and the row (data rows counted from 1) or column.
    """
    with reading(path) as ending:
        return FORMATS[ending].read(Path(path))


@contextmanager
def reading(path: str | Path) -> Iterator[str]:
    """Give the format of a trace file that is about to be read, and report what then goes wrong in one line.

    Raises InputError naming the file.
    """
    try:
        ending = _format_of(path)
        if os.stat(path).st_size == 0:
            raise InputError(f"{path}: the file is empty; its first line must name the columns")
        yield ending
    except InputError:
        raise
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        if isinstance(error, gzip.BadGzipFile) and not _begins_as_gzip(path):
            raise InputError(f"{path}: not a gzip file, although its name ends in .gz") from None
        raise InputError(f"{path}: the gzip data is truncated or damaged; fetch the file again") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        if _begins_as_gzip(path) and not str(path).endswith(".gz"):
            raise InputError(f"{path}: this is gzip data; its name must end in .gz") from None
        raise InputError(f"{path}: not UTF-8 text; convert it, or name it by its real format") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _begins_as_gzip(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace file, whole or not at all; the end of the name says the format.

    Raises InputError where the name has no format or the file cannot be written.
    """
    ending = check_target(path)
    with whole_file(Path(path)) as temporary:
        FORMATS[ending].write(trace, temporary)


def check_target(path: str | Path) -> str:
    """Return the format in which a trace would be written there.

    Raises InputError where the name has no format or the file cannot be written.
    """
    try:
        ending = _format_of(path)
        directory = Path(path).parent
        if directory.exists() and not (directory.is_dir() and os.access(directory, os.W_OK)):
            raise InputError(f"{path}: cannot be written: {directory} is not a directory that can be written to")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return ending


def _format_of(path: str | Path) -> str:
    if not str(path):
        raise InputError(f"the name of the trace file is empty: name a file ({', '.join(FORMATS)})")
    if Path(path).is_dir():
        raise InputError(f"{path}: this is a directory; name a trace file ({', '.join(FORMATS)})")
    for ending in FORMATS:
        if str(path).endswith(ending):
            return ending
    raise InputError(f"{path}: the end of the name must say the format: {', '.join(FORMATS)}")
