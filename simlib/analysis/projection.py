"""The findings of `07_scale` on a fleet: what each instance and all together hold and spend at 10 to 10^6 times the
traffic, with session affinity and without.

Owns which of it is simulated and which is projection, and says so with every number. What can be dealt out operation by
operation is, to a sample of instances; the rest is reckoned from the structure of one stream (`structure`), which is
held to the simulation where there is one; draws through `figures`. Next: the notebook.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.load import Measured, measure_fleet
from simlib.analysis.scale import ALWAYS, ENOUGH_EVICTED, FEWEST, MANY, PRECISION, Scale, amount, lowest, shares_of
from simlib.analysis.structure import Expected
from simlib.core.numbers import format_hours, format_memory, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.core.units import HOUR, SECOND
from simlib.figures import scale as figures
from simlib.figures.style import BLUE, VERMILION, Drawing
from simlib.models import heap
from simlib.traces.routing import check_instances
from simlib.traces.trace import COUNTERS

TRAFFIC = (1, 10, 1_000, 1_000_000)
"""Times the case's traffic that the whole fleet has."""

MOST_DEALT, MOST_HEARD = 120_000_000, 5_000_000
"""Operations that are dealt out in all for one traffic, and heard by one instance, at most; beyond is projection."""

MOST_LISTENED, LEAST_LISTENED, HEARD_IN_ALL = 64, 4, 400_000
"""Instances of a fleet that are listened to: at most, at least, and for about how many operations together."""

BUSY = 0.5
"""Share of the time for which a lock may be held: at more, whoever comes waits for longer than he is served."""

PROJECTION_LIMIT, SHARE_LIMIT = 0.10, 0.02
"""By how much a projection may be off from its simulation: entries and times as a share, shares by so much."""

ENOUGH_HEARD, ENOUGH_COUNTED = 2_000, 1_000
"""The operations that an instance must hear for the comparison to mean something, and the entries that all instances
heard must have together: with fewer, chance says more than the projection."""

QUANTITIES = {
    "entries": "unbounded maps: entries at the end",
    "mib": "unbounded maps: MiB at the end",
    "hours": "unbounded maps: time to the limit, if all hours were as those looked at (projection)",
    "peak": "bounded stores: peak entries",
    "bounded_mib": "bounded stores: MiB at the peak",
    "busy": "busier bounded store: lock held, share of the time",
    "false_share": "busier bounded store: false evictions, share of all",
    "lost_share": "busier bounded store: counts lost, share of all",
}
"""What is told of an instance, by name; shares and hours have no sum, but that of the locks' is in processors."""

SHARES = ("false_share", "lost_share")

CURVE = 121
"""Traffics between the first and the last at which figures show the projection."""

ADDS_UP = ("entries", "mib", "peak", "bounded_mib", "busy")

LIMITS: dict[str, Callable[[Expected, float], bool]] = {
    "no_sorting": lambda expected, cap: expected.peak_entries >= cap,
    "half_busy": lambda expected, cap: expected.busy >= BUSY,
}
LIMIT_NAMES = {
    "no_sorting": "instances at which none of the stores is expected to reach its cap",
    "half_busy": f"instances at which the lock is held for less than {BUSY:.0%} of the time",
}
"""What an instance may be asked to stay within."""

AMONG = (1, 3, 10, 30, 100, 300, MANY)
"""Fleets for which it is worked out how much an instance can take without affinity; others as the next larger one."""


@dataclass(frozen=True)
class Instance:
    """What one instance of a fleet does at some traffic: simulated, where any were `heard`, or projected.

    `values` by the names of QUANTITIES; simulated ones have an interval over the replications, or over those heard in
    the only one, of which two are alike only in what the whole stream is. `evicted` are the evictions of all heard.
    """

    traffic: float
    affinity: bool
    heard: int
    values: Mapping[str, Estimate]
    evicted: int = 0

    @property
    def simulated(self) -> bool:
        return self.heard > 0


@dataclass(frozen=True)
class Fleet:
    """A case on a fleet of so many instances. Raises InputError for a number that will not do."""

    scale: Scale
    instances: int = 1000

    def __post_init__(self):
        check_instances(self.instances)

    def _among(self, affinity: bool) -> int:
        """How many instances, as far as it matters, a session's operations are spread over."""
        return 1 if affinity else min(self.instances, MANY)

    @cached_property
    def rows(self) -> list[Instance]:
        """An instance for each traffic and routing, simulated where it can be."""
        return [
            self._simulated[traffic].get(affinity) or self.projected(traffic, affinity)
            for traffic in TRAFFIC
            for affinity in (True, False)
        ]

    def row(self, traffic: float, affinity: bool) -> Instance:
        """What is known of an instance at a traffic."""
        return next(row for row in self.rows if (row.traffic, row.affinity) == (traffic, affinity))

    @cached_property
    def _simulated(self) -> dict[float, dict[bool, Instance]]:
        return {traffic: self.simulate(traffic) for traffic in TRAFFIC}

    def simulate(self, traffic: float) -> dict[bool, Instance]:
        """An instance at some traffic, by affinity, from a sample; empty where that is too much to simulate."""
        of, settings = self.scale.traffic, self.scale.experiment.settings
        operations = traffic * of.operations
        each = operations / self.instances
        if not (of.increments and of.allows(traffic, MOST_DEALT) and each <= MOST_HEARD):
            return {}
        heard = int(np.clip(HEARD_IN_ALL / max(each, 1e-12), LEAST_LISTENED, MOST_LISTENED))
        heard = min(heard, self.instances)
        replications = int(np.clip(MOST_DEALT / max(operations, 1), 1, of.replications))
        found = {True: [], False: []}
        for number in range(replications):
            for affinity, runs in measure_fleet(of, traffic, number, settings, self.instances, heard).items():
                found[affinity].append(runs)
        return {affinity: self._instance(traffic, affinity, runs) for affinity, runs in found.items()}

    def _instance(self, traffic: float, affinity: bool, replications: list[list[Measured]]) -> Instance:
        counter = self.scale.counter

        def over(value: Callable[[Measured], float]) -> Estimate:
            means = [float(np.mean([value(run) for run in runs])) for runs in replications]
            return estimate(means if len(means) > 1 else map(value, replications[0]), 0)

        settled = [run.settled[counter] for runs in replications for run in runs]
        values = {
            "entries": over(lambda run: sum(run.unbounded.values())),
            "mib": over(self.scale.unbounded_mib),
            "hours": _certain(self._until(traffic, affinity)),
            "peak": over(lambda run: sum(run.whole[c].peak_entries for c in COUNTERS)),
            "bounded_mib": over(lambda run: self.scale.bounded_mib([run.whole[c].peak_entries for c in COUNTERS])),
            "busy": over(self.scale.busy_of),
            # Of all that were heard: most instances of a fleet with little traffic evict nothing.
            **{name: _certain(share) for name, share in shares_of(settled).items()},
        }
        evicted = sum(totals.cap_evictions + totals.ttl_evictions for totals in settled)
        return Instance(traffic, affinity, len(settled), values, evicted)

    def _until(self, traffic: float, affinity: bool) -> float:
        """Hours until the unbounded maps of an instance reach the memory limit; inf where nothing leaks.

        As the stream fills them and, beyond its end, as in its second half: sessions that are alive at first are no
        leak, and what is gained then by chance alone (two standard deviations of as many comings and goings) is none.
        """
        among, lasts = self._among(affinity), max(self.scale.traffic.lasts, SECOND)
        references = [self.scale.reference(counter, among) for counter in COUNTERS]
        limit = heap.entries_at(self.scale.experiment.memory_limit_mib, "unbounded", self.scale.go_version)
        limit *= references[0].load * self.instances / traffic
        gains, losses = (np.concatenate(times) for times in zip(*(each.changes() for each in references), strict=True))
        times, steps = np.append(gains, losses), np.append(np.ones(gains.size), -np.ones(losses.size))
        in_order = np.argsort(times, kind="stable")
        times, entries = times[in_order], np.cumsum(steps[in_order])
        reached = np.flatnonzero(entries >= limit)
        if reached.size:
            return float(times[reached[0]]) / HOUR
        late = steps[in_order][times >= lasts / 2]
        if late.sum() <= 2 * np.sqrt(late.size):
            return np.inf
        return (lasts + (limit - entries[-1]) / late.sum() * lasts / 2) / HOUR

    def expected(self, traffic: float, affinity: bool, counter: str) -> Expected:
        """What the structure says of a counter's store on one instance."""
        among = self._among(affinity)
        chance = self.scale.traffic.chance(traffic) if self.instances == 1 else 1.0
        return self.scale.structure(counter, among).at(traffic * among / self.instances, chance)

    def at_the_cliff(self, traffic: float, affinity: bool) -> bool:
        """Whether an instance would reach its cap with a tenth more to do, and mostly not be at it with a tenth off."""
        more, less = (self.expected(factor * traffic, affinity, self.scale.counter) for factor in (1.1, 0.9))
        return more.peak_entries >= self.scale.cap and less.capped < 0.5

    @property
    def projects(self) -> bool:
        """Whether the structure is good for a projection; what of a log is not simulated is else left open."""
        # A log may come in a way that no averages describe, so what is not seen to be right is not told of it.
        return self.scale.reckons and (self.scale.experiment.simulated or self.projection_error() <= PROJECTION_LIMIT)

    def left_open(self, traffic: float, affinity: bool) -> set[str]:
        """What of an instance is not told where it is not simulated: what was not seen to be right.

        Shares are seen only where a store is always at its cap, so it is only then that they are told.
        """
        if not self.projects:
            return QUANTITIES.keys() - {"entries", "mib", "hours"}
        always = self.expected(traffic, affinity, self.scale.counter).capped > ALWAYS
        return set() if always and self.share_errors[affinity] <= SHARE_LIMIT else set(SHARES)

    @cached_property
    def share_errors(self) -> dict[bool, float]:
        """By how much reckoned shares of a store that is always at its cap are off, by affinity; NaN if not compared.

        With affinity an instance is a process with less traffic, and more of these were measured.
        """
        table = self.projection_errors[self.projection_errors["name"].isin(SHARES)]
        with_affinity, without = (
            float(table["off_by"][table["routing"] == _routing(affinity)].max()) for affinity in (True, False)
        )
        return {True: float(np.fmax(with_affinity, self.scale.share_error(SHARES))), False: without}

    def projected(self, traffic: float, affinity: bool) -> Instance:
        """What the structure says of an instance; NaN for what is left open."""
        found = self.reckoned(traffic, affinity)
        left_open = dict.fromkeys(self.left_open(traffic, affinity), _certain(np.nan))
        return replace(found, values={**found.values, **left_open})

    def reckoned(self, traffic: float, affinity: bool) -> Instance:
        """What the structure says of an instance, right or wrong."""
        among = self._among(affinity)
        each = traffic * among / self.instances
        gained = np.array([each * self.scale.reference(counter, among).unended for counter in COUNTERS])
        expected = {counter: self.expected(traffic, affinity, counter) for counter in COUNTERS}
        of, entries = expected[self.scale.counter], _certain(float(gained.sum()))
        values = {
            "entries": entries,
            "mib": _certain(float(heap.resident_mib(gained, "unbounded", self.scale.go_version).sum())),
            "hours": _certain(self._until(traffic, affinity)),
        }
        peaks = [each.peak_entries for each in expected.values()]
        values |= {"peak": _certain(sum(peaks)), "bounded_mib": _certain(self.scale.bounded_mib(peaks))}
        values |= {name: _certain(getattr(of, name)) for name in ("busy", *SHARES)}
        return Instance(traffic, affinity, 0, values)

    def table(self) -> pd.DataFrame:
        """Per instance and in sum by routing (rows), by traffic (columns, which say what is a projection)."""
        columns = {}
        for traffic in TRAFFIC:
            column, simulated = {}, self.row(traffic, True).simulated
            for affinity in (True, False):
                row = self.row(traffic, affinity)
                for name, label in QUANTITIES.items():
                    routing, value = _routing(affinity), row.values[name].mean
                    column[routing, label, "per instance"] = _shown(name, value)
                    if name in ADDS_UP:
                        total = self.instances * value
                        column[routing, label, "in sum"] = _shown(name, total, in_sum=True)
            columns[f"{traffic:,} x{'' if simulated else ' (projection)'}"] = column
        return pd.DataFrame(columns).rename_axis(["routing", "of an instance", ""])

    # --- How far the projection holds

    @cached_property
    def check(self) -> tuple[float, int]:
        """The traffic and the number of instances at which the projection is held to a simulation; (0, 0): nowhere.

        The highest traffic that was simulated, and this fleet, or so small a one that an instance hears enough.
        """
        traffic = max((traffic for traffic, found in self._simulated.items() if found), default=0)
        if not self.scale.reckons:
            return 0, 0
        instances = int(np.clip(traffic * self.scale.traffic.operations // ENOUGH_HEARD, 1, self.instances))
        return (traffic, instances) if traffic else (0, 0)

    @cached_property
    def projection_errors(self) -> pd.DataFrame:
        """The projection beside the simulation at the traffic of `check`: a row a routing and quantity.

        Columns: `routing`, `name` as in QUANTITIES, `simulated`, `projected`, and `off_by`: of a share the difference,
        else as a share of what was simulated.
        """
        traffic, instances = self.check
        fleet, rows = Fleet(self.scale, instances) if instances else self, []
        found = fleet.simulate(traffic) if instances not in (0, self.instances) else self._simulated.get(traffic, {})
        for affinity, simulated in found.items():
            projected = fleet.reckoned(traffic, affinity)
            # An average instance says nothing of those that hold an entry or two, or of which some are over the cliff.
            tells = simulated.values["peak"].mean >= FEWEST and not fleet.at_the_cliff(traffic, affinity)
            always = fleet.expected(traffic, affinity, self.scale.counter).capped > ALWAYS
            for name in ("entries", "peak", "busy", *SHARES):
                value, expects = (each.values[name].mean for each in (simulated, projected))
                if name in SHARES:
                    compared = always and simulated.evicted >= ENOUGH_EVICTED
                elif name == "busy":
                    compared = tells
                else:
                    compared = value >= FEWEST and value * simulated.heard >= ENOUGH_COUNTED
                if compared:
                    off = abs(expects - value) / (1 if name in SHARES else value)
                    rows.append((_routing(affinity), name, value, expects, off))
        return pd.DataFrame(rows, columns=["routing", "name", "simulated", "projected", "off_by"])

    def projection_error(self) -> float:
        """The largest error of entries and times, as a share; NaN where there is nothing to compare."""
        table = self.projection_errors
        return float(table["off_by"][~table["name"].isin(SHARES)].max())

    def projection_holds(self) -> bool:
        """Whether the projection of entries and times is right."""
        return self.projection_error() <= PROJECTION_LIMIT

    def projection_claim(self) -> str:
        """What is claimed of it, in a sentence."""
        (traffic, instances), table = self.check, self.projection_errors
        timed = table["routing"][table["name"] == "busy"].unique()
        time = f" and time ({', '.join(timed)})" if timed.size else ""
        return (
            f"At {amount(traffic)} times the traffic on {instances:,} instances, the most that was simulated, "
            f"projected entries{time} are right within {PROJECTION_LIMIT:.0%}"
        )

    def claims(self) -> list[tuple[str, bool, dict[str, float]]]:
        """What is claimed of a fleet, each with whether it holds and its numbers, as far as compared."""
        claims = []
        if self.projects and not np.isnan(self.projection_error()):
            claims.append((self.projection_claim(), self.projection_holds(), self.projection_numbers()))
        if not np.isnan(self.missing()[1]):
            text = "Without affinity no more of the deletes find their entry"
            claims.append((text, self.affinity_helps(), self.affinity_numbers()))
        if not self.sizes.empty:
            text = "Projection: no fleet may be smaller without affinity than with it"
            claims.append((text, self.larger_without(), self.size_numbers()))
        return claims

    def projection_numbers(self) -> dict[str, float]:
        """What was compared, where, and by how much each projection is off, for the record."""
        traffic, instances = self.check
        table = self.projection_errors
        off = {
            f"{name}_off_by_{routing}".replace(" ", "_"): value
            for routing, name, value in zip(table["routing"], table["name"], table["off_by"], strict=True)
        }
        shares = {
            f"shares_off_by_at_the_cap_{_routing(each)}".replace(" ", "_"): error
            for each, error in self.share_errors.items()
        }
        return {"traffic": traffic, "instances": instances, **off, **shares}

    # --- What affinity is worth

    @cached_property
    def entries_ratio(self) -> float:
        """How many times the entries all unbounded maps hold in sum without affinity, on one stream."""
        with_affinity, without = (
            sum(self.scale.reference(counter, among).unended for counter in COUNTERS) * among
            for among in map(self._among, (True, False))
        )
        return without / with_affinity if with_affinity else (np.inf if without else 1.0)

    def missing(self) -> tuple[float, float]:
        """Share of the deletes that find no entry in the unbounded map, with affinity and without; NaN without any."""
        kept, dealt = (self.scale.reference(self.scale.counter, self._among(affinity)) for affinity in (True, False))
        return kept.missing, dealt.missing

    def affinity_helps(self) -> bool:
        """Whether without affinity, on one stream, deletes miss no less often."""
        with_affinity, without = self.missing()
        return not without < with_affinity

    def affinity_numbers(self) -> dict[str, float]:
        """What losing affinity costs, for the record."""
        with_affinity, without = self.missing()
        numbers = {"times_the_entries": self.entries_ratio}
        return {**numbers, "deletes_missing": with_affinity, "deletes_missing_without_affinity": without}

    # --- How many instances it takes

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """The smallest fleets, as the structure says: a row a traffic and routing.

        Columns: `traffic`, `affinity`, and for each of LIMITS the fewest instances at which none is beyond it. Empty
        where there is nothing to reckon with.
        """
        rows = [
            {"traffic": traffic, "affinity": affinity}
            | {limit: self._smallest(traffic, affinity, limit) for limit in LIMITS}
            for traffic in TRAFFIC
            for affinity in (True, False)
            if self.projects
        ]
        return pd.DataFrame(rows, columns=["traffic", "affinity", *LIMITS])

    def _smallest(self, traffic: float, affinity: bool, limit: str) -> int:
        instances = 1
        while True:
            # What an instance can take depends on how many it shares the sessions with, and on how many must do so.
            among = 1 if affinity else next((number for number in AMONG if number >= instances), MANY)
            wanted = traffic / self._can_take(limit, among, 10 ** len(str(instances - 1)) if instances > 1 else 1)
            if wanted <= instances:
                return instances
            instances = int(np.ceil(wanted))

    def _can_take(self, limit: str, among: int, stores: int) -> float:
        """The load from which on one of so many instances, one `among` so many without affinity, is beyond a limit."""
        if (limit, among, stores) not in self._loads_taken:
            structure, cap = self.scale.structure(self.scale.counter, among), self.scale.cap

            def beyond(load: float) -> bool:
                return LIMITS[limit](structure.at(load, chance=1, stores=stores), cap)

            self._loads_taken[limit, among, stores] = lowest(beyond) / among
        return max(self._loads_taken[limit, among, stores], 1e-9)

    @cached_property
    def _loads_taken(self) -> dict[tuple[str, int, int], float]:
        return {}

    def sizes_table(self) -> pd.DataFrame:
        """`sizes` for people: by routing and limit (rows) and traffic (columns)."""
        if self.sizes.empty:
            return self.sizes
        table = self.sizes.set_index(["affinity", "traffic"]).rename(columns=LIMIT_NAMES)
        table = table.rename(index={True: "affinity", False: "no affinity"}, level=0)
        table = table.stack().unstack("traffic").rename(columns=lambda traffic: f"{traffic:,} x (projection)")
        return table.map("{:,}".format).rename_axis(index=["routing", "fewest"], columns=None)

    def larger_without(self) -> bool:
        """Whether no fleet may be smaller without affinity than with it."""
        wide = self.sizes.pivot(index="traffic", columns="affinity", values=list(LIMITS))
        # As far as sizes are known, which are whole numbers at that.
        least = {limit: (1 - 2 * PRECISION) * wide[limit][True] - 1 for limit in LIMITS}
        return all((wide[limit][False] >= least[limit]).all() for limit in LIMITS)

    def size_numbers(self) -> dict[str, int]:
        """The smallest fleets at the highest traffic, for the record."""
        most = self.sizes[self.sizes["traffic"] == TRAFFIC[-1]]
        return {
            f"{limit}{'' if row['affinity'] else '_without_affinity'}": int(row[limit])
            for _, row in most.iterrows()
            for limit in LIMITS
        }

    # --- In words and pictures

    def answer(self) -> str:
        """How a fleet fares, in a sentence; empty where nothing can be said."""
        if not (self.scale.loads.size and self.scale.reckons):
            return ""
        if not self.projects:
            if np.isnan(self.projection_error()):
                return "Nothing is projected: nothing that can be simulated is large enough to hold it to."
            return f"Nothing is projected: where it was simulated, that is off by {self.projection_error():.0%}."
        most, limit = TRAFFIC[-1], f"{self.scale.experiment.memory_limit_mib:g} MiB"
        kept, dealt = (self.row(most, affinity).values for affinity in (True, False))
        label = "Simulated at" if self.row(most, True).simulated else "Projected to"
        return (
            f"{label} {most:,} times the traffic of {self.scale.traffic.scope()}, on {self.instances:,} instances "
            f"with session affinity, each "
            f"{_fills(limit, kept['hours'].mean)} unbounded; bounded, it holds its lock for "
            f"{self.held(kept['busy'].mean)}. Without affinity each {_fills(limit, dealt['hours'].mean)}, and holds it "
            f"for {self.held(dealt['busy'].mean)}."
        )

    def held(self, share: float) -> str:
        """A share of the time that a lock is held, for people; with a verdict where the prices leave no doubt."""
        error, of_time = self.scale.price_error, f"{format_percent(share)} of the time"
        if share * (1 - error) > 1:
            return f"{of_time}, so it cannot keep up"
        if share * (1 + error) > 1:
            return f"{of_time}, about all it has (prices are known within {error:.0%})"
        return of_time

    def note(self) -> str:
        """What stands on what, in a sentence or two."""
        heard = [row for row in self.rows if row.simulated and row.affinity]
        which = ", ".join(f"{row.heard} at {row.traffic:,} x" for row in heard)
        simulated = "All of it is projection"
        if heard:
            rest = "projection" if self.projects else "left open"
            rest = "" if len(heard) == len(TRAFFIC) else f"; the rest is {rest}"
            simulated = f"Instances heard, of all replications together: {which}{rest}"
        return f"{self.instances:,} instances. {simulated}."

    @cached_property
    def _points(self) -> pd.DataFrame:
        """The rows as figures take them; the share of the time that a lock is held in percent."""
        rows = []
        for row in self.rows:
            cells = {"traffic": row.traffic, "affinity": row.affinity, "simulated": row.simulated}
            for name, value in row.values.items():
                unit = 100 if name == "busy" else 1
                cells |= {name: unit * value.mean, f"{name}_low": unit * value.low, f"{name}_high": unit * value.high}
            rows.append(cells)
        return pd.DataFrame(rows)

    @cached_property
    def _curves(self) -> pd.DataFrame:
        """The projection between the rows as well; of the bounded stores from where they hold FEWEST entries on."""
        rows = []
        for traffic in np.geomspace(TRAFFIC[0], TRAFFIC[-1], CURVE):
            for affinity in (True, False):
                entries, peak, busy = (
                    self.projected(traffic, affinity).values[name].mean for name in ("entries", "peak", "busy")
                )
                peak, busy = (value if peak >= FEWEST else np.nan for value in (peak, 100 * busy))
                rows.append((traffic, affinity, entries, peak, busy))
        return pd.DataFrame(rows, columns=["traffic", "affinity", "entries", "peak", "busy"])

    def draw_entries(self) -> Drawing:
        """Entries of an instance, unbounded and bounded, by the traffic of the fleet."""
        more = self.entries_ratio
        message = f"Without session affinity the unbounded maps hold at least {amount(more)} times the entries in sum"
        message += " (projection)"
        if not self.scale.loads.size:
            message = "Nothing is ever incremented, on no instance"
        elif more == 1:
            message = "Session affinity makes no difference to the entries of the unbounded maps"
        return figures.fleet(
            self._points,
            self._curves,
            {"entries": ("unbounded, at the end", VERMILION), "peak": ("bounded, at its peak", BLUE)},
            ("entries of an instance", f"in sum over {self.instances:,} instances"),
            self.instances,
            0,
            message,
        )

    def draw_busy(self) -> Drawing:
        """Share of the time that an instance's lock is held, by the traffic of the fleet."""
        busy = self.row(TRAFFIC[-1], True).values["busy"].mean
        how = "simulated" if self.row(TRAFFIC[-1], True).simulated else "projection"
        held = format_percent(busy)
        message = (
            f"With affinity, at {TRAFFIC[-1]:,} times the traffic each lock is held for {held} of the time ({how})"
        )
        if np.isnan(busy):
            message = self.scale.silence or "What is reckoned is not what was simulated, so nothing is projected"
        return figures.fleet(
            self._points,
            self._curves,
            {"busy": ("lock held", VERMILION)},
            (
                "time a store's lock is held (%)",
                f"in sum over {self.instances:,} (processors)",
            ),
            self.instances / 100,
            100,
            message,
            legend_right=True,
        )


def _time(hours: float) -> str:
    """A time for people, as far as anybody cares."""
    if 1000 * 24 * 365.25 <= hours < np.inf:
        return "over 1,000 years"
    return format_hours(hours) if hours >= 1 / 60 else f"{3600 * hours:.3g} s"


def _fills(limit: str, hours: float) -> str:
    """When a limit is reached, if ever, for people."""
    return f"fills {limit} in {_time(hours)}" if hours < np.inf else f"never fills {limit}"


def _routing(affinity: bool) -> str:
    return "affinity" if affinity else "no affinity"


def _certain(value: float) -> Estimate:
    """A number that has no interval."""
    return Estimate(value, np.nan, np.nan, 1)


def _shown(name: str, value: float, in_sum: bool = False) -> str:
    """A quantity for people."""
    if np.isnan(value):
        return "-"
    if name == "hours":
        return _time(value)
    if name == "busy" and in_sum:
        return f"{amount(value)} processors" if value >= 0.001 else "under 0.001 processors"
    if name in ("busy", *SHARES):
        return format_percent(value)
    return format_memory(value) if name.endswith("mib") else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
