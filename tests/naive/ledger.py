"""The ledger as the design states it, over a naive store, word for word and without any thought for speed."""

from tests.naive.stores import NAIVE, next_row


def next_op(operations, row, session):
    """The next operation of a session after a row, None where there is none."""
    number = next_row(operations, row, session)
    return None if number is None else operations[number][2]


def naive_ledger(operations, design, max_entries, ttl, prune_every, look_ahead=next_op, sweep=60 * 10**9):
    """The totals of section 4 over a list of (time in ns, session, 'increment' or 'delete')."""
    store = NAIVE[design](max_entries, ttl, prune_every, operations)
    store.sweep = sweep
    names = (
        "increments deletes deletes_hit creates stale_hits cap_evictions ttl_evictions false_evictions lost_counts "
        "prunes entries_scanned entries_sorted peak_entries final_entries final_count_sum log_lines overflow_counts "
        "inherited_counts retired_counts"
    )
    ledger = dict.fromkeys(names.split(), 0)
    deleted = evicted = 0
    for time, session, op in operations:
        if op == "increment":
            ledger["increments"] += 1
            count, created, stale, removed = store.increment(session, time)
            ledger["creates"] += created
            ledger["stale_hits"] += stale
            ledger["log_lines"] += bin(count).count("1") == 1
            for cause, gone, held, own, row in removed:
                evicted += held
                ledger[f"{cause}_evictions"] += 1
                if look_ahead(operations, row, gone) == "increment":
                    ledger["false_evictions"] += 1
                    ledger["lost_counts"] += own
        else:
            ledger["deletes"] += 1
            count = store.delete(session)
            ledger["deletes_hit"] += count is not None
            deleted += count or 0
        ledger["peak_entries"] = max(ledger["peak_entries"], len(store.entries))
    ledger["prunes"] = store.prunes
    ledger["entries_scanned"] = store.scanned
    ledger["entries_sorted"] = store.sorted
    ledger["final_entries"] = len(store.entries)
    ledger["final_count_sum"] = sum(entry["count"] for entry in store.entries.values())
    for name in ("overflow_counts", "inherited_counts", "retired_counts"):
        ledger[name] = getattr(store, name)
    removals = ledger["cap_evictions"] + ledger["ttl_evictions"] + ledger["deletes_hit"]
    assert ledger["creates"] == removals + ledger["final_entries"]
    counts = ledger["final_count_sum"] + deleted + evicted + ledger["overflow_counts"]
    assert ledger["increments"] + ledger["inherited_counts"] == counts
    return ledger
