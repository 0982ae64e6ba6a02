"""The store of every design as the design states them, word for word and without any thought for speed.

Written apart from `simlib`: nothing here is shared with what it checks.
"""

from typing import NamedTuple

MISSING = "__missing__"


def next_row(operations, row, session):
    """The row of a session's next operation after a row, or None; an empty id increments `__missing__`."""
    for number in range(row + 1, len(operations)):
        _, other, op = operations[number]
        if (other or MISSING if op == "increment" else other) == session:
            return number
    return None


class Removed(NamedTuple):
    """An entry that the store itself removed: by 'cap' or 'ttl', the count it held, and what it counted itself.

    `row` is that of its last increment: one that leaves before it would be found is missed by the increment at hand.
    """

    cause: str
    session: str
    held: int
    own: int
    row: int


class Answer(NamedTuple):
    """The answer and the effects of an increment."""

    count: int
    created: bool
    stale: bool
    removed: list


class Unbounded:
    """The map that leaked, and what the other designs are made of. `operations`: the stream, for who sees the future.

    An entry has its count, its own increments (without a count taken over), the time, number and row of its
    last increment, and the number of the increment that created it.
    """

    has_ttl = False
    sweep = 60 * 10**9

    def __init__(self, max_entries, ttl, prune_every, operations=()):
        self.max_entries, self.ttl, self.prune_every, self.operations = max_entries, ttl, prune_every, operations
        self.entries = {}
        self.ops = self.row = 0
        self.prunes = self.scanned = self.sorted = 0
        self.overflow_counts = self.inherited_counts = self.retired_counts = 0

    def increment(self, session, now):
        self.ops += 1
        self.created, self.stale, self.removed = False, False, []
        count = self.apply(session if session != "" else MISSING, now)
        self.row += 1
        return Answer(count, self.created, self.stale, self.removed)

    def delete(self, session):
        """The count removed, None where there was no entry."""
        self.row += 1
        if session != "" and session in self.entries:
            self.leave(session)
            return self.entries.pop(session)["count"]
        return None

    def snapshot(self):
        return {session: entry["count"] for session, entry in self.entries.items()}

    def apply(self, session, now):
        return self.touch(session, now)

    def touch(self, session, now, start=0):
        """Find or create (with a count to start from), add one, `last_seen = now`; return the count."""
        if session not in self.entries:
            self.created = True
            self.entries[session] = {"count": start, "own": 0, "born": self.ops, "visited": False}
        elif self.has_ttl:
            self.stale = self.idle_too_long(session, now)
        entry = self.entries[session]
        entry["count"] += 1
        entry["own"] += 1
        entry["last_seen"], entry["touched"], entry["row"] = now, self.ops, self.row
        return entry["count"]

    def evict(self, cause, session):
        self.leave(session)
        entry = self.entries.pop(session)
        self.removed.append(Removed(cause, session, entry["count"], entry["own"], entry["row"]))

    def leave(self, session):
        """Called before an entry is removed, by whomever."""

    def idle_too_long(self, session, now):
        return self.ttl > 0 and now - self.entries[session]["last_seen"] > self.ttl

    def has_room(self):
        return self.max_entries <= 0 or len(self.entries) < self.max_entries

    def is_over(self):
        return self.max_entries > 0 and len(self.entries) > self.max_entries

    def least_recently_touched(self):
        return min(self.entries, key=lambda session: self.entries[session]["touched"])


class Bounded(Unbounded):
    """As shipped: scans all entries, copies them, sorts them."""

    has_ttl = True

    def apply(self, session, now):
        count = self.touch(session, now)
        if self.must_prune():
            self.prune(now)
        return count

    def must_prune(self):
        return (self.ttl > 0 and self.ops % self.prune_every == 0) or self.is_over()

    def prune(self, now):
        self.prunes += 1
        self.ttl_phase(now)
        if self.is_over():
            copy = [(entry["last_seen"], session) for session, entry in self.entries.items()]
            self.sorted += len(copy)
            copy.sort()
            for _, session in copy[: len(copy) - self.left_by_cap_phase()]:
                self.evict("cap", session)

    def ttl_phase(self, now):
        if self.ttl > 0:
            for session in list(self.entries):
                self.scanned += 1
                if self.idle_too_long(session, now):
                    self.evict("ttl", session)

    def left_by_cap_phase(self):
        return self.max_entries


class LowWatermark(Bounded):
    def left_by_cap_phase(self):
        return self.max_entries * 7 // 8


class Periodic(Bounded):
    def must_prune(self):
        return (self.ttl > 0 or self.max_entries > 0) and self.ops % self.prune_every == 0


class RetiredTotal(Bounded):
    def evict(self, cause, session):
        self.retired_counts += self.entries[session]["count"]
        super().evict(cause, session)


class LinkedList(Unbounded):
    has_ttl = True

    def apply(self, session, now):
        while self.entries and self.idle_too_long(self.least_recently_touched(), now):
            self.evict("ttl", self.least_recently_touched())
        count = self.touch(session, now)
        while self.is_over():
            self.evict("cap", self.least_recently_touched())
        return count


class Overflow(Unbounded):
    def apply(self, session, now):
        if session in self.entries or self.has_room():
            return self.touch(session, now)
        self.overflow_counts += 1
        return self.overflow_counts


class StaleOnly(Unbounded):
    has_ttl = True

    def apply(self, session, now):
        count = self.touch(session, now)
        while self.is_over() and self.idle_too_long(self.least_recently_touched(), now):
            self.evict("cap", self.least_recently_touched())
        return count


class StaleOnlyRefuse(Overflow):
    has_ttl = True

    def apply(self, session, now):
        newcomer_to_full = session not in self.entries and not self.has_room()
        if newcomer_to_full and self.idle_too_long(self.least_recently_touched(), now):
            self.evict("cap", self.least_recently_touched())
        return super().apply(session, now)


class Refuse(Overflow):
    has_ttl = True

    def apply(self, session, now):
        while self.entries and self.idle_too_long(self.least_recently_touched(), now):
            self.evict("ttl", self.least_recently_touched())
        return super().apply(session, now)


class Aged(Unbounded):
    """When each session's entry was created, beside the entries."""

    has_ttl = True

    def __init__(self, *settings):
        super().__init__(*settings)
        self.created_at = {}

    def apply(self, session, now):
        for each in list(self.entries):
            if self.ttl > 0 and now - self.created_at[each] > self.ttl:
                self.evict("ttl", each)
        if session not in self.entries:
            self.created_at[session] = now
        count = self.touch(session, now)
        while self.is_over():
            self.evict("cap", self.least_recently_touched())
        return count


class Swept(Unbounded):
    """Sweeps are at `begun + sweep`, `begun + 2 * sweep`, …; of those due at an increment the last is carried out."""

    has_ttl = True
    begun = swept = None

    def apply(self, session, now):
        if self.begun is None:
            self.begun = self.swept = now
        due = self.begun + (now - self.begun) // self.sweep * self.sweep
        if self.ttl > 0 and due > self.swept:
            self.prunes += 1
            for each in list(self.entries):
                self.scanned += 1
                if self.idle_too_long(each, due):
                    self.evict("ttl", each)
            self.swept = due
        count = self.touch(session, now)
        while self.is_over():
            self.evict("cap", self.least_recently_touched())
        return count


class TwoGenerations(Unbounded):
    """The names of the sessions in each generation beside the entries, which keep what the ledger asks for."""

    has_ttl = True

    def __init__(self, *settings):
        super().__init__(*settings)
        self.current, self.previous = set(), set()
        self.since = None

    def apply(self, session, now):
        period, half = self.ttl // 2, max(self.max_entries // 2, 1)
        if self.since is None:
            self.since = now
        if self.ttl > 0 and now - self.since > 2 * period:
            for each in self.current | self.previous:
                self.evict("ttl", each)
            self.since = now
        elif self.ttl > 0 and now - self.since > period:
            self.rotate("ttl", now)
        if self.max_entries > 0 and session not in self.current and len(self.current) >= half:
            self.previous.discard(session)
            self.rotate("cap", now)
        self.previous.discard(session)
        self.current.add(session)
        return self.touch(session, now)

    def rotate(self, cause, now):
        for session in set(self.previous):
            self.evict(cause, session)
        self.current, self.previous, self.since = set(), self.current, now

    def leave(self, session):
        self.current.discard(session)
        self.previous.discard(session)


class Sieve(Bounded):
    """The hand is the session it stands at, None for nowhere."""

    hand = None

    def apply(self, session, now):
        if session in self.entries:
            self.entries[session]["visited"] = True
        elif not self.has_room():
            self.make_room()
        count = self.touch(session, now)
        if self.ttl > 0 and self.ops % self.prune_every == 0:
            self.prunes += 1
            self.ttl_phase(now)
        return count

    def make_room(self):
        if self.hand is None:
            self.hand = self.oldest_first()[0]
        while self.entries[self.hand]["visited"]:
            self.entries[self.hand]["visited"] = False
            self.hand = self.next_newer(self.hand) or self.oldest_first()[0]
        self.evict("cap", self.hand)

    def leave(self, session):
        if session == self.hand:
            self.hand = self.next_newer(session)

    def oldest_first(self):
        return sorted(self.entries, key=lambda session: self.entries[session]["born"])

    def next_newer(self, session):
        order = self.oldest_first()
        newer = order[order.index(session) + 1 :]
        return newer[0] if newer else None


class SpaceSaving(Unbounded):
    def apply(self, session, now):
        if session in self.entries or self.has_room():
            return self.touch(session, now)
        smallest = min(self.entries, key=lambda each: (self.entries[each]["count"], self.entries[each]["touched"]))
        taken_over = self.entries[smallest]["count"]
        self.evict("cap", smallest)
        self.inherited_counts += taken_over
        return self.touch(session, now, taken_over)


class Clairvoyant(Unbounded):
    def apply(self, session, now):
        count = self.touch(session, now)
        while self.is_over():
            self.evict("cap", max(self.entries, key=self.worth_least))
        return count

    def worth_least(self, session):
        """Dead ones above all others, the least recently touched of them first; of the rest the farthest first."""
        row = next_row(self.operations, self.row, session)
        if row is None or self.operations[row][2] == "delete":
            return 1, -self.entries[session]["touched"]
        return 0, row


NAIVE = {
    "unbounded": Unbounded,
    "bounded": Bounded,
    "low_watermark": LowWatermark,
    "periodic": Periodic,
    "heap": Bounded,
    "linked_list": LinkedList,
    "retired_total": RetiredTotal,
    "overflow": Overflow,
    "stale_only": StaleOnly,
    "stale_only_refuse": StaleOnlyRefuse,
    "refuse": Refuse,
    "aged": Aged,
    "swept": Swept,
    "two_generations": TwoGenerations,
    "sieve": Sieve,
    "space_saving": SpaceSaving,
    "clairvoyant": Clairvoyant,
}
"""The store of each design by its name; the heap has the decisions and the ledger of the shipped store."""
