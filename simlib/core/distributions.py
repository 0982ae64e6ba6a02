"""Distributions of durations, as a workload file writes them. Refuses what it cannot read."""

from dataclasses import dataclass

from simlib.core.errors import InputError, quoted
from simlib.core.units import DAY, parse_duration

LONGEST = 366 * DAY
"""Longest duration in a workload: longer than any run, and sums of many still fit 64 bits of nanoseconds."""


@dataclass(frozen=True)
class Distribution:
    """A distribution of durations in ns: `fixed` at low, `uniform` from low to high, or `exponential` with mean low."""

    law: str
    low: int
    high: int

    @property
    def mean(self) -> float:
        """Expected duration in ns."""
        return (self.low + self.high) / 2

    @classmethod
    def parse(cls, text: object) -> "Distribution":
        """Read a distribution as a workload file writes it. Raises InputError.

        >>> Distribution.parse("uniform 1s 3s")
        Distribution(law='uniform', low=1000000000, high=3000000000)
        >>> Distribution.parse("exponential 5m").mean
        300000000000.0
        """
        form = "write 'fixed 30s', 'exponential 5m' or 'uniform 29m 31m'"
        law, *words = str(text).split() or [""]
        if law not in ("fixed", "exponential", "uniform") or len(words) != (2 if law == "uniform" else 1):
            raise InputError(f"{quoted(text)} is not a distribution of durations: {form}")
        times = [parse_bounded(word) for word in words]
        if times != sorted(times):
            raise InputError(f"{quoted(text)} ends before it begins: {form}")
        return cls(law, times[0], times[-1])


def parse_bounded(text: object) -> int:
    """Read a duration that a workload may hold, in ns. Raises InputError.

    >>> parse_bounded("30m")
    1800000000000
    """
    ns = parse_duration(str(text))
    if not 0 <= ns <= LONGEST:
        raise InputError(f"{quoted(text)} is out of range: from 0 to {LONGEST // DAY}d")
    return ns
