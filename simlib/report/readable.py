"""Formats the numbers of claims and tables for people: the name says the unit, and what there is not is a word."""

import re
from collections.abc import Callable

from simlib.core.numbers import (
    format_count,
    format_duration,
    format_hours,
    format_memory,
    format_number,
    format_percent,
)

_UNITS: dict[str, Callable[[float], str]] = {
    "ns": format_duration,
    "hours": format_hours,
    "mib": format_memory,
    "share": format_percent,
    "error": format_percent,
}
"""Words in the name of a number that say its unit. An error is a share of what it is an error of."""

_DECIMAL = re.compile(r"-?\d+\.\d+(e[+-]?\d+)?")


def label_of(name: str) -> str:
    """Write the name of a number as words, without its unit.

    >>> label_of("mean_ns"), label_of("lost_share")
    ('mean', 'lost share')
    """
    return " ".join(word for word in name.split("_") if word not in ("ns", "mib")) or name


def is_share(name: str) -> bool:
    """Whether a number is a share of something, by its name."""
    return any(_UNITS.get(word) is format_percent for word in name.split("_"))


def value_text(name: str, value: float | bool | None) -> str:
    """Format a number by the unit that its name says.

    >>> value_text("mean_ns", 96.94), value_text("lost_share", 0.0699), value_text("entries", 23986)
    ('96.9 ns', '6.99 %', '23,986')
    >>> value_text("never", None)
    'none'
    """
    if value is None:
        return "none"
    unit = next((_UNITS[word] for word in name.split("_") if word in _UNITS), None)
    if unit:
        return unit(value)
    return format_count(value) if float(value).is_integer() else format_number(value)


def cell_text(text: str) -> str:
    """Shorten a decimal number of a table to three digits, and put a word where there is none; keep other texts.

    >>> cell_text("0.123456"), cell_text("2048"), cell_text("heap"), cell_text(""), cell_text("inf")
    ('0.123', '2048', 'heap', 'none', 'unlimited')
    """
    if text in ("", "nan", "NaN"):
        return "none"
    return format_number(float(text)) if text in ("inf", "-inf") or _DECIMAL.fullmatch(text) else text
