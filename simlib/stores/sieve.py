"""SIEVE: a queue in the order of insertion, a bit for each entry that was used again, and a hand that looks for one."""

from collections import OrderedDict

from simlib.core.units import MAX_NS
from simlib.stores.contract import CREATED, FOUND, MISSING, NOTHING, REMOVED, Design, OwnRule, Settings, Steps


class Node:
    """An entry in the queue; `newer` and `older` are its neighbours, the queue's root beyond both ends."""

    __slots__ = ("count", "last", "newer", "older", "seen", "session", "visited")

    def __init__(self, session: str) -> None:
        self.session, self.count, self.visited = session, 1, False
        self.seen = self.last = 0
        self.newer = self.older = self


class SieveStore:
    """A hit sets an entry's bit and moves nothing; a new session that finds the store full evicts one first.

    From the hand, or from the oldest entry where there is no hand, towards newer ones, and from the newest on to the
    oldest, bits are cleared; the first entry whose bit was not set leaves. The hand then stands at the next newer
    entry, or nowhere if there is none. Any other removal of the entry under the hand moves it in the same way. With a
    TTL, every `prune_every`-th increment is followed by a prune: entries idle for longer than the TTL leave.

    Source: Zhang et al., SIEVE is Simpler than LRU, NSDI'24.

    Cost: O(1) for an increment, amortised, as a bit that the hand clears was set by a hit. The Go code would visit all
    entries in a prune; this store accounts for that without doing it, as it also keeps the order of last increments.

    Where the rule is silent: the new session is inserted with its bit clear, before the prune of its increment.
    Entries that expire in one prune leave in the order of their last increment.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.created: list[int] = []
        self.shared: list[int] = []
        self.prunes: list[tuple[int, int, int]] = []
        self.evicted: list[tuple[int, str, int, int, int]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._cap = self.settings.max_entries if self.settings.max_entries > 0 else MAX_NS
        self._prune_every = self.settings.prune_every if self.settings.ttl > 0 else MAX_NS
        self._entries: OrderedDict[str, Node] = OrderedDict()
        """The entries by id, in the order of their last increment."""
        self._root = self._hand = Node("")
        """The root is newer than the newest and older than the oldest; a hand there stands nowhere."""
        self._increments = 0

    def increment(self, session: str, now: int) -> int:
        session = session or MISSING
        self._increments = increments = self._increments + 1
        entries = self._entries
        node = entries.get(session)
        steps = FOUND
        if node:
            node.count += 1
            node.visited = True
            entries.move_to_end(session)
        else:
            steps = self._evict() if len(entries) >= self._cap else CREATED
            node = entries[session] = Node(session)
            node.older, node.newer = self._root.older, self._root
            node.older.newer = node.newer.older = node
            self.created.append(increments)
        node.seen, node.last = now, increments
        if increments % self._prune_every == 0:
            steps = self._prune(now, steps)
        self.steps.append(steps)
        return node.count

    def delete(self, session: str) -> int:
        node = self._entries.get(session)
        if node is None:
            self.steps.append(NOTHING)
            return 0
        self._remove(node)
        self.steps.append(REMOVED)
        return node.count

    def snapshot(self) -> dict[str, int]:
        return {session: node.count for session, node in self._entries.items()}

    def __len__(self) -> int:
        return len(self._entries)

    def check(self) -> None:
        queue, node = [], self._root.newer
        while node is not self._root:
            assert node.newer.older is node is node.older.newer
            queue.append(node)
            node = node.newer
        assert {node.session: node for node in queue} == self._entries
        assert self._hand in (*queue, self._root)
        last = [node.last for node in self._entries.values()]
        assert last == sorted(last)
        assert all(node.count > 0 for node in queue)
        assert len(queue) == len(self._entries) <= self._cap

    def _evict(self) -> Steps:
        """Make room for a new entry; return the steps of both."""
        root, node, visited = self._root, self._hand, 1
        if node is root:
            node = root.newer
        while node.visited:
            node.visited = False
            node = node.newer if node.newer is not root else root.newer
            visited += 1
        self._hand = node
        self._remove(node)
        self.evicted.append((self._increments, node.session, 1, node.last, node.count))
        return Steps(visited, 0, 2)

    def _prune(self, now: int, steps: Steps) -> Steps:
        """Remove the entries idle for longer than the TTL; return the steps with those of the prune."""
        entries, scanned = self._entries, len(self._entries)
        while entries and now - (node := next(iter(entries.values()))).seen > self.settings.ttl:
            self._remove(node)
            self.evicted.append((self._increments, node.session, 0, node.last, node.count))
        self.prunes.append((self._increments, scanned, 0))
        visited, compared, moved = steps
        return Steps(visited + scanned, compared + scanned, moved + scanned - len(entries))

    def _remove(self, node: Node) -> None:
        if self._hand is node:
            self._hand = node.newer
        node.older.newer, node.newer.older = node.newer, node.older
        del self._entries[node.session]


DESIGN = Design(
    name="sieve",
    factory=SieveStore,
    go_map="map",
    colour="#000000",
    compiled=lambda settings: OwnRule("sieve", settings.max_entries, settings.ttl, settings.prune_every),
    # A time, two links, and a bit that takes a word.
    bookkeeping=48,
)
