"""The contract of a store: its settings, its calls, its logs, and what a design's registration says.

A store never reads a clock: `now`, in integer nanoseconds, is passed in and must not go backwards. Beside its entries
a store keeps three logs, `created`, `prunes` and `evicted`; `replay.ledger` computes every figure from those and from
the counts that the calls returned. Refuses settings out of range. Standard library only.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, Protocol

from simlib.core.errors import InputError
from simlib.core.units import MAX_NS, MINUTE

MISSING = "__missing__"
"""The id that an empty one counts as."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a bounded store; `max_entries` or `ttl` (ns) of 0 or less switches that bound off.

    Raises InputError if `prune_every` (increments) is below 1, or a number is more than 64 bits hold.
    """

    max_entries: int = 2048
    ttl: int = 30 * MINUTE
    prune_every: int = 256

    def __post_init__(self) -> None:
        if self.prune_every < 1:
            raise InputError(f"prune_every must be at least 1, not {self.prune_every}")
        for name, value in vars(self).items():
            if abs(value) > MAX_NS:
                raise InputError(f"{name}: {value} is out of range: at most {MAX_NS}")


class Prune(NamedTuple):
    """One call of prune: in which increment (the store's own number, from 1), the work of its phases, their removals.

    `scanned` entries were visited by the TTL phase, which removed `expired`; `sorted` were copied and sorted by the cap
    phase, which removed `capped`.
    """

    increment: int
    scanned: int
    sorted: int
    expired: int
    capped: int


class Store(Protocol):
    """The calls and logs of every design. `len()` and `snapshot()` observe and change nothing."""

    created: list[int]
    """The number of each increment that created an entry; increments are numbered from 1."""
    prunes: list[tuple[int, int, int, int, int]]
    """A row as of `Prune` for each call of prune; plain tuples, as there may be millions."""
    evicted: list[str]
    """The ids that prunes removed, in order; within a prune those that expired stand first."""

    def increment(self, session: str, now: int) -> int:
        """Count one event of a session at `now` (ns); return its count. An empty id counts as `__missing__`."""

    def delete(self, session: str) -> int:
        """Remove a session's entry; return the count it held, 0 if there was none. An empty id is ignored."""

    def snapshot(self) -> dict[str, int]:
        """Copy session id -> count. O(entries)."""

    def __len__(self) -> int: ...

    def check(self) -> None:
        """Raise AssertionError if the store contradicts itself. O(entries)."""


class CompiledRule(NamedTuple):
    """The parameters of the one compiled rule, `replay.kernel`; a `max_entries` or `ttl` (ns) of 0 is off."""

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
    settings: tuple[str, ...] = tuple(field.name for field in fields(Settings))
    """The names of the settings that the design uses."""
    role: Literal["leaked", "shipped", "candidate"] = "candidate"
    """The map that leaked, the store that was shipped, or one that may take its place; lists go in this order."""
    needs_future: bool = False
    compiled: Callable[[Settings], CompiledRule] | None = None
    """The compiled rule with the same decisions; None: only the readable store replays the design."""

    def used(self, settings: Settings) -> Settings:
        """Return the settings with those that the design does not use at their defaults: equal if no result differs."""
        return Settings(**{name: getattr(settings, name) for name in self.settings})
