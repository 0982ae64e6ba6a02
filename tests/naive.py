"""The stores and the ledger as the design states them, word for word and without any thought for speed.

Written apart from `simlib`: nothing here is shared with what it checks.
"""

MISSING = "__missing__"


class NaiveStore:
    """Scans all entries, copies them, sorts them. With `bounded` False it is the `sync.Map`."""

    def __init__(self, bounded, max_entries, ttl, prune_every):
        self.max_entries = max_entries if bounded else 0
        self.ttl = ttl if bounded else 0
        self.prune_every = prune_every
        self.entries = {}
        self.ops = 0
        self.prunes = 0
        self.scanned = 0
        self.sorted = 0

    def increment(self, session, now):
        """(count, was it created, was the hit stale, [(cause, session, count, last_seen) of each entry removed])."""
        session = session if session != "" else MISSING
        stale, created = False, session not in self.entries
        if not created:
            stale = self.ttl > 0 and now - self.entries[session]["last_seen"] > self.ttl
        else:
            self.entries[session] = {"count": 0, "last_seen": None}
        entry = self.entries[session]
        entry["count"] += 1
        entry["last_seen"] = now
        count = entry["count"]
        self.ops += 1
        removed = []
        tick = self.ttl > 0 and self.ops % self.prune_every == 0
        over = self.max_entries > 0 and len(self.entries) > self.max_entries
        if tick or over:
            removed = self.prune(now)
        return count, created, stale, removed

    def prune(self, now):
        self.prunes += 1
        removed = []
        if self.ttl > 0:
            for session in list(self.entries):
                self.scanned += 1
                if now - self.entries[session]["last_seen"] > self.ttl:
                    removed.append(self.remove("ttl", session))
        if self.max_entries > 0 and len(self.entries) > self.max_entries:
            copy = [(entry["last_seen"], session) for session, entry in self.entries.items()]
            self.sorted += len(copy)
            copy.sort()
            for _, session in copy[: len(copy) - self.max_entries]:
                removed.append(self.remove("cap", session))
        return removed

    def remove(self, cause, session):
        entry = self.entries.pop(session)
        return cause, session, entry["count"], entry["last_seen"]

    def delete(self, session):
        """The count removed, None where there was no entry."""
        if session != "" and session in self.entries:
            return self.entries.pop(session)["count"]
        return None


def next_op(operations, row, session):
    """The next operation of a session after a row, None where there is none; an empty id increments `__missing__`."""
    for _, other, op in operations[row + 1 :]:
        if (other or MISSING if op == "increment" else other) == session:
            return op
    return None


def naive_ledger(operations, design, max_entries, ttl, prune_every, look_ahead=next_op):
    """The totals of section 3 over a list of (time in ns, session, 'increment' or 'delete')."""
    store = NaiveStore(design == "bounded", max_entries, ttl, prune_every)
    names = (
        "increments deletes deletes_hit creates stale_hits cap_evictions ttl_evictions false_evictions lost_counts "
        "prunes entries_scanned entries_sorted peak_entries final_entries final_count_sum log_lines overflow_counts "
        "inherited_counts retired_counts"
    )
    ledger = dict.fromkeys(names.split(), 0)
    for row, (time, session, op) in enumerate(operations):
        if op == "increment":
            ledger["increments"] += 1
            count, created, stale, removed = store.increment(session, time)
            ledger["creates"] += created
            ledger["stale_hits"] += stale
            ledger["log_lines"] += bin(count).count("1") == 1
            for cause, gone, held, _ in removed:
                ledger[f"{cause}_evictions"] += 1
                if look_ahead(operations, row, gone) == "increment":
                    ledger["false_evictions"] += 1
                    ledger["lost_counts"] += held
        else:
            ledger["deletes"] += 1
            ledger["deletes_hit"] += store.delete(session) is not None
        ledger["peak_entries"] = max(ledger["peak_entries"], len(store.entries))
    ledger["prunes"] = store.prunes
    ledger["entries_scanned"] = store.scanned
    ledger["entries_sorted"] = store.sorted
    ledger["final_entries"] = len(store.entries)
    ledger["final_count_sum"] = sum(entry["count"] for entry in store.entries.values())
    return ledger
