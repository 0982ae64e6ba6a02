"""The SimPy model: sessions come and go, the broadcaster counts what nobody heard, every store hears the same.

Owns what happens at each instant of simulated time, and is the only place with SimPy. It draws nothing: the timetables
come from `plan`. Each kind of session is one SimPy event, armed again for each action in its timetable, because a
process for every session costs more than all the rest of the model together. Simultaneous actions happen in the order
of the kinds in the workload, then of arrival. Next: `replay` and `ledger` read the recorded trace.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import simpy

from simlib.core import gc as collector
from simlib.traces.codes import COUNTERS, DELETE, INCREMENT, OPS
from simlib.traces.trace import Trace
from simlib.workloads.schema import Workload
from simlib.workloads.timetable import EMIT, timetable


class Listener(Protocol):
    """Whatever hears the operations of a counter: a store under study, or the recorder."""

    def increment(self, session: str, now: int) -> None: ...

    def delete(self, session: str, now: int) -> None: ...


class Counter:
    """One of the broadcaster's per-session counters: passes each operation to every listener, in the same instant.

    `increment(session, now)` and `delete(session, now)` are closures, as in `replay.Observed` and for the same reason.
    """

    def __init__(self, listeners: Iterable[Listener]):
        listeners = list(listeners)
        increments = [listener.increment for listener in listeners]
        deletes = [listener.delete for listener in listeners]

        def increment(session: str, now: int) -> None:
            for hear in increments:
                hear(session, now)

        def delete(session: str, now: int) -> None:
            for hear in deletes:
                hear(session, now)

        self.increment, self.delete = increment, delete


class Client:
    """A connected client: a buffer of so many events, drained one every `drain` ns."""

    __slots__ = ("_drain", "_empty_at", "_full_backlog")

    def __init__(self, buffer: int, drain: int):
        self._drain = drain
        self._full_backlog = drain * (buffer - 1)
        self._empty_at = 0

    def offer(self, now: int) -> bool:
        """Take an event into the buffer; False if it is full. The event being drained still takes its place.

        The buffer is known by the instant at which it will be empty (Lindley's recursion for a fixed service time),
        so that draining needs no events of its own.
        """
        backlog = self._empty_at - now
        if backlog > self._full_backlog:
            return False
        self._empty_at = (now if backlog < 0 else self._empty_at) + self._drain
        return True


class Broadcaster:
    """Delivers each event to the session's clients, and counts by session what did not arrive.

    `no_client` counts events of sessions with no connected client, `drops` those that found a client's buffer full:
    one for each such client. Both entries of a session are deleted when its last client disconnects, and only then.
    """

    def __init__(self, no_client: Counter, drops: Counter):
        self.no_client = no_client
        self.drops = drops
        self._clients: dict[str, dict[int, Client]] = {}

    def connect(self, session: str, number: int, client: Client) -> None:
        self._clients.setdefault(session, {})[number] = client

    def publish(self, session: str, now: int) -> None:
        clients = self._clients.get(session)
        if clients is None:
            self.no_client.increment(session, now)
            return
        for client in clients.values():
            if not client.offer(now):
                self.drops.increment(session, now)

    def disconnect(self, session: str, number: int, now: int) -> None:
        clients = self._clients[session]
        del clients[number]
        if not clients:
            del self._clients[session]
            self.no_client.delete(session, now)
            self.drops.delete(session, now)


class Recorder:
    """Hears both counters and keeps every operation, in order."""

    def __init__(self):
        self._times: list[int] = []
        self._sessions: list[str] = []
        self._codes: list[int] = []

    def listener(self, counter: str) -> Listener:
        """The ear of this recorder on one counter."""
        return _Ear(self, COUNTERS.index(counter))

    def appenders(self) -> tuple[Callable, Callable, Callable]:
        """What keeps one operation: its time, its session, and counter and op as one code."""
        return self._times.append, self._sessions.append, self._codes.append

    def trace(self) -> Trace:
        counter, op = np.divmod(np.array(self._codes, dtype=np.uint8), np.uint8(len(OPS)))
        return Trace.of(self._times, self._sessions, op, counter)


class _Ear:
    """Closures, as in `replay.Observed` and for the same reason."""

    def __init__(self, recorder: Recorder, counter: int):
        keep_time, keep_session, keep_code = recorder.appenders()
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


def simulate(workload: Workload, seed: int, listeners: Mapping[str, Iterable[Listener]] | None = None) -> Trace:
    """Run a workload from 0 to the end of its duration; return every operation on both counters.

    `listeners` maps a counter's name to whatever shall hear it live.
    """
    recorder = Recorder()
    counters = [Counter([*(listeners or {}).get(name, ()), recorder.listener(name)]) for name in COUNTERS]
    act(Broadcaster(*counters), workload, {kind: timetable(workload, seed, kind) for kind in workload.kinds})
    return recorder.trace()


def act(broadcaster: Broadcaster, workload: Workload, timetables: Mapping[str, Iterable[Sequence]]) -> None:
    """Let the timetable of every kind (rows as of `plan.Action`) act on a broadcaster until the workload ends."""
    env = simpy.Environment()
    for rank, (kind, actions) in enumerate(timetables.items()):
        clients = workload.kinds[kind].clients
        _let_sessions_act(env, broadcaster, iter(actions), clients.buffer if clients else 0, rank)
    with collector.paused():
        env.run(until=workload.duration)


def _let_sessions_act(
    env: simpy.Environment, broadcaster: Broadcaster, actions: Iterator[Sequence], buffer: int, rank: int
) -> None:
    """Schedule all sessions of one kind: one event, armed again for each action of their timetable.

    Its priority is the rank of the kind, which settles what comes first within one instant.
    """
    publish, connect, disconnect = broadcaster.publish, broadcaster.connect, broadcaster.disconnect
    schedule, priority = env.schedule, simpy.events.NORMAL + rank
    due = next(actions, None)

    def act(turn: simpy.Event) -> None:
        nonlocal due
        time, session, deed, drain = due
        if deed == EMIT:
            publish(session, time)
        elif deed > 0:
            connect(session, deed, Client(buffer, drain))
        else:
            disconnect(session, -deed, time)
        due = next(actions, None)
        if due:
            turn.callbacks = acting
            schedule(turn, priority, due[0] - time)

    def begin(turn: simpy.Event) -> None:
        if due:
            turn.callbacks = acting
            schedule(turn, priority, due[0])

    acting = [act]
    turn = env.event()
    turn.callbacks.append(begin)
    turn.succeed()
