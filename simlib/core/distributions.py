"""Distributions of durations, as a workload file writes them. Refuses what it cannot read."""

import math
import re
from dataclasses import dataclass

from simlib.core.errors import InputError, quoted
from simlib.core.units import DAY, parse_duration

LONGEST = 366 * DAY
"""Longest duration in a workload: longer than any run, and sums of many still fit 64 bits of nanoseconds."""

FORM = "write 'fixed 30s', 'exponential 5m', 'uniform 29m 31m', 'lognormal 5m 1.2' or 'pareto 1m 1.5'"

_SHAPE = re.compile(r"\d{1,3}(\.\d{1,15})?", re.ASCII)


@dataclass(frozen=True)
class Distribution:
    """A distribution of durations in ns.

    `fixed` at low; `uniform` from low to high; `exponential` with mean low; `lognormal` with median low and a logarithm
    of standard deviation `shape`; `pareto` from low on, longer than x with the chance (low / x) ** shape. Durations
    longer than LONGEST are cut there.
    """

    law: str
    low: int
    high: int
    shape: float = 0.0

    @property
    def mean(self) -> float:
        """Expected duration in ns."""
        if self.law == "lognormal" and self.low:
            cut, whole = math.log(LONGEST / self.low) / self.shape, self.low * math.exp(self.shape**2 / 2)
            return whole * _normal(cut - self.shape) + LONGEST * _normal(-cut)
        if self.law == "pareto" and self.low:
            # The integral of the chance to last longer: 1 up to low, then a power of low / x.
            times, tail = LONGEST / self.low, 1 - self.shape
            return self.low * (1 + (math.log(times) if tail == 0 else (times**tail - 1) / tail))
        return (self.low + self.high) / 2

    @classmethod
    def parse(cls, text: object) -> "Distribution":
        """Read a distribution as a workload file writes it. Raises InputError.

        >>> Distribution.parse("uniform 1s 3s")
        Distribution(law='uniform', low=1000000000, high=3000000000, shape=0.0)
        >>> Distribution.parse("exponential 5m").mean
        300000000000.0
        """
        law, *words = str(text).split() or [""]
        if law not in LAWS or len(words) != (1 if law in ("fixed", "exponential") else 2):
            raise InputError(f"{quoted(text, 60)} is not a distribution of durations: {FORM}")
        if law in _SHAPES:
            name, least, most = _SHAPES[law]
            shape = float(words[1]) if _SHAPE.fullmatch(words[1]) else 0.0
            if not least <= shape <= most:
                raise InputError(f"{quoted(text, 60)}: the {name} must be a number from {least} to {most}: {FORM}")
            low = parse_bounded(words[0])
            return cls(law, low, low, shape)
        times = [parse_bounded(word) for word in words]
        if times != sorted(times):
            raise InputError(f"{quoted(text, 60)} ends before it begins: {FORM}")
        return cls(law, times[0], times[-1])


LAWS = ("fixed", "uniform", "exponential", "lognormal", "pareto")
"""The laws of durations; compiled code knows each by its index."""

_SHAPES = {"lognormal": ("sigma", 0.01, 5), "pareto": ("exponent", 0.1, 20)}
"""The name of a shape and its bounds, beyond which no durations that anybody measured lie."""


def _normal(z: float) -> float:
    """The chance that a standard normal variate is at most z."""
    return math.erfc(-z / math.sqrt(2)) / 2


def parse_bounded(text: object) -> int:
    """Read a duration that a workload may hold, in ns. Raises InputError.

    >>> parse_bounded("30m")
    1800000000000
    """
    ns = parse_duration(str(text))
    if not 0 <= ns <= LONGEST:
        raise InputError(f"{quoted(text)} is out of range: from 0 to {LONGEST // DAY}d")
    return ns
