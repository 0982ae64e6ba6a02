"""Read logs of lines through regular expressions: those known by name, or the user's own.

The expressions are RE2's, in time linear in the line's length, so that none can hang. Refuses an expression without a
name for the session, and those with look-ahead or back-references, which RE2 does not have.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.core.numbers import format_count
from simlib.traces.cells import quoted, shortened
from simlib.traces.delimited import ROWS
from simlib.traces.line_formats import FORMATS
from simlib.traces.mapping import Fields, How, Raw
from simlib.traces.notes import Notes
from simlib.traces.source import Advance, blocks, text_lines, unpacked

_HEAD = 200
"""Lines by which a format is recognised."""

_MAX_PATTERN = 10_000

_NAMED = re.compile(r"\(\?P?<(\w+)>")


class Lines:
    """A log of lines seen as a table: its columns are the named groups of patterns, each applied to every line."""

    is_open, decimal_comma = False, False

    def __init__(
        self, path: Path, about: str, patterns: Sequence[str], session: str, *, begins_with_another: bool = False
    ):
        self._path, self._patterns = path, patterns
        self.about = about
        self.begins_with_another = begins_with_another
        """Whether the first line is of another form."""
        self.names: Sequence[str] = list(
            dict.fromkeys(name for pattern in patterns for name in _NAMED.findall(pattern))
        )
        session = "session" if "session" in self.names else session
        self.defaults: Mapping[str, str] = {"time": "time"} | ({"session": session} if session else {})

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns; lines that a pattern does not fit, or that have no session, are left out and counted."""
        wanted = {name for names in fields.values() for name in names}
        patterns = [_only(pattern, wanted) for pattern in self._patterns]
        first, fitted, begin = 1, 0, ""
        with unpacked(self._path, advance) as stream:
            for block in blocks(stream):
                for lines in _batches(block):
                    found = [pc.extract_regex(lines, pattern) for pattern in patterns]
                    fits = np.logical_and.reduce([np.asarray(each.is_valid()) for each in found])
                    at = np.flatnonzero(fits)
                    fitted += at.size
                    blank = (
                        np.asarray(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(lines)), 0))
                        if at.size < len(lines)
                        else fits
                    )
                    others = np.flatnonzero(~fits & ~blank)
                    if others.size:
                        begin = begin or f"line {first + int(others[0])}: {quoted(lines[int(others[0])].as_py())}"
                        notes.left_out["lines", "of another form"] += int(others.size)
                    groups = {
                        field.name: column
                        for each in reversed(found)
                        for field, column in zip(each.type, each.flatten(), strict=True)
                    }
                    yield _named(groups, fields, at, at + first, notes)
                    first += len(lines)
        if not fitted:
            raise ValueError(f"no line fits the {self.about}; the first is {begin or 'blank'}")


def _named(groups: dict[str, pa.Array], fields: Fields, at: np.ndarray, rows: np.ndarray, notes: Notes) -> Raw:
    """Take the columns of some rows, without those whose session the log does not name."""
    columns = {}
    for role, names in fields.items():
        parts = [groups[name].take(pa.array(at)) for name in names]
        columns[role] = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, " ")
    unset = np.asarray(pc.is_in(columns["session"], pa.array(["", "-"], columns["session"].type)))
    if unset.any():
        notes.left_out["lines", f"without {'+'.join(fields['session'])}"] += int(unset.sum())
        kept = pa.array(~unset)
        columns = {role: column.filter(kept) for role, column in columns.items()}
        rows = rows[~unset]
    return Raw(columns, rows)


def _batches(block: bytes) -> Iterator[pa.Array]:
    """Divide a block into its lines without their ends, as text; what is no UTF-8 is replaced."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    try:
        block.decode()
    except UnicodeDecodeError:
        block = block.decode(errors="replace").encode()
    block = block if block.endswith(b"\n") else block + b"\n"
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
    # The end of a line is cut off by the pattern: `.` and `$` stop before it once it is trimmed here.
    offsets = np.concatenate([[0], ends + 1]).astype(np.int64)
    text = pa.Array.from_buffers(pa.large_string(), ends.size, [None, pa.py_buffer(offsets), pa.py_buffer(block)])
    for start in range(0, ends.size, ROWS):
        yield pc.utf8_rtrim(text[start : start + ROWS], "\n")


def _only(pattern: str, wanted: set[str]) -> str:
    """Leave only the wanted groups of a pattern their names: RE2 is the faster the fewer it has to report."""
    kept = _NAMED.sub(lambda group: group[0] if group[1] in wanted else "(?:", pattern)
    return kept if _NAMED.search(kept) else f"(?P<_>{kept})"


def own_pattern(pattern: str) -> str:
    """Check a pattern of the user's own, and return it with its nameless groups marked as such.

    Raises ValueError where it is no RE2 pattern or does not name the session.
    """
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"--pattern is longer than {format_count(_MAX_PATTERN)} characters")
    marked, at, in_class = [], 0, False
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            marked.append(pattern[at : at + 2])
            at += 2
            continue
        if in_class:
            in_class = letter != "]"
        elif letter == "[":
            # A bracket that closes a class stands for itself where it comes first.
            begin = re.match(r"\[\^?\]?", pattern[at:])
            marked.append(begin[0] if begin else letter)
            at += len(marked[-1])
            in_class = True
            continue
        elif letter == "(" and pattern[at + 1 : at + 2] != "?":
            letter = "(?:"
        marked.append(letter)
        at += 1
    found = "".join(marked).replace("(?<", "(?P<")
    names = _NAMED.findall(found)
    try:
        groups = pc.extract_regex(pa.array([""]), found if names else f"(?P<_>{found})").type
    except pa.ArrowInvalid as error:
        raise ValueError(f"--pattern: {shortened(str(error))}; write it as RE2 does, without look-ahead") from None
    if names and set(names) != {field.name for field in groups}:
        # As in [(?P<time>], or after \Q.
        raise ValueError("--pattern: a named group is within a class or quoted, where it is no group")
    if "session" not in names:
        raise ValueError("--pattern names no session: write such as '(?P<time>\\S+) .* id=(?P<session>\\w+)'")
    return found


def lines_table(path: Path, how: How) -> Lines | None:
    """Recognise a log of lines, or take the named format and the pattern; None where nothing fits.

    Raises ValueError for an unknown name or a pattern that will not do.
    """
    own = own_pattern(how.pattern) if how.pattern else ""
    if own and "time" in _NAMED.findall(own):
        return Lines(path, "given pattern", [own], "")
    with unpacked(path) as stream:
        lines = [line.rstrip("\r\n") for line in islice(text_lines(stream, errors="replace"), _HEAD)]
    head = pa.array([line for line in lines if line.strip()], pa.large_string())
    best, most, another = None, 0, False
    for name, form in FORMATS.items():
        if how.format not in ("", name):
            continue
        for pattern in form.patterns:
            fitting = np.asarray(pc.extract_regex(head, _only(pattern, {"time"})).is_valid())
            fits = int(fitting.sum())
            # A special format wins over a general one that fits a few lines more, such as what a proxy says of itself.
            if fits > most * 2 and (how.format or fits * 4 >= len(head)):
                best, most, another = (form, pattern), fits, not fitting[0]
    if best is None:
        return None
    form, pattern = best
    if not own:
        return Lines(path, form.title, [pattern], form.session, begins_with_another=another)
    return Lines(path, f"{form.title} with the given pattern", [own, pattern], form.session)
