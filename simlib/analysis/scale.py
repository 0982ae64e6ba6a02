"""The findings of `07_scale` on one process: how memory and time grow with load, against what the structure says.

Owns the fits and the comparison of what is measured (`load`) with what is reckoned (`structure`), and how the simulator
itself grows, from measurements in `data/calibration/`; draws through `figures`. Next: `projection`, and the notebook.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from simlib.analysis.load import Measured, Scaled, loads, measure, scaled
from simlib.analysis.structure import Expected, Increments, Structure
from simlib.calibration.calibrate import cost_errors
from simlib.core.numbers import format_duration, format_percent
from simlib.core.statistics import Estimate, estimate, exponent, slopes
from simlib.core.units import SECOND
from simlib.experiments.experiment import LIVE_DESIGNS, Experiment
from simlib.experiments.sweep import workload_totals
from simlib.figures import scale as figures
from simlib.figures.style import Drawing
from simlib.models import cost, heap
from simlib.models.heap import CALIBRATION, GO_VERSIONS
from simlib.replay.ledger import Totals
from simlib.replay.totals import Spec, stream_totals
from simlib.traces.trace import COUNTERS

TOLERANCE = 0.05
"""By how much what is expected of an exponent may lie outside the interval of its fit."""

STRUCTURE_LIMIT, ENOUGH = 0.10, 30_000
"""The largest error that the reckoned time for which the lock is held may have at a load that an exponent rests on,
and the increments, over all replications, from which on chance is smaller than that."""

ENOUGH_EVICTED = 1_000
"""Evictions from which on the share of them that was false says something."""

FEWEST = 30
"""Entries below which their number says nothing about an exponent."""

ALWAYS = 0.99
"""Share of the increments that find the store at its cap from which on it counts as always at it."""

LEAST_LOADS = 3

LEAST_TTL = 10
"""How many times as long as the copies of a log lie apart a TTL must be for the store to forget in any order."""

MANY = 1_000
"""Instances from which on no session meets the same one again often enough to matter: at 100 000, an instance of
`orphans` holds 5 % more without affinity, of the other workloads less than 1 %."""

REFERENCE = 100_000
"""Increments of the stream that the structure is taken from."""

PRECISION = 0.001
"""To what share a load is found from which on something is reached."""


class Fit(NamedTuple):
    """An exponent fitted over some loads, (n,), to `values`, (replications, n).

    `expected` is what the structure says over just these loads, `limit` what it comes to far inside the regime.
    """

    what: str
    regime: str
    loads: np.ndarray
    values: np.ndarray
    measured: Estimate
    expected: float
    limit: str

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval; the exponent itself where there is none."""
        found = self.measured
        return (found.mean, found.mean) if np.isnan(found.low) else (found.low, found.high)

    @property
    def holds(self) -> bool:
        """Whether the interval, widened by TOLERANCE, covers what is expected."""
        low, high = self.interval
        return bool(low - TOLERANCE <= self.expected <= high + TOLERANCE)

    @property
    def line(self) -> tuple[np.ndarray, np.ndarray]:
        """The fitted power law, at the first and the last of its loads."""
        ends = self.loads[[0, -1]]
        middle = np.exp(np.log(self.values).mean() - self.measured.mean * np.log(self.loads).mean())
        return ends, middle * ends**self.measured.mean


class Jump(NamedTuple):
    """How many times as long an increment holds the lock at load `after` as at load `before`."""

    before: float
    after: float
    times: float

    def __str__(self) -> str:
        longer = f"an increment holds the lock {amount(self.times)} times as long"
        return f"from {amount(self.before)} to {amount(self.after)} times the traffic, {longer}"


@dataclass(frozen=True)
class Scale:
    """A case at other loads, on one process."""

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @cached_property
    def traffic(self) -> Scaled:
        """The case's traffic at any load."""
        return scaled(self.experiment)

    @property
    def cap(self) -> float:
        """The cap of the bounded store; inf where there is none."""
        return self.experiment.settings.max_entries if self.experiment.settings.max_entries > 0 else np.inf

    @property
    def counter(self) -> str:
        """The counter whose store is looked at: the busier one."""
        return self.traffic.counter

    @cached_property
    def measured(self) -> dict[float, list[Measured]]:
        """What the stores of one process did at each load, a replication each."""
        settings, replications = self.experiment.settings, range(self.traffic.replications)
        return {load: [measure(self.traffic, load, n, settings) for n in replications] for load in loads(self.traffic)}

    @cached_property
    def loads(self) -> np.ndarray:
        """The loads measured; that of a thinned log is the share of the increments that came to be kept."""
        if self.experiment.simulated:
            return np.array(list(self.measured))
        kept = [runs[0].whole[self.counter].increments for runs in self.measured.values()]
        return np.array(kept) / max(self.traffic.increments, 1)

    @property
    def decades(self) -> float:
        """How many decades of load were measured."""
        return float(np.log10(self.loads[-1] / self.loads[0])) if self.loads.size else 0.0

    def of_each(self, value: Callable[[Measured], float]) -> np.ndarray:
        """A number of each measurement; float64, (replications, loads)."""
        runs = [[value(run) for run in each] for each in self.measured.values()]
        return np.array(runs, dtype=np.float64).reshape(len(runs), self.traffic.replications).T

    @cached_property
    def unbounded(self) -> np.ndarray:
        """Entries of the unbounded map in the end; (replications, loads)."""
        return self.of_each(lambda run: run.unbounded[self.counter])

    @cached_property
    def peaks(self) -> np.ndarray:
        """Peak entries of the bounded store; (replications, loads)."""
        return self.of_each(lambda run: run.whole[self.counter].peak_entries)

    @cached_property
    def busy(self) -> np.ndarray:
        """Share of the time after the warm-up for which the store's lock is held; (replications, loads)."""
        return self.of_each(self.busy_of)

    def busy_of(self, run: Measured) -> float:
        """Share of the time after the warm-up for which a store's lock is held; above 1 it cannot be."""
        lasts = max(self.traffic.lasts - self.traffic.warm_up, SECOND)
        return cost.held_ns(run.settled[self.counter], self.experiment.settings, self.go_version) / lasts

    @cached_property
    def price_error(self) -> float:
        """By how much, as a share, the prices that time rests on were off at the worst at sizes held back to check."""
        table = cost_errors(pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str}))
        return float(table[table["go_version"] == self.go_version][list(cost.PARTS)].abs().to_numpy().max())

    def unbounded_mib(self, run: Measured) -> float:
        """Resident memory of both unbounded maps in the end."""
        entries = np.array([run.unbounded[counter] for counter in COUNTERS])
        return float(heap.resident_mib(entries, "unbounded", self.go_version).sum())

    def bounded_mib(self, peaks: list[float]) -> float:
        """Resident memory of bounded stores of so many entries each, after much churn."""
        churned = heap.churned(self.go_version)
        return float(heap.resident_mib(np.array(peaks, dtype=float), "bounded", self.go_version, churned).sum())

    @cached_property
    def growth(self) -> pd.DataFrame:
        """A row a load: means over the replications, with intervals where there are several.

        Columns: `load`, `operations`; entries `unbounded` (in the end) and `bounded` (peak) of the counter looked at,
        `unbounded_mib` and `bounded_mib` of both, `busy_percent`, each with `_low` and `_high`; `sorted_percent` of the
        new entries; `expected_bounded` and `expected_busy_percent` as the structure says.
        """
        table = pd.DataFrame({"load": self.loads, "operations": self.of_each(lambda run: run.operations).mean(axis=0)})
        columns = {
            "unbounded": self.unbounded,
            "bounded": self.peaks,
            "unbounded_mib": self.of_each(self.unbounded_mib),
            "bounded_mib": self.of_each(lambda run: self.bounded_mib([run.whole[c].peak_entries for c in COUNTERS])),
            "busy_percent": 100 * self.busy,
        }
        for name, values in columns.items():
            estimates = [estimate(column, 0) for column in values.T]
            for end, ending in (("mean", ""), ("low", "_low"), ("high", "_high")):
                table[name + ending] = np.array([getattr(each, end) for each in estimates], dtype=np.float64)
        sorts, creates = (
            self.of_each(lambda run, name=name: getattr(run.settled[self.counter], name)).sum(axis=0)
            for name in ("cap_evictions", "creates")
        )
        table["sorted_percent"] = 100 * sorts / np.maximum(creates, 1)
        if self.reckons:
            table["expected_bounded"] = [each.peak_entries for each in self.expected]
            table["expected_busy_percent"] = [100 * each.busy for each in self.expected]
        return table.dropna(axis="columns", how="all") if len(table) else table

    # --- What the structure says

    @cached_property
    def _references(self) -> dict[tuple[str, int], Increments]:
        return {}

    @cached_property
    def _structures(self) -> dict[tuple[str, int], Structure]:
        return {}

    def reference(self, counter: str, instances: int = 1) -> Increments:
        """The increments of a stream of which the structure is taken: of no replication, where others are to be had.

        As they are heard by the instances of a fleet without affinity, where there is more than one.
        """
        if (counter, instances) not in self._references:
            load = REFERENCE / max(self.traffic.increments, 1e-12) if self.experiment.simulated else 1.0
            load = load if self.traffic.allows(load) else float(self.loads[-1])
            self._references[counter, instances] = Increments.of(
                self.traffic.unseen(load), counter, load, instances, self.traffic.together
            )
        return self._references[counter, instances]

    def structure(self, counter: str, instances: int = 1) -> Structure:
        """The reckoning of a counter's bounded store, on one instance of so many without affinity."""
        if (counter, instances) not in self._structures:
            of, bounds = self.reference(counter, instances), (self.traffic.lasts, self.traffic.warm_up)
            self._structures[counter, instances] = Structure(of, self.experiment.settings, *bounds, self.go_version)
        return self._structures[counter, instances]

    def at(self, load: float) -> Expected:
        """What the structure says of the store at a load; NaN where there is too little to go by."""
        if not self.structure(self.counter).reckons:
            return Expected(*[np.nan] * len(fields(Expected)))
        return self.structure(self.counter).at(load, self.traffic.chance(load))

    @property
    def reckons(self) -> bool:
        """Whether what the structure says is worth telling: else only what was measured is told."""
        return not self.silence

    @cached_property
    def silence(self) -> str:
        """Why the structure has nothing to say, in a sentence; empty where it has.

        A workload has no excuse. A log may come in a way that no averages describe: where what is reckoned from it
        fails the tests that it must pass on a workload, it is not used.
        """
        ttl, together = self.experiment.settings.ttl, self.traffic.together
        if not self.traffic.increments:
            return "Nothing is ever incremented, so there is nothing to reckon with"
        if not self.structure(self.counter).reckons:
            return "All comes in a few moments, so there is no rate of anything to reckon or to project with"
        if together is not None and 0 < ttl < LEAST_TTL * together:
            return f"A TTL of {format_duration(ttl)} is too short for a log laid over itself within about a second"
        # An error that is NaN was not seen to be small.
        passes = self.structure_error() <= STRUCTURE_LIMIT and all(fit.holds for fit in self._fits)
        if not (self.experiment.simulated or (passes and self.sorts_as_it_should())):
            return (
                "What is reckoned from the gaps of this log is not what was measured, so nothing is projected from it"
            )
        return ""

    @cached_property
    def expected(self) -> list[Expected]:
        """What the structure says at each load measured."""
        return [self.at(load) for load in self.loads]

    @cached_property
    def binds_at(self) -> float:
        """The load from which on, as the structure says, new entries sort the store; inf where they never do."""
        return lowest(lambda load: self.at(load).sorts > 0)

    @cached_property
    def always_at(self) -> float:
        """The load from which on every increment after the warm-up finds the store at its cap; inf where none does."""
        return lowest(lambda load: self.at(load).capped > ALWAYS)

    @cached_property
    def below(self) -> np.ndarray:
        """Whether each load lies below the cap with room to spare: a quarter more would not reach it either; bool."""
        return np.array([self.at(1.25 * load).peak_entries < self.cap for load in self.loads], dtype=bool)

    @cached_property
    def beyond(self) -> np.ndarray:
        """Whether, even at half of each load, every increment after the warm-up finds the store at its cap; bool.

        And the TTL, at each, nothing to do.
        """
        expired = self.of_each(lambda run: run.settled[self.counter].ttl_evictions).sum(axis=0)
        return np.array([self.at(load / 2).capped > ALWAYS for load in self.loads], dtype=bool) & (expired == 0)

    @cached_property
    def fits(self) -> list[Fit]:
        """The exponents that can be fitted, each over at least LEAST_LOADS loads, and compared."""
        return [fit for fit in self._fits if self.reckons or fit.what.startswith("unbounded")]

    @cached_property
    def _fits(self) -> list[Fit]:
        everywhere, times = np.ones(self.loads.size, dtype=bool), np.array([each.busy for each in self.expected])
        peaks = np.array([each.peak_entries for each in self.expected])
        wanted = [
            ("unbounded map, entries", "at any load", everywhere, self.unbounded, FEWEST, self.loads, "1"),
            ("bounded store, peak entries", "below the cap", self.below, self.peaks, FEWEST, peaks, "1"),
            ("bounded store, peak entries", "at the cap", self.beyond, self.peaks, FEWEST, peaks, "0"),
            ("time the lock is held", "below the cap", self.below, self.busy, 0, times, "2"),
            ("time the lock is held", "at the cap", self.beyond, self.busy, 0, times, "1"),
        ]
        fits = []
        for what, regime, where, values, least, expected, limit in wanted:
            rows = where & (values.min(axis=0, initial=np.inf) > least)
            if rows.sum() >= LEAST_LOADS:
                at, values = self.loads[rows], values[:, rows]
                expects = float(slopes(at, expected[rows]))
                fits.append(Fit(what, regime, at, values, exponent(at, values), expects, limit))
        return fits

    def fit(self, what: str, regime: str) -> Fit | None:
        """The fit of that name (as far as given) and regime, where there is one."""
        return next((fit for fit in self.fits if fit.what.startswith(what) and fit.regime == regime), None)

    def exponents(self) -> pd.DataFrame:
        """The fits as a table, a row each."""
        return pd.DataFrame(
            [
                {
                    "what": fit.what,
                    "regime": fit.regime,
                    "loads": f"{amount(fit.loads[0])} to {amount(fit.loads[-1])}",
                    "exponent": _clean(fit.measured.mean),
                    "low": _clean(fit.measured.low),
                    "high": _clean(fit.measured.high),
                    "expected": _clean(fit.expected),
                    "in the limit": fit.limit,
                    "as expected": fit.holds,
                }
                for fit in self.fits
            ],
            columns=["what", "regime", "loads", "exponent", "low", "high", "expected", "in the limit", "as expected"],
        )

    def exponents_hold(self) -> bool:
        """Whether every exponent is what the structure says."""
        return all(fit.holds for fit in self.fits)

    def exponent_numbers(self) -> dict[str, float]:
        """Each exponent with its interval and what was expected, for the record."""
        numbers = {}
        for fit in self.fits:
            name = f"{fit.what}, {fit.regime}".replace(", ", "_").replace(" ", "_")
            numbers |= {name: fit.measured.mean, f"{name}_low": fit.measured.low, f"{name}_high": fit.measured.high}
            numbers[f"{name}_expected"] = fit.expected
        return {"decades": self.decades, **{name: _clean(number) for name, number in numbers.items()}}

    @cached_property
    def structure_errors(self) -> np.ndarray:
        """By how much the reckoned time for which the lock is held is off at each load, as a share; (loads,)."""
        found = self.busy.mean(axis=0)
        return np.array([each.busy for each in self.expected]) / np.where(found > 0, found, np.nan) - 1

    def structure_error(self) -> float:
        """The largest of them where the structure is held to it; NaN where it is nowhere."""
        return float(np.abs(self.structure_errors[self._reckoned_at]).max()) if self.reckoned_at() else np.nan

    def structure_holds(self) -> bool:
        """Whether the reckoned time is right."""
        return self.structure_error() <= STRUCTURE_LIMIT

    def share_error(self, shares: Sequence[str]) -> float:
        """By how much reckoned shares are off at the most at loads at which the store is always at its cap.

        NaN where it never is with ENOUGH_EVICTED. `shares` by their names in `Expected`.
        """
        errors = []
        for load in np.flatnonzero(self.beyond):
            runs = [run.settled[self.counter] for run in list(self.measured.values())[load]]
            found = shares_of(runs)
            if sum(each.cap_evictions + each.ttl_evictions for each in runs) >= ENOUGH_EVICTED:
                errors += [abs(getattr(self.expected[load], name) - found[name]) for name in shares]
        return max(errors, default=np.nan)

    def structure_numbers(self) -> dict[str, float]:
        """How far the reckoned time is off where it is held to what is measured, and at any load, for the record."""
        anywhere = np.abs(self.structure_errors)
        anywhere = anywhere[np.isfinite(anywhere)]
        return {
            "worst_error": self.structure_error(),
            "loads": self.reckoned_at(),
            "worst_error_at_any_load": float(anywhere.max()) if anywhere.size else np.nan,
        }

    def reckoned_at(self) -> int:
        """At how many loads the structure is held to what is measured: those of the fits with ENOUGH increments."""
        return int(self._reckoned_at.sum())

    @cached_property
    def _reckoned_at(self) -> np.ndarray:
        enough = self.of_each(lambda run: run.whole[self.counter].increments).sum(axis=0) >= ENOUGH
        return (self.below | self.beyond) & enough

    def claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """What is claimed of a process under load, each with whether it holds and its numbers, as far as compared."""
        claims = []
        if self.fits:
            text = f"Every exponent is what the structure says, within {TOLERANCE} of its interval"
            claims.append((text, self.exponents_hold(), self.exponent_numbers()))
        if self.reckons and self.reckoned_at():
            text = (
                f"Off the cliff and where chance is small, at {self.reckoned_at()} of {self.loads.size} loads, the "
                f"time for which the lock is held is reckoned within {STRUCTURE_LIMIT:.0%}"
            )
            claims.append((text, self.structure_holds(), self.structure_numbers()))
        if self.below.any() or self.beyond.any():
            text = "Below the cap no new entry sorts the store; at it all do that no delete made room for"
            cliff = {"times_as_long_over_the_cliff": self.jump.times} if self.jump else {}
            claims.append((text, self.sorts_as_it_should(), {"cap_binds_at_load": self.binds_at, **cliff}))
        return claims

    def sorts_as_it_should(self) -> bool:
        """Whether no new entry sorts the store below the cap, and at it every one that no delete made room for does."""
        at_cap = self.beyond & (self.of_each(lambda run: run.settled[self.counter].creates).min(axis=0, initial=1) > 0)

        def accounts(totals: Totals) -> float:
            return abs(totals.cap_evictions + totals.deletes_hit - totals.creates) / max(totals.creates, 1)

        unaccounted = self.of_each(lambda run: accounts(run.settled[self.counter]))
        sorted_below = self.of_each(lambda run: run.whole[self.counter].cap_evictions)[:, self.below]
        return bool((unaccounted[:, at_cap] < 0.01).all() and not sorted_below.any())

    @cached_property
    def jump(self) -> Jump | None:
        """What the cliff does to an increment: from the last load below the cap to the first at it.

        None unless both were measured, at loads at most ten times apart: where traffic is uneven there is no cliff.
        """
        if not (self.below.any() and self.beyond.any()):
            return None
        per_increment = self.busy / self.of_each(lambda run: max(run.settled[self.counter].increments, 1))
        last, first = np.flatnonzero(self.below)[-1], np.flatnonzero(self.beyond)[0]
        if self.loads[first] > 10 * self.loads[last]:
            return None
        times = float(per_increment[:, first].mean() / per_increment[:, last].mean())
        return Jump(float(self.loads[last]), float(self.loads[first]), times)

    def engines_agree(self) -> bool:
        """Whether the compiled engine gives the ledgers of the stores that heard the case's own runs."""
        specs = [(design, self.experiment.settings) for design in LIVE_DESIGNS]
        for number, run in enumerate(self.experiment.replications):
            if self.experiment.workload:
                found = workload_totals(self.experiment.workload, self.experiment.seeds[number], specs)
            else:
                hears = [Spec(*spec, counter) for spec in specs for counter in COUNTERS]
                totals = iter(stream_totals(self.traffic.stream(1), hears))
                found = [{counter: next(totals) for counter in COUNTERS} for _ in specs]
            for (design, _), ledgers in zip(specs, found, strict=True):
                if any(ledgers[counter] != run.totals(counter, design) for counter in COUNTERS):
                    return False
        return True

    # --- In words and pictures

    def answer(self) -> str:
        """How one process fares, in a sentence."""
        if not self.loads.size:
            return "Nothing is ever incremented here, so nothing grows with load."
        unbounded, below, beyond = (
            self.fit(*name)
            for name in (("unbounded", "at any load"), ("time", "below the cap"), ("time", "at the cap"))
        )
        parts = [f"Measured from {amount(self.loads[0])} to {amount(self.loads[-1])} times the traffic"]
        if unbounded:
            parts.append(f", the unbounded map grows as load^{_power(unbounded)}")
        if not self.reckons:
            parts.append(f"; the bounded store peaks at {self.peaks.max():,.0f} entries")
        elif np.isinf(self.binds_at):
            parts.append("; the bounded store has no cap that ever acts")
        elif self.binds_at < self.loads[0]:
            parts.append("; the bounded store is at its cap at any of them")
        else:
            parts.append(f"; the bounded store reaches its cap at about {amount(self.binds_at)} times")
            if self.always_at > 1.5 * self.binds_at:
                parts.append(
                    f" when traffic is highest, and is at it throughout from {amount(self.always_at)} times on"
                )
            if self.jump:
                parts.append(f": {self.jump}")
        if below:
            where = "" if np.isinf(self.binds_at) else "below, "
            parts.append(f"; {where}the lock is held as load^{_power(below)}")
        if beyond:
            parts.append(f"; {'beyond' if below else 'there the lock is held'} as load^{_power(beyond)}")
        if not self.reckons:
            return "".join(parts) + f". {self.silence}."
        held = format_percent(float(self.busy.mean(axis=0)[-1]))
        return "".join(parts) + f", and at {amount(self.loads[-1])} times for {held} of the time."

    def note(self) -> str:
        """What was measured, in a sentence or two."""
        how = "all arrival rates multiplied" if self.experiment.simulated else "thinned by session or laid over itself"
        rates = f"times are those after {format_duration(self.traffic.warm_up)}"
        return f"{self.traffic.scope().capitalize()}, {how}, over {self.decades:.1f} decades; {rates}."

    def draw_memory(self) -> Drawing:
        """Entries of both stores by load."""
        unbounded, capped = self.fit("unbounded", "at any load"), self.fit("bounded", "at the cap")
        grows = f"The unbounded map grows as load^{unbounded.measured.mean:.2f}" if unbounded else "The unbounded map"
        if not self.loads.size:
            message = "Nothing is ever incremented, so no store holds anything at any load"
        elif capped:
            message = f"{grows}, the bounded store stops at {self.peaks.max():,.0f} entries"
        elif unbounded:
            message = f"{grows}; the bounded store holds up to {self.peaks.max():,.0f} entries"
        else:
            most = self.unbounded.max(initial=0)
            message = f"The unbounded map holds up to {most:,.0f} entries, the bounded {self.peaks.max():,.0f}"
        fits = [fit for fit in self.fits if "entries" in fit.what]
        cap = self.experiment.settings.max_entries
        return figures.load_memory(self.growth, [fit.line for fit in fits], cap, self.binds_at, message)

    def draw_time(self) -> Drawing:
        """Share of the time for which the lock is held, by load."""
        fits = [fit for fit in self.fits if fit.what.startswith("time")]
        beyond = self.fit("time", "at the cap")
        if not self.loads.size:
            message = "Nothing is ever incremented, so no lock is ever held"
        elif self.jump:
            message = f"Over the cap's cliff, {self.jump}"
            message += f"; beyond, time grows as load^{beyond.measured.mean:.2f}" if beyond else ""
        elif not self.reckons:
            message = self.silence
        elif fits:
            message = f"The lock is held as load^{fits[0].measured.mean:.2f} {fits[0].regime}"
        else:
            message = f"The lock is held for at most {format_percent(float(self.busy.max()))} of the time"
        lines = [(fit.line[0], 100 * fit.line[1]) for fit in fits]
        texts = [f"load^{fit.measured.mean:.2f}\n(expected {fit.expected:.2f})" for fit in fits]
        return figures.load_time(self.growth, lines, texts, self.binds_at, message)

    def draw_exponents(self) -> Drawing:
        """The exponents beside what the structure says."""
        hold = sum(fit.holds for fit in self.fits)
        message = (
            f"Within {TOLERANCE} of their intervals, {hold} of {len(self.fits)} exponents are as the structure says"
        )
        if not self.fits:
            message = "There are too few loads, or too little to count, to fit an exponent"
        return figures.exponents(self.exponents(), TOLERANCE, message)


def shares_of(settled: Sequence[Totals]) -> dict[str, float]:
    """Share of all evictions that were false and of all increments that were lost; NaN where there are none.

    An eviction is told false once the session is back: a few of those before the warm-up count after it.
    """
    evicted = sum(totals.cap_evictions + totals.ttl_evictions for totals in settled)
    counted = sum(totals.increments for totals in settled)
    false, lost = (sum(getattr(totals, name) for totals in settled) for name in ("false_evictions", "lost_counts"))
    return {
        "false_share": min(false / evicted, 1.0) if evicted else np.nan,
        "lost_share": min(lost / counted, 1.0) if counted else np.nan,
    }


def lowest(reached: Callable[[float], bool], low: float = 1e-9, high: float = 1e9) -> float:
    """The load from which on something is reached, by bisection to PRECISION; inf if not at `high`, 0 if at `low`."""
    if not reached(high):
        return np.inf
    if reached(low):
        return 0.0
    while high / low > 1 + PRECISION:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _clean(exponent: float) -> float:
    """An exponent without what is nothing but rounding, which may bear a sign."""
    return round(exponent, 9) + 0.0


def amount(value: float) -> str:
    """A number for people, to three digits."""
    if value >= 1e9:
        return f"{value / 1e9:.3g} billion"
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def _power(fit: Fit) -> str:
    low, high = fit.interval
    same = f"{low:.2f}" == f"{high:.2f}"
    return f"{fit.measured.mean:.2f}" if same else f"{fit.measured.mean:.2f} ({low:.2f} to {high:.2f})"
