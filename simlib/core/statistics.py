"""Means over replications, with 95 % confidence intervals.

Replications are independent runs under different seeds, so Student's t applies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from simlib.core.numbers import format_number, format_percent

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` replications with its confidence interval, whose ends are NaN for a single replication."""

    mean: float
    low: float
    high: float
    n: int

    def percent(self) -> str:
        """Format a share as per cent, with its interval."""
        return self.text(format_percent)

    def text(self, form: Callable[[float], str] = format_number) -> str:
        """Format the mean, and the interval where there is one that differs from it.

        >>> Estimate(1234.5, 1200, 1260, 5).text()
        '1230 (1200 to 1260)'
        """
        mean, low, high = map(form, (self.mean, self.low, self.high))
        return mean if np.isnan(self.low) or mean == low == high else f"{mean} ({low} to {high})"


def estimate(values: Iterable[float], least: float = -np.inf, most: float = np.inf) -> Estimate:
    """Estimate a mean and its confidence interval by Student's t (Law, Simulation Modeling and Analysis, section 4.5).

    The values are independent. The interval is cut to the possible range, `least` to `most`, which costs no coverage.
    Values that are NaN, of replications with nothing to measure, are left out; the mean of none is NaN.

    >>> estimate([1, 2, 3]).text()
    '2 (-0.484 to 4.48)'
    >>> estimate([1, 2, 3], least=0).text()
    '2 (0 to 4.48)'
    """
    from scipy.special import stdtrit

    values = np.asarray(list(values), dtype=np.float64)
    values = values[~np.isnan(values)]
    n, mean = values.size, float(values.mean()) if values.size else np.nan
    if n < 2:
        return Estimate(mean, np.nan, np.nan, n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, max(mean - half, least), min(mean + half, most), n)
