"""The SimPy model: sessions arrive and leave, and the broadcaster applies each operation to every store under study.

It draws nothing: the timetables come from `timetable`. Each kind of session is one SimPy event, scheduled again for
each action in its timetable, because a process for every session costs more than all the rest of the model together.
Simultaneous actions happen in the order of the kinds in the workload, then of arrival.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import simpy

from simlib.core import gc
from simlib.traces.codes import COUNTERS, DELETE, INCREMENT, OPS
from simlib.traces.trace import Trace
from simlib.workloads.broadcaster import Broadcaster, Client, Counter, Entries, MemoryHistory, Receiver, Timeline
from simlib.workloads.schema import Workload
from simlib.workloads.timetable import EMIT, timetable


class Recorder:
    """Records every operation on both counters, in order."""

    def __init__(self):
        self._times: list[int] = []
        self._sessions: list[str] = []
        self._codes: list[int] = []

    def of(self, counter: str) -> Receiver:
        """Return the receiver that records the operations on one counter."""
        return _OneCounter(COUNTERS.index(counter), self._times.append, self._sessions.append, self._codes.append)

    def trace(self) -> Trace:
        counter, op = np.divmod(np.array(self._codes, dtype=np.uint8), np.uint8(len(OPS)))
        return Trace.of(self._times, self._sessions, op, counter)


class _OneCounter:
    """Closures, as in `broadcaster.Counter` and for the same reason; counter and op are kept as one code."""

    def __init__(self, counter: int, keep_time: Callable, keep_session: Callable, keep_code: Callable):
        increment_code, delete_code = counter * len(OPS) + INCREMENT, counter * len(OPS) + DELETE

        def increment(session: str, now: int) -> None:
            keep_time(now)
            keep_session(session)
            keep_code(increment_code)

        def delete(session: str, now: int) -> None:
            keep_time(now)
            keep_session(session)
            keep_code(delete_code)

        self.increment, self.delete = increment, delete


class Simulation(NamedTuple):
    """The record of a simulation.

    `trace` holds every operation on both counters; `kind_of`, int64 (sessions,), the kind of each session of the trace
    as its place in the workload; `high_volume` the entries of the third map, which no trace file holds.
    """

    trace: Trace
    kind_of: np.ndarray
    high_volume: Timeline


def simulate(workload: Workload, seed: int, receivers: Mapping[str, Iterable[Receiver]] | None = None) -> Trace:
    """Simulate a workload from 0 to the end of its duration; return every operation on both counters.

    `receivers` maps the name of a counter to what receives its operations live.
    """
    return simulate_all(workload, seed, receivers).trace


def simulate_all(
    workload: Workload, seed: int, receivers: Mapping[str, Iterable[Receiver]] | None = None
) -> Simulation:
    """Simulate as `simulate` does, and return also the kinds of the sessions and the third map."""
    recorder, entries, given = Recorder(), Entries(), receivers or {}
    counters = [Counter([*given.get(name, ()), recorder.of(name)]) for name in COUNTERS]
    memory = workload.history.memory
    broadcaster = Broadcaster(*counters, Counter([entries]), MemoryHistory(memory) if memory else None)
    ids: dict[str, list[np.ndarray]] = {kind: [] for kind in workload.kinds}
    play(broadcaster, workload, {kind: timetable(workload, seed, kind, drawn=ids[kind].append) for kind in ids})
    trace = recorder.trace()
    return Simulation(trace, _kind_of(trace, ids.values()), entries.timeline())


def _kind_of(trace: Trace, ids: Iterable[list[np.ndarray]]) -> np.ndarray:
    kind_of, places = np.zeros(trace.ids.size, dtype=np.int64), pd.Index(trace.ids, dtype=object)
    for number, arrays in enumerate(ids):
        for each in arrays:
            found = places.get_indexer(pd.Index(each, dtype=object))
            kind_of[found[found >= 0]] = number
    return kind_of


def play(broadcaster: Broadcaster, workload: Workload, timetables: Mapping[str, Iterable[Sequence]]) -> None:
    """Perform the timetable of every kind (rows as of `timetable.Action`) on a broadcaster until the workload ends."""
    env = simpy.Environment()
    for rank, (name, actions) in enumerate(timetables.items()):
        kind = workload.kinds[name]
        publish = broadcaster.publish_with_deltas if kind.token_deltas else broadcaster.publish
        _schedule(env, broadcaster, publish, iter(actions), kind.clients.buffer if kind.clients else 0, rank)
    with gc.paused():
        env.run(until=workload.duration)


def _schedule(
    env: simpy.Environment,
    broadcaster: Broadcaster,
    publish: Callable[[str, int], None],
    actions: Iterator[Sequence],
    buffer: int,
    rank: int,
) -> None:
    """Schedule all sessions of one kind: one event, scheduled again for each action of their timetable.

    Its priority is the rank of the kind, which settles what comes first within one instant.
    """
    connect, disconnect = broadcaster.connect, broadcaster.disconnect
    schedule, priority = env.schedule, simpy.events.NORMAL + rank
    due = next(actions, None)

    def perform(event: simpy.Event) -> None:
        nonlocal due
        time, session, code, drain = due
        if code == EMIT:
            publish(session, time)
        elif code > 0:
            connect(session, code, Client(buffer, drain))
        else:
            disconnect(session, -code, time)
        due = next(actions, None)
        if due:
            event.callbacks = performing
            schedule(event, priority, due[0] - time)

    def begin(event: simpy.Event) -> None:
        if due:
            event.callbacks = performing
            schedule(event, priority, due[0])

    performing = [perform]
    event = env.event()
    event.callbacks.append(begin)
    event.succeed()
