"""The findings of `06_validation`: every model of the suite against something outside it.

Owns the comparisons: the stores with the real Go program, heap and cost models with measurements at sizes held back
from their fit, the time to the limit with real processes that reached it, closed forms with simulations. What was
measured lies in `data/calibration/`, so Go is not needed. Next: the notebook.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.prune import Work
from simlib.calibration import calibrate, golang
from simlib.core.errors import InputError
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR, SECOND
from simlib.experiments.experiment import LIVE_DESIGNS, Experiment, Replication
from simlib.figures import validation as figures
from simlib.figures.style import Drawing
from simlib.models import cost, heap, theory
from simlib.models.cost import PARTS
from simlib.models.heap import CALIBRATION, GO_VERSIONS, MIB, heap_model
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.traces.trace import COUNTERS, INCREMENT, Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload

HEAP_LIMIT, COST_LIMIT, TIME_LIMIT, THEORY_LIMIT = 0.05, 0.20, 0.10, 0.10
"""The largest errors that the models may have: heap, cost, time to the limit; and a closed form where it applies."""

LIVE_GO_OPERATIONS = 20_000
"""How much of a case's first run is compared with Go where it is at hand: Go really sorts, which may take long."""

CHE_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Caps at which Che's approximation is tried, as shares of the expected entries under the TTL."""


@dataclass(frozen=True)
class ClosedForm:
    """A closed form beside its simulation: both in `unit`; `exact` where it is no approximation."""

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
    """One replication of the even traffic that the closed forms are about, seen for the middle part of its time."""

    trace: Trace
    begins: int
    ends: int

    @property
    def lasts(self) -> int:
        return self.ends - self.begins

    def within(self, times: np.ndarray) -> np.ndarray:
        """Whether each time (ns) is in the part that is looked at."""
        return (times >= self.begins) & (times < self.ends)

    def mean_over_time(self, changes: np.ndarray, times: np.ndarray) -> float:
        """Time average of what begins at 0 and changes by so much at each time (ns, ascending)."""
        level = np.concatenate([[0], np.cumsum(changes)])
        bounds = np.concatenate([[self.begins], np.clip(times, self.begins, self.ends), [self.ends]])
        return float((level * np.diff(bounds)).sum() / self.lasts)


@dataclass(frozen=True)
class Validation:
    """What the models of the suite were checked against, for a case and in general."""

    experiment: Experiment

    # --- The stores

    @cached_property
    def conformance(self) -> dict[str, int]:
        """Streams and operations on which Go and Python were compared at the last calibration, and differences."""
        return json.loads((CALIBRATION / "conformance.json").read_text(encoding="utf-8"))

    @cached_property
    def go(self) -> tuple[str, int, int]:
        """The Go runtime at hand (or an empty name), operations of this case compared with it, ledgers that differ."""
        try:
            program = golang.build()
        except InputError:
            return "", 0, 0
        compared = differ = 0
        with golang.Program(program) as go:
            for whole in self.experiment.first.counters.values():
                trace = whole.first(LIVE_GO_OPERATIONS)
                for design in LIVE_DESIGNS:
                    ours = asdict(ledger.totals(trace, replay(trace, design, self.experiment.settings)))
                    compared += len(trace)
                    differ += ours != go.ledger(trace, design, self.experiment.settings)
            return go.version(), compared, differ

    def go_note(self) -> str:
        """Whether Go was at hand, in a sentence."""
        version, compared, differ = self.go
        if not version:
            return "Go is not installed here: what follows stands on the measurements kept in `data/calibration/`."
        same = "the same ledgers" if not differ else f"{differ} different ledgers"
        return f"{version} is at hand: on the first {compared:,} operations of this case it gives {same}."

    # --- The heap

    @cached_property
    def heap_measured(self) -> pd.DataFrame:
        """Every heap measurement with the model's relative errors: columns `error_grown` and `error_after` beside."""
        table = pd.read_csv(CALIBRATION / "heap.csv", dtype={"go_version": str})
        parts = []
        for (design, version), mine in table.groupby(["design", "go_version"]):
            errors = calibrate.heap_errors(heap_model(design, version), mine)
            parts.append(mine.assign(error_grown=errors[:, 0], error_after=errors[:, 1]))
        return pd.concat(parts).sort_index()

    def heap_error(self) -> float:
        """The largest error of the heap models at sizes held back from their fit, as a share."""
        table = self.heap_measured[self.heap_measured["held_back"]]
        return float(table[["error_grown", "error_after"]].abs().to_numpy().max())

    def heap_table(self) -> pd.DataFrame:
        """Largest errors (%) at held-back sizes, by version and design, growing and after deletes."""
        table = self.heap_measured[self.heap_measured["held_back"]]
        errors = table.groupby(["go_version", "design"])[["error_grown", "error_after"]]
        return 100 * errors.agg(lambda column: column.abs().max())

    def draw_heap(self) -> Drawing:
        """Live heap an entry, measured and modelled, on the newest Go."""
        version = GO_VERSIONS[-1]
        table = self.heap_measured
        table = table[
            (table["go_version"] == version) & (table["key_length"] == heap.KEY_LENGTH) & (table["keep"] == 0)
        ]
        sizes = np.geomspace(100, 2_000_000, 400).round()
        data = pd.DataFrame({"entries": sizes})
        points = {}
        for design in LIVE_DESIGNS:
            data[design] = heap_model(design, version).live_bytes(sizes) / sizes
            mine = table[table["design"] == design]
            points[design] = (
                mine["entries"].to_numpy(),
                (mine["grown"] / mine["entries"]).to_numpy(),
                mine["held_back"].to_numpy(),
            )
        message = f"At sizes held back from the fit, the heap models are off by at most {self.heap_error():.1%}"
        return figures.heap_model(data, points, message)

    # --- The cost

    @cached_property
    def cost_table(self) -> pd.DataFrame:
        """Relative errors of the prices at held-back sizes; columns `go_version`, `entries` and those of PARTS."""
        return calibrate.cost_errors(pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str}))

    def cost_error(self) -> float:
        """The largest error of the prices at held-back sizes, as a share."""
        return float(self.cost_table[list(PARTS)].abs().to_numpy().max())

    def draw_cost(self) -> Drawing:
        """Time of a prune, measured and modelled, on the newest Go."""
        version = GO_VERSIONS[-1]
        table = pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str})
        least = table[table["go_version"] == version].groupby(["entries", "held_back"])[list(PARTS)].min()
        least = least.reset_index()
        sizes = np.geomspace(64, least["entries"].max(), 300).round()
        data, points = pd.DataFrame({"entries": sizes}), {}
        for part in ("scan", "sort"):
            data[part] = cost.prices(version).of(part, sizes) / 1000
            points[part] = (
                least["entries"].to_numpy(),
                least[part].to_numpy() / 1000,
                least["held_back"].to_numpy(),
            )
        message = f"At sizes held back from the fit, prices are off by at most {self.cost_error():.0%}"
        return figures.prune_prices(data, points, message)

    @cached_property
    def stall(self) -> pd.DataFrame:
        """The incident's first hours through the real store and the model.

        Columns: `new_per_second`, and the mean time of an increment, `measured_ns` and `model_ns`.
        """
        measured = pd.read_csv(CALIBRATION / "stall.csv")
        hours = calibrate.STALL_HOURS * HOUR
        trace = simulate(load_workload("incident").lasting(hours), 1).only("no_client")
        rate = ledger.totals(trace, replay(trace, "unbounded")).creates / (hours / SECOND)
        rows = []
        for row in measured.itertuples():
            faster = trace.faster(row.speed)
            work = Work.of(faster, replay(faster, "bounded", Settings()), 0, hours / row.speed, GO_VERSIONS[-1])
            rows.append({"new_per_second": rate * row.speed, "measured_ns": row.mean_ns, "model_ns": work.mean_ns})
        return pd.DataFrame(rows)

    def stall_error(self) -> float:
        """The largest error of the modelled mean time of an increment beyond the cliff, as a share."""
        over = self.stall[self.stall["measured_ns"] > 10_000]
        return float((over["model_ns"] / over["measured_ns"] - 1).abs().max())

    def draw_stall(self) -> Drawing:
        """The cliff, predicted and real."""
        message = (
            f"The real store falls off the cliff where the model does; beyond it they differ by up to "
            f"{self.stall_error():.0%}"
        )
        return figures.stall(self.stall, message)

    # --- The incident

    @cached_property
    def incident(self) -> pd.DataFrame:
        """Samples of the incident replayed by real processes, and what was predicted for the same entries.

        Columns: `seed`, `hours`, `resident_mib` (NaN once the limit was reached), `model_mib`.
        """
        table = pd.read_csv(CALIBRATION / "incident.csv")
        version = GO_VERSIONS[-1]
        model = sum(heap.resident_mib(table[counter].to_numpy(), "unbounded", version) for counter in COUNTERS)
        return pd.DataFrame(
            {
                "seed": table["seed"],
                "hours": table["time"] / HOUR,
                "resident_mib": table["resident"] / MIB,
                "model_mib": model,
            }
        )

    @cached_property
    def limit_reached(self) -> pd.DataFrame:
        """For each seed the hours at which the limit was reached, `real` and `predicted`."""
        limit = load_workload("incident").memory_limit_mib
        rows = []
        for seed, samples in self.incident.groupby("seed"):
            real = samples["hours"][samples["resident_mib"].notna()].max()
            predicted = samples["hours"][samples["model_mib"] >= limit].min()
            rows.append({"seed": seed, "real": real, "predicted": predicted})
        return pd.DataFrame(rows).set_index("seed")

    def limit_error(self) -> float:
        """The largest error of the predicted time to the limit, as a share."""
        return float((self.limit_reached["predicted"] / self.limit_reached["real"] - 1).abs().max())

    def draw_incident(self) -> Drawing:
        """Resident memory of real processes over the model's prediction, up to the limit."""
        real, predicted = self.limit_reached["real"].mean(), self.limit_reached["predicted"].mean()
        message = (
            f"Three real Go processes reached the limit after {real:.1f} h on average; predicted were {predicted:.1f} h"
        )
        return figures.incident(self.incident, load_workload("incident").memory_limit_mib, message)

    # --- The theory

    @cached_property
    def littles_law(self) -> int:
        """The largest difference, over all runs and stores of the case, of entries x time counted in two ways, ns.

        Little's law, L T = the sum of all residence times: the left from the entries after each operation, the right
        from when each entry came and went. Exact, so 0.
        """
        return max(
            abs(_entry_time(replication, counter, design) - _residence(replication, counter, design))
            for replication in self.experiment.replications
            for counter in COUNTERS
            for design in LIVE_DESIGNS
        )

    @cached_property
    def even(self) -> list[Even]:
        """Replications of the case's unwatched kinds under even arrivals; empty where the closed forms cover none."""
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
        """The kinds that the closed forms are about."""
        workload = theory.evened(self.experiment.workload) if self.experiment.workload else None
        return theory.sessions(workload) if workload else []

    @cached_property
    def closed_forms(self) -> list[ClosedForm]:
        """Each closed form beside its simulation."""
        if not self.even or self.experiment.settings.ttl <= 0:
            return []
        kinds, ttl, every = self.kinds, self.experiment.settings.ttl, self.experiment.settings.prune_every
        idle = Settings(0, ttl, every)
        bounded = [replay(even.trace, "bounded", idle) for even in self.even]
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
            ("cap at which it binds", "", theory.idle_occupancy(kinds, ttl), map(self._binding_cap, self.even), False),
        ]
        return [
            ClosedForm(name, unit, expected, estimate(values), exact)
            for name, unit, expected, values, exact in forms
            if expected > 0
        ]

    def _binding_cap(self, even: Even) -> float:
        """The cap below which more than half of the new entries sort the whole store."""
        trace, settings = even.trace, self.experiment.settings
        seen = even.within(trace.time)
        low, high = 1, 2 * int(theory.idle_occupancy(self.kinds, settings.ttl)) + 8
        while high - low > 1:
            cap = (low + high) // 2
            observed = replay(trace, "bounded", Settings(cap, settings.ttl, settings.prune_every))
            prunes = ledger.prunes(trace, observed)
            sorts = (seen[prunes["row"]] & (prunes["sorted"] > 0)).sum()
            low, high = (cap, high) if sorts > (seen & ledger.created(trace, observed)).sum() / 2 else (low, cap)
        return float(high)

    @cached_property
    def che(self) -> pd.DataFrame:
        """Live sessions evicted by LRU (TTL off) for 1 000 increments, by cap: Che's approximation and simulated.

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

    def cap_binds_per_second(self) -> float:
        """New sessions a second from which on, in closed form, the cap in use binds; inf where none is covered."""
        cap, ttl = self.experiment.settings.max_entries, self.experiment.settings.ttl
        return theory.cap_binds_at(self.kinds, cap, ttl) * SECOND if self.kinds and cap > 0 and ttl > 0 else np.inf

    def theory_error(self) -> float:
        """The largest error of a closed form against its simulation, as a share; 0 without any."""
        return max((abs(form.ratio.mean - 1) for form in self.closed_forms), default=0.0)

    def theory_table(self) -> pd.DataFrame:
        """The closed forms as a table, a row each."""
        return pd.DataFrame(
            [
                {
                    "closed form": form.name,
                    "unit": form.unit,
                    "expected": form.expected,
                    "simulated": form.simulated.mean,
                    "low": form.simulated.low,
                    "high": form.simulated.high,
                    "exact": form.exact,
                    "within interval": form.holds,
                }
                for form in self.closed_forms
            ]
        )

    def draw_theory(self) -> Drawing:
        """Simulated over expected for each closed form, with intervals."""
        forms = self.closed_forms
        if not forms:
            message = "No closed form covers this case: it is a log, or every session is watched"
        else:
            held = sum(form.holds for form in forms)
            message = (
                f"{held} of {len(forms)} closed forms lie in the interval of their simulation; none is off by over "
                f"{self.theory_error():.1%}"
            )
        ratios = pd.DataFrame(
            [
                {
                    "name": form.name,
                    "exact": form.exact,
                    "ratio": form.ratio.mean,
                    "low": form.ratio.low,
                    "high": form.ratio.high,
                }
                for form in forms
            ],
            columns=["name", "exact", "ratio", "low", "high"],
        )
        return figures.ratios(ratios, message)

    def draw_che(self) -> Drawing:
        """How far Che's approximation holds."""
        table = self.che
        if table.empty:
            return figures.che(
                table, "Che's approximation has nothing to say here: no unwatched session has a second event"
            )
        off = (table["simulated"] - table["expected"]).abs()
        worst = table.loc[off.idxmax()]
        message = (
            f"Che's approximation of live sessions evicted is off by at most {off.max():.2g} per 1,000 increments, "
            f"at a cap of {worst['cap']:,.0f}"
        )
        return figures.che(table, message)

    # --- In all

    def answer(self) -> str:
        """The answer to the notebook's question, in one sentence."""
        counts, forms = self.conformance, self.closed_forms
        same = "the same ledger each time"
        if counts["differences"]:
            same = f"{counts['differences']} different ledgers"
        held = ""
        if forms:
            within = sum(form.holds for form in forms)
            held = f", and {within} of {len(forms)} closed forms lie within the interval of their simulation"
        return (
            f"On {counts['streams']:,} streams of {counts['operations']:,} operations the stores and a real Go program "
            f"gave {same}; at sizes held back from their fit, the heap models are off by at most "
            f"{self.heap_error():.1%} and the prices by {self.cost_error():.0%}; the time until real processes reached "
            f"the limit was predicted within {self.limit_error():.1%}{held}."
        )

    def origin(self) -> str:
        """Where the measurements come from, in a sentence."""
        origin = json.loads((CALIBRATION / "heap.json").read_text(encoding="utf-8"))["origin"]
        versions = ", ".join(origin["go"].values())
        return f"Measured on {origin['date']} with {versions} on an {origin['processor']} processor."


def _entry_time(replication: Replication, counter: str, design: str) -> int:
    """The sum over time of the entries in a store, ns; an exact int."""
    trace = replication.counters[counter]
    if not len(trace):
        return 0
    entries = np.cumsum(ledger.changes(trace, replication.observed[counter, design])).tolist()
    gaps = np.diff(np.append(trace.time, replication.end)).tolist()
    return sum(n * gap for n, gap in zip(entries, gaps, strict=True))


def _residence(replication: Replication, counter: str, design: str) -> int:
    """The sum of the times for which each entry was in a store, ns; an exact int."""
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
    """Live sessions evicted by an LRU store of a cap, as a share of the increments."""
    anew = ledger.restarts(even.trace, replay(even.trace, "bounded", Settings(cap, 0)))
    looked_at = even.within(even.trace.time)
    return float((anew & looked_at).sum() / max(int(looked_at.sum()), 1))
