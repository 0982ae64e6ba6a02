"""Writes the ledger of one replay for people: the span of the log, a verdict, and each figure with a word of help."""

from typing import NamedTuple

from simlib.core.numbers import format_count, format_counted, format_duration, format_memory, format_percent
from simlib.core.units import SECOND
from simlib.models.cost import design_cost, held_ns
from simlib.models.footprint import Footprint
from simlib.replay import ledger
from simlib.replay.ledger import Totals
from simlib.stores.contract import Settings
from simlib.stores.registry import SHIPPED
from simlib.workloads.entry import MODELLED, UNKNOWN, Entry, Limit

SETTINGS = {
    "design": "the store that received the log",
    "max_entries": "the cap, in entries",
    "ttl_seconds": "idle time, or age of `aged`, after which an entry may go",
    "prune_every": "increments between two looks for idle entries",
    "sweep_seconds": "time between two sweeps for idle entries",
}
"""A word of help for each setting."""

FIGURES = {
    "increments": ("events counted", None),
    "deletes": ("sessions removed by the log", None),
    "deletes_hit": ("deletes that found an entry", "deletes"),
    "creates": ("increments that made an entry", "increments"),
    "stale_hits": ("increments of an entry idle for longer than the TTL", "increments"),
    "cap_evictions": ("entries evicted by the cap", "evictions"),
    "ttl_evictions": ("entries evicted by the TTL", "evictions"),
    "false_evictions": ("evicted while still in use: the session came back", "evictions"),
    "lost_counts": ("counts of sessions evicted while still in use", "increments"),
    "prunes": ("looks for entries to evict", "increments"),
    "entries_scanned": ("entries that the prunes visited", None),
    "entries_sorted": ("entries that the prunes sorted", None),
    "peak_entries": ("most entries at a time", None),
    "final_entries": ("entries at the end of the log", None),
    "final_count_sum": ("counts in the store at the end", "increments"),
    "log_lines": ("lines logged, one for each count that is a power of two", "increments"),
    "overflow_counts": ("increments that a shared counter took, as the store was full", "increments"),
    "inherited_counts": ("counts that new entries took over from others", "increments"),
    "retired_counts": ("counts of evicted entries kept in one total", "increments"),
}
"""A word of help for each total, and of what it is a share."""


class Span(NamedTuple):
    """A log: its file, the counter replayed, and the time from its first row to its last, ns."""

    file: str
    counter: str
    lasts: int


def ledger_text(
    span: Span,
    design: str,
    settings: Settings,
    totals: Totals,
    entry: Entry = MODELLED,
    limit: Limit = UNKNOWN,
) -> str:
    """Write the span, the verdict and a line for each setting and figure; memory and time are of the newest Go.

    Raises InputError for an unknown design.
    """
    footprint, peak = Footprint(entry), totals.peak_entries
    mib = float(footprint.live_mib(peak, design))
    what = "live heap" if entry.given is None else "memory"
    rows = []
    for name, value in ledger.report(design, settings, totals).items():
        if name in SETTINGS:
            rows.append((name, _setting(name, value), "", SETTINGS[name]))
        else:
            help_, whole = FIGURES[name]
            share = f"{_share(totals, value, whole)} of {whole}" if whole else ""
            rows.append((name, format_count(value), share, help_))
    rows.append(("heap", format_memory(mib), "", f"{what} at the peak, at {footprint.an_entry(mib, peak)}"))
    rows.append(("mean increment", *_increment(design, settings, totals)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {share:<{widths[2]}}  {help_}"
        for name, value, share, help_ in rows
    ]
    head = f"{span.file}, counter {span.counter}: {format_counted(totals.increments, 'increments')} and "
    head += f"{format_counted(totals.deletes, 'deletes')} in {format_duration(span.lasts)}."
    needs = f"{format_memory(mib)}, at {footprint.an_entry(mib, peak)}"
    if limit.known:
        above = limit.exceeded(mib, peak)
        needs += f"; above your limit of {above.text()}" if above.known else f"; within your limit of {limit.text()}"
    return "\n".join([head, _verdict(design, totals, needs), "", *lines])


def _verdict(design: str, totals: Totals, needs: str) -> str:
    evictions, found = _evictions(totals), []
    if evictions:
        found.append(
            f"{_share(totals, totals.false_evictions, 'evictions')} of {format_counted(evictions, 'evictions')} "
            f"removed sessions still in use, which lost {_share(totals, totals.lost_counts, 'increments')} of the "
            "counts."
        )
    else:
        found.append("nothing was evicted and no count was lost.")
    found.append(f"The store held at most {format_counted(totals.peak_entries, 'sessions')} ({needs}).")
    if totals.overflow_counts:
        found.append(f"A shared counter took {_share(totals, totals.overflow_counts, 'increments')} of the increments.")
    return f"Verdict: with {design}, {' '.join(found)}"


def _setting(name: str, value: object) -> str:
    if value is None:
        return "not used"
    if not isinstance(value, (int, float)):
        return str(value)
    if value <= 0:
        return "off"
    return format_duration(value * SECOND) if name.endswith("_seconds") else format_count(value)


def _increment(design: str, settings: Settings, totals: Totals) -> tuple[str, str, str]:
    """Return the mean time of an increment, its share column, and where it comes from."""
    if design == SHIPPED and totals.increments:
        mean = held_ns(totals, settings) / totals.increments
        return format_duration(mean), "", "modelled time of one in Go, prunes included"
    measured = design_cost(design)
    if measured is None:
        return "not measured", "", "this design has no Go version"
    return format_duration(measured.mean_ns), "", "measured in Go with 2048 entries, each increment a new session"


def _evictions(totals: Totals) -> int:
    return totals.cap_evictions + totals.ttl_evictions


def _share(totals: Totals, part: int, whole: str) -> str:
    of = _evictions(totals) if whole == "evictions" else getattr(totals, whole)
    return format_percent(part / of if of else 0.0)
