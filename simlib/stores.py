"""The stores under study, readable and exact: what each keeps, and what each removes when.

A store never reads a clock: `now`, in integer nanoseconds, is passed in and must not go backwards. Beside its
entries a store keeps only its two logs, `prunes` and `evictions`; every figure is worked out from those and from what
the calls returned, in `ledger`. The Go code scans and sorts its whole map in a prune. These stores account for that
work without doing it: a prune here costs what it removes.

Standard library only. Next: `replay` and `churn` drive them, through the same three calls.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import takewhile
from typing import NamedTuple, Protocol

from simlib.units import MINUTE

MISSING = "__missing__"


@dataclass(frozen=True)
class Settings:
    """The numbers of a bounded store; `max_entries` or `ttl` (ns) of 0 or less switches that bound off.

    Raises ValueError if `prune_every` (increments) is below 1.
    """

    max_entries: int = 2048
    ttl: int = 30 * MINUTE
    prune_every: int = 256

    def __post_init__(self):
        if self.prune_every < 1:
            raise ValueError(f"prune_every must be at least 1, not {self.prune_every}")


class Prune(NamedTuple):
    """One call of prune: in which increment (the store's own count, from 1), and the work of its two phases."""

    increment: int
    scanned: int
    sorted: int


class Eviction(NamedTuple):
    """One entry removed by a prune: in which increment, whose, by which phase, and what it held."""

    increment: int
    session: str
    cause: str
    last_seen: int
    count: int


class Store(Protocol):
    """What every design offers. `len()` and `snapshot()` observe and change nothing."""

    prunes: list[tuple[int, int, int]]
    """A row as of `Prune` for each call of prune, plain so that a log of millions stays cheap."""
    evictions: list[tuple[int, str, str, int, int]]
    """A row as of `Eviction` for each entry that a prune removed."""

    def increment(self, session: str, now: int) -> int:
        """Count one event of a session at `now` (ns); return its count. An empty id counts as `__missing__`."""

    def delete(self, session: str) -> int:
        """Remove a session's entry; return the count it held, 0 if there was none. An empty id is ignored."""

    def snapshot(self) -> dict[str, int]:
        """A copy of session id -> count. O(entries)."""

    def __len__(self) -> int: ...

    def check(self) -> None:
        """Raise AssertionError if the store contradicts itself. O(entries)."""


class UnboundedStore:
    """The `sync.Map` that leaked: only a delete ever removes an entry. Every call is O(1)."""

    def __init__(self):
        self.prunes: list[Prune] = []
        self.evictions: list[Eviction] = []
        self._counts: dict[str, int] = {}

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        count = self._counts[session] = self._counts.get(session, 0) + 1
        return count

    def delete(self, session: str) -> int:
        return self._counts.pop(session, 0)

    def snapshot(self) -> dict[str, int]:
        return dict(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def check(self) -> None:
        assert all(count > 0 for count in self._counts.values())
        assert not self.prunes
        assert not self.evictions


class BoundedStore:
    """The bounded store as it was shipped: a cap on every increment, an idle TTL on every `prune_every`-th.

    An increment is O(1) plus O(log n) for each entry that its prune removes. Entries stand in the order of their last
    increment, which under an idle TTL is also the order of expiry. Only among entries last seen at the same instant
    does the shipped order (last_seen, id) differ from that, and only the oldest such group can be cut by the cap: it
    is kept as a heap of ids while it is the oldest.
    """

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.prunes = []
        self.evictions = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else float("inf")
        self._ttl = max(self.settings.ttl, 0)
        self._ttl_prune_every = self.settings.prune_every if self._ttl else float("inf")
        self._entries: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._increments = 0
        self._now = None
        self._tied_at = None
        self._tied: list[str] = []

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        if now != self._now:
            self._advance(now)
        entries = self._entries
        entry = entries.get(session)
        self._increments += 1
        if entry:
            count, last_seen = entry
            count += 1
            entries[session] = count, now
            entries.move_to_end(session)
            if now == self._tied_at != last_seen:
                heappush(self._tied, session)
        else:
            count = 1
            entries[session] = 1, now
            if now == self._tied_at:
                heappush(self._tied, session)
            if len(entries) > self._cap:
                self._prune(now)
                return count
        if self._increments % self._ttl_prune_every == 0:
            self._prune(now)
        return count

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        return entry[0] if entry else 0

    def snapshot(self) -> dict[str, int]:
        return {session: count for session, (count, _) in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        seen = [last_seen for _, last_seen in self._entries.values()]
        assert seen == sorted(seen)
        assert all(count > 0 for count, _ in self._entries.values())
        assert len(self._entries) <= self._cap
        tied = {session for session, (_, last_seen) in self._entries.items() if last_seen == self._tied_at}
        assert tied <= set(self._tied)

    def _advance(self, now: int) -> None:
        if self._now is not None and now < self._now:
            raise ValueError(f"time went backwards: {now} ns after {self._now} ns")
        self._now = now

    def _prune(self, now: int) -> None:
        entries, log, increment = self._entries, self.evictions.append, self._increments
        scanned = 0
        if self._ttl:
            scanned = len(entries)
            oldest_kept = now - self._ttl
            while entries:
                session = next(iter(entries))
                count, last_seen = entries[session]
                if last_seen >= oldest_kept:
                    break
                del entries[session]
                log((increment, session, "ttl", last_seen, count))
        surplus = len(entries) - self._cap
        self.prunes.append((increment, scanned, len(entries) if surplus > 0 else 0))
        while surplus > 0:
            session = self._oldest()
            count, last_seen = entries.pop(session)
            log((increment, session, "cap", last_seen, count))
            surplus -= 1

    def _oldest(self) -> str:
        """The id that comes first by (last_seen, id). Amortised O(log n): an entry is tied once in each instant."""
        entries = self._entries
        in_order = iter(entries.items())
        session, (_, oldest) = next(in_order)
        if oldest != self._tied_at:
            _, (_, second) = next(in_order)
            if second != oldest:
                return session
            self._tied_at = oldest
            self._tied = [tied for tied, _ in takewhile(lambda item: item[1][1] == oldest, entries.items())]
            heapify(self._tied)
        while True:
            session = heappop(self._tied)
            entry = entries.get(session)
            # The heap is not told of deletes and later increments: what they left behind is passed over here.
            if entry and entry[1] == oldest:
                return session


DESIGNS: dict[str, Callable[[Settings], Store]] = {
    "unbounded": lambda settings: UnboundedStore(),
    "bounded": BoundedStore,
}


def make_store(design: str, settings: Settings | None = None) -> Store:
    """A new, empty store of a design. Raises ValueError for an unknown design, naming those there are."""
    if design not in DESIGNS:
        raise ValueError(f"unknown design {design!r}: choose one of {', '.join(DESIGNS)}")
    return DESIGNS[design](settings or Settings())
