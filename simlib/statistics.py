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

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if self.n < 2 else f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def estimate(values: Iterable[float]) -> Estimate:
    """The mean of independent values with Student's t interval (Law, Simulation Modeling and Analysis, section 4.5)."""
    from scipy.special import stdtrit

    values = np.asarray(list(values), dtype=np.float64)
    n, mean = values.size, float(values.mean())
    if n < 2:
        return Estimate(mean, np.nan, np.nan, n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)
