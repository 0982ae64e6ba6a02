"""Format numbers for people: three digits at most, a unit, and a word where there is no number.

Integers that a reader may want to check, such as a cap, keep all their digits: see `format_count`.
"""

import math
from collections.abc import Sequence
from decimal import Decimal

from simlib.core.units import DAY, HOUR, MINUTE, MS, NS, SECOND, US

YEAR = 365.25 * DAY

# Name of the unit, its size, and the smallest value written in it.
_TIMES = (
    ("years", YEAR, 3),
    ("days", DAY, 3),
    ("h", HOUR, 1),
    ("min", MINUTE, 1),
    ("s", SECOND, 1),
    ("ms", MS, 1),
    ("µs", US, 1),
    ("ns", NS, 0),
)
_RATES = (("a second", 1), ("a minute", 60), ("an hour", 3600), ("a day", 86_400))
_MEMORY = (("TiB", 1 << 20, 1), ("GiB", 1 << 10, 1), ("MiB", 1, 1), ("KiB", 1 / 1024, 0))


def format_count(count: float) -> str:
    """Format a whole number with all its digits, separated by thousands from 10,000 on.

    >>> format_count(0), format_count(2048), format_count(23986), format_count(float("nan"))
    ('0', '2048', '23,986', 'none')
    """
    if not math.isfinite(count):
        return _word(count, "unlimited")
    return _separated(f"{count:.0f}")


def format_counted(count: float, nouns: str) -> str:
    """Format a number of things, which is followed by their name: `nouns` is the plural.

    >>> format_counted(1, "entries"), format_counted(0, "rows"), format_counted(10_000, "rows")
    ('1 entry', '0 rows', '10,000 rows')
    """
    return quantity(format_count(count), nouns)


def format_number(value: float, digits: int = 3) -> str:
    """Format a number to `digits` significant digits, without an exponent.

    >>> format_number(3.14159), format_number(1234.5), format_number(23986), format_number(2.5e12)
    ('3.14', '1230', '24,000', '2500 billion')
    >>> format_number(0.00002), format_number(float("inf")), format_number(float("nan"))
    ('under 0.001', 'unlimited', 'none')
    """
    if not math.isfinite(value):
        return _word(value, "unlimited")
    if 0 < abs(value) < 0.001:
        return "under 0.001" if value > 0 else "over -0.001"
    value = _rounded(value, digits)
    return f"{_plain(value / 1e9, digits)} billion" if abs(value) >= 1e9 else _plain(value, digits)


def format_percent(share: float) -> str:
    """Format a share (1 is all) as per cent.

    >>> format_percent(0.12345), format_percent(0.0), format_percent(1e-7), format_percent(float("nan"))
    ('12.3 %', '0 %', 'under 0.001 %', 'none')
    """
    return f"{format_number(100 * share)} %" if math.isfinite(share) else format_number(share)


def format_duration(ns: float, digits: int = 3) -> str:
    """Format a duration in ns in the unit that fits it; days and years only where there are at least three.

    >>> format_duration(0), format_duration(154_321), format_duration(999_999_999), format_duration(90 * MINUTE)
    ('0 s', '154 µs', '1 s', '1.5 h')
    >>> format_duration(4 * DAY), format_duration(5000 * YEAR), format_duration(float("inf"))
    ('4 days', 'over 1000 years', 'never')
    """
    if not math.isfinite(ns):
        return _word(ns, "never")
    if ns == 0:
        return "0 s"
    return "over 1000 years" if abs(ns) >= 1000 * YEAR else _in_its_unit(ns, _TIMES, digits)


def format_hours(hours: float, digits: int = 3) -> str:
    """Format a duration in hours, as `format_duration` does.

    >>> format_hours(0.5), format_hours(33.29), format_hours(float("inf"))
    ('30 min', '33.3 h', 'never')
    """
    return format_duration(hours * HOUR, digits)


def format_rate(per_second: float, of: str) -> str:
    """Format a rate of something in the unit that fits: the first in which it is at least 0.1.

    >>> format_rate(1.0554, "new sessions"), format_rate(0.05, "new sessions")
    ('1.06 new sessions a second', '3 new sessions a minute')
    >>> format_rate(1 / 86_400, "restarts"), format_rate(0, "restarts")
    ('1 restart a day', 'no restarts')
    """
    if not per_second:
        return f"no {of}"
    unit, seconds = next((each for each in _RATES if per_second * each[1] >= 0.1), _RATES[-1])
    return f"{quantity(format_number(per_second * seconds), of)} {unit}"


def format_memory(mib: float) -> str:
    """Format memory in MiB in the unit that fits it.

    >>> format_memory(512), format_memory(2048), format_memory(0.25), format_memory(0)
    ('512 MiB', '2 GiB', '256 KiB', '0 MiB')
    """
    if not math.isfinite(mib):
        return _word(mib, "unlimited")
    return _in_its_unit(mib, _MEMORY) if mib else "0 MiB"


def quantity(number: str, nouns: str) -> str:
    """Put the name of things behind a number that was formatted; `nouns` is the plural.

    >>> quantity("1", "steps"), quantity("1.5", "steps")
    ('1 step', '1.5 steps')
    """
    one = f"{nouns[:-3]}y" if nouns.endswith("ies") else nouns.removesuffix("s")
    return f"{number} {one if number == '1' else nouns}"


def _in_its_unit(value: float, units: Sequence[tuple[str, float, int]], digits: int = 3) -> str:
    name, size = next((name, size) for name, size, least in units if abs(_rounded(value / size, digits)) >= least)
    return f"{format_number(value / size, digits)} {name}"


def _word(value: float, infinite: str) -> str:
    return "none" if math.isnan(value) else infinite


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _plain(value: float, digits: int) -> str:
    """Format a finite number to `digits` significant digits without an exponent or trailing zeros."""
    return _separated(f"{Decimal(f'{value:.{digits - 1}e}').normalize():f}" if value else "0")


def _separated(text: str) -> str:
    """Separate the thousands of a decimal number of at least five digits before its point."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if len(whole.lstrip("-")) >= 5 else text
