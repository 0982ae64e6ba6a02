"""Classes of the sessions of a log: by lifetime, by how often or when they were last seen, or by what their ids share.

Refuses a pattern that RE2 does not take or that has not one group.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simlib.core.errors import InputError, escaped, quoted
from simlib.core.numbers import format_count
from simlib.core.units import DAY, HOUR, MINUTE
from simlib.traces.cells import shortened
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace

MOST_CLASSES = 5
"""Most classes of a log, as many as there are colours for; one of them is all others."""

COLUMN = "column:"
"""Begins a classing by a column of the log, whose name follows."""

# The id up to its first digit or to the separator after its first letters.
_PREFIX = r"^([^\pL\pN]*\pL+)"

_LONGEST = 24
"""Characters of a class's text that its name shows."""


class Classes(NamedTuple):
    """Names of classes, each fit to follow "sessions", and the class of each session, int64, (sessions,)."""

    names: tuple[str, ...]
    of: np.ndarray


def classes_of(trace: Trace, by: str = "", labels: np.ndarray | None = None) -> Classes:
    """Divide the sessions of a log as `by` says: one of KNOWN, a pattern with one group, or `column:NAME`.

    For a column `labels` holds its text in each row, (n,); the first of a session counts. Raises InputError for a
    pattern that will not do.
    """
    if by in _BANDS:
        values, bounds, names = _BANDS[by]
        return Classes(names, np.digitize(values(trace), bounds))
    if labels is not None:
        texts = labels[_ends(trace.session, trace.ids.size, np.arange(len(trace)))[0]]
        return _by_text(trace, texts, f"of {column_of(by)} ")
    return _by_text(trace, _matched(trace.ids, by), "with ")


def column_of(by: str) -> str:
    """Return the column by which sessions are divided, "" where it is something else."""
    return by.removeprefix(COLUMN) if by.startswith(COLUMN) else ""


def check_classing(by: str) -> None:
    """Check that sessions can be divided as `by` says. Raises InputError."""
    if by not in _BANDS and not by.startswith(COLUMN):
        _matched(np.array([""], dtype=object), by)


def _matched(ids: np.ndarray, by: str) -> np.ndarray:
    """Return the text that the group of a pattern matches in each id; empty where the pattern does not match."""
    texts, pattern = pa.array(ids, pa.large_string()), _PREFIX if by == "prefix" else by
    # RE2 takes time in proportion to the text, whatever the pattern.
    whole = rf"(?s)^.*?(?:{pattern}).*$"
    try:
        matches = np.asarray(pc.match_substring_regex(texts, pattern))
        found = pc.replace_substring_regex(texts, whole, r"\1").to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        known = ", ".join(KNOWN)
        raise InputError(
            f"session_class: {quoted(by, 60)} is not {known} or {COLUMN}NAME, nor a pattern as RE2 takes with one group"
        ) from None
    try:
        pc.replace_substring_regex(texts, whole, r"\2")
    except pa.ArrowInvalid:
        return np.where(matches, found, "")
    raise InputError(f"session_class: {quoted(by, 60)} has more than one group: write (?:…) for the others")


def _by_text(trace: Trace, texts: np.ndarray, begin: str) -> Classes:
    """Divide sessions by a text each: the texts of most new sessions that stay have classes, all others share one."""
    names = [begin + (f"“{shortened(escaped(text), _LONGEST)}”" if text else "nothing") for text in texts]
    known, of = np.unique(np.array(names, dtype=object), return_inverse=True)
    if known.size <= MOST_CLASSES:
        return Classes(tuple(known), of)
    first, last = _ends(trace.session, trace.ids.size, np.arange(len(trace)))
    new = 2 * (trace.time[first] - trace.time[0]) > trace.time[-1] - trace.time[0]
    growth = np.bincount(of[new & (trace.op[last] == INCREMENT)], minlength=known.size)
    most = np.argsort(-growth, kind="stable")[: MOST_CLASSES - 1]
    place = np.full(known.size, MOST_CLASSES - 1)
    place[most] = np.arange(most.size)
    return Classes((*known[most], f"of {format_count(known.size - most.size)} other classes"), place[of])


def _ends(session: np.ndarray, sessions: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last of the values of each session, 0 for one without any; int64, (sessions,) each."""
    first, last = np.zeros((2, sessions), dtype=np.int64)
    first[session[::-1]] = values[::-1]
    last[session] = values
    return first, last


def _increments(trace: Trace) -> np.ndarray:
    return np.bincount(trace.session[trace.op == INCREMENT], minlength=trace.ids.size)


def _lifetime(trace: Trace) -> np.ndarray:
    """Return the time from the first increment of each session to its last, ns; below 0 where there is only one."""
    rows = trace.op == INCREMENT
    first, last = _ends(trace.session[rows], trace.ids.size, trace.time[rows])
    return np.where(_increments(trace) > 1, last - first, -1)


def _silence(trace: Trace) -> np.ndarray:
    """Return the time from the last increment of each session to the end of the trace, ns."""
    rows = trace.op == INCREMENT
    return trace.time[-1] - _ends(trace.session[rows], trace.ids.size, trace.time[rows])[1]


_BY_LIFETIME = (
    _lifetime,
    (0, MINUTE, HOUR, DAY),
    ("seen once", "seen again, for under a minute", "seen for minutes", "seen for hours", "seen for days"),
)

_BANDS: dict[str, tuple[Callable[[Trace], np.ndarray], tuple[int, ...], tuple[str, ...]]] = {
    # Lifetime separates the short-lived from the regulars, however often either calls.
    "": _BY_LIFETIME,
    "lifetime": _BY_LIFETIME,
    "seen": (_increments, (2, 10), ("seen once", "seen two to nine times", "seen ten times or more")),
    "last_seen": (
        _silence,
        (MINUTE, HOUR, DAY),
        (
            "last seen under a minute before the end",
            "last seen minutes before the end",
            "last seen hours before the end",
            "last seen days before the end",
        ),
    ),
}

KNOWN = (*filter(None, _BANDS), "prefix")
"""Ways to divide sessions that have a name."""
