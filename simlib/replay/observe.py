"""Runs stores over a trace and keeps what they returned and logged, from which `ledger` computes every figure.

A store is observed live or compiled; an `Observation` reads the same from both. Refuses an unknown design.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Protocol

import numpy as np

from simlib.core import gc
from simlib.stores.contract import Eviction, OwnRule, Prune, Settings, Steps, Store
from simlib.stores.registry import SHIPPED, find_design, make_store
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace


class Observation(Protocol):
    """The record of one store over n operations."""

    @property
    def design(self) -> str: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def answers(self) -> np.ndarray:
        """For each operation the count returned, or the count that a delete removed; int64, (n,)."""

    @property
    def created(self) -> np.ndarray:
        """The number of each increment that created an entry, from 1; int64, (creates,)."""

    @property
    def shared(self) -> np.ndarray:
        """The number of each increment that a shared counter took, from 1; int64, (shared,)."""

    @property
    def prunes(self) -> np.ndarray:
        """A row as of `stores.Prune` for each prune; int64, (prunes, 3)."""

    @property
    def evictions(self) -> np.ndarray:
        """A row as of `stores.Eviction`, without the session, for each eviction; int64, (evictions, 4)."""

    @property
    def final_counts(self) -> np.ndarray:
        """The counts of the entries that are left; int64, (entries,)."""


@dataclass(frozen=True, eq=False)
class Record:
    """The record of one store as arrays; an `Observation`."""

    design: str
    settings: Settings
    answers: np.ndarray
    created: np.ndarray
    shared: np.ndarray
    prunes: np.ndarray
    evictions: np.ndarray
    final_counts: np.ndarray

    @classmethod
    def of(cls, observed: Observation) -> "Record":
        """Copy what a store has recorded so far: a live one makes its arrays anew at each request."""
        return cls(**{field.name: getattr(observed, field.name) for field in fields(cls)})

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All but the design and its settings, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)[2:]}


class Observed:
    """A readable store and its answers over a live simulation or a recorded trace; an `Observation`.

    `increment(session, now)` and `delete(session, now)` apply an operation. They are closures, not methods, because a
    live simulation spends a tenth of its time in this hand-over. For `future` see `registry.make_store`.
    """

    def __init__(self, design: str, settings: Settings | None = None, future: Sequence[int] | None = None):
        self.design = design
        self.settings = settings or Settings()
        self.store: Store = make_store(design, settings, future)
        self._answers: list[int] = []
        answer, store_increment, store_delete = self._answers.append, self.store.increment, self.store.delete

        def increment(session: str, now: int) -> None:
            answer(store_increment(session, now))

        def delete(session: str, now: int) -> None:
            answer(store_delete(session))

        self.increment, self.delete = increment, delete

    @property
    def answers(self) -> np.ndarray:
        return np.array(self._answers, dtype=np.int64)

    @property
    def created(self) -> np.ndarray:
        return np.array(self.store.created, dtype=np.int64)

    @property
    def shared(self) -> np.ndarray:
        return np.array(self.store.shared, dtype=np.int64)

    @property
    def prunes(self) -> np.ndarray:
        return _table(self.store.prunes, len(Prune._fields))

    @property
    def evictions(self) -> np.ndarray:
        return _table([(row[0], *row[2:]) for row in self.store.evicted], len(Eviction._fields) - 1)

    @property
    def steps(self) -> np.ndarray:
        """A row as of `stores.Steps` for each operation; int64, (n, 3)."""
        return _table(self.store.steps, len(Steps._fields))

    @property
    def final_counts(self) -> np.ndarray:
        return np.array(list(self.store.snapshot().values()), dtype=np.int64)

    def apply(self, trace: Trace) -> None:
        """Apply every operation of a trace, in order."""
        increment, delete = self.store.increment, self.store.delete
        sessions, times = trace.ids[trace.session].tolist(), trace.time.tolist()
        with gc.paused():
            if (trace.op == INCREMENT).all():
                self._answers.extend(map(increment, sessions, times))
            else:
                operations = zip(trace.op.tolist(), sessions, times, strict=True)
                self._answers.extend(
                    [increment(session, now) if op == INCREMENT else delete(session) for op, session, now in operations]
                )


def _table(log: Sequence[tuple[int, ...]], columns: int) -> np.ndarray:
    return np.fromiter(chain.from_iterable(log), np.int64, len(log) * columns).reshape(-1, columns)


def future_of(trace: Trace) -> np.ndarray:
    """Return the future of a trace of one counter, as `registry.make_store` takes it; int64, (increments,)."""
    return np.where(trace.comes_back, trace.next_row, len(trace))[trace.op == INCREMENT]


def reference(trace: Trace, design: str = SHIPPED, settings: Settings | None = None) -> Observed:
    """Run a new readable store over every operation of a trace of one counter.

    Raises InputError for an unknown design.
    """
    observed = Observed(design, settings, future_of(trace).tolist() if find_design(design).needs_future else None)
    observed.apply(trace)
    return observed


def replay(trace: Trace, design: str = SHIPPED, settings: Settings | None = None) -> Observation:
    """Return what `reference` observes, from the compiled store where the design has one.

    Raises InputError for an unknown design.
    """
    from simlib.replay.compiled import NO_RANK, CompiledStore
    from simlib.replay.rules import replay_whole

    compiled, settings = find_design(design).compiled, settings or Settings()
    if compiled is None:
        return reference(trace, design, settings)
    rule = compiled(settings)
    if isinstance(rule, OwnRule):
        future = future_of(trace) if find_design(design).needs_future else None
        return Record(design, settings, *replay_whole(rule, trace, future))
    store = CompiledStore(rule)
    rank = trace.rank[trace.session] if trace.has_ties else NO_RANK
    details = store.apply_whole(trace.time, trace.session.astype(np.int64), trace.op, rank, trace.ids.size)
    return Record(design, settings, *details, store.nodes["count"][store.entries])
