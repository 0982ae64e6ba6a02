"""The `sync.Map` that leaked: only a delete ever removes an entry."""

from simlib.stores.contract import MISSING, CompiledRule, Design, Settings


class UnboundedStore:
    """A count for each session, kept until it is deleted. Every call is O(1)."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.created: list[int] = []
        self.prunes: list[tuple[int, int, int, int, int]] = []
        self.evicted: list[str] = []
        self._counts: dict[str, int] = {}
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        counts = self._counts
        if session in counts:
            count = counts[session] = counts[session] + 1
            return count
        counts[session] = 1
        self.created.append(increments)
        return 1

    def delete(self, session: str) -> int:
        return self._counts.pop(session, 0)

    def snapshot(self) -> dict[str, int]:
        return dict(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def check(self) -> None:
        assert all(count > 0 for count in self._counts.values())
        assert len(self._counts) <= len(self.created)
        assert not self.prunes
        assert not self.evicted


DESIGN = Design(
    name="unbounded",
    factory=UnboundedStore,
    go_map="sync.Map",
    colour="#d55e00",
    settings=(),
    role="leaked",
    compiled=lambda settings: CompiledRule(0, 0, 1),
)
