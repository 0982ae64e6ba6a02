"""Advice on what it has not seen: the other half of a log, other seeds, other workloads."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from simlib.analysis.advise import Advice, busiest
from simlib.analysis.points import Point, Points, false_share, lost_share
from simlib.traces.trace import Trace
from simlib.workloads.generator import generate
from simlib.workloads.schema import load_workload, workload_names


def halves(trace: Trace) -> tuple[Trace, Trace]:
    """Return the operations in the first and in the second half of a trace's time. O(rows)."""
    middle = int(np.searchsorted(trace.time, (int(trace.time[0]) + int(trace.time[-1])) // 2))
    rest = slice(middle, None)
    ids = trace.ids[trace.session[rest]]
    return trace.first(middle), Trace.of(trace.time[rest], ids, trace.op[rest], trace.counter[rest])


def held_out(advice: Advice) -> dict[str, object] | None:
    """Advise on a part of the streams, and replay that on the rest: two halves of a log, or the first seed and others.

    Returns the `point`, its figures as `replayed` does, and the `refusal`, empty where there is none; only that where
    the part is too short to advise on. None where there is no rest: one seed.
    """
    seen, *unseen = advice.traces if advice.simulated else halves(advice.traces[0])
    if not unseen:
        return None
    part = replace(advice, traces=[seen], _totals=defaultdict(dict))
    if part.refusal:
        return {"refusal": part.refusal}
    point, _ = part.found
    return {"refusal": "", "point": point, **replayed(point, advice.alike(unseen))}


def replayed(point: Point, points: Points) -> dict[str, object]:
    """Return the figures of a point on streams at their own traffic, and the keys of the targets that it `misses`."""
    totals = points.totals(point)
    return {
        "lost": lost_share(totals),
        "false": false_share(totals),
        "peak_entries": totals.peak_entries,
        "heap_mib": points.heap_mib(point),
        "worst_ns": points.nanoseconds(point)[1],
        "misses": [name for name, ratio in points.ratios(point).items() if ratio > 1],
    }


def on_presets(point: Point, like: Points) -> dict[str, dict[str, object]]:
    """Replay a point on the busiest counter of every preset, one seed each, with the targets of other points."""
    traces = {name: generate(load_workload(name), seed=1) for name in workload_names()}
    busiest_of = {name: trace.only(busiest([trace])) for name, trace in traces.items()}
    return {name: replayed(point, like.alike([trace])) for name, trace in busiest_of.items()}
