"""Writes the best rows of a sweep's table for people."""

from collections.abc import Mapping

import pandas as pd

from simlib.core.numbers import format_count, format_duration, format_memory, format_percent
from simlib.core.units import SECOND
from simlib.models.footprint import Footprint
from simlib.workloads.entry import Entry, Limit

MOST = 3
"""Rows shown for each workload and counter."""

STORE = ["workload", "counter", "design", "max_entries", "ttl_seconds", "prune_every"]
FIGURES = [
    *("increments", "cap_evictions", "ttl_evictions", "false_evictions", "peak_entries"),
    *("lost_counts", "overflow_counts", "inherited_counts"),
]
TITLES = (
    *("workload", "counter", "design", "cap", "ttl", "prune"),
    *("peak entries", "memory", "still in use", "lost", "shared"),
)

HEADING = (
    f"The best stores with a bound, at most {MOST} for each workload and counter; fewest counts lost or shared first:"
)
EXPLAINED = (
    "memory: at the peak, modelled where no bytes of an entry are given. still in use: evictions that removed sessions "
    "still in use, of all evictions. lost: counts that these lost, of all increments. shared: counts that no session "
    "has for itself, of all increments."
)


def best_rows(table: pd.DataFrame, known: Mapping[str, tuple[Entry, Limit]]) -> str:
    """Write the stores with a bound that keep the counts best, of each workload and counter that has increments.

    Those come first whose counts lost, shared and inherited are fewest, then those with the lowest peak. `table` is
    that of `sweep`; figures are means over its seeds. `known` has the entry of each workload and the
    limit of a store: those that exceed it at their peak are left out. Empty text if the table has none.
    """
    has_bound = (table["max_entries"].fillna(0) > 0) | (table["ttl_seconds"].fillna(0) > 0)
    bounded = table[has_bound & (table["increments"] > 0)]
    if bounded.empty:
        return ""
    means = bounded.groupby(STORE, sort=False, dropna=False)[FIGURES].mean().reset_index()
    means["mixed"] = means["overflow_counts"] + means["inherited_counts"]
    means["wrong"] = means["lost_counts"] + means["mixed"]
    each = zip(means["workload"], means["design"], means["peak_entries"], strict=True)
    means["mib"] = [float(Footprint(known[of][0]).live_mib(peak, design)) for of, design, peak in each]
    within = [known[row.workload][1].allows(row.mib, row.peak_entries) for row in means.itertuples()]
    means, left_out = means[within], within.count(False)
    if means.empty:
        return "No store with a bound stays within the limit."
    # Groups come in the order of the table.
    groups = means.groupby(["workload", "counter"], sort=False)
    best = pd.concat(group.sort_values(["wrong", "peak_entries"], kind="stable").head(MOST) for _, group in groups)
    rows = [TITLES, *(_cells(row) for row in best.itertuples())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    exceed = f"Left out, as they exceed the limit at their peak: {left_out} of {len(within)} stores."
    return "\n".join([HEADING, *lines, EXPLAINED, *([exceed] if left_out else [])])


def _cells(row) -> tuple[str, ...]:
    evictions = row.cap_evictions + row.ttl_evictions
    return (
        row.workload,
        row.counter,
        row.design,
        _setting(row.max_entries, format_count),
        _setting(row.ttl_seconds, lambda seconds: format_duration(seconds * SECOND)),
        _setting(row.prune_every, format_count),
        format_count(row.peak_entries),
        format_memory(row.mib),
        format_percent(row.false_evictions / evictions if evictions else 0.0),
        format_percent(row.lost_counts / row.increments),
        format_percent(row.mixed / row.increments),
    )


def _setting(value, written) -> str:
    if pd.isna(value):
        return "not used"
    return written(value) if value > 0 else "off"
