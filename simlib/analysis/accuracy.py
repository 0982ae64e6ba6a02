"""The findings of `02_eviction_accuracy`: were the evicted sessions dead, and what did the counters lose?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.harm import LOGGED, AfterWarmUp, by_class, hardest_hit, share
from simlib.analysis.points import TARGETS
from simlib.core.numbers import format_duration, format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.experiments.experiment import Experiment
from simlib.figures import accuracy as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.replay import ledger
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.codes import COUNTERS

LOOKS = 60
"""Instants at which snapshots are compared."""

FEW, SOME = 0.01, 0.1
"""Shares of false evictions below which nearly all, or most, evicted sessions were dead."""

MOST = 0.5
"""Share of undecided evictions from which on none that is false is no evidence."""


@dataclass(frozen=True)
class Accuracy:
    """The evictions of the bounded stores of an experiment, and their cost in counts and log lines.

    Rates are of the time after the warm-up (see `Replication.warm_up`).
    """

    experiment: Experiment

    @cached_property
    def after_warm_up(self) -> list[AfterWarmUp]:
        """Each replication after its warm-up."""
        return [AfterWarmUp.of(replication) for replication in self.experiment.replications]

    def _estimate(self, number: Callable[[AfterWarmUp], float], most: float = np.inf) -> Estimate:
        return estimate((number(part) for part in self.after_warm_up), 0, most)

    @cached_property
    def false_share(self) -> Estimate:
        """False evictions as a share of all, over the replications."""
        return self._estimate(lambda part: part.false_share, 1)

    @cached_property
    def undecided_share(self) -> Estimate:
        """Evictions that the end of a replication leaves undecided, as a share of all."""
        return self._estimate(lambda part: part.undecided_share, 1)

    @cached_property
    def lost_share(self) -> Estimate:
        """Counts lost to false evictions as a share of all increments."""
        return self._estimate(lambda part: part.lost_share, 1)

    @cached_property
    def extra_lines(self) -> Estimate:
        """Log lines more than with the unbounded map on the same streams: paired differences."""
        return self._estimate(lambda part: part.extra_lines)

    # --- Sentences and tables

    @property
    def silence(self) -> str:
        """Why there is no rate to give, in a sentence; empty where there is one."""
        if not self._evicts:
            return "Nothing is evicted here, so nothing is lost: neither the cap nor the TTL is reached."
        if np.isnan(self.false_share.mean):
            return "All evictions come in the warm-up: this is too short to give a rate."
        if not self.false_share.mean and (undecided := self.undecided_share.mean) >= MOST:
            return f"Too early to say: {format_percent(undecided)} of the evictions came too near the end to decide."
        return ""

    @property
    def _totals(self) -> list[ledger.Totals]:
        return [each.totals(counter, SHIPPED) for each in self.experiment.replications for counter in COUNTERS]

    def answer(self) -> str:
        """Answer the notebook's question in two sentences at most."""
        if self.silence:
            return self.silence
        share, undecided = self.false_share.mean, self.undecided_share.mean
        early = f"; {format_percent(undecided)} came too near the end to decide" if undecided >= FEW else ""
        if not any(t.false_evictions for t in self._totals):
            return f"Yes: no evicted session was seen in use again{early}. No count in use was lost."
        verdict = "Yes, nearly all" if share < FEW else "Mostly" if share < SOME else "No"
        extra = self.extra_lines.mean
        lines = f"{format_number(extra)} extra lines{self._a_replication}" if extra else "no extra line"
        return (
            f"{verdict}: {self.false_share.percent()} of the evictions removed a session still in use{early}. "
            f"With them {format_percent(self.lost_share.mean)} of {self.experiment.all_counts} were lost, and the "
            f"service logged {lines}."
        )

    @property
    def _evicts(self) -> bool:
        return any(t.cap_evictions + t.ttl_evictions for t in self._totals)

    def tile(self) -> tuple[str, str, bool | None]:
        """Give the counts lost as a few words, a note on them, and whether they meet the targets of an advice."""
        if not self._evicts:
            return "0 %", f"of {self.experiment.all_counts}; no session is evicted", True
        if self.silence:
            return "not known", "evictions too near an end to judge", None
        lost, false = self.lost_share.mean, self.false_share.mean
        note = f"of {self.experiment.all_counts}; {format_percent(false)} of evictions hit sessions in use"
        return format_percent(lost), note, lost <= TARGETS.lost and false <= TARGETS.false

    def price(self) -> list[str]:
        """Say what the bound loses, and whom it hits, in two sentences at most; nothing where that is not known."""
        if self.silence:
            return [] if self._evicts else [self.silence]
        if not self.lost_share.mean:
            return ["The bound evicts no session still in use, so no count is lost."]
        lost, false = format_percent(self.lost_share.mean), format_percent(self.false_share.mean)
        gone = {name: format_percent(value / 100) for name, value in self.harm["repeats_gone_percent"].items()}
        says = f"{gone['all']} of repeat calls find their count gone"
        if (name := hardest_hit(self.harm)) and gone[name] != gone["all"]:
            says += f'; of those of the class "{name}", {gone[name]}'
        return [
            f"The bound loses {lost} of {self.experiment.all_counts}: "
            f"{false} of its evictions remove a session still in use.",
            f"{says}.",
        ]

    def unknown(self) -> str:
        """Say in a sentence how much the end of the stream leaves open; empty where that is little."""
        if self.silence:
            return self.silence if self._evicts else ""
        if (undecided := self.undecided_share.mean) < FEW:
            return ""
        return f"{format_percent(undecided)} of the evictions come too near the end to say whether the session returns."

    @cached_property
    def harm(self) -> pd.DataFrame:
        """Harm by class of session, as of `harm.by_class`."""
        return by_class(self.after_warm_up, self.experiment.first.classes)

    @property
    def _a_replication(self) -> str:
        return " a replication" if len(self.experiment.replications) > 1 else ""

    def estimates(self) -> pd.DataFrame:
        """Mean and 95 % interval over the replications of every headline number, a row each."""

        def by(cause: str) -> Callable[[AfterWarmUp], float]:
            return lambda part: 100 * share(part.false[part.evictions["cause"] == cause])

        # Name, number, and its largest possible value.
        numbers = (
            ("evictions", lambda part: len(part.evictions), np.inf),
            ("false evictions (%)", lambda part: 100 * part.false_share, 100),
            ("false or undecided (%)", lambda part: 100 * (part.false_share + part.undecided_share), 100),
            ("false among those by the cap (%)", by("cap"), 100),
            ("false among those by the TTL (%)", by("ttl"), 100),
            ("increments that find their count gone (%)", lambda part: 100 * part.gone_share, 100),
            ("repeat calls that find their count gone (%)", lambda part: 100 * part.repeat_gone_share, 100),
            ("sessions hit (%)", lambda part: 100 * part.hit_share, 100),
            ("counts lost (%)", lambda part: 100 * part.lost_share, 100),
            ("extra log lines (%)", lambda part: 100 * part.extra_lines / max(part.log_lines_unbounded, 1), np.inf),
            ("entries scanned an increment", lambda part: part.scanned / max(len(part.increments), 1), np.inf),
            ("stale hits", lambda part: part.stale_hits, np.inf),
        )
        return pd.DataFrame({name: vars(self._estimate(number, most)) for name, number, most in numbers}).T

    def estimates_table(self) -> pd.DataFrame:
        """The headline numbers as text; over several replications with their `95 % interval`, where it has a width."""
        table = self.estimates()
        low, high = (table[end].map(format_number) for end in ("low", "high"))
        between = (low + " to " + high).where(table["low"].notna() & (low != high), "")
        columns = {"mean": table["mean"].map(format_number)}
        if len(self.experiment.replications) > 1:
            columns |= {"95 % interval": between, "replications": table["n"].astype(int)}
        return pd.DataFrame(columns).rename_axis("after the warm-up")

    def causes(self) -> pd.DataFrame:
        """Mean evictions a replication, a row a cause, a column a truth: `dead`, `undecided` and `in_use`."""
        tables = [
            pd.DataFrame(
                {
                    "dead": (t["dead"] & ~t["undecided"]).groupby(t["cause"], observed=False).sum(),
                    "undecided": t["undecided"].groupby(t["cause"], observed=False).sum(),
                    "in_use": (~t["dead"]).groupby(t["cause"], observed=False).sum(),
                }
            )
            for t in (part.evictions for part in self.after_warm_up)
        ]
        return sum(tables) / len(tables)

    def draw_causes(self) -> Drawing | LeftOut:
        """Draw the evictions by cause and by truth."""
        table = self.causes()
        if not table.to_numpy().any():
            return LeftOut("No figure: nothing is evicted after the warm-up.")
        if not table["in_use"].any():
            message = "No evicted session was seen in use again"
            if (undecided := self.undecided_share.mean) >= FEW:
                message += f"; {format_percent(undecided)} came too near the end to say"
        else:
            worst = table["in_use"].idxmax()
            part = table["in_use"][worst] / table["in_use"].sum()
            message = f"{format_percent(self.false_share.mean)} of evictions removed a session still in use, "
            message += f"{format_percent(part) if part < 1 else 'all'} of them by the {_CAUSES[worst]}"
        return figures.causes(table[table.any(axis=1)].rename(index=_CAUSES), message)

    def draw_idle(self) -> Drawing | LeftOut:
        """Draw how long evicted sessions had been idle, by truth; first replication, the undecided left out."""
        table = self.after_warm_up[0].evictions
        table = table[~table["undecided"]]
        if not len(table):
            return LeftOut("No figure: after the warm-up no eviction is decided, so no idle time can be compared.")
        if not table["idle"].any():
            return LeftOut("No figure: every evicted entry was last used in the instant of its eviction.")
        idle = {truth: np.sort(table["idle"][table["dead"] == (truth == "dead")]) for truth in ("dead", "in_use")}
        least = format_duration(table["idle"].min())
        message = f"Entries leave after {least} idle or more" if table["idle"].min() else "Some entries leave at once"
        half = format_duration(float(np.median(idle["in_use"]))) if len(idle["in_use"]) else least
        if half != least:
            message += f"; half of those still in use within {half}"
        return figures.idle(idle, self.experiment.settings.ttl, message)

    @cached_property
    def snapshots(self) -> pd.DataFrame:
        """Errors of snapshots of the bounded store of one counter against the unbounded one, first replication.

        Rows as of `ledger.snapshot_error`, after the warm-up, with their `time` in ns from the start.
        """
        replication, counter = self.experiment.first, self.experiment.counter
        trace, at = replication.counters[counter], replication.grid(LOOKS)
        rows = np.searchsorted(trace.time, at, side="right") - 1
        looked = (rows >= 0) & (at >= replication.start + replication.warm_up)
        truth, observed = (replication.observed[counter, design] for design in (LEAKED, SHIPPED))
        error = ledger.snapshot_error(trace, truth, observed, rows[looked])
        return error.assign(time=at[looked] - replication.start)

    def draw_snapshots(self) -> Drawing | LeftOut:
        """Draw over time what an exported snapshot lacks, of the sessions still in use first."""
        table = self.snapshots.dropna()
        if len(table) < 2 or not table["undercount"].any():
            return LeftOut("No figure: no snapshot of the sessions still in use lacks any count.")
        used, every = (table[name].mean() for name in ("in_use_undercount", "undercount"))
        lack = f"{format_percent(used)} of the counts" if used else "no count"
        message = f"Snapshots lack {lack} of sessions still in use, {format_percent(every)} of all"
        return figures.snapshots(table, message)

    # --- Claims

    def accounts_agree(self) -> bool:
        """Whether evictions and answers agree on the number of counts that began anew, and on the counts lost."""
        return all(
            int((~rows["dead"]).sum()) == int(anew.sum())
            and int(rows["count"][~rows["dead"]].sum()) == int(bounded.answers[trace.previous_row[anew]].sum())
            for replication in self.experiment.replications
            for counter, trace in replication.counters.items()
            for bounded in [replication.observed[counter, SHIPPED]]
            for rows, anew in [(ledger.evictions(trace, bounded), ledger.restarts(trace, bounded))]
        )

    def least_extra_lines(self) -> int:
        """The fewest log lines that eviction added in any replication, its warm-up included."""
        return min(
            each.totals(LOGGED, SHIPPED).log_lines - each.totals(LOGGED, LEAKED).log_lines
            for each in self.experiment.replications
        )


_CAUSES = {"cap": "cap", "ttl": "TTL"}
