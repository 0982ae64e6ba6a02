"""The cap of `02_eviction_accuracy`: how many sessions still in use each size evicts, and from which size on none."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_count, format_counted
from simlib.core.statistics import Estimate, estimate
from simlib.experiments.experiment import Experiment
from simlib.experiments.replication import Replication
from simlib.figures import accuracy as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models.miniature import first_reached
from simlib.replay import ledger
from simlib.replay.observe import Observation, replay
from simlib.stores.registry import SHIPPED

TRIED = 13
"""Caps tried, evenly spaced on a logarithmic scale, beside the one in use."""


@dataclass(frozen=True)
class Caps:
    """Replays of the streams of an experiment under several caps, with its other settings.

    Counted are sessions still in use that the cap evicts: in both stores of a replication, after its warm-up.
    """

    experiment: Experiment
    _found: dict[int, Estimate] = field(default_factory=dict, compare=False)

    def evicted(self, cap: int) -> Estimate:
        """Estimate the sessions still in use that a cap evicts in a replication."""
        if cap not in self._found:
            settings = replace(self.experiment.settings, max_entries=cap)
            counts = (
                _evicted(each, {counter: replay(trace, SHIPPED, settings) for counter, trace in each.counters.items()})
                for each in self.experiment.replications
            )
            self._found[cap] = estimate(counts, 0)
        return self._found[cap]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a cap: `cap`, `in_use` evicted in a replication, and over several its 95 % interval `low` to `high`."""
        live = max(int(ledger.live_sessions(t).max(initial=0)) for t in self._traces())
        cap = max(self.experiment.settings.max_entries, 0)
        least, most = max(min(live, cap or live) // 2, 1), max(8 * live, 2 * cap, 8)
        tried = {*np.geomspace(least, most, TRIED).round().astype(int).tolist(), *([cap] if cap else [])}
        rows = ({"cap": cap, **vars(self.evicted(cap))} for cap in sorted(tried))
        return pd.DataFrame(rows).drop(columns="n").rename(columns={"mean": "in_use"}).dropna(axis="columns")

    @cached_property
    def none_from(self) -> float:
        """The smallest cap, to 2 %, from which on no session in use is evicted; inf where none was found."""
        caps, some = self.table["cap"].tolist(), np.flatnonzero(self.table["in_use"])
        if not some.size:
            return float(caps[0])
        around = caps[some[-1] : some[-1] + 2]
        return float(np.round(first_reached(lambda cap: self.evicted(round(cap)).mean == 0, around)))

    def agree(self) -> bool:
        """Whether a replay at the cap in use evicts as many sessions in use as the stores of the experiment did."""
        live = [
            _evicted(each, {counter: each.observed[counter, SHIPPED] for counter in each.counters})
            for each in self.experiment.replications
        ]
        return self.evicted(self.experiment.settings.max_entries) == estimate(live, 0)

    def draw(self) -> Drawing | LeftOut:
        """Draw the sessions in use that are evicted by the cap against the cap."""
        cap, table = self.experiment.settings.max_entries, self.table
        if not table["in_use"].any():
            return LeftOut(
                f"No figure: no cap from {format_count(table['cap'].min())} on evicts a session still in use."
            )
        found, enough = np.isfinite(self.none_from), format_count(self.none_from)
        if cap <= 0:
            other = f"one from {enough} on" if found else f"none up to {format_count(table['cap'].max())}"
            message = f"No cap is set; {other} evicts no session still in use"
        elif now := self.evicted(cap).mean:
            message = f"Today's cap evicts {format_counted(now, 'sessions')} still in use"
            message += f"; from {enough} on it evicts none" if found else "; no larger one tried evicts none"
        else:
            other = f"one below {enough} would" if found else "some larger ones would"
            message = f"Today's cap evicts no session still in use; {other}"
        return figures.caps(table, cap, self.none_from, message)

    def _traces(self) -> list:
        return [trace for each in self.experiment.replications for trace in each.counters.values()]


def _evicted(replication: Replication, observed: Mapping[str, Observation]) -> int:
    """Count the evictions of sessions in use by the cap, after the warm-up."""
    total = 0
    for counter, trace in replication.counters.items():
        rows = ledger.evictions(trace, observed[counter])
        after = replication.after_warm_up(counter)[rows["row"]]
        total += int((after & ~rows["dead"] & (rows["cause"] == "cap")).sum())
    return total
