"""The findings of `02_eviction_accuracy`: were the evicted sessions dead, and what did the counters lose?

Owns the sentences and the numbers in them, over both counters together; draws through `figures`. Next: the notebook.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_duration, format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.experiments.experiment import LIVE_DESIGNS, Experiment, Replication
from simlib.figures import accuracy as figures
from simlib.figures.style import Drawing
from simlib.replay import ledger
from simlib.replay.observe import Observation, replay
from simlib.traces.trace import COUNTERS, INCREMENT, Trace

LOOKS = 60
"""Instants at which snapshots are compared."""


@dataclass(frozen=True)
class AfterWarmUp:
    """One run after its warm-up, both counters together: its evictions as rows (see `ledger.evictions`), and counts."""

    evictions: pd.DataFrame
    increments: int
    log_lines: int
    log_lines_unbounded: int
    scanned: int
    stale_hits: int

    @classmethod
    def of(cls, replication: Replication) -> "AfterWarmUp":
        """What happened in a run after its warm-up."""
        evictions, numbers = [], np.zeros(5, dtype=np.int64)
        for counter, trace in replication.counters.items():
            bounded, unbounded = replication.observed[counter, "bounded"], replication.observed[counter, "unbounded"]
            after_warm_up = replication.after_warm_up(counter)
            rows, prunes = ledger.evictions(trace, bounded), ledger.prunes(trace, bounded)
            evictions.append(rows[after_warm_up[rows["row"]]])
            numbers += [
                int((after_warm_up & (trace.op == INCREMENT)).sum()),
                int(ledger.log_lines(trace, bounded)[after_warm_up].sum()),
                int(ledger.log_lines(trace, unbounded)[after_warm_up].sum()),
                int(prunes["scanned"][after_warm_up[prunes["row"]]].sum()),
                int(ledger.stale_hits(trace, bounded)[after_warm_up].sum()),
            ]
        return cls(pd.concat(evictions, ignore_index=True), *numbers.tolist())

    @property
    def false(self) -> pd.Series:
        """Whether each eviction hit a session that went on."""
        return ~self.evictions["dead"]

    @property
    def false_share(self) -> float:
        """False evictions as a share of all; NaN without any."""
        return _share(self.false)

    @property
    def undecided_share(self) -> float:
        """Evictions that the end of the run leaves undecided, as a share of all; NaN without any."""
        return _share(self.evictions["undecided"])

    @property
    def lost_share(self) -> float:
        """Counts lost to false evictions as a share of all increments."""
        return self.evictions["count"][self.false].sum() / max(self.increments, 1)

    @property
    def extra_lines(self) -> int:
        """Log lines more than with the unbounded maps on the same stream."""
        return self.log_lines - self.log_lines_unbounded


@dataclass(frozen=True)
class Accuracy:
    """What the bounded stores of a case evicted, and what that cost in counts and log lines.

    Rates are of what happens after the warm-up (see `Replication.warm_up`).
    """

    experiment: Experiment

    @cached_property
    def after_warm_up(self) -> list[AfterWarmUp]:
        """Each run after its warm-up."""
        return [AfterWarmUp.of(replication) for replication in self.experiment.replications]

    def estimates(self) -> pd.DataFrame:
        """Mean and 95 % interval over the replications of every headline number, a row each."""

        def by(cause: str) -> Callable[[AfterWarmUp], float]:
            return lambda s: 100 * _share(s.false[s.evictions["cause"] == cause])

        # Name, its number, and the most that it can be.
        numbers = (
            ("evictions", lambda s: len(s.evictions), np.inf),
            ("false evictions (%)", lambda s: 100 * s.false_share, 100),
            ("false or undecided (%)", lambda s: 100 * (s.false_share + s.undecided_share), 100),
            ("false among those by the cap (%)", by("cap"), 100),
            ("false among those by the TTL (%)", by("ttl"), 100),
            ("counts lost (%)", lambda s: 100 * s.lost_share, 100),
            ("extra log lines (%)", lambda s: 100 * s.extra_lines / max(s.log_lines_unbounded, 1), np.inf),
            ("entries scanned an increment", lambda s: s.scanned / max(s.increments, 1), np.inf),
            ("stale hits", lambda s: s.stale_hits, np.inf),
        )
        return pd.DataFrame({name: vars(self._estimate(number, most)) for name, number, most in numbers}).T

    @cached_property
    def false_share(self) -> Estimate:
        """False evictions as a share of all, over the replications."""
        return self._estimate(lambda part: part.false_share, 1)

    @cached_property
    def undecided_share(self) -> Estimate:
        """Evictions that the end of a run leaves undecided, as a share of all."""
        return self._estimate(lambda part: part.undecided_share, 1)

    @cached_property
    def lost_share(self) -> Estimate:
        """Counts lost to false evictions as a share of all increments."""
        return self._estimate(lambda part: part.lost_share, 1)

    @cached_property
    def extra_lines(self) -> Estimate:
        """Log lines more than with the unbounded maps on the same streams: paired differences."""
        return self._estimate(lambda part: part.extra_lines)

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        totals = [
            replication.totals(counter, "bounded")
            for replication in self.experiment.replications
            for counter in COUNTERS
        ]
        evictions = sum(t.cap_evictions + t.ttl_evictions for t in totals) / len(self.experiment.replications)
        if evictions == 0:
            return "Nothing is evicted here, so nothing is lost: neither bound ever acts."
        if not any(t.false_evictions for t in totals):
            return f"None of {evictions:,.0f} evictions hit a session that went on: no live count was lost."
        a_run = " in a run" if len(self.experiment.replications) > 1 else ""
        if np.isnan(self.false_share.mean):
            return f"All {evictions:,.0f} evictions{a_run} come in the warm-up: this is too short to give a rate."
        undecided = self.undecided_share.mean
        too_soon = f" ({format_percent(undecided)} came too near the end to tell)" if undecided >= 0.005 else ""
        return (
            f"Of {self._estimate(lambda part: len(part.evictions)).mean:,.0f} evictions{a_run} once it was warm, "
            f"{self.false_share.percent()} hit a session that went on{too_soon}; the counts that those held, "
            f"{self.lost_share.percent()} of all, were lost, and the service logged {self.extra_lines.text()} more "
            f"lines, as counts began anew."
        )

    def causes(self) -> pd.DataFrame:
        """Mean evictions a replication, a row a cause, a column a truth: `dead`, `undecided` and `alive`."""
        tables = [
            pd.DataFrame(
                {
                    "dead": (t["dead"] & ~t["undecided"]).groupby(t["cause"], observed=False).sum(),
                    "undecided": t["undecided"].groupby(t["cause"], observed=False).sum(),
                    "alive": (~t["dead"]).groupby(t["cause"], observed=False).sum(),
                }
            )
            for t in (part.evictions for part in self.after_warm_up)
        ]
        return sum(tables) / len(tables)

    def draw_causes(self) -> Drawing:
        """Evictions by cause and by truth."""
        table = self.causes()
        total = table.to_numpy().sum()
        alive = table["alive"].sum()
        worst = table["alive"].idxmax()
        a_run = " a run" if len(self.experiment.replications) > 1 else ""
        if total == 0:
            message = "Nothing is evicted after the warm-up"
        elif alive == 0:
            message = f"None of {total:,.0f} evictions{a_run} hit a session that went on"
        else:
            message = f"{alive / total:.1%} of {total:,.0f} evictions{a_run} hit a session that went on, "
            message += f"most by the {_CAUSES[worst]}"
        return figures.causes(table.rename(index=_CAUSES), message)

    def draw_idle(self) -> Drawing:
        """How long evicted sessions had been idle, by truth; of the first replication, the undecided left out."""
        table, ttl = self.after_warm_up[0].evictions, self.experiment.settings.ttl
        table = table[~table["undecided"]]
        idle = {truth: np.sort(table["idle"][table["dead"] == (truth == "dead")]) for truth in ("dead", "alive")}
        shortest = table["idle"].min() if len(table) else 0
        message = f"Entries are evicted after {format_duration(shortest)} of idleness or more"
        if len(idle["alive"]):
            message += (
                f"; half of those evicted alive, after {format_duration(float(np.median(idle['alive'])))} or less"
            )
        return figures.idle(
            idle, ttl, message if len(table) else "Nothing is evicted, so nothing was idle for too long"
        )

    @cached_property
    def snapshots(self) -> pd.DataFrame:
        """How far a snapshot of the bounded `no_client` store of the first run is from the truth, over time."""
        replication = self.experiment.first
        trace, at = replication.counters["no_client"], replication.grid(LOOKS)[1:]
        rows = np.searchsorted(trace.time, at, side="right") - 1
        truth, observed = (replication.observed["no_client", design] for design in ("unbounded", "bounded"))
        error = ledger.snapshot_error(trace, truth, observed, rows[rows >= 0])
        # Before the first operation there is nothing that a snapshot could miss.
        none_yet = pd.DataFrame({"undercount": 0.0, "top_10": 1.0, "top_100": 1.0}, index=np.flatnonzero(rows < 0))
        return pd.concat([none_yet, error], ignore_index=True).assign(time=at - replication.start)

    def draw_snapshots(self) -> Drawing:
        """What an exported snapshot misses over time."""
        table = self.snapshots
        last = table.iloc[-1]
        message = (
            f"At the end a snapshot shows {1 - last['undercount']:.0%} of the counts in the unbounded maps, the dead "
            f"included, and {10 * last['top_10']:.0f} of their top 10 sessions"
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
        """The most sessions that were live at once in any run: those with a count that goes on."""
        return max(
            int(ledger.live_sessions(replication.counters["no_client"]).max(initial=0))
            for replication in self.experiment.replications
        )

    def enough_for_the_living(self) -> int:
        """The smallest cap tried, at least the most live sessions at once, that evicts none of them; 0 if none does."""
        enough = self.caps[(self.caps["cap"] >= self.most_live) & (self.caps["false"] == 0)]
        return int(enough["cap"].min()) if len(enough) else 0

    def draw_caps(self) -> Drawing:
        """Where a cap above the number of live sessions still evicts live ones."""
        at_live = self.caps[self.caps["cap"] >= self.most_live].iloc[0]
        a_run = " a run" if len(self.experiment.replications) > 1 else ""
        message = f"With room for the {self.most_live:,} sessions live at once, the cap "
        if at_live["false"] == 0:
            message += "evicts none of them"
        else:
            message += f"still evicts {format_number(at_live['false'])} live ones{a_run}, as the dead take room; "
            enough = self.enough_for_the_living()
            message += f"at {enough:,} it evicts none" if enough else "at every cap tried it evicts some"
        return figures.caps(self.caps, self.most_live, self.experiment.settings.max_entries, message)

    def accounts_agree(self) -> bool:
        """Whether the evictions tell what the answers tell: how many counts began anew, and what was lost with them."""
        return all(
            int((~rows["dead"]).sum()) == int(anew.sum())
            and int(rows["count"][~rows["dead"]].sum()) == int(bounded.answers[trace.previous_row[anew]].sum())
            for replication in self.experiment.replications
            for counter, trace in replication.counters.items()
            for bounded in [replication.observed[counter, "bounded"]]
            for rows, anew in [(ledger.evictions(trace, bounded), ledger.restarts(trace, bounded))]
        )

    def replay_agrees(self) -> bool:
        """Whether replays under the cap in use evict as many live sessions as the live stores did."""
        return all(
            self._false_at(replication, self.experiment.settings.max_entries)
            == _false_by_the_cap(replication.counters["no_client"], replication.observed["no_client", "bounded"])
            for replication in self.experiment.replications
        )

    def least_extra_lines(self) -> int:
        """The fewest log lines that eviction added in any replication, its warm-up included."""
        lines = [
            {
                design: sum(replication.totals(counter, design).log_lines for counter in COUNTERS)
                for design in LIVE_DESIGNS
            }
            for replication in self.experiment.replications
        ]
        return min(each["bounded"] - each["unbounded"] for each in lines)

    def _at_cap(self, cap: int) -> dict[str, float]:
        false = [self._false_at(replication, cap) for replication in self.experiment.replications]
        increments = [
            max(replication.totals("no_client", "bounded").increments, 1)
            for replication in self.experiment.replications
        ]
        rate = estimate(1000 * f / n for f, n in zip(false, increments, strict=True))
        return {"cap": cap, "false": float(np.mean(false)), "per_1000": rate.mean, "low": rate.low, "high": rate.high}

    def _false_at(self, replication: Replication, cap: int) -> int:
        trace = replication.counters["no_client"]
        return _false_by_the_cap(trace, replay(trace, "bounded", replace(self.experiment.settings, max_entries=cap)))

    def _estimate(self, number: Callable[[AfterWarmUp], float], most: float = np.inf) -> Estimate:
        return estimate((number(part) for part in self.after_warm_up), 0, most)


_CAUSES = {"cap": "cap", "ttl": "TTL"}


def _false_by_the_cap(trace: Trace, observed: Observation) -> int:
    rows = ledger.evictions(trace, observed)
    return int((~rows["dead"] & (rows["cause"] == "cap")).sum())


def _share(flags: pd.Series) -> float:
    return float(flags.mean()) if len(flags) else np.nan
