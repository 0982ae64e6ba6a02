"""Open what people call a log: a file, a folder of part files, several files, standard input; packed or not.

Packing is recognised by a file's first bytes, whatever its name. Refuses archives, data that unpacks to far more than
any log does, and lines that no log has, so that memory stays within a fixed bound.
"""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import os
import re
import secrets
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from simlib.core.errors import InputError
from simlib.traces.cells import shortened

STDIN = "-"

NAMELESS = "stdin"
"""The name of a log that was read from standard input, or from a pipe without a name of its own."""

PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd")
"""Endings of packed files, which say nothing of what is inside."""

MAX_LINE = 16 << 20
"""Bytes of a line, or of one JSON value: far beyond any log's, and small beside memory."""

MAX_RATIO = 250
"""Times its size that packed data may unpack to. Real logs reach some 50, what is made to fill memory 1000."""

_FREE = 16 << 20
"""Bytes that any packed file may unpack to: a few kilobytes of one repeated line are no harm."""

_BLOCK = 1 << 20

_PACKING = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}

_ARCHIVES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel; save it as CSV",
    b"SQLite format 3\x00": "an SQLite database; export a table as CSV",
    b"Rar!": "a rar archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
}

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

Advance = Callable[[int], None]
"""Receives the number of bytes read since the last call, as they lie on the disk."""


def files_of(inputs: Sequence[str | Path]) -> list[Path]:
    """List the files of inputs: a folder stands for its files at any depth, "-" for standard input.

    Raises InputError for an input without files.
    """
    found: list[Path] = []
    for each in inputs:
        if not str(each):
            raise InputError("the name of the trace file is empty: name a file, a folder, or - for standard input")
        path = Path(each)
        try:
            if str(each) == STDIN or path.is_fifo():
                path = _copied(str(each))
            inside = sorted(path.rglob("*"), key=_natural) if path.is_dir() else [path]
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from None
        # Spark and Hive put their own notes beside the data under names of these kinds.
        kept = [file for file in inside if file == path or (file.is_file() and not _is_hidden(file.relative_to(path)))]
        if not kept:
            raise InputError(f"{path}: this is a directory without a file; name a log")
        found += kept
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order names as people do: `part-9` before `part-10`."""
    return [(int(digits or 0), text) for text, digits in re.findall(r"(\D*)(\d*)", str(path))]


_copies: dict[str, Path] = {}
"""The temporary copies of what can be read only once, by the names given to it."""


def _copied(given: str) -> Path:
    """Copy standard input or a pipe to a temporary file, once: a stream may be read more than once."""
    if given not in _copies:
        import atexit

        if given == STDIN and sys.stdin is None:
            raise InputError("standard input is closed: name a file, or pipe a log into the command")

        # The end of a pipe's name may say the format.
        path = Path(tempfile.gettempdir(), f"{secrets.token_hex(8)}.{input_name(given)}")
        # Before it is made and filled: both may be interrupted.
        atexit.register(path.unlink, missing_ok=True)
        try:
            with contextlib.ExitStack() as opened, open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
                shutil.copyfileobj(
                    sys.stdin.buffer if given == STDIN else opened.enter_context(open(given, "rb")), file
                )
        except OSError as error:
            raise InputError(f"{_called(given)}: cannot be copied to {path.parent}: {error.strerror}") from None
        # Only when whole: half a copy would be read as the whole log the next time.
        _copies[given] = path
    return _copies[given]


def shown(path: str | Path) -> str:
    """Return what people call an input or a file of it; a temporary copy is called by what it is a copy of."""
    return _called(next((given for given, copy in _copies.items() if copy == Path(path)), str(path)))


def _called(given: str) -> str:
    return "standard input" if given in (STDIN, "/dev/stdin", "/dev/fd/0") else given


def input_name(given: str) -> str:
    """Return the name of an input without its folder; what has none is NAMELESS.

    >>> input_name("logs/access.log"), input_name("-"), input_name("/dev/fd/63")
    ('access.log', 'stdin', 'stdin')
    """
    return NAMELESS if given == STDIN or given.startswith(("/dev/", "/proc/")) else Path(given).name


def log_name(path: str | Path) -> str:
    """Return the name of a log without the endings that say how it is written.

    >>> log_name("logs/access.log.2.gz"), log_name("events.csv.gz"), log_name("t.PARQUET")
    ('access.log.2', 'events', 't')
    """
    name = Path(path).name
    for endings in (PACKED, (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".log")):
        ending = next((each for each in endings if name.lower().endswith(each)), "")
        name = name[: len(name) - len(ending)] or name
    return name


def ending_of(path: Path) -> str:
    """Return the ending of a name that says its format, in lower case, whatever it is packed in."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Report in one line that names the file whatever goes wrong while it is read. Raises InputError."""
    try:
        yield
    except InputError:
        raise
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        kind = "xz" if isinstance(error, lzma.LZMAError) else "packed" if isinstance(error, EOFError) else "gzip"
        raise InputError(f"{shown(path)}: the {kind} data is truncated or damaged; fetch the file again") from None
    except OSError as error:
        if error.errno is None:
            raise InputError(f"{shown(path)}: the packed data is truncated or damaged; fetch the file again") from None
        raise InputError(f"{shown(path)}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{shown(path)}: not UTF-8 text; convert it, or name it by its real format") from None
    except ValueError as error:
        raise InputError(f"{shown(path)}: {error}") from None


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file as it lies on the disk. Raises ValueError for an archive or an empty file."""
    if path.is_fifo():
        raise ValueError("this is a pipe, which can be read only once: save it to a file first")
    if os.stat(path).st_size == 0:
        raise ValueError("the file is empty; its first line must name the columns")
    with open(path, "rb") as file:
        magic = file.read(16)
    for archive, what in _ARCHIVES.items():
        if magic.startswith(archive):
            raise ValueError(f"this is {what}")
    return magic


def unpacked(path: Path, advance: Advance | None = None) -> "io.BufferedReader[Any]":
    """Open a file to read what it holds, unpacked, as UTF-8 where it is UTF-16."""
    magic = first_bytes(path)
    file = _Counted(path, advance)
    packing = next((name for begins, name in _PACKING.items() if magic.startswith(begins)), None)
    if packing is None:
        raw: io.RawIOBase = file
    else:
        buffered = io.BufferedReader(file, _BLOCK)
        opened: dict[str, Callable[[], Any]] = {
            "gzip": partial(gzip.GzipFile, fileobj=buffered),
            "bzip2": partial(bz2.BZ2File, buffered),
            "xz": partial(lzma.LZMAFile, buffered),
            "zstd": partial(pa.CompressedInputStream, pa.PythonFile(buffered, mode="r"), "zstd"),
        }
        raw = _Unpacked(opened[packing](), buffered, os.stat(path).st_size)
    stream = io.BufferedReader(raw, _BLOCK)
    encoding = next((name for bom, name in _UTF16.items() if stream.peek(2)[:2] == bom), None)
    return stream if encoding is None else io.BufferedReader(_Recoded(stream, encoding), _BLOCK)


class _Counted(io.FileIO):
    """A file that reports the bytes it gives."""

    def __init__(self, path: Path, advance: Advance | None):
        super().__init__(path)
        self._advance = advance

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer) or 0
        if self._advance is not None:
            self._advance(size)
        return size


class _Unpacked(io.RawIOBase):
    """Unpacked data, refused where it is far more than any log of that size holds."""

    def __init__(self, stream: Any, file: IO[bytes], size: int):
        self._stream, self._file, self._most, self._given = stream, file, max(_FREE, MAX_RATIO * size), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), _BLOCK))
        buffer[: len(data)] = data
        self._given += len(data)
        if self._given > self._most:
            raise ValueError(f"it unpacks to over {MAX_RATIO} times its size: no log does, so it is not read further")
        return len(data)

    def close(self) -> None:
        """Close the file too: the unpacking streams leave that to others."""
        if not self.closed:
            self._stream.close()
            self._file.close()
        super().close()


class _Recoded(io.RawIOBase):
    """UTF-16 text as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str):
        self._stream, self._decoder, self._rest = stream, codecs.getincrementaldecoder(encoding)(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            data = self._stream.read(_BLOCK)
            self._rest = self._decoder.decode(data, final=not data).encode()
            if not data:
                break
        given = min(len(buffer), len(self._rest))
        buffer[:given] = self._rest[:given]
        self._rest = self._rest[given:]
        return given

    def close(self) -> None:
        """Close the text too."""
        self._stream.close()
        super().close()


def blocks(stream: IO[bytes], size: int = 4 << 20) -> Iterator[bytes]:
    """Read a stream in blocks that end with a line. Raises ValueError for a line longer than MAX_LINE."""
    rest = b""
    first = True
    while data := stream.read(size):
        if first:
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        else:
            rest += data
        if len(rest) > MAX_LINE:
            raise ValueError(f"a line is longer than {MAX_LINE >> 20} MiB, begins {_begin(rest)}: no log has such")
    if rest:
        yield rest


def _begin(line: bytes) -> str:
    return repr(shortened(line[:60].decode(errors="replace"), 60))


def text_lines(stream: IO[bytes], errors: str = "strict") -> Iterator[str]:
    """Read the lines of a text with their ends as they are. Raises ValueError for a line longer than MAX_LINE."""
    for block in blocks(stream, _BLOCK):
        # `newline=""` keeps the line ends, and takes a bare carriage return for one.
        yield from cast(Iterable[str], io.StringIO(block.decode(errors=errors), newline=""))
