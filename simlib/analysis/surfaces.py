"""Every cap beside every TTL: exact figures, where the targets are met, and what a larger cap makes worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd

from simlib.analysis.advise import Advice
from simlib.analysis.points import Point, Points, false_share, lost_share
from simlib.core.numbers import format_count, format_duration
from simlib.core.progress import progress
from simlib.core.units import HOUR, MINUTE, seconds
from simlib.models.miniature import LEAST_CAP
from simlib.stores.contract import Settings

TTLS = (
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 20, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 24, 48, 168)),
)
"""TTLs of a map, ns, as far as the stream is long; beside them those of the points in question."""

BELOW, ABOVE = 8, 4
"""Times the smallest cap in question down to which a map reaches, and times the largest up to which."""

AN_OCTAVE = 2
"""Caps of a map in each doubling, beside those of the points in question."""

WORSE = {
    "entries created": ("creates", "it overflows less often, and an overflow would have expired what was idle"),
    "sessions evicted while still in use": ("false_evictions", "its overflows come at other moments"),
    "counts lost": ("lost_counts", "an entry that stays for longer has counted more when it leaves"),
    "share of evictions of sessions in use": ("false_share", "it spares entries that nobody needs first"),
    "counts that go on after the TTL": ("stale_hits", "with fewer overflows what expired stays until the next tick"),
    "mean time of an increment (ns)": ("mean_ns", "the work of a prune grows with the entries in the store"),
    "longest stall (ns)": ("worst_ns", "the work of a prune grows with the entries in the store"),
}
"""The measures that a larger cap may make worse: the column in `Surfaces.table`, and why."""


@dataclass(frozen=True, eq=False)
class Surfaces:
    """The exact figures of the design in question at each cap (rows) and TTL (columns).

    Each cell is replayed at today's traffic and at those under which the targets are to be met, so that it is judged as
    the advice judges. O(operations x cells).
    """

    advice: Advice

    @cached_property
    def marked(self) -> dict[str, Point]:
        """The points in question by name: the one in use, and the recommended one where there is one."""
        found = {} if self.advice.refusal else {"recommended": self.advice.found[0]}
        return {"today": self.advice.now} | found

    @cached_property
    def design(self) -> str:
        """The recommended design; the one in use where nothing is recommended."""
        return [*self.marked.values()][-1].design

    @cached_property
    def caps(self) -> list[int]:
        """Caps ascending; last 0, for none."""
        known = [*self.marked.values()]
        given = [point.settings.max_entries for point in known if point.settings.max_entries > 0]
        given = given or [Settings().max_entries]
        return caps_of(known, min(given) / BELOW, max(given) * ABOVE, AN_OCTAVE)

    @cached_property
    def ttls(self) -> list[int]:
        """TTLs in ns ascending; last 0, for none."""
        return ttls_of([*self.marked.values()], TTLS, self.advice.span)

    @cached_property
    def points(self) -> list[Point]:
        """The point of each cell, all TTLs of the first cap first; replayed."""
        every = self.advice.now.settings.prune_every
        points = [Point(self.design, Settings(cap, ttl, every)) for cap, ttl in product(self.caps, self.ttls)]
        self.advice.replay_all(points, self.advice.levels)
        for part in [] if self.advice.simulated else self.advice.parts:
            part.replay_all(points)
        return points

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each cell: `max_entries` and `ttl_seconds` (0 for none) and its figures at today's traffic.

        `meets_all` says whether it meets each target at each of the advice's levels of traffic; without a cap, where
        nothing limits the size, it never does. `parts_that_agree` is the number of parts in which it is accurate
        enough, as the advice counts them.
        """
        advice = self.advice
        rows = [
            {
                "max_entries": point.settings.max_entries,
                "ttl_seconds": seconds(point.settings.ttl),
                **figures(advice, point),
                "meets_all": point.settings.max_entries > 0 and advice.meets_all(point),
                "parts_that_agree": advice.agreeing(point),
            }
            for point in progress(self.points, "cells")
        ]
        return pd.DataFrame(rows)

    def of(self, column: str) -> np.ndarray:
        """Return a column of the table, (caps, TTLs)."""
        return self.table[column].to_numpy().reshape(len(self.caps), len(self.ttls))

    @cached_property
    def worse(self) -> pd.DataFrame:
        """The measures that steps to the next larger cap make worse: in how many steps, by how much, and why."""
        rows = {}
        for name, (column, why) in WORSE.items():
            rises = np.diff(self.of(column).astype(float), axis=0)
            cap, ttl = np.unravel_index(rises.argmax(), rises.shape)
            step = f"{_cap(self.caps[cap])} to {_cap(self.caps[cap + 1])}, {_ttl(self.ttls[ttl])}"
            some = rises[cap, ttl] > 0
            rows[name] = {
                "steps that raise it": int((rises > 0).sum()),
                "of": rises.size,
                "most": rises[cap, ttl] if some else np.nan,
                "where": step if some else "nowhere",
                "why": why if some else "",
            }
        return pd.DataFrame(rows).T.rename_axis("measure")


def caps_of(known: Sequence[Point], low: float, high: float, an_octave: int) -> list[int]:
    """The caps of a map, ascending, `an_octave` in each doubling, with those of `known` points; last 0, for none."""
    caps, power = {point.settings.max_entries for point in known if point.settings.max_entries > 0}, LEAST_CAP
    while power <= high:
        steps = (power + power * step // an_octave for step in range(an_octave))
        caps |= {cap for cap in steps if low <= cap <= high}
        power *= 2
    return [*sorted(caps), 0]


def ttls_of(known: Sequence[Point], ttls: Sequence[int], span: int) -> list[int]:
    """The TTLs of a map in ns, ascending, as far as a stream is long, with those of `known` points; last 0 for none."""
    given = {point.settings.ttl for point in known if point.settings.ttl > 0}
    return [*sorted(given | {ttl for ttl in ttls if ttl <= span}), 0]


def figures(points: Points, point: Point, times: float = 1.0) -> dict[str, float]:
    """The figures of a point under `times` the traffic, by name, as its miniature has them."""
    totals, (mean, worst) = points.totals(point, times), points.nanoseconds(point, times)
    return {
        "creates": totals.creates,
        "false_evictions": totals.false_evictions,
        "lost_counts": totals.lost_counts,
        "stale_hits": totals.stale_hits,
        "false_share": false_share(totals),
        "lost_share": lost_share(totals),
        "peak_entries": totals.peak_entries,
        "heap_mib": points.heap_mib(point, times),
        "mean_ns": mean,
        "worst_ns": worst,
        "lock_share": points.lock_share(point, times),
    }


def _cap(cap: int) -> str:
    return f"cap {format_count(cap)}" if cap else "no cap"


def _ttl(ttl: int) -> str:
    return f"TTL {format_duration(ttl)}" if ttl else "no TTL"
