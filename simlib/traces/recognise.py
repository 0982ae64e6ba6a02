"""Recognise how a file is written, by what it holds; its name decides only where its contents do not.

Refuses what is no log that it knows, with the options that say more.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from simlib.traces.delimited import Commented, Delimited, Postgres, delimited
from simlib.traces.json_records import Json
from simlib.traces.line_formats import FORMATS
from simlib.traces.lines import lines_table
from simlib.traces.mapping import How, Table, has_own_names
from simlib.traces.parquet import MAGIC, Parquet
from simlib.traces.source import ending_of, first_bytes, unpacked

_NAMED: dict[str, Callable[[Path], Table]] = {
    "csv": lambda path: Delimited(path, ","),
    "tsv": lambda path: Delimited(path, "\t"),
    "json": Json,
    "parquet": Parquet,
    "zeek": Commented,
    "w3c": Commented,
    "postgres-csv": Postgres,
    "zeek-json": lambda path: Json(path, "Zeek JSON"),
    "journald": lambda path: Json(path, "journald JSON"),
    "kubernetes-audit": lambda path: Json(path, "Kubernetes audit log"),
    "otel": lambda path: Json(path, "OpenTelemetry logs"),
}

_ALIASES = {
    "nginx": "combined",
    "apache": "combined",
    "clf": "combined",
    "common": "combined",
    "jsonl": "json",
    "ndjson": "json",
    "zeek-tsv": "zeek",
    "spring": "log4j",
    "k8s-audit": "kubernetes-audit",
    "elb": "alb",
    "iis": "w3c",
    "cloudfront": "w3c",
    "postgres-csvlog": "postgres-csv",
    "csvlog": "postgres-csv",
    "journald-json": "journald",
    "journald-short": "syslog",
    "otel-json": "otel",
}

FORMAT_NAMES = sorted({*_NAMED, *FORMATS, *_ALIASES})
"""The names that `--format` takes."""


def recognised(path: Path, how: How) -> Table:
    """Recognise a file. Raises ValueError for one that cannot be read as it is."""
    chosen = _ALIASES.get(how.format, how.format)
    how = replace(how, format=chosen)
    if chosen not in ("", *_NAMED, *FORMATS):
        raise ValueError(f"--format: unknown format {chosen[:60]!r}: choose of {', '.join(FORMAT_NAMES)}")
    magic, ending = first_bytes(path), ending_of(path)
    if chosen in _NAMED and not how.pattern:
        if chosen == "csv":
            return delimited(path, how) or Delimited(path, ",")
        return _NAMED[chosen](path)
    if chosen or how.pattern:
        lines = lines_table(path, how)
        if lines is None:
            if how.pattern and not chosen:
                raise ValueError("no format is recognised that gives the time: add a group (?P<time>…) to the pattern")
            raise ValueError(f"no line of the file's beginning fits the format {how.format}")
        return lines
    if magic.startswith(MAGIC) or ending == ".parquet":
        return Parquet(path)
    with unpacked(path) as stream:
        begin = stream.peek(4096)[:4096]
    if begin[:4] == MAGIC:
        raise ValueError("this is a packed Parquet file; unpack it first")
    begin = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"#separator") or begin.lower().startswith((b"#fields", b"#version:", b"#software:")):
        return Commented(path)
    if begin.startswith(b"{") or ending in (".jsonl", ".ndjson", ".json") or _is_array(begin):
        return Json(path)
    if ending in (".csv", ".tsv") and not begin:
        return Delimited(path, ",")
    table = delimited(path, how)
    if table is not None and has_own_names(table, how):
        return table
    if table is not None and _is_postgres(table):
        return Postgres(path)
    lines = None if ending in (".csv", ".tsv") and table is not None else lines_table(path, how)
    if lines and table and not table.is_headless and lines.begins_with_another and not has_own_names(lines, how):
        # Its first line names the columns, of which a format of lines knows nothing.
        return table
    found = lines or table or (Delimited(path, ",") if ending in (".csv", ".tsv") else None)
    if found is None:
        names = ", ".join(sorted({*_NAMED, *FORMATS}))
        raise ValueError(f"the format is not recognised: say --format ({names}) or --pattern")
    return found


def _is_array(begin: bytes) -> bool:
    return begin[:1] == b"[" and begin[1:].lstrip()[:1] in (b"{", b"]", b"")


def _is_postgres(table: Delimited) -> bool:
    return table.is_headless and 22 <= len(table.names) <= 26
