"""The `sync.Map` that leaked: only a delete ever removes an entry."""

from simlib.stores.contract import CREATED, FOUND, MISSING, NOTHING, REMOVED, Design, Mode, RecencyRule, Settings


class UnboundedStore:
    """A count for each session, kept until it is deleted. Every call is O(1)."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._counts: dict[str, int] = {}
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        counts = self._counts
        if session in counts:
            count = counts[session] = counts[session] + 1
            self.steps.append(FOUND)
            return count
        counts[session] = 1
        self.steps.append(CREATED)
        self.created.append(increments)
        return 1

    def delete(self, session: str) -> int:
        count = self._counts.pop(session, 0)
        self.steps.append(REMOVED if count else NOTHING)
        return count

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
    compiled=lambda settings: RecencyRule(0, 0, 0, 1, Mode.PRUNES),
    exceeds_cap=True,
)
