"""The findings of `01_memory` beside the memory that a process was measured to use: is it these maps that grow?

Refuses a measurement that shares too few points with the replication that it is compared with.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.memory import Memory
from simlib.core.errors import InputError
from simlib.core.numbers import format_counted, format_duration, format_hours, format_memory, format_percent
from simlib.core.statistics import CONFIDENCE
from simlib.core.units import HOUR
from simlib.experiments.time_to_limit import WINDOWS
from simlib.figures import memory as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.stores.registry import LEAKED, find_design
from simlib.traces.measured import Measured, read_measured
from simlib.traces.times import instant, is_since_1970

FEWEST = 2 * WINDOWS
"""Points that a measurement must share with the replication: one a window of its later half, and as many before."""

RESTART = 0.5
"""A fall to this share of the memory before, from one point to the next, is a restart: no collector frees as much."""

NOT_THESE, NOT_MAINLY = 0.1, 0.5
"""Shares of the measured growth below which the maps are not what grows, or not mainly."""

MOST_COLLECTED = 2.0
"""Resident memory over the live heap at GOGC=100, at most: the collector runs when the heap has doubled."""


@dataclass(frozen=True, eq=False)
class Shared:
    """The points of a measurement within a replication: `at` ns from the replication's start, and `mib`, (n,) each.

    `by_date` says that both name instants; otherwise both are counted from their own start. `restart` is when the
    measured process restarted, after which nothing is compared, or None.
    """

    at: np.ndarray
    mib: np.ndarray
    by_date: bool
    restart: int | None


def shared(measured: Measured, start: int, duration: int) -> Shared:
    """Find the points that a measurement shares with a replication. Raises InputError where they are too few."""
    by_date = is_since_1970(start) and is_since_1970(int(measured.time[0]))
    at = measured.time - (start if by_date else measured.time[0])
    within = (at >= 0) & (at <= duration)
    if by_date and not within.any():
        first, last, begin, end = (instant(int(t), True) for t in (*measured.time[[0, -1]], start, start + duration))
        raise InputError(
            f"{measured.name}: no overlap in time: measured {first} to {last}, the log is {begin} to {end} UTC"
        )
    at, mib = at[within], measured.mib[within]
    falls = np.flatnonzero(mib[1:] < RESTART * mib[:-1]) + 1
    restart = int(at[falls[0]]) if falls.size else None
    at, mib = (each[: falls[0] if falls.size else None] for each in (at, mib))
    if at.size < FEWEST or at[-1] == at[at.size // 2]:
        until = "" if restart is None else f" before memory falls by over half after {format_duration(restart)}"
        raise InputError(
            f"{measured.name}: {format_counted(at.size, 'points')} within the {format_duration(duration)} to compare"
            f"{until}: at least {FEWEST} at different times are needed"
        )
    return Shared(at, mib, by_date, restart)


@dataclass(frozen=True)
class Line:
    """The straight line through the later half of a curve: MiB an hour, a 95 % interval, and MiB at both its ends."""

    rate: float
    low: float
    high: float
    begins: float
    ends: float

    @staticmethod
    def through(at: np.ndarray, mib: np.ndarray) -> "Line":
        """Fit a line to the means of the WINDOWS windows, of equally many points, of a curve's later half."""
        from scipy.special import stdtrit

        late = at.size // 2
        hours, means = (
            np.array([part.mean() for part in np.array_split(each[late:], WINDOWS)]) for each in (at / HOUR, mib)
        )
        from_middle = hours - hours.mean()
        rate = float(from_middle @ means / (from_middle @ from_middle))
        left = means - means.mean() - rate * from_middle
        error = np.sqrt(left @ left / (WINDOWS - 2) / (from_middle @ from_middle))
        half = float(stdtrit(WINDOWS - 2, (1 + CONFIDENCE) / 2) * error)
        begins, ends = (means.mean() + rate * (at[[late, -1]] / HOUR - hours.mean())).tolist()
        return Line(rate, rate - half, rate + half, begins, ends)


@dataclass(frozen=True)
class Beside:
    """A measurement beside the unbounded maps of the first replication; without a file nothing is found."""

    memory: Memory
    path: str

    @cached_property
    def measured(self) -> Measured:
        """The measurement."""
        return read_measured(self.path)

    @cached_property
    def shared(self) -> Shared:
        """The points to compare."""
        first = self.memory.experiment.first
        return shared(self.measured, first.start, first.duration)

    @cached_property
    def predicted(self) -> dict[str, np.ndarray]:
        """Memory of the unbounded maps at these points in MiB: the live heap, resident, and the most, (n,) each.

        Without a band where the bytes of an entry are given.
        """
        first, footprint = self.memory.experiment.first, self.memory.footprint
        entries = first.sample(first.entries(LEAKED), first.start + self.shared.at)
        live, middle = footprint.live_mib(entries, LEAKED), footprint.resident_mib(entries, LEAKED)
        most = MOST_COLLECTED * live if self.memory.experiment.entry.given is None else live
        return {"low": live, "middle": middle, "high": most}

    @cached_property
    def line(self) -> Line:
        """The growth that was measured."""
        return Line.through(self.shared.at, self.shared.mib)

    @cached_property
    def rates(self) -> dict[str, float]:
        """The growth of the maps in MiB an hour, by what is resident; 0 where they shrink."""
        return {name: max(Line.through(self.shared.at, mib).rate, 0.0) for name, mib in self.predicted.items()}

    @property
    def grows(self) -> bool:
        """Whether the measured memory surely grows."""
        return self.line.low > 0

    @property
    def shares(self) -> dict[str, float]:
        """The share of the measured growth that the maps explain, by what is resident; only where it grows."""
        return {name: rate / self.line.rate for name, rate in self.rates.items()}

    @property
    def limit_at(self) -> float | None:
        """When the measured memory reaches the memory limit by itself, hours from the start of what is compared.

        None where it does not, or where no limit is given.
        """
        limit, at, mib = self.memory.experiment.limit.mib, self.shared.at, self.shared.mib
        if limit is None:
            return None
        over = np.flatnonzero(mib >= limit)
        if over.size:
            return float(at[over[0]]) / HOUR
        return float(at[-1]) / HOUR + (limit - self.line.ends) / self.line.rate if self.grows else None

    # --- Sentences

    @property
    def given(self) -> bool:
        """Whether there is a measurement."""
        return bool(self.path)

    def verdict(self) -> str:
        """Say whether these maps are what grows, in a sentence; empty without a measurement."""
        if not self.given:
            return ""
        if not self.grows:
            should = (
                f", while the maps should by {_an_hour(self.rates['low'])}"
                if self.rates["low"] > self.line.high
                else ""
            )
            return f"The measured memory does not grow{should}."
        single, shares = len(self.memory.experiment.counters) == 1, self.shares
        maps, they = ("this map", "it explains") if single else ("these maps", "they explain")
        if shares["high"] < NOT_MAINLY:
            who = f"It is {'not' if shares['high'] < NOT_THESE else 'mainly not'} {maps}"
        elif shares["low"] > 1 / NOT_MAINLY:
            who = f"T{maps[1:]} should grow faster"
        else:
            who = f"It {'is' if shares['low'] >= NOT_MAINLY else 'can be'} {maps}"
        return f"{who}: {they} {format_percent(shares['middle'])} of the measured {_an_hour(self.line.rate)}."

    def limit(self) -> str:
        """Say when the measured memory reaches the memory limit by itself; empty where that is not known."""
        if not self.given or self.limit_at is None:
            return ""
        limit = format_memory(self.memory.experiment.limit.mib or 0)
        if self.limit_at * HOUR <= self.shared.at[0]:
            return f"The measured memory is above {limit} from its first point, as a process has more than these maps."
        verb = "reached" if self.limit_at * HOUR <= self.shared.at[-1] else "would reach"
        return f"The measured memory {verb} {limit} in {format_hours(self.limit_at)} by itself."

    def unknown(self) -> list[str]:
        """Say how the two curves were aligned, and what resident memory leaves open; nothing without a measurement."""
        if not self.given:
            return []
        aligned = "by date" if self.shared.by_date else "from the start of each, as not both name dates"
        said = [f"Measured and predicted memory were aligned {aligned}."]
        if self.shared.restart is not None:
            after = format_duration(self.shared.restart)
            said.append(
                f"The measured memory fell by over half after {after}, as at a restart: only what is before counts."
            )
        if self.grows and self.memory.experiment.entry.given is None:
            low, high = (format_percent(self.shares[name]) for name in ("low", "high"))
            said.append(f"The share of {low} is of the live heap alone; a collector at GOGC=100 may let it be {high}.")
        return said

    def table(self) -> pd.DataFrame:
        """The growth of each curve over the later half of the points, as text; empty without a measurement."""
        if not self.given:
            return pd.DataFrame()
        line, rows = self.line, {}
        low, high = format_memory(line.low), format_memory(line.high)
        rows["measured"] = (format_memory(line.rate), f"{low} to {high}" if low != high else "", "")
        names = {"low": "live heap", "middle": "resident, as modelled", "high": "twice the live heap"}
        for name, text in (names if self.memory.experiment.entry.given is None else {"middle": "as given"}).items():
            share = format_percent(self.shares[name]) if self.grows else "no growth to explain"
            rows[f"maps: {text}"] = (format_memory(self.rates[name]), "", share)
        columns = ["growth an hour", "95 % interval", "share of the measured growth"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("memory")

    # --- Claim and figure

    def explains(self) -> bool | None:
        """Whether the maps may be at least half of the measured growth; None where nothing was measured to grow."""
        return bool(self.shares["high"] >= NOT_MAINLY) if self.given and self.grows else None

    def numbers(self) -> dict[str, float]:
        """The growth and the shares, for a claim."""
        if not (self.given and self.grows):
            return {}
        shares = {f"share_{name}": share for name, share in self.shares.items()}
        return {"measured_mib_an_hour": self.line.rate, "maps_mib_an_hour": self.rates["middle"], **shares}

    def caption(self) -> str:
        """Say what the figure shows, complete in itself."""
        if not self.given:
            return ""
        band = "" if self.memory.experiment.entry.given else " (band: from the live heap to twice it)"
        aligned = "by date" if self.shared.by_date else "from the start of each"
        return (
            f"Memory measured in {self.measured.name}, and that of the unbounded maps{band}, aligned {aligned}. "
            "From the middle on: how memory would have gone on if nothing but these maps had grown."
        )

    def draw(self) -> Drawing | LeftOut:
        """Draw the measured memory over that predicted of the unbounded maps."""
        if not self.given:
            return LeftOut("No figure: no measured memory is given (--memory).")
        limit, limit_mib = None, self.memory.experiment.limit.mib
        if limit_mib is not None:
            is_above, text = self.shared.mib[0] >= limit_mib, f"limit {format_memory(limit_mib)}"
            if is_above or self.limit_at is None:
                limit = figures.Limit(limit_mib, f"{text},\nexceeded from\nthe first point" if is_above else text, None)
            else:
                limit = figures.Limit(limit_mib, f"{text},\nin {format_hours(self.limit_at)}", self.limit_at * HOUR)
        message, colour, line = (
            self.verdict().rstrip("."),
            find_design(LEAKED).colour,
            (self.line.begins, self.line.ends),
        )
        return figures.measured(self.shared.at, self.shared.mib, self.predicted, line, colour, limit, message)


def _an_hour(mib: float) -> str:
    """Format growth of memory, by the day where that reads better."""
    return f"{format_memory(mib)} an hour" if mib * 1024 >= 1 else f"{format_memory(mib * 24)} a day"
