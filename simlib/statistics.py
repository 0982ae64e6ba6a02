"""Numbers that stand on random runs: a mean with its 95 % interval over replications.

Owns how an interval is made. Replications are independent runs under different seeds, so Student's t applies.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` replications and its interval; with one replication there is no interval and it is NaN."""

    mean: float
    low: float
    high: float
    n: int

    def percent(self) -> str:
        """A share as percent with its interval, for people."""
        mean, low, high = map(format_percent, (self.mean, self.low, self.high))
        return mean if self.n < 2 or mean == low == high else f"{mean} ({low} to {high})"


def format_percent(share: float) -> str:
    """A share as percent for people; what is too small to matter is told as such."""
    return "under 0.001 %" if 0 < share < 1e-5 else f"{100 * share:.3g} %"


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
