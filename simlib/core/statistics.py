"""Numbers that stand on random runs: a mean with its 95 % interval over replications.

Owns how an interval is made. Replications are independent runs under different seeds, so Student's t applies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from simlib.core.numbers import format_number, format_percent

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` replications and its interval; with one replication there is no interval and it is NaN."""

    mean: float
    low: float
    high: float
    n: int

    def percent(self) -> str:
        """Format a share as per cent, with its interval."""
        return self.text(format_percent)

    def text(self, form: Callable[[float], str] = format_number) -> str:
        """Format the mean, and the interval where there is one that differs from it."""
        mean, low, high = map(form, (self.mean, self.low, self.high))
        return mean if np.isnan(self.low) or mean == low == high else f"{mean} ({low} to {high})"


def estimate(values: Iterable[float], least: float = -np.inf, most: float = np.inf) -> Estimate:
    """The mean of independent values with Student's t interval (Law, Simulation Modeling and Analysis, section 4.5).

    The interval is cut to what is possible at all, `least` to `most`, which costs it no coverage. Values that are NaN,
    of runs that had nothing to measure, are left out; where nothing is left the mean is NaN.
    """
    from scipy.special import stdtrit

    values = np.asarray(list(values), dtype=np.float64)
    values = values[~np.isnan(values)]
    n, mean = values.size, float(values.mean()) if values.size else np.nan
    if n < 2:
        return Estimate(mean, np.nan, np.nan, n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, max(mean - half, least), min(mean + half, most), n)
