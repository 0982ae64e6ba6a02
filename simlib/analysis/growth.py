"""The findings of `01_memory` on who grows the unbounded maps: the share of the growth, not of what lies there."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_number, format_percent
from simlib.experiments.experiment import Experiment
from simlib.experiments.time_to_limit import growth_by_class
from simlib.figures import memory as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.stores.registry import LEAKED


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

        A row a class: `entries` at the end, `growth` in entries an hour over the second half, and the `share` of it
        among the classes that grow, NaN where none does. Means over replications.
        """
        growth = growth_by_class(self.experiment.replications, LEAKED).mean()
        ends = [each.entries_by_class(LEAKED, each.grid(1)).iloc[-1] for each in self.experiment.replications]
        grows = growth.clip(lower=0)
        found = pd.DataFrame(
            {"entries": sum(ends) / len(ends), "growth": growth, "share": grows / (grows.sum() or np.nan)}
        )
        found.index.name = "sessions"
        ever = (found["entries"] > 0) | self.entries.any()
        return found[ever].sort_values("growth", ascending=False, kind="stable")

    @property
    def rate(self) -> float:
        """Entries gained an hour over the second half, NaN where that takes no time."""
        return float(self.classes["growth"].sum(skipna=False)) if len(self.classes) else 0.0

    def table(self) -> pd.DataFrame:
        """The classes as text."""
        return pd.DataFrame(
            {
                "entries at the end": self.classes["entries"].map(format_number),
                "entries gained an hour": self.classes["growth"].map(format_number),
                "share of the growth": self.classes["share"].map(format_percent),
            }
        )

    def answer(self) -> str:
        """Say how fast the maps grow and who grows them most, in a sentence."""
        gained = f"They gain {format_number(self.rate)} entries an hour"
        return f"{gained}; {self.blame()}." if self.blame() else f"{gained}."

    def blame(self) -> str:
        """Say which class grows the maps most, and its share, as a clause; empty where none does."""
        if not self.classes["share"].any():
            return ""
        name, share = self.classes.index[0], self.classes["share"].iloc[0]
        who = f"“{name}” sessions" if self.experiment.simulated else f"sessions {name}"
        return f"{format_percent(share)} of the growth comes from {who}"

    def draw(self) -> Drawing | LeftOut:
        """Draw the entries of the unbounded maps by class of session."""
        if self.classes.empty:
            return LeftOut("No figure: the unbounded maps stay empty, so nobody grows them.")
        first, message = self.experiment.first, self.blame() or "the unbounded maps do not grow over the second half"
        # The class that grows most lies on top.
        names = self.classes.index[::-1]
        return figures.growth_by_class(
            first.grid() - first.start,
            self.entries[names],
            self.classes["share"][names].to_numpy(),
            message[0].upper() + message[1:],
        )
