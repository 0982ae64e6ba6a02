"""When do the entries reach a limit, and which sessions make them grow?

The time in the replications, or a projection beyond their end; none from a few instants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simlib.core.numbers import format_hours
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR
from simlib.experiments.replication import Replication

WINDOWS = 10
"""Windows of equal length in the second half of a replication; their growth is projected."""

FEW_INSTANTS = 10
"""Where the second half has fewer instants, of which one window holds not even one, nothing is projected from it."""

TOO_FEW = "too few instants to say"


@dataclass(frozen=True)
class TimeToLimit:
    """Hours from the start until the limit, and whether every replication reached it; otherwise it is projected.

    `hours` is infinite where nothing grows, and NaN where too few instants leave that open. `growth` is entries gained
    an hour over the second half. `first_hours` is the time in the first replication alone, which figures show.
    """

    hours: Estimate
    reached: bool
    growth: Estimate
    first_hours: float

    @property
    def finite(self) -> bool:
        """Whether the limit is reached at all."""
        return bool(np.isfinite(self.hours.mean))

    @property
    def known(self) -> bool:
        """Whether there are enough instants to say."""
        return not np.isnan(self.hours.mean)

    def text(self) -> str:
        """Format the time, for a sentence."""
        return format_hours(self.hours.mean) if self.known else TOO_FEW

    def interval(self) -> str:
        """Format the 95 % interval of the time, with as many digits as separate its ends."""
        if not np.isfinite(self.hours.low):
            return "none"
        if np.isinf(self.hours.high):
            return f"{format_hours(self.hours.low)} or later"
        for digits in range(3, 8):
            low, high = format_hours(self.hours.low, digits), format_hours(self.hours.high, digits)
            if low != high:
                break
        if low == high:
            return "none"
        return f"up to {high}" if self.hours.low <= 0 else f"{low} to {high}"


def time_to_limit(replications: Sequence[Replication], design: str, limit: float) -> TimeToLimit:
    """Estimate when the entries of a design reach `limit`, with a 95 % interval.

    Over several replications the interval is that of their mean. A single one that reached the limit has none; one
    that did not is projected from its growth in windows, which are taken as independent.
    """
    reached, hours, growths = [], [], []
    for replication in replications:
        entries, windows = replication.entries(design), growth_in_windows(replication, design)
        growths.append(windows)
        over = np.flatnonzero(entries >= limit)
        reached.append(over.size > 0)
        if over.size:
            hours.append((int(replication.trace.time[over[0]]) - replication.start) / HOUR)
        else:
            hours.append(_projected(replication, entries, windows.mean(), limit))
    if len(replications) > 1:
        growth = estimate(windows.mean() for windows in growths)
        return TimeToLimit(_mean(hours), all(reached), growth, hours[0])
    growth = estimate(growths[0])
    if reached[0]:
        return TimeToLimit(estimate(hours), True, growth, hours[0])
    soonest, latest = (
        _projected(replications[0], replications[0].entries(design), rate, limit) for rate in (growth.high, growth.low)
    )
    return TimeToLimit(Estimate(hours[0], soonest, latest, 1), False, growth, hours[0])


def growth_by_class(replications: Sequence[Replication], design: str) -> pd.DataFrame:
    """Measure the entries gained an hour in each window of the second halves, a row a window, a column a class.

    NaN in a replication of too few instants. Only for a design that never evicts.
    """
    windows = []
    for replication in replications:
        gained = replication.entries_by_class(design, replication.grid(2 * WINDOWS)[WINDOWS:]).diff()[1:]
        hours = np.nan if _has_few_instants(replication) else replication.duration / (2 * WINDOWS) / HOUR
        windows.append(gained / hours)
    return pd.concat(windows, ignore_index=True)


def growth_in_windows(replication: Replication, design: str) -> np.ndarray:
    """Measure the entries gained an hour in each window of the second half of a replication; float64, (WINDOWS,)."""
    bounds = replication.grid(2 * WINDOWS)[WINDOWS:]
    hours = replication.duration / (2 * WINDOWS) / HOUR
    return np.diff(replication.sample(replication.entries(design), bounds)) / hours if hours else np.zeros(WINDOWS)


def _has_few_instants(replication: Replication) -> bool:
    """Whether the second half has too few instants to say how the entries grow."""
    time, middle = replication.trace.time, replication.start + replication.duration // 2
    late = time[np.searchsorted(time, middle, side="right") :]
    # In order of time, an instant is new where the time changes: far quicker to count than unique values.
    return np.count_nonzero(np.diff(late, prepend=middle)) < FEW_INSTANTS


def _projected(replication: Replication, entries: np.ndarray, growth: float, limit: float) -> float:
    if _has_few_instants(replication):
        return np.nan
    if growth <= 0:
        return np.inf
    return replication.duration / HOUR + (limit - (entries[-1] if entries.size else 0)) / growth


def _mean(hours: list[float]) -> Estimate:
    if np.isfinite(hours).all():
        return estimate(hours, 0)
    return Estimate(np.nan if np.isnan(hours).any() else np.inf, np.nan, np.nan, len(hours))
