"""The findings of `02_eviction_accuracy`: were the evicted sessions dead, and what did the counters lose?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_count, format_duration, format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.experiments.experiment import Experiment
from simlib.experiments.replication import Replication
from simlib.figures import accuracy as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.replay import ledger
from simlib.replay.observe import Observation, replay
from simlib.stores.registry import LEAKED, SHIPPED
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace

LOOKS = 60
"""Instants at which snapshots are compared."""

FEW, SOME = 0.01, 0.1
"""Shares of false evictions below which nearly all, or most, evicted sessions were dead."""

COUNTER = "no_client"
"""The counter whose powers of two are logged, and that snapshots and caps are shown for; every drop is logged."""


@dataclass(frozen=True)
class AfterWarmUp:
    """One replication after its warm-up: the evictions of both stores as rows (see `ledger.evictions`), and counts."""

    evictions: pd.DataFrame
    increments: int
    scanned: int
    stale_hits: int
    log_lines: int
    log_lines_unbounded: int

    @classmethod
    def of(cls, replication: Replication) -> "AfterWarmUp":
        """Collect the evictions and counts of a replication after its warm-up."""
        evictions, numbers = [], np.zeros(3, dtype=np.int64)
        for counter, trace in replication.counters.items():
            bounded, after = replication.observed[counter, SHIPPED], replication.after_warm_up(counter)
            rows, prunes = ledger.evictions(trace, bounded), ledger.prunes(trace, bounded)
            evictions.append(rows[after[rows["row"]]])
            numbers += [
                int((after & (trace.op == INCREMENT)).sum()),
                int(prunes["scanned"][after[prunes["row"]]].sum()),
                int(ledger.stale_hits(trace, bounded)[after].sum()),
            ]
        trace, after = replication.counters[COUNTER], replication.after_warm_up(COUNTER)
        lines = (
            int(ledger.log_lines(trace, replication.observed[COUNTER, design])[after].sum())
            for design in (SHIPPED, LEAKED)
        )
        return cls(pd.concat(evictions, ignore_index=True), *numbers.tolist(), *lines)

    @property
    def false(self) -> pd.Series:
        """Whether each eviction removed a session still in use."""
        return ~self.evictions["dead"]

    @property
    def false_share(self) -> float:
        """False evictions as a share of all; NaN without any."""
        return _share(self.false)

    @property
    def undecided_share(self) -> float:
        """Evictions that the end of the replication leaves undecided, as a share of all; NaN without any."""
        return _share(self.evictions["undecided"])

    @property
    def lost_share(self) -> float:
        """Counts lost to false evictions as a share of all increments."""
        return self.evictions["count"][self.false].sum() / max(self.increments, 1)

    @property
    def extra_lines(self) -> int:
        """Log lines more than with the unbounded map on the same stream."""
        return self.log_lines - self.log_lines_unbounded


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

    def answer(self) -> str:
        """Answer the notebook's question in two sentences at most."""
        totals = [each.totals(counter, SHIPPED) for each in self.experiment.replications for counter in COUNTERS]
        if not any(t.cap_evictions + t.ttl_evictions for t in totals):
            return "Nothing is evicted here, so nothing is lost: neither the cap nor the TTL is reached."
        if np.isnan(self.false_share.mean):
            return "All evictions come in the warm-up: this is too short to give a rate."
        share, undecided = self.false_share.mean, self.undecided_share.mean
        early = f"; {format_percent(undecided)} came too near the end to decide" if undecided >= FEW else ""
        if not any(t.false_evictions for t in totals):
            return f"Yes: no evicted session was seen in use again{early}. No count in use was lost."
        verdict = "Yes, nearly all" if share < FEW else "Mostly" if share < SOME else "No"
        extra = self.extra_lines.mean
        lines = f"{format_number(extra)} extra lines{self._a_replication}" if extra else "no extra line"
        return (
            f"{verdict}: {self.false_share.percent()} of the evictions removed a session still in use{early}. "
            f"With them {format_percent(self.lost_share.mean)} of all counts were lost, and the service logged "
            f"{lines}."
        )

    @property
    def _a_replication(self) -> str:
        return " a replication" if len(self.experiment.replications) > 1 else ""

    def estimates(self) -> pd.DataFrame:
        """Mean and 95 % interval over the replications of every headline number, a row each."""

        def by(cause: str) -> Callable[[AfterWarmUp], float]:
            return lambda part: 100 * _share(part.false[part.evictions["cause"] == cause])

        # Name, number, and its largest possible value.
        numbers = (
            ("evictions", lambda part: len(part.evictions), np.inf),
            ("false evictions (%)", lambda part: 100 * part.false_share, 100),
            ("false or undecided (%)", lambda part: 100 * (part.false_share + part.undecided_share), 100),
            ("false among those by the cap (%)", by("cap"), 100),
            ("false among those by the TTL (%)", by("ttl"), 100),
            ("counts lost (%)", lambda part: 100 * part.lost_share, 100),
            ("extra log lines (%)", lambda part: 100 * part.extra_lines / max(part.log_lines_unbounded, 1), np.inf),
            ("entries scanned an increment", lambda part: part.scanned / max(part.increments, 1), np.inf),
            ("stale hits", lambda part: part.stale_hits, np.inf),
        )
        return pd.DataFrame({name: vars(self._estimate(number, most)) for name, number, most in numbers}).T

    def estimates_table(self) -> pd.DataFrame:
        """The headline numbers as text: `mean`, `95 % interval` and the replications that have the number."""
        table = self.estimates()
        between = table["low"].map(format_number) + " to " + table["high"].map(format_number)
        return pd.DataFrame(
            {
                "mean": table["mean"].map(format_number),
                "95 % interval": between.where(table["low"].notna(), "none"),
                "replications": table["n"].astype(int),
            }
        )

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
        else:
            worst = _CAUSES[table["in_use"].idxmax()]
            message = (
                f"{format_percent(self.false_share.mean)} of evictions removed a session still in use, most by the "
            )
            message += worst
        return figures.causes(table.rename(index=_CAUSES), message)

    def draw_idle(self) -> Drawing | LeftOut:
        """Draw how long evicted sessions had been idle, by truth; first replication, the undecided left out."""
        table = self.after_warm_up[0].evictions
        table = table[~table["undecided"]]
        if not len(table):
            return LeftOut("No figure: after the warm-up no eviction is decided, so no idle time can be compared.")
        idle = {truth: np.sort(table["idle"][table["dead"] == (truth == "dead")]) for truth in ("dead", "in_use")}
        message = f"Entries leave after {format_duration(table['idle'].min())} idle or more"
        if len(idle["in_use"]):
            message += f"; half of those still in use within {format_duration(float(np.median(idle['in_use'])))}"
        return figures.idle(idle, self.experiment.settings.ttl, message)

    @cached_property
    def snapshots(self) -> pd.DataFrame:
        """Errors of snapshots of the bounded `no_client` store against the unbounded one, first replication."""
        replication = self.experiment.first
        trace, at = replication.counters[COUNTER], replication.grid(LOOKS)[1:]
        rows = np.searchsorted(trace.time, at, side="right") - 1
        truth, observed = (replication.observed[COUNTER, design] for design in (LEAKED, SHIPPED))
        error = ledger.snapshot_error(trace, truth, observed, rows[rows >= 0])
        # Before the first operation there is nothing that a snapshot could miss.
        none_yet = pd.DataFrame({"undercount": 0.0, "top_10": 1.0, "top_100": 1.0}, index=np.flatnonzero(rows < 0))
        return pd.concat([none_yet, error], ignore_index=True).assign(time=at - replication.start)

    def draw_snapshots(self) -> Drawing:
        """Draw the difference of an exported snapshot from the truth over time."""
        table = self.snapshots
        last = table.iloc[-1]
        message = (
            f"At the end a snapshot shows {format_percent(1 - last['undercount'])} of the counts "
            f"and {10 * last['top_10']:.0f} of the ten largest sessions"
        )
        return figures.snapshots(table, self.experiment.first.warm_up, message)

    @cached_property
    def caps(self) -> pd.DataFrame:
        """Evictions of live sessions by the cap in replays of each replication, a row a cap.

        Columns: `cap`; `false`, such evictions in a replication; `per_1000` of them for 1 000 increments; `low` and
        `high`, its 95 % interval, only over several replications.
        """
        live, largest = self.most_live, max(8 * self.most_live, 2 * self.experiment.settings.max_entries, 8)
        caps = {max(live // 2, 1), max(live, 1), *np.geomspace(max(live // 2, 1), largest, 13).round().astype(int)}
        return pd.DataFrame([self._at_cap(int(cap)) for cap in sorted(caps)]).dropna(axis="columns")

    @cached_property
    def most_live(self) -> int:
        """The most sessions that were live at once in any replication."""
        return max(
            int(ledger.live_sessions(replication.counters[COUNTER]).max(initial=0))
            for replication in self.experiment.replications
        )

    def sufficient_cap(self) -> int | None:
        """The smallest cap tried, at least the most live sessions at once, that evicts none of them; None if none."""
        enough = self.caps[(self.caps["cap"] >= self.most_live) & (self.caps["false"] == 0)]
        return int(enough["cap"].min()) if len(enough) else None

    def draw_caps(self) -> Drawing:
        """Draw the live sessions evicted by the cap against the cap."""
        enough = self.sufficient_cap()
        message = f"A cap of {format_count(self.most_live)}, the peak of live sessions, is "
        if enough is None:
            message += "too small, and so is each larger one tried"
        elif self.caps["false"][self.caps["cap"] >= self.most_live].iloc[0] == 0:
            message += "large enough"
        else:
            message += f"too small; {format_count(enough)} is enough"
        return figures.caps(self.caps, self.most_live, self.experiment.settings.max_entries, message)

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

    def replay_agrees(self) -> bool:
        """Whether replays under the cap in use evict as many live sessions as the live stores did."""
        return all(
            self._false_at(replication, self.experiment.settings.max_entries)
            == _false_by_the_cap(replication.counters[COUNTER], replication.observed[COUNTER, SHIPPED])
            for replication in self.experiment.replications
        )

    def least_extra_lines(self) -> int:
        """The fewest log lines that eviction added in any replication, its warm-up included."""
        return min(
            each.totals(COUNTER, SHIPPED).log_lines - each.totals(COUNTER, LEAKED).log_lines
            for each in self.experiment.replications
        )

    def _at_cap(self, cap: int) -> dict[str, float]:
        false = [self._false_at(replication, cap) for replication in self.experiment.replications]
        increments = [
            max(replication.totals(COUNTER, SHIPPED).increments, 1) for replication in self.experiment.replications
        ]
        rate = estimate(1000 * f / n for f, n in zip(false, increments, strict=True))
        return {"cap": cap, "false": float(np.mean(false)), "per_1000": rate.mean, "low": rate.low, "high": rate.high}

    def _false_at(self, replication: Replication, cap: int) -> int:
        trace = replication.counters[COUNTER]
        return _false_by_the_cap(trace, replay(trace, SHIPPED, replace(self.experiment.settings, max_entries=cap)))


_CAUSES = {"cap": "cap", "ttl": "TTL"}


def _false_by_the_cap(trace: Trace, observed: Observation) -> int:
    rows = ledger.evictions(trace, observed)
    return int((~rows["dead"] & (rows["cause"] == "cap")).sum())


def _share(flags: pd.Series) -> float:
    return float(flags.mean()) if len(flags) else np.nan
