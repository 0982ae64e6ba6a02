"""The findings of `02_eviction_accuracy`: were the evicted sessions dead, and what did the counters lose?

Owns the sentences and the numbers in them, over both counters together; draws through `figures`. Next: the notebook.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib import figures, ledger
from simlib.case import Case, Run
from simlib.replay import Observation, replay
from simlib.statistics import Estimate, estimate
from simlib.trace import COUNTERS, Trace
from simlib.units import format_duration

LOOKS = 60
"""Instants at which snapshots are compared."""


@dataclass(frozen=True)
class Accuracy:
    """What the bounded stores of a case evicted, and what that cost in counts and log lines."""

    case: Case

    @cached_property
    def evictions(self) -> list[pd.DataFrame]:
        """The evictions of each run as rows (see `ledger.evictions`), both counters together, after the warm-up."""
        tables = []
        for run in self.case.runs:
            both = [ledger.evictions(run.counters[name], run.observed[name, "bounded"]) for name in COUNTERS]
            table = pd.concat(both, ignore_index=True)
            tables.append(table[table["time"] >= run.start + run.warm_up])
        return tables

    def estimates(self) -> pd.DataFrame:
        """Mean and 95 % interval over the replications of every headline number, a row each."""
        numbers = {
            "evictions": lambda t, run: len(t),
            "false evictions (%)": lambda t, run: 100 * _share(~t["dead"]),
            "false or undecided (%)": lambda t, run: 100 * _share(~t["dead"] | t["undecided"]),
            "false among those by the cap (%)": lambda t, run: 100 * _share(~t["dead"][t["cause"] == "cap"]),
            "false among those by the TTL (%)": lambda t, run: 100 * _share(~t["dead"][t["cause"] == "ttl"]),
            "counts lost (%)": lambda t, run: 100 * t["count"][~t["dead"]].sum() / self._increments(run),
            "extra log lines (%)": lambda t, run: (
                100 * self._extra_lines(run) / max(self._sum(run, "log_lines", "unbounded"), 1)
            ),
            "entries scanned an increment": lambda t, run: self._sum(run, "entries_scanned") / self._increments(run),
            "stale hits": lambda t, run: self._sum(run, "stale_hits"),
        }
        rows = {name: vars(self._estimate(number)) for name, number in numbers.items()}
        return pd.DataFrame(rows).T

    @cached_property
    def false_share(self) -> Estimate:
        """False evictions as a share of all, over the replications."""
        return self._estimate(lambda table, run: _share(~table["dead"]))

    @cached_property
    def lost_share(self) -> Estimate:
        """Counts lost to false evictions as a share of all increments."""
        return self._estimate(lambda t, run: t["count"][~t["dead"]].sum() / self._increments(run))

    @cached_property
    def extra_lines(self) -> Estimate:
        """Log lines more than with the unbounded maps on the same streams: paired differences."""
        return self._estimate(lambda table, run: self._extra_lines(run))

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        evictions = self._estimate(lambda table, run: len(table)).mean
        if evictions == 0:
            return "Nothing is evicted here, so nothing is lost: neither bound ever acts."
        if self.false_share.mean == 0:
            return f"None of {evictions:,.0f} evictions hit a session that went on: nothing was lost."
        a_run = " in a run" if len(self.case.runs) > 1 else ""
        return (
            f"Of {evictions:,.0f} evictions{a_run}, {_percent(self.false_share)} hit a session that went on; with them "
            f"{_percent(self.lost_share)} of all counts were lost, and the log grew by "
            f"{_number(self.extra_lines)} lines."
        )

    def causes(self) -> pd.DataFrame:
        """Mean evictions a run, a row a cause, a column a truth: `dead`, `undecided` and `alive`."""
        tables = [
            pd.DataFrame(
                {
                    "dead": (t["dead"] & ~t["undecided"]).groupby(t["cause"], observed=False).sum(),
                    "undecided": t["undecided"].groupby(t["cause"], observed=False).sum(),
                    "alive": (~t["dead"]).groupby(t["cause"], observed=False).sum(),
                }
            )
            for t in self.evictions
        ]
        return sum(tables) / len(tables)

    def draw_causes(self) -> figures.Drawing:
        """Evictions by cause and by truth."""
        table = self.causes()
        total = table.to_numpy().sum()
        alive = table["alive"].sum()
        worst = table["alive"].idxmax()
        if total == 0:
            message = "Nothing is evicted: neither bound acts"
        elif alive == 0:
            message = f"None of {total:,.0f} evictions hit a session that went on"
        else:
            message = f"{alive / total:.1%} of {total:,.0f} evictions hit a session that went on, "
            message += f"most by the {_CAUSES[worst]}"
        return figures.causes(table.rename(index=_CAUSES), message)

    def draw_idle(self) -> figures.Drawing:
        """How long evicted sessions had been idle, by truth."""
        table, ttl = self.evictions[0], self.case.settings.ttl
        idle = {truth: np.sort(table["idle"][table["dead"] == (truth == "dead")]) for truth in ("dead", "alive")}
        shortest = table["idle"].min() if len(table) else 0
        message = f"Entries are evicted after {format_duration(shortest)} of idleness or more"
        if len(idle["alive"]):
            message += f"; half of those still alive, within {format_duration(float(np.median(idle['alive'])))}"
        return figures.idle(
            idle, ttl, message if len(table) else "Nothing is evicted, so nothing was idle for too long"
        )

    @cached_property
    def snapshots(self) -> pd.DataFrame:
        """How far a snapshot of the bounded `no_client` store of the first run is from the truth, over time."""
        run = self.case.first
        trace, at = run.counters["no_client"], run.grid(LOOKS)[1:]
        rows = np.searchsorted(trace.time, at, side="right") - 1
        truth, observed = (run.observed["no_client", design] for design in ("unbounded", "bounded"))
        error = ledger.snapshot_error(trace, truth, observed, rows[rows >= 0])
        # Before the first operation there is nothing that a snapshot could miss.
        none_yet = pd.DataFrame({"undercount": 0.0, "top_10": 1.0, "top_100": 1.0}, index=np.flatnonzero(rows < 0))
        return pd.concat([none_yet, error], ignore_index=True).assign(time=at - run.start)

    def draw_snapshots(self) -> figures.Drawing:
        """What an exported snapshot misses over time."""
        table = self.snapshots
        last = table.iloc[-1]
        message = (
            f"At the end a snapshot lacks {last['undercount']:.0%} of what the unbounded maps hold, "
            f"and shows {10 * last['top_10']:.0f} of their top 10 sessions"
        )
        return figures.snapshots(table, self.case.first.warm_up, message)

    @cached_property
    def caps(self) -> pd.DataFrame:
        """Evictions of live sessions by the cap in replays of every run, a row a cap.

        Columns: `cap`, `false` such evictions in a run, `per_1000` of them for 1 000 increments, and `low` and `high`,
        the 95 % interval of that; only where there are replications.
        """
        live, largest = self.most_live, max(8 * self.most_live, 2 * self.case.settings.max_entries, 8)
        caps = {max(live // 2, 1), max(live, 1), *np.geomspace(max(live // 2, 1), largest, 13).round().astype(int)}
        return pd.DataFrame([self._at_cap(int(cap)) for cap in sorted(caps)]).dropna(axis="columns")

    @cached_property
    def most_live(self) -> int:
        """The most sessions that were live at once in any run: those with a count that goes on."""
        return max(int(ledger.live_sessions(run.counters["no_client"]).max(initial=0)) for run in self.case.runs)

    def enough_for_the_living(self) -> int:
        """The smallest cap tried, at least the most live sessions at once, that evicts none of them; 0 if none does."""
        enough = self.caps[(self.caps["cap"] >= self.most_live) & (self.caps["false"] == 0)]
        return int(enough["cap"].min()) if len(enough) else 0

    def draw_caps(self) -> figures.Drawing:
        """Where a cap above the number of live sessions still evicts live ones."""
        at_live = self.caps[self.caps["cap"] >= self.most_live].iloc[0]
        message = f"With room for all {self.most_live:,} sessions that are live at once, "
        in_a_run = " in a run" if len(self.case.runs) > 1 else ""
        if at_live["false"] == 0:
            message += "the cap evicts none of them"
        elif enough := self.enough_for_the_living():
            message += f"{_mean(at_live['false'])} live ones are evicted{in_a_run}; a cap of {enough:,} evicts none"
        else:
            message += f"{_mean(at_live['false'])} live ones are evicted{in_a_run}, and some at every cap tried"
        return figures.caps(self.caps, self.most_live, self.case.settings.max_entries, message)

    def accounts_agree(self) -> bool:
        """Whether rows and totals tell the same of all runs: evictions, false ones and the counts lost with them."""
        return all(
            (len(rows), int((~rows["dead"]).sum()), int(rows["count"][~rows["dead"]].sum()))
            == (totals.cap_evictions + totals.ttl_evictions, totals.false_evictions, totals.lost_counts)
            for run in self.case.runs
            for name in COUNTERS
            for rows in [ledger.evictions(run.counters[name], run.observed[name, "bounded"])]
            for totals in [run.totals(name, "bounded")]
        )

    def replay_agrees(self) -> bool:
        """Whether replays under the cap in use evict as many live sessions as the live stores did."""
        return all(
            self._false_at(run, self.case.settings.max_entries)
            == _false_by_the_cap(run.counters["no_client"], run.observed["no_client", "bounded"])
            for run in self.case.runs
        )

    def least_extra_lines(self) -> int:
        """The fewest log lines that eviction added in any run."""
        return min(self._extra_lines(run) for run in self.case.runs)

    def _at_cap(self, cap: int) -> dict[str, float]:
        false = [self._false_at(run, cap) for run in self.case.runs]
        increments = [max(run.totals("no_client", "bounded").increments, 1) for run in self.case.runs]
        rate = estimate(1000 * f / n for f, n in zip(false, increments, strict=True))
        return {"cap": cap, "false": float(np.mean(false)), "per_1000": rate.mean, "low": rate.low, "high": rate.high}

    def _false_at(self, run: Run, cap: int) -> int:
        trace = run.counters["no_client"]
        return _false_by_the_cap(trace, replay(trace, "bounded", replace(self.case.settings, max_entries=cap)))

    def _estimate(self, number: Callable[[pd.DataFrame, Run], float]) -> Estimate:
        return estimate(number(table, run) for table, run in zip(self.evictions, self.case.runs, strict=True))

    def _sum(self, run: Run, name: str, design: str = "bounded") -> int:
        return sum(getattr(run.totals(counter, design), name) for counter in COUNTERS)

    def _increments(self, run: Run) -> int:
        """Increments of a run, but at least 1, to divide by."""
        return max(self._sum(run, "increments"), 1)

    def _extra_lines(self, run: Run) -> int:
        return self._sum(run, "log_lines") - self._sum(run, "log_lines", "unbounded")


_CAUSES = {"cap": "cap", "ttl": "TTL"}


def _false_by_the_cap(trace: Trace, observed: Observation) -> int:
    rows = ledger.evictions(trace, observed)
    return int((~rows["dead"] & (rows["cause"] == "cap")).sum())


def _mean(number: float) -> str:
    """A mean number of things."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _share(flags: pd.Series) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _percent(value: Estimate) -> str:
    interval = (
        "" if np.isnan(value.low) else f" (95 % interval {100 * max(value.low, 0):.3g} to {100 * value.high:.3g} %)"
    )
    return f"{100 * value.mean:.3g} %{interval}"


def _number(value: Estimate) -> str:
    return f"{value.mean:,.0f}" if np.isnan(value.low) else f"{value.mean:,.0f} ({value.low:,.0f} to {value.high:,.0f})"
