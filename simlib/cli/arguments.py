"""Reads values of the command line; refuses what does not fit, with an example of what would."""

import re
from argparse import ArgumentTypeError
from typing import NoReturn

from simlib.core.units import parse_duration

MOST_SEEDS = 100_000

_BYTES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def integers(text: str) -> list[int]:
    """Read whole numbers separated by commas."""
    for part in text.split(","):
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", part.strip()):
            raise ArgumentTypeError(f"{part[:60]!r} is not a whole number: write such as 512,2048")
    return [int(part) for part in text.split(",")]


def duration(text: str) -> int:
    """Read a duration with its unit, in ns; only 0, or less, needs none."""
    try:
        ns = parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if ns > 0 and not text.strip()[-1].isalpha():
        number = text.strip().lstrip("+")
        raise ArgumentTypeError(f"{text!r} has no unit: write {number}s for seconds or {number}m for minutes")
    return ns


def moment(text: str) -> tuple[bool, int]:
    """Read a date, or a duration after a start: whether it is a date, and ns since 1970 or from the start."""
    import pyarrow as pa

    from simlib.traces.times import Clock

    clock = Clock()
    try:
        # Digits alone are no date: without a unit they are refused as a duration.
        (at,) = clock.parse(pa.array([text])).tolist() if re.search(r"\d[-/:]\d", text) else [None]
        return (True, at) if clock.is_date else (False, max(duration(text), 0))
    except ValueError:
        return _refuse(f"{text[:60]!r} is neither a date, such as 2026-02-10T08:00:00Z, nor a time such as 30m")


def durations(text: str) -> list[int]:
    """Read durations with their units separated by commas, in ns."""
    return [duration(part) for part in text.split(",")]


def seeds(text: str) -> list[int]:
    """Read seeds and ranges of seeds separated by commas, such as `1-5,9`."""
    found: list[int] = []
    for part in text.split(","):
        given = re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", part.strip())
        first, last = (int(given[1]), int(given[2] or given[1])) if given else (0, -1)
        if first > last:
            raise ArgumentTypeError(f"{part[:60]!r} is no range of seeds: write such as 1-5 or 1,2,7")
        if last - first >= MOST_SEEDS:
            raise ArgumentTypeError(f"{part[:60]!r} are too many seeds: at most {MOST_SEEDS:,}")
        found += range(first, last + 1)
    return found


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def share(text: str) -> float:
    """Read a share such as `1%`, or a number below 1."""
    given = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)", text.strip())
    value = float(given[1]) / (100 if given[2] else 1) if given else 2
    return value if value < 1 or text.strip() == "100%" else _refuse(f"{text[:60]!r} is not a share: write such as 1%")


def memory(text: str) -> float:
    """Read an amount of memory such as `64MiB` or `64MB`, in MiB."""
    given = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([KMG]iB|[kMG]B)", text.strip())
    value = float(given[1]) * _BYTES[given[2]] / _BYTES["MiB"] if given else 0
    return value if value > 0 else _refuse(f"{text[:60]!r} is not an amount of memory: write such as 64MiB")


def factor(text: str) -> float:
    """Read a number from 1 to 1,000, such as a multiple of the traffic."""
    value = float(text) if re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]{1,9})?", text.strip()) else 0
    return value if 1 <= value <= 1000 else _refuse(f"{text[:60]!r} is not a multiple: write a number from 1 to 1000")


def _refuse(message: str) -> NoReturn:
    raise ArgumentTypeError(message)
