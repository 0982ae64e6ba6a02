"""Time as integer nanoseconds, as Go's `time.Duration`: it adds and compares exactly.

Refuses durations that it cannot read, and those that are no whole number of nanoseconds in 64 bits.
"""

import re
from decimal import Decimal

from simlib.core.errors import InputError

NS = 1
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UNITS = {"ns": NS, "us": US, "µs": US, "ms": MS, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}

_GO_UNITS = {name: size for name, size in UNITS.items() if name not in ("µs", "d")}
"""The units in ASCII that Go reads too, ascending."""

MAX_NS = 2**63 - 1

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_WHOLE = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.ASCII)
_SECONDS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


def parse_duration(text: str) -> int:
    """Read a duration as Go writes it, in ns; a bare number is seconds. Raises InputError.

    >>> parse_duration("1h30m") == 90 * MINUTE, parse_duration("1.5s"), parse_duration("2")
    (True, 1500000000, 2000000000)
    """
    text = text.strip()
    if len(text) > 60:
        raise InputError(f"{text[:57] + '...'!r} is not a duration: it is too long to be one")
    if _SECONDS.fullmatch(text):
        total = Decimal(text) * SECOND
    elif whole := _WHOLE.fullmatch(text):
        total = sum((Decimal(part[1]) * UNITS[part[2]] for part in _PART.finditer(whole[2])), Decimal(0))
        total = -total if whole[1] == "-" else total
    else:
        raise InputError(f"{text!r} is not a duration: write a number and a unit ({', '.join(UNITS)}), such as 30m")
    if abs(total) > MAX_NS:
        raise InputError(f"{text!r} is too long: a duration may be at most {MAX_NS // DAY} d")
    if total and abs(total) < 1:
        raise InputError(f"{text!r} is too short: a duration is a whole number of nanoseconds")
    return int(total)


def exact_duration(ns: int) -> str:
    """Write a duration in the largest unit of which it is a whole number, as `parse_duration` reads it.

    >>> exact_duration(90 * MINUTE), exact_duration(2 * HOUR), exact_duration(0)
    ('90m', '2h', '0s')
    """
    unit = next(name for name, size in reversed(_GO_UNITS.items()) if ns % size == 0) if ns else "s"
    return f"{ns // UNITS[unit]}{unit}"


def seconds(ns: int) -> int | float:
    """Convert nanoseconds to seconds: an int where they are whole, else a float.

    >>> seconds(2 * SECOND), seconds(SECOND // 2)
    (2, 0.5)
    """
    whole, rest = divmod(ns, SECOND)
    return whole if rest == 0 else ns / SECOND
