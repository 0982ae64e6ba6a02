"""The bounded store as it was shipped: a cap on every increment, an idle TTL on every `prune_every`-th.

The Go code scans and sorts its whole map in a prune. This store accounts for that work without doing it: a prune here
costs what it removes. Refuses time that goes backwards.
"""

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from itertools import pairwise, takewhile

from simlib.core.units import MAX_NS
from simlib.stores.contract import MISSING, CompiledRule, Design, Settings


class BoundedStore:
    """The shipped store, exactly.

    An increment is O(1), amortised, and O(log n) for each entry that the cap removes from among simultaneous ones.
    Entries stand in the order of their last increment, which under an idle TTL is also the order of expiry. Only among
    entries last seen at one instant does the shipped order (last_seen, id) differ from that, and only the oldest such
    group can be cut by the cap: while it is the oldest, a heap holds its ids.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.prunes: list[tuple[int, int, int, int, int]] = []
        self.evicted: list[str] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._ttl = max(self.settings.ttl, 0)
        self._ttl_prune_every = self.settings.prune_every if self._ttl else MAX_NS
        self._entries: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._increments = 0
        self._now = float("-inf")
        self._none_older = float("-inf")
        """No entry was last seen before this: nothing is looked at for expiry while this has not expired."""
        self._shared: set[int] = set()
        """Every instant at which several of the entries were last seen, and some that no longer are."""
        self._tied_at: int | None = None
        self._tied: list[str] = []

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        entries = self._entries
        if now > self._now:
            self._now = now
        elif now == self._now:
            self._share(session, now)
        else:
            raise ValueError(f"time went backwards: {now} ns after {self._now} ns")
        self._increments = increments = self._increments + 1
        if session in entries:
            count = entries[session][0] + 1
            entries[session] = count, now
            entries.move_to_end(session)
            if increments % self._ttl_prune_every:
                return count
        else:
            count = 1
            entries[session] = 1, now
            self.created.append(increments)
            size = len(entries)
            if size <= self._cap:
                if increments % self._ttl_prune_every:
                    return 1
            elif self._ttl and self._none_older >= now - self._ttl:
                # One in, one out, and nothing expired: what a full store does all the time is done without a call.
                oldest, entry = entries.popitem(False)
                if entry[1] not in self._shared:
                    self._none_older = entry[1]
                    self.prunes.append((increments, size, size, 0, 1))
                    self.evicted.append(oldest)
                    return 1
                entries[oldest] = entry
                entries.move_to_end(oldest, last=False)
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
        assert all(self._none_older <= last_seen <= self._now for last_seen in seen)
        assert len(self._entries) <= self._cap
        assert {before for before, after in pairwise(seen) if before == after} <= self._shared
        tied = {session for session, (_, last_seen) in self._entries.items() if last_seen == self._tied_at}
        assert tied <= set(self._tied)

    def _share(self, session: str, now: int) -> None:
        """Note that `now` is not the instant of one increment alone, but of this one too."""
        # Where the oldest instant is now, every entry was last seen now and is in the heap already.
        if now == self._tied_at and session not in self._entries:
            heappush(self._tied, session)
        self._shared.add(now)
        if len(self._shared) > 2 * len(self._entries) + 64:
            self._shared &= {now, *(last_seen for _, last_seen in self._entries.values())}

    def _prune(self, now: int) -> None:
        entries, cap = self._entries, self._cap
        size = left = len(entries)
        scanned = expired = 0
        if self._ttl:
            scanned = size
            if self._none_older < now - self._ttl:
                expired = self._expire(now - self._ttl)
                left -= expired
        if left <= cap:
            self.prunes.append((self._increments, scanned, 0, expired, 0))
            return
        self.prunes.append((self._increments, scanned, left, expired, left - cap))
        while left > cap:
            session, entry = entries.popitem(False)
            if entry[1] in self._shared:
                entries[session] = entry
                entries.move_to_end(session, last=False)
                session = self._first_of_tied(entry[1])
                del entries[session]
            self.evicted.append(session)
            left -= 1
        self._none_older = entry[1]

    def _expire(self, oldest_kept: int) -> int:
        entries, before = self._entries, len(self._entries)
        while entries:
            session = next(iter(entries))
            self._none_older = entries[session][1]
            if self._none_older >= oldest_kept:
                break
            del entries[session]
            self.evicted.append(session)
        return before - len(entries)

    def _first_of_tied(self, oldest: int) -> str:
        """The lowest id among the entries last seen at `oldest`, the oldest instant of all."""
        entries = self._entries
        if oldest != self._tied_at:
            self._tied_at = oldest
            self._tied = [tied for tied, _ in takewhile(lambda item: item[1][1] == oldest, entries.items())]
            heapify(self._tied)
        while True:
            session = heappop(self._tied)
            entry = entries.get(session)
            # Deletes and later increments do not reach the heap: the items they left behind are skipped here.
            if entry and entry[1] == oldest:
                return session


DESIGN = Design(
    name="bounded",
    factory=BoundedStore,
    go_map="map",
    colour="#0072b2",
    role="shipped",
    compiled=lambda settings: CompiledRule(max(settings.max_entries, 0), max(settings.ttl, 0), settings.prune_every),
)
