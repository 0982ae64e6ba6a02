"""The event broadcaster of the incident: who receives an event, which buffer is full, and what is counted by session.

The rules are those of the service's source at the fix (`internal/delivery/server/app/event_broadcaster*.go`).
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from simlib.workloads.kinds import InMemory

HISTORY_PRUNE_EVERY = 100
"""Events kept in memory from one look for histories that are too old to the next (`pruneEveryN` in the service)."""


class Receiver(Protocol):
    """Any object that applies or records the operations on a counter, such as a store under study."""

    def increment(self, session: str, now: int) -> None: ...

    def delete(self, session: str, now: int) -> None: ...


class Counter:
    """One of the broadcaster's per-session counters: passes each operation to every receiver, in the same instant.

    `increment(session, now)` and `delete(session, now)` are closures: an attribute look-up less for each operation.
    """

    def __init__(self, receivers: Iterable[Receiver]):
        receivers = list(receivers)
        increments = [receiver.increment for receiver in receivers]
        deletes = [receiver.delete for receiver in receivers]

        def increment(session: str, now: int) -> None:
            for apply in increments:
                apply(session, now)

        def delete(session: str, now: int) -> None:
            for apply in deletes:
                apply(session, now)

        self.increment, self.delete = increment, delete


class Timeline(NamedTuple):
    """The size of a map over time: it changes by `change`, +1 or -1, at each `time` in ns, ascending; int64, (n,)."""

    time: np.ndarray
    change: np.ndarray

    def entries_at(self, instants: np.ndarray) -> np.ndarray:
        """Return the entries held at instants in ns, what happens at an instant included; int64."""
        return np.append(0, np.cumsum(self.change))[np.searchsorted(self.time, instants, side="right")]

    @property
    def peak(self) -> int:
        """The most entries ever held."""
        return int(np.cumsum(self.change).max(initial=0))


class Entries:
    """A receiver that keeps the timeline of a map of sessions in which nothing is ever evicted."""

    def __init__(self):
        self._sessions: set = set()
        self._time: list[int] = []
        self._change: list[int] = []

    def increment(self, session, now: int) -> None:
        if session not in self._sessions:
            self._sessions.add(session)
            self._time.append(now)
            self._change.append(1)

    def delete(self, session, now: int) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
            self._time.append(now)
            self._change.append(-1)

    def timeline(self) -> Timeline:
        return Timeline(np.array(self._time, dtype=np.int64), np.array(self._change, dtype=np.int64))


class Client:
    """A connected client: a channel of `buffer` events, and a writer that takes `drain` ns to send each.

    The writer takes an event off the channel as soon as it is idle, so the client holds `buffer` + 1 events.
    """

    __slots__ = ("_drain", "_idle_at", "_longest_backlog")

    def __init__(self, buffer: int, drain: int):
        self._drain = drain
        self._longest_backlog = drain * buffer
        self._idle_at = 0

    def offer(self, now: int) -> bool:
        """Send an event to the client; return False if its channel is full, which drops the event.

        The state of the channel is the instant at which the writer will be idle (Lindley's recursion for a fixed
        service time), so that sending needs no events of its own. O(1).
        """
        backlog = self._idle_at - now
        if backlog > self._longest_backlog:
            return False
        self._idle_at = (now if backlog < 0 else self._idle_at) + self._drain
        return True


class MemoryHistory:
    """The sessions whose past events are held in memory, in order of their last event.

    With each event the session's history is created or becomes the newest. Every HISTORY_PRUNE_EVERY-th event drops the
    histories whose last event is older than `age`, and each event the oldest until at most `sessions` are left.
    """

    def __init__(self, settings: InMemory):
        self._settings = settings
        self._last_event: OrderedDict = OrderedDict()
        self._events = 0

    def __len__(self) -> int:
        return len(self._last_event)

    def publish(self, session, now: int) -> list:
        """Keep an event of a session; return the sessions whose history is dropped for it, oldest first. O(dropped)."""
        dropped, last_event = [], self._last_event
        self._events += 1
        if self._events % HISTORY_PRUNE_EVERY == 0:
            while last_event and now - next(iter(last_event.values())) > self._settings.age:
                dropped.append(last_event.popitem(last=False)[0])
        last_event[session] = now
        last_event.move_to_end(session)
        while len(last_event) > self._settings.sessions:
            dropped.append(last_event.popitem(last=False)[0])
        return dropped


class Broadcaster:
    """Delivers each event to the session's clients, and counts by session what was not delivered.

    `no_client` counts events of sessions with no connected client, `drops` those that found a client's channel full:
    one for each such client. `high_volume`, the map that the fix left as it was, counts the events that come with token
    deltas, delivered or not. All three entries of a session are deleted when its last client disconnects or its
    `history` in memory is dropped, and only then.
    """

    def __init__(self, no_client: Counter, drops: Counter, high_volume: Counter, history: MemoryHistory | None = None):
        self.no_client = no_client
        self.drops = drops
        self.high_volume = high_volume
        self._history = history
        self._clients: dict[str, dict[int, Client]] = {}

    def connect(self, session: str, number: int, client: Client) -> None:
        self._clients.setdefault(session, {})[number] = client

    def publish_with_deltas(self, session: str, now: int) -> None:
        """Publish an event of a session that streams token deltas."""
        self.high_volume.increment(session, now)
        self.publish(session, now)

    def publish(self, session: str, now: int) -> None:
        if self._history is not None:
            for dropped in self._history.publish(session, now):
                self._delete(dropped, now)
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
            self._delete(session, now)

    def _delete(self, session: str, now: int) -> None:
        self.no_client.delete(session, now)
        self.drops.delete(session, now)
        self.high_volume.delete(session, now)
