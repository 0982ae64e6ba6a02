"""The bounded store as it was shipped: a cap on every increment, an idle TTL on every `prune_every`-th.

The Go code scans and sorts its whole map in a prune. This store accounts for that work without doing it: a prune here
costs what it removes. Refuses time that goes backwards.
Source: the incident's fix.
"""

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from itertools import pairwise, takewhile

from simlib.core.units import MAX_NS
from simlib.stores.contract import (
    CREATED,
    FOUND,
    MISSING,
    NOTHING,
    REMOVED,
    Design,
    Mode,
    RecencyRule,
    Settings,
    Steps,
    sort_comparisons,
)


class BoundedStore:
    """The shipped store, exactly.

    An increment is O(1), amortised, and O(log n) for each entry that the cap removes from among simultaneous ones.
    Entries stand in the order of their last increment, which under an idle TTL is also the order of expiry. Only among
    entries last seen at one instant does the shipped order (last_seen, id) differ from that, and only the oldest such
    group can be cut by the cap: while it is the oldest, a heap holds its ids.

    Its relatives differ in two numbers: a cap phase that removes until `keep` are left (default: `max_entries`), and a
    `periodic` prune, which every `prune_every`-th increment runs and no overflow does.
    """

    def __init__(self, settings: Settings | None = None, *, keep: int | None = None, periodic: bool = False) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._keep = self._cap if keep is None or self._cap == MAX_NS else keep
        self._overflows_at = MAX_NS if periodic else self._cap
        self._ttl = max(self.settings.ttl, 0)
        ticks = self._ttl or (periodic and self._cap < MAX_NS)
        self._prune_every = self.settings.prune_every if ticks else MAX_NS
        self._one_out = self._ttl > 0 and self._keep == self._cap
        self._one_out_steps = self._work(self._cap + 1, self._cap + 1, 1, CREATED)
        self._entries: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        """For each id, oldest first: count, last seen (ns), and the number of the last increment."""
        self._increments = 0
        self._now = float("-inf")
        self._none_older = float("-inf")
        """No entry was last seen before this: nothing is looked at for expiry while this has not expired."""
        self._shared_instants: set[int] = set()
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
            entries[session] = count, now, increments
            entries.move_to_end(session)
            touch = FOUND
            if increments % self._prune_every:
                self.steps.append(touch)
                return count
        else:
            count = 1
            entries[session] = 1, now, increments
            self.created.append(increments)
            touch = CREATED
            size = len(entries)
            if size <= self._overflows_at:
                if increments % self._prune_every:
                    self.steps.append(touch)
                    return 1
            elif self._one_out and self._none_older >= now - self._ttl:
                # One in, one out, and nothing expired: what a full store does all the time is done without a call.
                oldest, entry = entries.popitem(False)
                if entry[1] not in self._shared_instants:
                    self._none_older = entry[1]
                    self.prunes.append((increments, size, size))
                    self.evicted.append((increments, oldest, 1, entry[2], entry[0]))
                    self.steps.append(self._one_out_steps)
                    return 1
                entries[oldest] = entry
                entries.move_to_end(oldest, last=False)
        self._prune(now, touch)
        return count

    def delete(self, session: str) -> int:
        entry = self._entries.pop(session, None)
        self.steps.append(REMOVED if entry else NOTHING)
        return entry[0] if entry else 0

    def snapshot(self) -> dict[str, int]:
        return {session: entry[0] for session, entry in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        seen = [last_seen for _, last_seen, _ in self._entries.values()]
        assert seen == sorted(seen)
        assert all(count > 0 for count, *_ in self._entries.values())
        assert all(self._none_older <= last_seen <= self._now for last_seen in seen)
        assert len(self._entries) <= self._overflows_at
        assert {before for before, after in pairwise(seen) if before == after} <= self._shared_instants
        tied = {session for session, entry in self._entries.items() if entry[1] == self._tied_at}
        assert tied <= set(self._tied)

    def _share(self, session: str, now: int) -> None:
        """Note that `now` is not the instant of one increment alone, but of this one too."""
        # Where the oldest instant is now, every entry was last seen now and is in the heap already.
        if now == self._tied_at and session not in self._entries:
            heappush(self._tied, session)
        self._shared_instants.add(now)
        if len(self._shared_instants) > 2 * len(self._entries) + 64:
            self._shared_instants &= {now, *(entry[1] for entry in self._entries.values())}

    def _prune(self, now: int, touch: Steps) -> None:
        entries = self._entries
        size = left = len(entries)
        scanned = in_order = 0
        if self._ttl:
            scanned = size
            if self._none_older < now - self._ttl:
                self._expire(now - self._ttl)
                left = len(entries)
        if left > self._cap:
            in_order = left
            while left > self._keep:
                session, entry = entries.popitem(False)
                if entry[1] in self._shared_instants:
                    entries[session] = entry
                    entries.move_to_end(session, last=False)
                    session = self._first_of_tied(entry[1])
                    entry = entries.pop(session)
                self.evicted.append((self._increments, session, 1, entry[2], entry[0]))
                left -= 1
            self._none_older = entry[1]
        self.prunes.append((self._increments, scanned, in_order))
        self.steps.append(self._work(scanned, in_order, size - left, touch))

    def _expire(self, oldest_kept: int) -> None:
        entries = self._entries
        while entries:
            session, entry = next(iter(entries.items()))
            self._none_older = entry[1]
            if self._none_older >= oldest_kept:
                break
            del entries[session]
            self.evicted.append((self._increments, session, 0, entry[2], entry[0]))

    def _work(self, scanned: int, in_order: int, removed: int, touch: Steps) -> Steps:
        """Return the steps of a prune in Go after those of the increment itself."""
        visited, compared, moved = touch
        return Steps(
            visited + scanned + in_order,
            compared + scanned + sort_comparisons(in_order),
            moved + in_order + removed,
        )

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


def rule_of(settings: Settings, *, keep: int | None = None, mode: Mode = Mode.PRUNES) -> RecencyRule:
    """Return the compiled rule of the shipped store, or of a relative as of `BoundedStore`."""
    cap = max(settings.max_entries, 0)
    return RecencyRule(cap, cap if keep is None else keep, max(settings.ttl, 0), settings.prune_every, mode)


DESIGN = Design(
    name="bounded",
    factory=BoundedStore,
    go_map="map",
    colour="#0072b2",
    role="shipped",
    compiled=rule_of,
    bookkeeping=24,
)
