"""Space-Saving: a new session takes the place of the smallest count, and goes on from it."""

from collections import OrderedDict

from simlib.core.units import MAX_NS
from simlib.stores.contract import CREATED, MISSING, NOTHING, REMOVED, Design, OwnRule, Settings, Steps

PLACED, REPLACED = Steps(1, 0, 1), Steps(1, 0, 2)
"""The steps of an entry that was found and placed among those of its new count; and of the one with the smallest
count, found and removed, together with the new entry."""


class SpaceSavingStore:
    """A new session that finds the store full replaces the entry with the smallest count, among equals the one that was
    incremented least recently, and counts on from there: it answers what it inherited plus its own increments.

    So no answer falls short of a session's increments since its last delete by more than what its evictions lost, and
    none exceeds those since its creation by more than the smallest count then. There is no TTL.

    Source: Metwally, Agrawal and El Abbadi, Efficient Computation of Frequent and Top-k Elements in Data Streams,
    ICDT'05; the buckets by count are its Stream-Summary.

    Cost: O(1) for an increment, amortised: the search for the smallest count goes up from the last one found, and a
    count is only below that where it is 1.

    Where the rule is silent: a delete removes the whole count, inherited or not, and answers with it. An entry evicted
    is logged with what it counted itself.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._entries: dict[str, tuple[int, int, int]] = {}
        """For each id: count, what it inherited of that, and the number of the last increment."""
        self._buckets: dict[int, OrderedDict[str, None]] = {}
        """For each count the ids of its entries, in the order of their last increment."""
        self._least = 1
        """No entry has a smaller count."""
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        entry = self._entries.get(session)
        if entry:
            count, inherited, _ = entry
            self._leave_bucket(session, count)
            self.steps.append(PLACED)
        else:
            self.created.append(increments)
            if len(self._entries) < self._cap:
                count = inherited = 0
                self._least = 1
                self.steps.append(CREATED)
            else:
                count = inherited = self._evict()
                self.steps.append(REPLACED)
        count += 1
        self._entries[session] = count, inherited, increments
        bucket = self._buckets.get(count)
        if bucket is None:
            bucket = self._buckets[count] = OrderedDict()
        bucket[session] = None
        return count

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        self.steps.append(REMOVED if entry else NOTHING)
        if not entry:
            return 0
        self._leave_bucket(session, entry[0])
        return entry[0]

    def snapshot(self) -> dict[str, int]:
        return {session: entry[0] for session, entry in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        last = {session: entry[2] for session, entry in self._entries.items()}
        assert all(self._least <= count for count in self._buckets)
        assert all(0 <= inherited < count for count, inherited, _ in self._entries.values())
        bucket_of = {session: count for count, bucket in self._buckets.items() for session in bucket}
        assert bucket_of == self.snapshot()
        assert all(bucket for bucket in self._buckets.values())
        assert all([*bucket] == sorted(bucket, key=last.__getitem__) for bucket in self._buckets.values())
        assert len(self._entries) <= self._cap
        assert not self.prunes

    def _evict(self) -> int:
        """Remove the entry with the smallest count; return that."""
        while self._least not in self._buckets:
            self._least += 1
        session = next(iter(self._buckets[self._least]))
        count, inherited, last = self._entries.pop(session)
        self._leave_bucket(session, count)
        self.evicted.append((self._increments, session, 1, last, count - inherited))
        return count

    def _leave_bucket(self, session: str, count: int) -> None:
        bucket = self._buckets[count]
        del bucket[session]
        if not bucket:
            del self._buckets[count]


DESIGN = Design(
    name="space_saving",
    factory=SpaceSavingStore,
    go_map="map",
    colour="#aa4499",
    settings=("max_entries",),
    compiled=lambda settings: OwnRule("space_saving", settings.max_entries, settings.ttl, settings.prune_every),
    # What it inherited, two links, and its bucket.
    bookkeeping=32,
    overestimates=True,
)
