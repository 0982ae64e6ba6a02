"""Distributions of durations, as a workload file writes them. Refuses what it cannot read."""

from dataclasses import dataclass
from typing import Any

from simlib.core.errors import InputError
from simlib.core.units import DAY, parse_duration

LONGEST = 366 * DAY


@dataclass(frozen=True)
class Distribution:
    """A law of durations in ns: `fixed` low, `uniform` from low up to high, or `exponential` with mean low."""

    law: str
    low: int
    high: int

    @property
    def mean(self) -> float:
        """Expected duration in ns."""
        return (self.low + self.high) / 2

    @classmethod
    def parse(cls, text: Any) -> "Distribution":
        """Read `fixed 30s`, `exponential 5m` or `uniform 29m 31m`. Raises InputError with one line."""
        form = "write 'fixed 30s', 'exponential 5m' or 'uniform 29m 31m'"
        law, *words = str(text).split()
        if law not in ("fixed", "exponential", "uniform") or len(words) != (2 if law == "uniform" else 1):
            raise InputError(f"{text!r} is not a distribution of durations: {form}")
        times = [parse_bounded(word) for word in words]
        if times != sorted(times):
            raise InputError(f"{text!r} ends before it begins: {form}")
        return cls(law, times[0], times[-1])


def parse_bounded(text: Any) -> int:
    """A duration that a workload may hold, in ns."""
    ns = parse_duration(str(text))
    if not 0 <= ns <= LONGEST:
        raise InputError(f"{text!r} is out of range: from 0 to {LONGEST // DAY}d")
    return ns
