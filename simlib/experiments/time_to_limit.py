"""When does the process die? The time at which a run's entries reach a limit, or would if it went on as it did.

Owns the projection beyond the end of a replication. Next: `figures` and the notebooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simlib.core.numbers import format_hours
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR
from simlib.experiments.experiment import Replication

WINDOWS = 10
"""Windows of equal length in the second half of a replication, whose growth the projection rests on."""


@dataclass(frozen=True)
class TimeToLimit:
    """Hours from the start until the limit, and whether every run reached it (else some of it is projection).

    `hours` is inf where nothing grows. `growth` is entries gained an hour over the second half of the runs.
    """

    hours: Estimate
    reached: bool
    growth: Estimate

    def short(self) -> str:
        """The time alone, for a title."""
        return format_hours(self.hours.mean)

    def interval(self) -> str:
        """The 95 % interval, in words; empty where there is none."""
        if np.isnan(self.hours.low):
            return ""
        for digits in range(3, 8):
            low, high = format_hours(self.hours.low, digits), format_hours(self.hours.high, digits)
            if low != high:
                break
        return f"95 % interval {low} to {high}"


def time_to_limit(replications: Sequence[Replication], design: str, limit: float) -> TimeToLimit:
    """When the entries of a design reach `limit`, with its 95 % interval.

    Over several runs the interval is that of their mean. A single run that reached the limit is a fact and has none;
    one that did not is projected from its growth in windows, which are taken as independent.
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
        return TimeToLimit(_mean(hours), all(reached), estimate(windows.mean() for windows in growths))
    growth = estimate(growths[0])
    if reached[0]:
        return TimeToLimit(estimate(hours), True, growth)
    soonest, latest = (
        _projected(replications[0], replications[0].entries(design), rate, limit) for rate in (growth.high, growth.low)
    )
    return TimeToLimit(Estimate(hours[0], soonest, latest, 1), False, growth)


def growth_in_windows(replication: Replication, design: str) -> np.ndarray:
    """Entries gained an hour in each of the windows of the second half of a run; float64, (WINDOWS,)."""
    bounds = replication.grid(2 * WINDOWS)[WINDOWS:]
    hours = replication.duration / (2 * WINDOWS) / HOUR
    return np.diff(replication.sample(replication.entries(design), bounds)) / hours if hours else np.zeros(WINDOWS)


def _projected(replication: Replication, entries: np.ndarray, growth: float, limit: float) -> float:
    if growth <= 0:
        return np.inf
    return replication.duration / HOUR + (limit - (entries[-1] if entries.size else 0)) / growth


def _mean(hours: list[float]) -> Estimate:
    return estimate(hours, 0) if np.isfinite(hours).all() else Estimate(np.inf, np.nan, np.nan, len(hours))
