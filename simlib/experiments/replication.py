"""One replication of an experiment: its trace, the stores that received it, and the class of each session."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.replay import ledger
from simlib.replay.observe import Observation, replay
from simlib.stores.registry import INCIDENT, SHIPPED
from simlib.traces.codes import COUNTERS
from simlib.traces.trace import Trace
from simlib.workloads.broadcaster import Timeline

LIVE_DESIGNS = INCIDENT
"""The designs whose stores every experiment observes."""


@dataclass(frozen=True, eq=False)
class Replication:
    """One replication: every operation from `start` (ns) for `duration` (ns), and the stores that received it.

    `observed` holds a store for each (counter, design). `class_of` is the class of each session of the trace, an index
    into `classes`; int64, (sessions,). `high_volume` is the size over time of the map that the fix left unbounded, with
    an entry for each session that streams token deltas, removed at its last disconnect only; None for a log, which does
    not say. Its bytes: `Footprint().resident_mib(high_volume.entries_at(grid), HIGH_VOLUME)` of `models.footprint`.
    """

    trace: Trace
    start: int
    duration: int
    observed: Mapping[tuple[str, str], Observation]
    classes: tuple[str, ...]
    class_of: np.ndarray
    high_volume: Timeline | None = None

    @property
    def end(self) -> int:
        """End of the replication, ns."""
        return self.start + self.duration

    @cached_property
    def counters(self) -> dict[str, Trace]:
        """The operations of each counter."""
        return {counter: self.trace.only(counter) for counter in COUNTERS}

    @cached_property
    def ledgers(self) -> dict[tuple[str, str], ledger.Totals]:
        """The ledger of each (counter, design), each checked to balance."""
        return {key: ledger.totals(self.counters[key[0]], observed) for key, observed in self.observed.items()}

    def totals(self, counter: str, design: str) -> ledger.Totals:
        """The ledger of one store."""
        return self.ledgers[counter, design]

    def entries(self, design: str) -> np.ndarray:
        """Entries in both stores of a design together after each operation of the trace; int64, (n,)."""
        return np.cumsum(self._changes[design])

    def entries_by_class(self, design: str, at: np.ndarray) -> pd.DataFrame:
        """Entries in both stores of a design at instants (ns), a column a class.

        Only for a design that never evicts: a removal counts for the session of the operation.
        """
        changes, classes = self._changes[design], self.class_of[self.trace.session]
        columns = {}
        for number, name in enumerate(self.classes):
            columns[name] = self.sample(np.cumsum(np.where(classes == number, changes, 0)), at)
        return pd.DataFrame(columns)

    def kept(self, counter: str, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Entries of a bounded store at instants (ns), and those of them that will be used again; int64, (n,) each."""
        trace, observed = self.counters[counter], self.observed[counter, SHIPPED]
        entries, in_use = np.cumsum(ledger.changes(trace, observed)), ledger.kept_in_use(trace, observed)
        return _sampled(trace, entries, at), _sampled(trace, in_use, at)

    @cached_property
    def warm_up(self) -> int:
        """Time in ns until the bounded stores no longer show that they began empty, at most half of the replication.

        No long-running service begins empty, so rates leave out the time before this. After one TTL, or once a store
        is full, its contents no longer depend on how it began.
        """
        settings, ends = self.observed["no_client", SHIPPED].settings, [self.duration // 2]
        if settings.ttl > 0:
            ends.append(settings.ttl)
        if settings.max_entries > 0:
            full = [
                trace.time[np.cumsum(ledger.changes(trace, self.observed[counter, SHIPPED])) >= settings.max_entries]
                for counter, trace in self.counters.items()
                if len(trace)
            ]
            if all(times.size for times in full):
                ends.append(max(int(times[0]) for times in full) - self.start)
        return min(ends) if len(ends) > 1 else 0

    def only(self, counter: str) -> "Replication":
        """Return the replication as if one counter alone were there; the stores of the other received nothing."""
        sessions = pd.unique(self.trace.session[self.trace.counter == COUNTERS.index(counter)])
        trace = self.trace.only(counter)
        observed = {
            (of, design): each if of == counter else replay(trace.only(of), design, each.settings)
            for (of, design), each in self.observed.items()
        }
        return replace(self, trace=trace, observed=observed, class_of=self.class_of[sessions])

    def after_warm_up(self, counter: str) -> np.ndarray:
        """Whether each operation of a counter comes after the warm-up; bool."""
        return self.counters[counter].time >= self.start + self.warm_up

    def grid(self, points: int = 400) -> np.ndarray:
        """Instants in ns, evenly spaced from the start to the end; int64, (points + 1,)."""
        return self.start + np.array([self.duration * i // points for i in range(points + 1)], dtype=np.int64)

    def sample(self, values: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Sample `values` (one for each operation) at instants (ns); 0 before the first operation."""
        return _sampled(self.trace, values, at)

    @cached_property
    def _changes(self) -> dict[str, np.ndarray]:
        """Entries gained or lost in both stores of each design by each operation of the trace; int64, (n,) each."""
        values = {design: np.zeros(len(self.trace), dtype=np.int64) for _, design in self.observed}
        for (counter, design), observed in self.observed.items():
            of_counter = self.trace.counter == COUNTERS.index(counter)
            values[design][of_counter] = ledger.changes(self.counters[counter], observed)
        return values


def _sampled(trace: Trace, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.append(values, 0)[np.searchsorted(trace.time, at, side="right") - 1]
