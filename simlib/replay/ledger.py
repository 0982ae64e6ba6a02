"""The definition of every figure of a replay: totals, evictions and their truth, entries over time.

Pure functions of a trace and the observation of one store over it; the two invariants that tie the totals together are
checked on every run. An eviction is false if the trace says that the session's next operation is an increment
(`Trace.comes_back`). A generated stream carries the same look ahead as a bit of each operation, for the compiled store.
`awaiting` and `watermark` say why they need another way. Refuses an observation of another trace.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from simlib.core.units import MINUTE, seconds
from simlib.replay.observe import Observation
from simlib.stores.contract import Prune, Settings
from simlib.stores.registry import find_design
from simlib.traces.codes import INCREMENT
from simlib.traces.trace import Trace


@dataclass(frozen=True)
class Totals:
    """The totals of one store over one operation stream; counts of what each name says.

    `stale_hits` are increments of an entry idle for longer than the TTL that is still there. An eviction is a removal
    by the store itself, and false if the session's next operation in the stream is an increment. `lost_counts` are what
    entries evicted so had counted themselves. `overflow_counts` are the increments that a shared counter took,
    `inherited_counts` what new entries took over from others, `retired_counts` what a running total kept of evicted
    entries; 0 for designs that do none of this.
    """

    increments: int
    deletes: int
    deletes_hit: int
    creates: int
    stale_hits: int
    cap_evictions: int
    ttl_evictions: int
    false_evictions: int
    lost_counts: int
    prunes: int
    entries_scanned: int
    entries_sorted: int
    peak_entries: int
    final_entries: int
    final_count_sum: int
    log_lines: int
    overflow_counts: int = 0
    inherited_counts: int = 0
    retired_counts: int = 0


def totals(trace: Trace, observed: Observation) -> Totals:
    """The ledger of a run. Raises AssertionError if it does not balance."""
    answers, increment = _answers(trace, observed), trace.op == INCREMENT
    counts, held = answers[increment], answers[~increment]
    evicted = evictions(trace, observed)
    by_cap = int((evicted["cause"] == "cap").sum())
    false = ~evicted["dead"].to_numpy()
    entries = np.cumsum(changes(trace, observed))
    final = observed.final_counts
    was_held = int(answers[evicted["last_row"]].sum())
    result = Totals(
        increments=counts.size,
        deletes=held.size,
        deletes_hit=int((held > 0).sum()),
        creates=observed.created.size,
        stale_hits=int(stale_hits(trace, observed).sum()),
        cap_evictions=by_cap,
        ttl_evictions=len(evicted) - by_cap,
        false_evictions=int(false.sum()),
        lost_counts=int(evicted["count"][false].sum()),
        prunes=len(observed.prunes),
        entries_scanned=int(observed.prunes[:, Prune._fields.index("scanned")].sum()),
        entries_sorted=int(observed.prunes[:, Prune._fields.index("sorted")].sum()),
        peak_entries=int(entries.max(initial=0)),
        final_entries=final.size,
        final_count_sum=int(final.sum()),
        log_lines=int(log_lines(trace, observed).sum()),
        overflow_counts=observed.shared.size,
        inherited_counts=int((counts[observed.created - 1] - 1).sum()),
        retired_counts=was_held if find_design(observed.design).retires else 0,
    )
    assert result.creates == len(evicted) + result.deletes_hit + result.final_entries, "entries do not balance"
    kept = int(held.sum()) + was_held + result.final_count_sum + result.overflow_counts
    assert result.increments + result.inherited_counts == kept, "counts do not balance"
    return result


def report(design: str, settings: Settings, totals: Totals) -> dict[str, object]:
    """The totals with the design and its settings, as `replay --json` prints them; None for settings that the
    design does not use, and no `sweep_seconds` where it does not sweep on the clock.

    Raises InputError for an unknown design.
    """
    used = find_design(design).settings
    return {
        "design": design,
        "max_entries": settings.max_entries if "max_entries" in used else None,
        "ttl_seconds": seconds(settings.ttl) if "ttl" in used else None,
        "prune_every": settings.prune_every if "prune_every" in used else None,
        **({"sweep_seconds": seconds(settings.sweep)} if "sweep" in used else {}),
        **asdict(totals),
    }


def evictions(trace: Trace, observed: Observation) -> pd.DataFrame:
    """A row for each eviction, in the order they happened.

    Columns: `row` of the trace in whose increment it happened, `time` (ns), `session` (index into the trace's ids),
    `cause` (`cap` or `ttl`), `last_row` of its last increment, `idle` (ns since that: for the dead, the reclaim lag),
    `count` that it counted itself, `next_row` (the session's next operation, n where there is none), `dead`: true if
    that next operation is not an increment, and `undecided`.

    A session that has no further operation counts as dead. Near the end of a stream that may be too early to say: such
    an eviction is `undecided` where less than the TTL (30 minutes if it is off) of the stream is left after it. The
    totals count it as dead; the share of false evictions lies between theirs and that with the undecided ones added.
    """
    increments = np.flatnonzero(trace.op == INCREMENT)
    increment, by_cap, last, counted = observed.evictions.T
    row, last_row = increments[increment - 1], increments[last - 1]
    next_row = trace.next_row[last_row]
    return pd.DataFrame(
        {
            "row": row,
            "time": trace.time[row],
            "session": trace.session[last_row].astype(np.int64),
            "cause": pd.Categorical.from_codes(by_cap, pd.Index(["ttl", "cap"])),
            "last_row": last_row,
            "idle": trace.time[row] - trace.time[last_row],
            "count": counted,
            "next_row": next_row,
            "dead": ~trace.comes_back[last_row],
            "undecided": (next_row == len(trace)) & (trace.time[-1:].sum() - trace.time[row] < _patience(observed)),
        }
    )


def prunes(trace: Trace, observed: Observation) -> pd.DataFrame:
    """A row for each prune: `row` of the trace in whose increment it ran, and the columns of `stores.Prune`.

    `expired` and `capped` entries were evicted in that increment by each bound. `overflow` is true where the store was
    over its cap; else the prune was the regular look for expired entries.
    """
    table = pd.DataFrame(observed.prunes, columns=Prune._fields)
    table.insert(0, "row", np.flatnonzero(trace.op == INCREMENT)[table["increment"] - 1])
    increment, by_cap = observed.evictions[:, :2].T
    for cause, name in enumerate(("expired", "capped")):
        evicted = np.sort(increment[by_cap == cause])
        after, before = (np.searchsorted(evicted, table["increment"], side) for side in ("right", "left"))
        table[name] = after - before
    cap = observed.settings.max_entries
    table["overflow"] = (table["scanned"] > cap) & (cap > 0) | (table["sorted"] > 0)
    return table


def snapshot_error(trace: Trace, truth: Observation, observed: Observation, rows: np.ndarray) -> pd.DataFrame:
    """Compare a snapshot of a store, after each of the given rows (ascending), with the unbounded truth.

    Columns: `undercount`, the share of all counts in the truth that is not in the store, and `top_10` and `top_100`,
    the share of the sessions with the highest counts in the truth that are among those with the highest in the store.
    Equal counts go by order of first appearance. Where fewer sessions have a count, those are the top.
    `in_use_undercount` and `in_use_top_10` are the same of the sessions still in use, those whose next operation is an
    increment; NaN where there are none.
    """
    evicted = evictions(trace, observed)
    row, last_row = evicted["row"].to_numpy(), evicted["last_row"].to_numpy()
    # Within its own increment an entry is evicted before it is created anew, and after it if it is the new one.
    when = np.concatenate([3 * np.arange(len(trace)) + 1, 3 * row + 2 * (last_row == row)])
    after = np.argsort(when, kind="stable")
    who = np.concatenate([trace.session, evicted["session"]])[after]
    # A delete leaves nothing behind, whatever it answered.
    held = np.concatenate([_held(trace, observed), np.zeros(len(evicted), dtype=np.int64)])[after]
    true_counts, counts = np.zeros((2, trace.ids.size), dtype=np.int64)
    in_use, used_next = np.zeros(trace.ids.size, dtype=bool), trace.comes_back & (trace.op == INCREMENT)
    true_held, ends, table = _held(trace, truth), np.searchsorted(when[after], 3 * rows + 2, side="right"), []
    done = begins = 0
    for row, end in zip(rows, ends, strict=True):
        true_counts[trace.session[done : row + 1]] = true_held[done : row + 1]
        in_use[trace.session[done : row + 1]] = used_next[done : row + 1]
        counts[who[begins:end]] = held[begins:end]
        done, begins = row + 1, end
        used = true_counts[in_use], counts[in_use]
        table.append(
            (
                _missing(true_counts, counts),
                *(_overlap(true_counts, counts, k) for k in (10, 100)),
                *((_missing(*used), _overlap(*used, 10)) if in_use.any() else (np.nan, np.nan)),
            )
        )
    return pd.DataFrame(table, columns=["undercount", "top_10", "top_100", "in_use_undercount", "in_use_top_10"])


def occupancy(trace: Trace, ttl: int) -> float:
    """Mean entries under an ideal idle TTL (ns) and no cap; NaN where the trace is shorter than two of it.

    Each increment keeps its entry until the session's next operation or for the TTL, whichever is first (Little, A
    Proof for the Queuing Formula L = lambda W, 1961, over the stream's own residence times). The mean is over what is
    left after a first TTL, as by then the store has forgotten that it began empty; at least as much must be left.
    """
    if len(trace) == 0 or trace.time[-1] - trace.time[0] < 2 * ttl:
        return np.nan
    increment = np.flatnonzero(trace.op == INCREMENT)
    end = float(trace.time[-1])
    after_warm_up = trace.time[0] + ttl
    from_, until = trace.time[increment], np.append(trace.time, end)[trace.next_row[increment]]
    until = np.minimum(until, from_ + ttl)
    return float((until.clip(min=after_warm_up) - from_.clip(min=after_warm_up)).sum() / (end - after_warm_up))


def changes(trace: Trace, observed: Observation) -> np.ndarray:
    """Entries gained or lost by each operation, its evictions included; int64, (n,). Their sum is the store's size."""
    deletes_hit = (trace.op != INCREMENT) & (_answers(trace, observed) > 0)
    change: np.ndarray = created(trace, observed) - deletes_hit.astype(np.int64)
    row = np.flatnonzero(trace.op == INCREMENT)[observed.evictions[:, 0] - 1]
    change -= np.bincount(row, minlength=len(trace))
    return change


def kept_in_use(trace: Trace, observed: Observation) -> np.ndarray:
    """Entries in the store, after each operation, that will be incremented again before anything else; int64, (n,).

    The rest of the entries only wait for a delete, a prune or the end of the stream.
    """
    used_next = trace.comes_back & (trace.op == INCREMENT) & ~_shared(trace, observed)
    change = used_next - _hits(trace, observed).astype(np.int64)
    evicted = evictions(trace, observed)
    return np.cumsum(change - np.bincount(evicted["row"][~evicted["dead"]], minlength=len(trace)))


def created(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment that created an entry, as the store reports; bool, (n,)."""
    return _numbered(trace, observed.created)


def log_lines(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment that is logged, its count being a power of two; bool, (n,)."""
    answers = _answers(trace, observed)
    return (trace.op == INCREMENT) & ((answers & (answers - 1)) == 0)


def stale_hits(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment of an entry idle for longer than the TTL; bool, (n,)."""
    hit = _hits(trace, observed)
    idle = trace.time - trace.time[trace.previous_row]
    if "ttl" not in find_design(observed.design).settings or observed.settings.ttl <= 0:
        return np.zeros_like(hit)
    return hit & (idle > observed.settings.ttl)


def restarts(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment that starts a session's count anew although none deleted it; bool, (n,).

    Each is the end of one false eviction.
    """
    after_increment = (trace.previous_row >= 0) & (trace.op[trace.previous_row] == INCREMENT)
    return created(trace, observed) & after_increment


def live_sessions(trace: Trace) -> np.ndarray:
    """Sessions that have an entry to be kept after each operation; int64, (n,).

    A session is live from an increment on until its last increment before a delete or the end of the stream: whoever
    drops its entry in that time drops a count that goes on.
    """
    increment = trace.op == INCREMENT
    after = trace.comes_back
    before = (trace.previous_row >= 0) & increment[trace.previous_row]
    begins, ends = increment & after & ~before, increment & before & ~after
    return np.cumsum(begins.astype(np.int64) - ends)


def _answers(trace: Trace, observed: Observation) -> np.ndarray:
    answers = observed.answers
    if answers.size != len(trace):
        raise ValueError(f"the store received {answers.size} operations, the trace holds {len(trace)}")
    return answers


def _patience(observed: Observation) -> int:
    """How long after its eviction a session may still come back before it counts as decided, ns."""
    return observed.settings.ttl if observed.settings.ttl > 0 else 30 * MINUTE


def _held(trace: Trace, observed: Observation) -> np.ndarray:
    """The count that a session's entry holds after each operation, leaving evictions aside; int64, (n,)."""
    return np.where((trace.op == INCREMENT) & ~_shared(trace, observed), _answers(trace, observed), 0)


def _missing(truth: np.ndarray, counts: np.ndarray) -> float:
    """Return the share of the counts in the truth that is not in a store; 0 where there is none."""
    total = truth.sum()
    return float(1 - counts.sum() / total) if total else 0.0


def _overlap(truth: np.ndarray, counts: np.ndarray, k: int) -> float:
    k = min(k, int((truth > 0).sum()))
    if k == 0:
        return 1.0
    top, found = (np.argsort(-values, kind="stable")[:k] for values in (truth, counts))
    return float(np.isin(top, found[counts[found] > 0]).mean())


def _hits(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment that found an entry; bool, (n,)."""
    return (trace.op == INCREMENT) & ~created(trace, observed) & ~_shared(trace, observed)


def _shared(trace: Trace, observed: Observation) -> np.ndarray:
    """Whether each operation is an increment that a shared counter took; bool, (n,)."""
    return _numbered(trace, observed.shared)


def _numbered(trace: Trace, numbers: np.ndarray) -> np.ndarray:
    """Whether each operation is one of the increments with these numbers, from 1; bool, (n,)."""
    found = np.zeros(len(trace), dtype=bool)
    found[np.flatnonzero(trace.op == INCREMENT)[numbers - 1]] = True
    return found
