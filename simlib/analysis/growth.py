"""The findings of `01_memory` on who grows the unbounded maps: the share of the growth, not of what lies there."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import YEAR, format_number, format_percent, quantity
from simlib.core.statistics import estimate
from simlib.core.units import DAY, HOUR
from simlib.experiments.experiment import Experiment
from simlib.experiments.time_to_limit import TOO_FEW, growth_by_class
from simlib.figures import memory as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.stores.registry import LEAKED


def gain(an_hour: float) -> str:
    """Format entries gained an hour, of which there are some, by the hour, day or year.

    >>> gain(605), gain(0.5), gain(0.001)
    ('605 entries an hour', '12 entries a day', '8.77 entries a year')
    """
    units = (("an hour", HOUR), ("a day", DAY), ("a year", YEAR))
    name, size = next((unit for unit in units if an_hour * unit[1] / HOUR >= 1), units[-1])
    return f"{quantity(format_number(an_hour * size / HOUR), 'entries')} {name}"


@dataclass(frozen=True)
class Growth:
    """The growth of the unbounded maps of an experiment by class of session."""

    experiment: Experiment

    @cached_property
    def entries(self) -> pd.DataFrame:
        """Entries in the first replication at the instants of its grid, a column a class."""
        return self.experiment.first.entries_by_class(LEAKED, self.experiment.first.grid())

    @cached_property
    def classes(self) -> pd.DataFrame:
        """The classes of sessions that ever have entries, those that grow the maps most first.

        A row a class: `entries` at the end, `growth` in entries an hour over the second half, means over replications,
        and the `share` of the growth among the classes that grow, NaN where none does. A class that gains
        less than half of what it moves by, window for window, goes up and down, unless it surely gains.
        """
        windows = growth_by_class(self.experiment.replications, LEAKED)
        ends = [each.entries_by_class(LEAKED, each.grid(1)).iloc[-1] for each in self.experiment.replications]
        growth = windows.mean()
        surely = np.array([estimate(each).low > 0 for _, each in windows.items()])
        grown = growth.clip(lower=0).where(surely | (growth >= windows.abs().mean() / 2), 0)
        share = grown / (grown.sum() or np.nan)
        found = pd.DataFrame({"entries": sum(ends) / len(ends), "growth": growth, "share": share})
        found.index.name = "sessions"
        ever = (found["entries"] > 0) | self.entries.any()
        return found[ever].sort_values(["share", "growth"], ascending=False, kind="stable")

    @property
    def final(self) -> float:
        """Entries at the end, the mean over replications."""
        return float(self.classes["entries"].sum())

    def table(self) -> pd.DataFrame:
        """The classes as text."""
        return pd.DataFrame(
            {
                "entries at the end": self.classes["entries"].map(format_number),
                "entries gained an hour": self.classes["growth"].map(format_number),
                "share of the growth": self._parts(),
            }
        )

    def _parts(self) -> pd.Series:
        """The share of each class in the growth, as text."""
        growth = self.classes["growth"]
        still = np.select([growth == 0, growth.isna()], ["does not grow", "not known"], "up and down")
        return self.classes["share"].map(format_percent).where(self.classes["share"] > 0, still)

    def answer(self, with_rate: bool = True) -> str:
        """Say who grows the maps most, and how fast they grow, in a sentence."""
        rate = f"The growth is {gain(self.classes['growth'].sum())}" if with_rate else ""
        sentence = "; ".join(filter(None, (rate, self.blame())))
        return f"{sentence}." if sentence else ""

    def blame(self, most: int = 1) -> str:
        """Say which classes grow the maps most, and their shares of the growth, as a clause; empty where none does."""
        growers = self.classes["share"][self.classes["share"] > 0][:most]
        who = [f"{format_percent(share)} from {self._sessions(name)}" for name, share in growers.items()]
        if not who:
            return ""
        first, *rest = who
        return ", ".join([first.replace(" from ", " of the growth comes from ", 1), *rest])

    def _sessions(self, name: str) -> str:
        return f"“{name}” sessions" if self.experiment.simulated else f"sessions {name}"

    def draw(self) -> Drawing | LeftOut:
        """Draw the entries of the unbounded maps by class of session."""
        if self.classes.empty:
            return LeftOut(f"No figure: the unbounded {self.experiment.named('map')} never held an entry.")
        if not self.final:
            return LeftOut("No figure: no entry is left at the end, so nobody grows what lies there.")
        first = self.experiment.first
        if not first.duration:
            return figures.ONE_INSTANT
        known = self.classes["growth"].notna().all()
        nobody = "no class of sessions grows over the second half" if known else f"{TOO_FEW} who grows"
        message = self.blame() or nobody
        # The class that grows most lies on top.
        names = self.classes.index[::-1]
        return figures.growth_by_class(
            first.grid() - first.start,
            self.entries[names],
            self._parts()[names].str.replace("%", "% of growth").tolist(),
            message[0].upper() + message[1:],
        )
