"""The contract of a store: its settings, its calls, its logs, and what a design's registration says.

A store never reads a clock: `now`, in integer nanoseconds, is passed in and must not go backwards. Beside its entries
a store keeps five logs: `created`, `shared`, `prunes`, `evicted` and `steps`. `replay.ledger` computes every figure
from those and from the counts that the calls returned. Refuses settings out of range. Standard library only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple, Protocol

from simlib.core.errors import InputError
from simlib.core.units import MAX_NS, MINUTE

MISSING = "__missing__"
"""The id that an empty one counts as."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a bounded store; `max_entries` or `ttl` (ns) of 0 or less switches that bound off.

    Raises InputError if `prune_every` (increments) or `sweep` (ns) is below 1, or a number is more than 64 bits hold.
    """

    max_entries: int = 2048
    ttl: int = 30 * MINUTE
    prune_every: int = 256
    sweep: int = MINUTE

    def __post_init__(self) -> None:
        if self.prune_every < 1:
            raise InputError(f"prune_every must be at least 1, not {self.prune_every}")
        if self.sweep < 1:
            raise InputError(f"sweep must be at least 1 ns, not {self.sweep}")
        for name, value in vars(self).items():
            if abs(value) > MAX_NS:
                raise InputError(f"{name}: {value} is out of range: at most {MAX_NS}")


class Prune(NamedTuple):
    """One call of prune: in which increment (the store's own number, from 1), and the work of its phases.

    `scanned` entries were visited by the TTL phase; `sorted` were copied and sorted by the cap phase.
    """

    increment: int
    scanned: int
    sorted: int


class Eviction(NamedTuple):
    """One entry that the store itself removed, in which increment, and by which bound: 1 for the cap, 0 for the TTL.

    `last` is the number of the entry's last increment, `counted` the increments that the entry counted itself.
    """

    increment: int
    session: str
    by_cap: int
    last: int
    counted: int


class Steps(NamedTuple):
    """The work of one operation, in entries: visited, compared with the clock or with each other, and moved.

    Moved are those inserted, removed, copied, or placed anew in an order. A store that models a sort of n entries
    without doing it reports `sort_comparisons(n)`.
    """

    visited: int
    compared: int
    moved: int


FOUND, CREATED, REMOVED, NOTHING = Steps(1, 0, 0), Steps(0, 0, 1), Steps(1, 0, 1), Steps(0, 0, 0)
"""The steps of an entry that was found in a map, added to it, or found and removed, and of a delete that found none."""


def sort_comparisons(n: int) -> int:
    """Return n ceil(log2 n), the most comparisons of a merge sort of n entries.

    Source: Knuth, The Art of Computer Programming, volume 3, section 5.2.4.

    >>> sort_comparisons(2049)
    24588
    """
    return n * (n - 1).bit_length()


class Store(Protocol):
    """The calls and logs of every design. `len()` and `snapshot()` observe and change nothing."""

    created: list[int]
    """The number of each increment that created an entry; increments are numbered from 1."""
    shared: list[int]
    """The number of each increment that a shared counter took, as there was no room for an entry."""
    prunes: list[tuple[int, int, int]]
    """A row as of `Prune` for each call of prune; plain tuples, as there may be millions. Empty if it never prunes."""
    evicted: list[tuple[int, str, int, int, int]]
    """A row as of `Eviction` for each entry that the store itself removed, in order."""
    steps: list[tuple[int, int, int]]
    """A row as of `Steps` for each operation, deletes included, in order."""

    def increment(self, session: str, now: int) -> int:
        """Count one event of a session at `now` (ns); return its count. An empty id counts as `__missing__`."""

    def delete(self, session: str) -> int:
        """Remove a session's entry; return the count it held, 0 if there was none. An empty id is ignored."""

    def snapshot(self) -> dict[str, int]:
        """Copy session id -> count. O(entries)."""

    def __len__(self) -> int: ...

    def check(self) -> None:
        """Raise AssertionError if the store contradicts itself. O(entries)."""


class Mode(IntEnum):
    """How a store that keeps its entries in the order of their last increment makes room.

    `PRUNES`: a prune with each increment that goes over the cap, and every `prune_every`-th if there is a TTL.
    `PERIODIC`: a prune every `prune_every`-th increment only. `LISTS`: before the increment those idle for longer than
    the TTL leave, after it those over the cap. `STALE_ONLY`: as `LISTS`, but only those idle for longer than the TTL
    leave, and only while the store is over its cap. `REFUSES`: a new session that finds the store full evicts one that
    is idle for longer than the TTL, or else adds to a shared counter. `LISTS_AND_REFUSES`: before the increment those
    idle for longer than the TTL leave; a new session that then finds the store full adds to a shared counter.
    """

    PRUNES, PERIODIC, LISTS, STALE_ONLY, REFUSES, LISTS_AND_REFUSES = range(6)


class RecencyRule(NamedTuple):
    """The parameters of the one compiled rule of the LRU family, `replay.kernel`; `max_entries` or `ttl` 0 is off.

    A cap phase removes entries until `keep` are left; `ttl` is in ns.
    """

    max_entries: int
    keep: int
    ttl: int
    prune_every: int
    mode: int


class OwnRule(NamedTuple):
    """A rule with a kernel of its own: the module of `replay.rules` with this name.

    The kernel takes a whole trace in memory, not a stream in chunks; `max_entries` or `ttl` (ns) of 0 or less is off.
    `prune_every` is in increments, or in ns where a design prunes on the clock.
    """

    kernel: str
    max_entries: int
    ttl: int
    prune_every: int


@dataclass(frozen=True)
class Design:
    """The registration of a design: the one place that says what others must know of it.

    A module of this package registers a design by naming one `DESIGN`; `registry` finds it there.
    """

    name: str
    factory: Callable[..., Store]
    """Makes an empty store from its settings and, where it `needs_future`, the future as of `registry.make_store`."""
    go_map: Literal["sync.Map", "map"]
    """The Go map that the entries stand in: the heap model goes by it."""
    colour: str
    """The colour of its lines and points in figures."""
    settings: tuple[str, ...] = ("max_entries", "ttl", "prune_every")
    """The names of the settings that the design uses."""
    role: Literal["leaked", "shipped", "candidate"] = "candidate"
    """The map that leaked, the store that was shipped, or one that may take its place; lists go in this order."""
    needs_future: bool = False
    compiled: Callable[[Settings], RecencyRule | OwnRule] | None = None
    """The compiled rule with the same decisions; None: only the readable store replays the design."""
    bookkeeping: int = 0
    """Bytes of its Go entry beside the id and the count: times, links, places in a heap."""
    least_room: int = 1
    """Entries that the store has room for whatever the cap: more than 1 where a smaller cap cannot be kept."""
    exceeds_cap: bool = False
    """Whether the store may hold more than `max_entries` after an increment."""
    shares_counter: bool = False
    """Whether one counter takes the increments of sessions for which there is no room."""
    overestimates: bool = False
    """Whether an entry may answer more than the session's own increments since its creation."""
    retires: bool = False
    """Whether the counts of evicted entries add up in one number, so that the total stays exact."""

    def used(self, settings: Settings) -> Settings:
        """Return the settings with those that the design does not use at their defaults: equal if no result differs."""
        return Settings(**{name: getattr(settings, name) for name in self.settings})
