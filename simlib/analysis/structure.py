"""What the structure of the bounded store says that it holds and costs at any load, from one stream at one load.

Owns the reckoning, which replays no store. Whatever the load, a store holds just the sessions that were last
incremented after one watermark. The TTL pulls it along, and so does the cap where more than fit came after it. How
many sessions lie within an idle time, how many increments are of sessions outside it, and how many of those that fall
out come back: all of that follows from the times between a session's operations and grows with the load as the load.
So at k times the load the cap reaches as far back as a k-th of it would at the load itself, which is Che's
characteristic time (Che, Tung and Wang, Hierarchical Web Caching Systems, 2002) from the stream's own gaps, with a TTL
and deletes, and followed through the stream slice by slice, as traffic is uneven. Work becomes time at the prices of
`cost`. Chance is left out: it is what happens on average where numbers are large. Next: `scale`.
"""

from dataclasses import dataclass

import numpy as np
from numba import boolean, float64, int64, njit, void
from scipy.special import ndtri

from simlib.core.units import MS, SECOND
from simlib.models import cost
from simlib.models.heap import GO_VERSIONS
from simlib.stores.contract import Settings
from simlib.traces.chunks import Stream
from simlib.traces.codes import IS_DELETE, IS_DROPS
from simlib.traces.routing import instance_of
from simlib.traces.trace import COUNTERS

SLICES = 96
"""Slices of a stream with as many increments each: what is uneven in it, such as a storm, fills some of them."""

LEAST_SLICES = 10
"""Slices with increments, after the warm-up, without which nothing is reckoned."""

SHORTEST = MS
SHORT, LONG, BEYOND = 24, 96, 10
"""Idle times that are looked at. Up to the TTL geometrically, as a cap reaches less and less far back at higher loads,
and evenly, as a storm may lie anywhere; and beyond the TTL, for what waits for a tick."""

OCCUPANCY, HIGHEST, MISSES, GONE, FALSE, LOST, DELETED = range(7)


@dataclass(frozen=True)
class Expected:
    """What is expected of the bounded store of one process, or of one instance, at a load, after the warm-up.

    `increments`, `creates` and `sorts` are in all; `busy` is the share of the time for which the lock is held.
    `false_share` of the evictions hit a session that comes back, and `lost_share` of the increments were counted in its
    entry. `capped` is the share of the increments that find the store at its cap. `peak_entries` is of the warm-up too.
    """

    peak_entries: float
    increments: float
    creates: float
    sorts: float
    busy: float
    false_share: float
    lost_share: float
    capped: float


@dataclass(frozen=True, eq=False)
class Increments:
    """The increments of one counter of a stream at `load`, in order of time; all (n,).

    `time` ns; `session`, numbered from 0; `gap` ns to the session's next operation and `since` its last, inf where
    there is none, or, before, where it was a delete; `returns` whether the next is an increment; `deletes` how many
    deletes there are. Of a fleet without affinity all `instances` are in it, a session on one having nothing to do with
    itself on another. At a higher load there are more sessions of the kind, or copies of these within `together` ns.
    """

    time: np.ndarray
    session: np.ndarray
    gap: np.ndarray
    since: np.ndarray
    returns: np.ndarray
    deletes: int
    load: float
    instances: int = 1
    together: int | None = None

    @property
    def unended(self) -> float:
        """Sessions whose last operation is an increment, for each unit of load and instance."""
        return float(np.isinf(self.gap).sum()) / (self.load * self.instances)

    def changes(self) -> tuple[np.ndarray, np.ndarray]:
        """When the unbounded maps of all instances gain an entry and when they lose one, ns, unsorted; (k,), (m,)."""
        ended = np.isfinite(self.gap) & ~self.returns
        return self.time[np.isinf(self.since)], self.time[ended] + self.gap[ended]

    @property
    def missing(self) -> float:
        """Share of the deletes that find no entry, were none ever evicted; NaN without any."""
        found = int((np.isfinite(self.gap) & ~self.returns).sum())
        return 1 - found / self.deletes if self.deletes else np.nan

    @classmethod
    def of(
        cls, stream: Stream, counter: str, load: float, instances: int = 1, together: int | None = None
    ) -> "Increments":
        """Of a whole stream of that load; with `instances` above 1 as they hear it without affinity."""
        columns, first = [np.zeros((3, 0), np.int64)], 0
        for chunk in stream():
            rows = chunk.code & IS_DROPS == COUNTERS.index(counter) * IS_DROPS
            session, is_delete = chunk.session, chunk.code & IS_DELETE
            if instances > 1:
                session = session * instances + instance_of(chunk, first, instances, affinity=False)
            columns.append(np.stack([chunk.time[rows], session[rows], is_delete[rows]]))
            first += chunk.time.size
        time, session, is_delete = np.concatenate(columns, axis=1)
        by_session = np.argsort(session, kind="stable")
        times, increment = time[by_session].astype(np.float64), is_delete[by_session] == 0
        same = np.diff(session[by_session]) == 0
        code, gap, since = np.empty(time.size, np.int64), *np.full((2, time.size), np.inf)
        returns = np.zeros(time.size, dtype=bool)
        code[by_session] = np.cumsum(np.append(0, ~same)[: time.size])
        gap[by_session[:-1][same]] = np.diff(times)[same]
        since[by_session[1:][same & increment[:-1]]] = np.diff(times)[same & increment[:-1]]
        returns[by_session[:-1][same & increment[1:]]] = True
        rows = is_delete == 0
        columns = (time.astype(np.float64)[rows], code[rows], gap[rows], since[rows], returns[rows])
        return cls(*columns, int(np.count_nonzero(~rows)), load, instances, together)


_column = float64[::1]


@njit(
    void(
        _column,
        int64[::1],
        _column,
        _column,
        boolean[::1],
        _column,
        _column,
        _column,
        _column,
        float64,
        float64[:, :, ::1],
    ),
    cache=True,
    nogil=True,
)
def _tabulate(time, session, gap, since, returns, deleted, deleted_gap, begins, idles, together, tables):
    """Fill in, for each idle time (ns), the rows named above: were every entry kept until it was idle for longer.

    `deleted` are the times (ascending) at which deletes find the sessions' entries, `deleted_gap` ns after their last
    increment. `together` is as in `Increments`, negative where sessions are independent; `tables` (idle times, 7,
    slices) is all 0. O(increments x idle times).
    """
    n, last = time.size, begins.size - 1
    held = np.zeros(session.max() + 1 if n else 1, np.int64)
    counts = np.zeros(n, np.int64)
    for place in range(idles.size):
        idle, table = idles[place], tables[place]
        copies = 0.0 if together < 0 else min(idle / max(together, 1.0), 1.0)
        gone, at, expiring, deleting, expiring_at, deleting_at, inside = 0, 0, 0, 0, 0, 0, 0
        for row in range(n):
            now = time[row]
            if at < last and now >= begins[at + 1]:
                table[OCCUPANCY, at] /= max(inside, 1)
                inside = 0
                while at < last and now >= begins[at + 1]:
                    at += 1
            while expiring < row and time[expiring] + idle < now:
                gone += gap[expiring] > idle
                expiring += 1
            while deleting < deleted.size and deleted[deleting] <= now:
                while deleting_at < last and deleted[deleting] >= begins[deleting_at + 1]:
                    deleting_at += 1
                if deleted_gap[deleting] <= idle:
                    gone += 1
                    table[DELETED, deleting_at] += 1
                deleting += 1
            anew = since[row] > idle
            gone += not anew
            kept = max(row - gone, 0)
            table[OCCUPANCY, at] += kept + copies * (0.5 if anew else 1.0)
            table[HIGHEST, at] = max(table[HIGHEST, at], kept + copies)
            table[MISSES, at] += anew
            inside += 1
            held[session[row]] = 1 if anew else held[session[row]] + 1
            counts[row] = held[session[row]]
        table[OCCUPANCY, at] /= max(inside, 1)
        # What goes, goes as it has been idle for so long: later than it was last seen, and perhaps too late to be seen.
        for row in range(n):
            if gap[row] > idle and time[row] + idle < time[n - 1]:
                while expiring_at < last and time[row] + idle >= begins[expiring_at + 1]:
                    expiring_at += 1
                table[GONE, expiring_at] += 1
                if returns[row]:
                    table[FALSE, expiring_at] += 1
                    table[LOST, expiring_at] += counts[row]


class Structure:
    """The reckoning for the bounded store of one counter, whose increments at some load are given.

    The stream lasts `lasts` ns from 0 on; rates are those after `warm_up` ns.
    """

    def __init__(
        self, increments: Increments, settings: Settings, lasts: int, warm_up: int, go_version: str = GO_VERSIONS[-1]
    ):
        self.settings, self._prices = settings, cost.prices(go_version)
        self._lasts, self._seconds = lasts, max(lasts - warm_up, SECOND)
        # Nothing is ever idle for longer than all of it lasts.
        longest = float(max(lasts, SHORTEST))
        self._ttl = float(settings.ttl) if settings.ttl > 0 else longest
        self._idle = _idle_times(self._ttl, longest)
        time = increments.time
        at = np.arange(SLICES) * time.size // SLICES
        self._begins = np.unique(np.append(time[at] if time.size else 0.0, warm_up)).astype(np.float64)
        self._settled = self._begins >= warm_up
        which = np.maximum(np.searchsorted(self._begins, time, side="right") - 1, 0)
        counts = np.bincount(which, minlength=self._begins.size)
        # Where the increments of a slice lie on average; where it has none, its begin.
        mean = np.bincount(which, time, self._begins.size) / np.maximum(counts, 1)
        self._middle = np.where(counts > 0, mean, self._begins)
        unit = increments.load * increments.instances
        self._increments = counts / unit
        self._sessions = np.unique(increments.session).size / unit
        tables = np.zeros((self._idle.size, 7, self._begins.size))
        finds = np.isfinite(increments.gap) & ~increments.returns
        deleted, deleted_gap = time[finds] + increments.gap[finds], increments.gap[finds]
        in_order = np.argsort(deleted, kind="stable")
        columns = (time, increments.session, increments.gap, increments.since, increments.returns)
        together = -1.0 if increments.together is None else float(increments.together)
        _tabulate(*columns, deleted[in_order], deleted_gap[in_order], self._begins, self._idle, together, tables)
        self._tables = np.moveaxis(tables, 0, 1) / unit

    @property
    def reckons(self) -> bool:
        """Whether there is enough to go by: a stream that comes in a few moments alone has no rate of anything."""
        return int((self._settled & (self._increments > 0)).sum()) >= LEAST_SLICES

    def at(self, load: float, chance: float = 0.0, stores: int = 1) -> Expected:
        """What to expect at a load; of the peak, the highest of so many stores.

        `chance` is the variance of a number of entries over its mean, of which only the peak knows: 1 where sessions
        arrive independently of each other, 0 where all is given.
        """
        cap, ttl, every = self.settings.max_entries, self.settings.ttl, self.settings.prune_every
        ttl_place, place, full, capped = self._reach(load)
        mean, at_tick = self._tables_at(place, load), self._tables_at(full, load)[OCCUPANCY] + 1
        highest = self._tables_at(full, load)[HIGHEST] + 1
        increments, misses, gone = load * self._increments, mean[MISSES], mean[GONE] * (capped | (ttl > 0))
        entries = mean[OCCUPANCY] + 1
        if cap > 0:
            entries, at_tick = np.minimum(entries, cap), np.minimum(at_tick, cap)
        # The highest of as many independent numbers as entries are filled anew with other sessions (Blom, Statistical
        # Estimates and Transformed Beta-Variables, 1958, for normal ones).
        lives = stores * max(load * self._sessions / max(entries.mean(), 1), 1)
        # What waits for a tick is none of it: of that there is as much as ticks lie apart.
        spread = np.sqrt(chance * self._tables_at(ttl_place, load)[OCCUPANCY])
        highest = highest - ndtri(0.625 / (lives + 0.25)) * spread
        if cap > 0:
            highest = np.minimum(np.where(capped, cap, highest), cap)
        ticks = np.where(self._ticked(load), increments / every, 0)
        sorts = np.where(capped, np.maximum(misses - mean[DELETED], 0), 0)
        of = self._prices.of
        scan = of("scan", at_tick)
        plain = increments * of("known", entries) + misses * self._prices.creating
        clearing = np.where(capped, 0, gone * np.maximum(of("expired", at_tick) - scan / at_tick, 0))
        sorting = sorts * (float(of("sort", cap + 1)) - (0 if ttl > 0 else float(of("scan", cap + 1))))
        total = plain + ticks * scan + clearing + sorting

        def settled(values: np.ndarray) -> float:
            return float(values[self._settled].sum())

        return Expected(
            peak_entries=float(highest.max()) if self._increments.any() else 0.0,
            increments=settled(increments),
            creates=settled(misses),
            sorts=settled(sorts),
            busy=settled(total) / self._seconds,
            false_share=settled(mean[FALSE] * (gone > 0)) / max(settled(gone), 1e-12),
            lost_share=settled(mean[LOST] * (gone > 0)) / max(settled(increments), 1e-12),
            capped=settled(increments * capped) / max(settled(increments), 1e-12),
        )

    def _tables_at(self, place: np.ndarray, load: float) -> np.ndarray:
        """The tables at a place among the idle times for each slice, in between interpolated; (7, slices)."""
        low = np.floor(place).astype(int)
        high, slices = np.minimum(low + 1, self._idle.size - 1), np.arange(self._begins.size)
        return load * (self._tables[:, low, slices] * (1 - place % 1) + self._tables[:, high, slices] * (place % 1))

    def _reach(self, load: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """For each slice how far back the store reaches just after a tick, on average and just before one.

        As places among the idle times; and whether that is by its cap.
        """
        cap = self.settings.max_entries if self.settings.max_entries > 0 else np.inf
        occupancy, places = load * self._tables[OCCUPANCY], np.arange(self._idle.size)
        period, ticked, mark = self._tick_period(load), self._ticked(load), -np.inf
        least, mean, full = np.empty((3, self._begins.size))
        capped = np.zeros(self._begins.size, dtype=bool)
        for number, now in enumerate(self._middle):
            held = occupancy[:, number] + 1
            # Before the first tick all is kept; then on average what expired half a tick ago still is, at a tick all
            # that did since the last. And what was evicted does not come back: the watermark never moves back.
            late = period[number] * np.array([0, 0.5, 1]) if ticked[number] else np.array([0, np.inf, np.inf])
            limits = np.minimum(self._ttl + late, max(now - mark, 1.0))
            in_time = np.interp(np.log(limits), np.log(self._idle), places)
            capped[number] = np.interp(in_time[0], places, held) > cap
            most = np.interp(cap, held, places) if held[-1] > cap else np.inf
            least[number], mean[number], full[number] = np.minimum(in_time, most)
            if capped[number]:
                mark = max(mark, now - np.exp(np.interp(most, places, np.log(self._idle))))
        return least, mean, full, capped

    def _ticked(self, load: float) -> np.ndarray:
        """Whether there has been a tick by the end of each slice; bool."""
        return (self.settings.ttl > 0) & (load * np.cumsum(self._increments) >= self.settings.prune_every)

    def _tick_period(self, load: float) -> np.ndarray:
        """The time from one tick to the next at each slice, at most all that has passed, ns."""
        if self.settings.ttl <= 0:
            return np.zeros(self._begins.size)
        so_far = load * (np.cumsum(self._increments) - self._increments / 2)
        return self._middle - np.interp(so_far - self.settings.prune_every, so_far, self._middle, left=0)


def _idle_times(ttl: float, longest: float) -> np.ndarray:
    """The idle times that are looked at, ns, ascending."""
    short = np.geomspace(min(SHORTEST, ttl), ttl, SHORT)
    long, beyond = ttl * np.arange(1, LONG + 1) / LONG, np.geomspace(ttl, max(longest, ttl), BEYOND)
    return np.unique(np.maximum(np.concatenate([short, long, beyond]).round(), 1))
