"""Closed forms beside simulations of even traffic, for `06_validation`: Little's law, M/G/∞, an idle TTL, Che's LRU."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.core.numbers import format_number, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR, SECOND
from simlib.experiments.experiment import Experiment
from simlib.experiments.replication import LIVE_DESIGNS, Replication
from simlib.figures import validation as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.models import theory
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate

LIMIT = 0.10
"""The largest error that a closed form may have where it applies."""

CHE_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Caps at which Che's approximation is tried, as shares of the expected entries under the TTL."""


@dataclass(frozen=True)
class ClosedForm:
    """A closed form beside its simulation, both in `unit`; `exact` if it is no approximation."""

    name: str
    unit: str
    expected: float
    simulated: Estimate
    exact: bool

    @property
    def ratio(self) -> Estimate:
        """Simulated over expected."""
        return Estimate(
            *(x / self.expected for x in (self.simulated.mean, self.simulated.low, self.simulated.high)),
            self.simulated.n,
        )

    @property
    def holds(self) -> bool:
        """Whether the expected value lies in the 95 % interval of the simulated one."""
        return bool(self.ratio.low <= 1 <= self.ratio.high)


@dataclass(frozen=True)
class Even:
    """One replication of even traffic, measured from `begins` to `ends` (ns)."""

    trace: Trace
    begins: int
    ends: int

    @property
    def lasts(self) -> int:
        """Length of the measured part, ns."""
        return self.ends - self.begins

    def within(self, times: np.ndarray) -> np.ndarray:
        """Whether each time (ns) is in the measured part."""
        return (times >= self.begins) & (times < self.ends)

    def mean_over_time(self, changes: np.ndarray, times: np.ndarray) -> float:
        """Average over time a level that begins at 0 and changes by `changes` at `times` (ns, ascending)."""
        level = np.concatenate([[0], np.cumsum(changes)])
        bounds = np.concatenate([[self.begins], np.clip(times, self.begins, self.ends), [self.ends]])
        return float((level * np.diff(bounds)).sum() / self.lasts)


@dataclass(frozen=True)
class ClosedForms:
    """Closed forms for the sessions of an experiment that nobody watches, with arrivals evened out."""

    experiment: Experiment

    @cached_property
    def littles_law(self) -> int:
        """The largest error of Little's law over all replications and stores, ns; the law is exact, so 0.

        L T = the sum of all residence times: the left from the entries after each operation, the right from the
        times at which each entry was created and removed.
        """
        return max(
            abs(_entry_time(replication, counter, design) - _residence(replication, counter, design))
            for replication in self.experiment.replications
            for counter in COUNTERS
            for design in LIVE_DESIGNS
        )

    @cached_property
    def even(self) -> list[Even]:
        """Replications of the unwatched kinds under even arrivals; empty where the closed forms cover none."""
        workload = theory.evened(self.experiment.workload) if self.experiment.workload else None
        if workload is None:
            return []
        longest = max(kind.mean_span for kind in theory.sessions(workload))
        lasts = int(min(max(6 * HOUR, 12 * longest), 24 * HOUR))
        workload = workload.lasting(lasts)
        return [
            Even(simulate(workload, seed).only("no_client"), lasts // 3, lasts * 2 // 3)
            for seed in self.experiment.seeds
        ]

    @cached_property
    def kinds(self) -> list[theory.Sessions]:
        """The kinds of sessions that the closed forms cover."""
        workload = theory.evened(self.experiment.workload) if self.experiment.workload else None
        return theory.sessions(workload) if workload else []

    @cached_property
    def forms(self) -> list[ClosedForm]:
        """Each closed form beside its simulation."""
        if not self.even or self.experiment.settings.ttl <= 0:
            return []
        kinds, ttl, every = self.kinds, self.experiment.settings.ttl, self.experiment.settings.prune_every
        idle = Settings(0, ttl, every)
        bounded = [replay(even.trace, SHIPPED, idle) for even in self.even]
        evictions = [
            rows[even.within(rows["time"].to_numpy())]
            for even, observed in zip(self.even, bounded, strict=True)
            for rows in [ledger.evictions(even.trace, observed)]
        ]
        occupancies = [
            even.mean_over_time(ledger.changes(even.trace, observed), even.trace.time)
            for even, observed in zip(self.even, bounded, strict=True)
        ]
        forms = [
            ("unbounded map, growth", "entries/h", theory.growth(kinds) * HOUR, map(_growth, self.even), True),
            ("increments", "1/h", theory.increments(kinds) * HOUR, map(_increments, self.even), True),
            ("sessions live (M/G/∞)", "", theory.live(kinds), map(_live, self.even), True),
            ("entries under the idle TTL", "", theory.occupancy(kinds, ttl, every), occupancies, False),
            (
                "idle age at clean-up",
                "min",
                (ttl + theory.prune_lag(kinds, every)) / (60 * SECOND),
                (float(rows["idle"].mean()) / (60 * SECOND) for rows in evictions),
                False,
            ),
            (
                "cap that is just reached",
                "",
                theory.idle_occupancy(kinds, ttl),
                map(self._reached_cap, self.even),
                False,
            ),
        ]
        return [
            ClosedForm(name, unit, expected, estimate(values), exact)
            for name, unit, expected, values, exact in forms
            if expected > 0
        ]

    def _reached_cap(self, even: Even) -> float:
        """Find the cap below which more than half of the new entries sort the whole store."""
        trace, settings = even.trace, self.experiment.settings
        seen = even.within(trace.time)

        def suffices(cap: int) -> bool:
            observed = replay(trace, SHIPPED, Settings(cap, settings.ttl, settings.prune_every))
            prunes = ledger.prunes(trace, observed)
            sorts = (seen[prunes["row"]] & (prunes["sorted"] > 0)).sum()
            return bool(sorts <= (seen & ledger.created(trace, observed)).sum() / 2)

        caps = range(2, 2 * int(theory.idle_occupancy(self.kinds, settings.ttl)) + 9)
        return float(caps[bisect_left(caps, True, hi=len(caps) - 1, key=suffices)])

    @cached_property
    def che(self) -> pd.DataFrame:
        """Live sessions evicted by LRU (TTL off) for 1 000 increments, by cap: predicted (Che) and simulated.

        Columns `cap`, `expected`, `simulated`, `low`, `high`; empty where no session has a second event.
        """
        rows = []
        kinds = self.kinds
        if kinds and any(kind.gaps for kind in kinds):
            room = theory.idle_occupancy(kinds, max(self.experiment.settings.ttl, SECOND))
            for cap in sorted({max(int(share * room), 2) for share in CHE_SHARES}):
                simulated = estimate((1000 * _restarted(even, cap) for even in self.even), 0)
                expected = 1000 * theory.false_evictions(kinds, cap)
                rows.append(
                    {
                        "cap": cap,
                        "expected": expected,
                        "simulated": simulated.mean,
                        "low": simulated.low,
                        "high": simulated.high,
                    }
                )
        return pd.DataFrame(rows, columns=["cap", "expected", "simulated", "low", "high"])

    def cap_reached_at(self) -> float | None:
        """New sessions a second at which, in closed form, the cap in use is reached; None where none is covered."""
        cap, ttl = self.experiment.settings.max_entries, self.experiment.settings.ttl
        return theory.cap_reached_at(self.kinds, cap, ttl) * SECOND if self.kinds and cap > 0 and ttl > 0 else None

    def error(self) -> float:
        """The largest error of a closed form against its simulation, as a share; NaN without any."""
        return max((abs(form.ratio.mean - 1) for form in self.forms), default=np.nan)

    def hold(self) -> bool | None:
        """Whether no closed form is off by more than LIMIT; None without any."""
        return all(abs(form.ratio.mean - 1) <= LIMIT for form in self.forms) if self.forms else None

    def answer(self) -> str:
        """Report the checks of this experiment, in two sentences."""
        little = "hold" if self.littles_law == 0 else "do not hold"
        forms = "Closed forms cover only simulated sessions that nobody watches; here are none."
        if self.forms:
            forms = f"Closed forms and simulation differ by at most {format_percent(self.error())}."
        return f"The stores {little} Little's law exactly here. {forms}"

    def table(self) -> pd.DataFrame:
        """The closed forms as text, a row each."""
        return pd.DataFrame(
            {
                "closed form": form.name,
                "unit": form.unit,
                "expected": format_number(form.expected),
                "simulated": form.simulated.text(),
                "kind": "exact" if form.exact else "approximate",
                "within the interval": "no interval" if form.ratio.n < 2 else "yes" if form.holds else "no",
            }
            for form in self.forms
        )

    def draw_forms(self) -> Drawing | LeftOut:
        """Draw simulated over expected for each closed form, with intervals."""
        if not self.forms:
            return LeftOut("No figure: closed forms cover only simulated sessions that nobody watches; there are none.")
        ratios = pd.DataFrame(
            {
                "name": form.name,
                "exact": form.exact,
                "ratio": form.ratio.mean,
                "low": form.ratio.low,
                "high": form.ratio.high,
            }
            for form in self.forms
        )
        message = f"Closed forms and simulation differ by at most {format_percent(self.error())}"
        return figures.ratios(ratios, message)

    def draw_che(self) -> Drawing | LeftOut:
        """Draw Che's approximation of the live sessions evicted beside their simulation."""
        table = self.che
        if table.empty:
            return LeftOut("No figure: Che's approximation needs unwatched sessions of several events; there are none.")
        off = format_number((table["simulated"] - table["expected"]).abs().max())
        return figures.che(table, f"Che's approximation predicts LRU evictions within {off} per 1000 increments")


def _entry_time(replication: Replication, counter: str, design: str) -> int:
    """Sum the entries in a store over time, ns; an exact int."""
    trace = replication.counters[counter]
    if not len(trace):
        return 0
    entries = np.cumsum(ledger.changes(trace, replication.observed[counter, design])).tolist()
    gaps = np.diff(np.append(trace.time, replication.end)).tolist()
    return sum(n * gap for n, gap in zip(entries, gaps, strict=True))


def _residence(replication: Replication, counter: str, design: str) -> int:
    """Sum the time that each entry was in a store, ns; an exact int."""
    trace, observed = replication.counters[counter], replication.observed[counter, design]
    created = trace.time[ledger.created(trace, observed)]
    deleted = trace.time[(trace.op != INCREMENT) & (observed.answers > 0)]
    evicted = ledger.evictions(trace, observed)["time"].to_numpy()
    left = observed.final_counts.size * replication.end
    return sum(deleted.tolist()) + sum(evicted.tolist()) + left - sum(created.tolist())


def _growth(even: Even) -> float:
    first = even.trace.time[even.trace.previous_row < 0]
    return float(even.within(first).sum() / (even.lasts / HOUR))


def _increments(even: Even) -> float:
    return float(even.within(even.trace.time).sum() / (even.lasts / HOUR))


def _live(even: Even) -> float:
    trace = even.trace
    begins, ends = trace.previous_row < 0, trace.next_row == len(trace)
    return even.mean_over_time(begins.astype(np.int64) - ends, trace.time)


def _restarted(even: Even, cap: int) -> float:
    """Measure the live sessions evicted by an LRU store of a cap, as a share of the increments."""
    anew = ledger.restarts(even.trace, replay(even.trace, SHIPPED, Settings(cap, 0)))
    measured = even.within(even.trace.time)
    return float((anew & measured).sum() / max(int(measured.sum()), 1))
