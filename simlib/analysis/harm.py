"""Collects the losses of one replication's bounded stores after the warm-up, and whom they hit, by class of session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simlib.core.numbers import format_count, format_number
from simlib.core.statistics import estimate
from simlib.experiments.replication import Replication
from simlib.replay import ledger
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.codes import INCREMENT

LOGGED = "no_client"
"""The counter whose powers of two are logged; every drop is logged."""


@dataclass(frozen=True)
class Harm:
    """Evictions and increments of some sessions, both counters together.

    `evictions` are rows as of `ledger.evictions`. `increments` has a row each: its `session` (index into the ids of
    the trace), whether it is a `repeat` call, of a session that may expect its count to go on, and whether that count
    is `gone`. In both `group` is the class of the session, an index into `Replication.classes`. Shares of none are NaN.
    """

    evictions: pd.DataFrame
    increments: pd.DataFrame

    def only(self, group: int) -> "Harm":
        """Return the evictions and increments of one class."""
        return Harm(*(table[table["group"] == group] for table in (self.evictions, self.increments)))

    @property
    def false(self) -> pd.Series:
        """Whether each eviction removed a session still in use."""
        return ~self.evictions["dead"]

    @property
    def false_share(self) -> float:
        """False evictions as a share of all."""
        return share(self.false)

    @property
    def lost_share(self) -> float:
        """Counts lost to false evictions as a share of all increments; 0 without any."""
        return self.evictions["count"][self.false].sum() / max(len(self.increments), 1)

    @property
    def gone_share(self) -> float:
        """Increments that find their count gone, as a share of all."""
        return share(self.increments["gone"])

    @property
    def repeat_gone_share(self) -> float:
        """Repeat calls that find their count gone, as a share of all repeat calls."""
        return share(self.increments["gone"][self.increments["repeat"]])

    @property
    def hit_share(self) -> float:
        """Sessions that find their count gone at least once, as a share of all."""
        return share(self.increments.groupby("session")["gone"].any())


@dataclass(frozen=True)
class AfterWarmUp(Harm):
    """One replication after its warm-up (see `Replication.warm_up`): all its sessions, and the work of its stores."""

    scanned: int
    stale_hits: int
    log_lines: int
    log_lines_unbounded: int

    @classmethod
    def of(cls, replication: Replication) -> "AfterWarmUp":
        """Collect the evictions and increments of a replication after its warm-up."""
        evictions, increments, scanned, stale = [], [], 0, 0
        for number, (counter, trace) in enumerate(replication.counters.items()):
            bounded, after = replication.observed[counter, SHIPPED], replication.after_warm_up(counter)
            session = replication.trace.session[replication.trace.counter == number]
            rows, prunes = ledger.evictions(trace, bounded), ledger.prunes(trace, bounded)
            columns = pd.DataFrame(
                {
                    "session": session,
                    "group": replication.class_of[session],
                    "repeat": (trace.previous_row >= 0) & (trace.op[trace.previous_row] == INCREMENT),
                    "gone": ledger.restarts(trace, bounded),
                }
            )
            evictions.append(rows.assign(group=columns["group"].to_numpy()[rows["last_row"]])[after[rows["row"]]])
            increments.append(columns[after & (trace.op == INCREMENT)])
            scanned += int(prunes["scanned"][after[prunes["row"]]].sum())
            stale += int(ledger.stale_hits(trace, bounded)[after].sum())
        trace, after = replication.counters[LOGGED], replication.after_warm_up(LOGGED)
        lines = (
            int(ledger.log_lines(trace, replication.observed[LOGGED, design])[after].sum())
            for design in (SHIPPED, LEAKED)
        )
        tables = (pd.concat(each, ignore_index=True) for each in (evictions, increments))
        return cls(*tables, scanned, stale, *lines)

    @property
    def undecided_share(self) -> float:
        """Evictions that the end of the replication leaves undecided, as a share of all."""
        return share(self.evictions["undecided"])

    @property
    def extra_lines(self) -> int:
        """Log lines more than with the unbounded map on the same stream."""
        return self.log_lines - self.log_lines_unbounded


COLUMNS: dict[str, tuple[str, Callable[[Harm], float]]] = {
    "sessions": ("sessions", lambda harm: harm.increments["session"].nunique()),
    "hit_percent": ("sessions hit (%)", lambda harm: 100 * harm.hit_share),
    "increments": ("increments", lambda harm: len(harm.increments)),
    "gone_percent": ("increments, count gone (%)", lambda harm: 100 * harm.gone_share),
    "repeats": ("repeat calls", lambda harm: harm.increments["repeat"].sum()),
    "repeats_gone_percent": ("repeat calls, count gone (%)", lambda harm: 100 * harm.repeat_gone_share),
    "evictions": ("evictions", lambda harm: len(harm.evictions)),
    "in_use_percent": ("evictions, still in use (%)", lambda harm: 100 * harm.false_share),
    "lost_percent": ("counts lost (%)", lambda harm: 100 * harm.lost_share),
}
"""Columns of `by_class`: for each its heading in the table for people, and how it is computed."""


def by_class(parts: Sequence[AfterWarmUp], classes: Sequence[str]) -> pd.DataFrame:
    """Return the harm by class, means over replications: a row a class with any increment or eviction, then `all`."""
    rows: dict[str, Sequence[Harm]] = {
        name: [part.only(group) for part in parts] for group, name in enumerate(classes) if len(classes) > 1
    }
    table = pd.DataFrame(
        {
            name: {column: estimate(number(harm) for harm in found).mean for column, (_, number) in COLUMNS.items()}
            for name, found in {**rows, "all": parts}.items()
        }
    ).T.rename_axis("class")
    return table[(table[["increments", "evictions"]] > 0).any(axis=1) | (table.index == "all")]


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Format the harm by class for people."""
    return pd.DataFrame(
        {
            heading: table[column].map(format_number if column.endswith("percent") else format_count)
            for column, (heading, _) in COLUMNS.items()
        }
    )


def hardest_hit(table: pd.DataFrame) -> str | None:
    """Return the class that finds its count gone most often, of those with a tenth of all such calls or more.

    None where there is only one class, or no count is gone.
    """
    gone = (table["gone_percent"] * table["increments"]).drop("all")
    often = table["repeats_gone_percent"][gone.index[gone > 0.1 * gone.sum()]]
    return str(often.idxmax()) if len(gone) > 1 and len(often) else None


def share(flags: pd.Series) -> float:
    """Return the share of flags that are set; NaN without any."""
    return float(flags.mean()) if len(flags) else np.nan
