"""Two maps of which the older is dropped as a whole: no entry has a time or a place in an order."""

from simlib.core.units import MAX_NS
from simlib.stores.contract import CREATED, FOUND, MISSING, NOTHING, REMOVED, Design, OwnRule, Settings, Steps

MOVED = Steps(1, 0, 2)
"""The steps of an entry found in the previous map: taken out of it and put into the current one."""


class TwoGenerationsStore:
    """Sessions in use stand in the current map; one found in the previous map moves over.

    With a TTL, an increment more than half of it after the current map began drops the previous map, and the current
    one takes its place; more than the whole of it after, both are dropped. With a cap, a session that is not in the
    current map and finds half of the cap there has the maps change places too: its own entry is taken out of the
    previous map first and lives on with its count, and the rest of that map leaves.

    Source: the working-set cache of VictoriaMetrics (lib/workingsetcache).

    Cost: O(1) for an increment, amortised, as each entry that leaves is logged here. Go drops a map without a look at
    its entries, so they add no steps; the garbage collector's work is not in them either.

    Where the rule is silent: entries that leave together do so in the order in which they came into their map. Half of
    an odd cap is rounded down, and of a cap of 1 it is 1, so that such a store may hold two entries; no other exceeds
    its cap. The period is half the TTL rounded down.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._half = max(self.settings.max_entries // 2, 1) if self.settings.max_entries > 0 else MAX_NS
        self._period = self.settings.ttl // 2 if self.settings.ttl > 0 else MAX_NS
        self._current: dict[str, tuple[int, int]] = {}
        """For each id, in the order in which they came: count, and the number of the last increment."""
        self._previous: dict[str, tuple[int, int]] = {}
        self._increments = 0
        self._since: int | None = None

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        if self._since is None:
            self._since = now
        age = now - self._since
        if age > self._period:
            self._rotate(now, by_cap=0)
            if age > 2 * self._period:
                self._rotate(now, by_cap=0)
        entry = self._current.get(session)
        touch = FOUND
        if entry is None:
            entry = self._previous.pop(session, None)
            touch = MOVED if entry else CREATED
            if entry is None:
                self.created.append(increments)
            if len(self._current) >= self._half:
                self._rotate(now, by_cap=1)
        count = entry[0] + 1 if entry else 1
        self._current[session] = count, increments
        self.steps.append(touch)
        return count

    def delete(self, session: str) -> int:
        entry = self._current.pop(session, None) or self._previous.pop(session, None)
        self.steps.append(REMOVED if entry else NOTHING)
        return entry[0] if entry else 0

    def snapshot(self) -> dict[str, int]:
        return {session: entry[0] for each in (self._previous, self._current) for session, entry in each.items()}

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def check(self) -> None:
        assert not self._current.keys() & self._previous.keys()
        assert all(entry[0] > 0 for each in (self._current, self._previous) for entry in each.values())
        assert max(len(self._current), len(self._previous)) <= self._half
        assert not self.prunes

    def _rotate(self, now: int, by_cap: int) -> None:
        """Drop the previous map and begin a new one."""
        for session, (count, last) in self._previous.items():
            self.evicted.append((self._increments, session, by_cap, last, count))
        self._previous, self._current, self._since = self._current, {}, now


DESIGN = Design(
    name="two_generations",
    factory=TwoGenerationsStore,
    go_map="map",
    colour="#117733",
    settings=("max_entries", "ttl"),
    compiled=lambda settings: OwnRule("two_generations", settings.max_entries, settings.ttl, settings.prune_every),
    # Each of the two maps holds one entry at least.
    least_room=2,
)
