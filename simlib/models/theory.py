"""Closed forms to check simulations against, each with its source.

They hold for sessions that nobody watches: these arrive as a Poisson process and emit events with exponential gaps over
an exponential time, or just one event, so every expectation has a closed form but for one integral over the law of a
pause.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from simlib.core.distributions import Distribution
from simlib.core.units import HOUR
from simlib.core.variates import durations
from simlib.workloads.kinds import Kind
from simlib.workloads.schema import Workload


@dataclass(frozen=True)
class Sessions:
    """Sessions of one kind that nobody watches: `rate` arrivals per ns, `gap`, `lasts` and `pause` means in ns.

    With probability `pauses` a gap is longer by a pause, drawn from `pause`. `lasts` of 0 means one event.
    """

    rate: float
    gap: float
    lasts: float
    pauses: float
    pause: Distribution

    @property
    def gaps(self) -> float:
        """Expected gaps of a session, one fewer than its events.

        Events come at rate 1 / gap while the session works, which is an exponential time: a geometric number.
        """
        return self.lasts / self.gap

    @property
    def mean_gap(self) -> float:
        """Expected gap between two events, pauses included, ns.

        The smaller of two exponential times: until the next event, and until the end of work.
        """
        return 1 / self._hazard + self.pauses * self.pause.mean

    @property
    def mean_span(self) -> float:
        """Expected time from the first event to the last, ns."""
        return self.gaps * self.mean_gap

    def longer(self, time: float) -> float:
        """Return the share of the gaps that are longer than a time (ns)."""
        plain, after = np.exp(-self._hazard * time), time - _quantiles(self.pause)
        paused = np.where(after < 0, 1.0, np.exp(-self._hazard * np.maximum(after, 0))).mean()
        return float((1 - self.pauses) * plain + self.pauses * paused)

    def mean_gap_up_to(self, time: float) -> float:
        """Return the expectation of a gap cut off at a time (ns): the integral of `longer` from 0."""
        within = (1 - np.exp(-self._hazard * time)) / self._hazard
        wait = np.minimum(_quantiles(self.pause), time)
        rest = (1 - np.exp(-self._hazard * (time - wait))) / self._hazard
        return float((1 - self.pauses) * within + self.pauses * (wait + rest).mean())

    @property
    def _hazard(self) -> float:
        return 1 / self.gap + 1 / self.lasts if self.lasts else np.inf


def _quantiles(law: Distribution, points: int = 4000) -> np.ndarray:
    """Return equally likely values of a law of durations, ns; float64, (points,)."""
    return durations(law, (np.arange(points) + 0.5) / points).astype(np.float64)


def covered(kind: Kind) -> bool:
    """Return whether the closed forms hold for a kind.

    Nobody watches its sessions, none comes twice, and gaps and time are exponential.
    """
    gap, lasts = kind.events.gap, kind.events.lasts
    return not (kind.clients or kind.population) and (
        lasts.mean == 0 or (gap.law, lasts.law) == ("exponential", "exponential")
    )


def evened(workload: Workload) -> Workload | None:
    """Return the kinds that the closed forms cover, arriving evenly from an empty start; None without any."""
    kinds = {name: kind for name, kind in workload.kinds.items() if covered(kind)}
    return workload.model_copy(update={"kinds": kinds, "before": 0}).evened() if kinds else None


def sessions(workload: Workload) -> list[Sessions]:
    """Return the kinds of an evened workload in the form of the closed forms."""
    never = Distribution("fixed", 0, 0)
    return [
        Sessions(
            kind.arrivals.per_hour / HOUR,
            kind.events.gap.mean,
            kind.events.lasts.mean,
            kind.events.pauses.chance if kind.events.pauses else 0.0,
            kind.events.pauses.lasts if kind.events.pauses else never,
        )
        for kind in workload.kinds.values()
    ]


def live(kinds: list[Sessions]) -> float:
    """Return the expected sessions between their first and last event: those in service in M/G/infinity (Poisson).

    Source: Takacs, Introduction to the Theory of Queues, 1962, chapter 3.
    """
    return sum(kind.rate * kind.mean_span for kind in kinds)


def increments(kinds: list[Sessions]) -> float:
    """Return the expected increments per ns."""
    return sum(kind.rate * (1 + kind.gaps) for kind in kinds)


def growth(kinds: list[Sessions]) -> float:
    """Return the entries that the unbounded map gains per ns: one for each session, as nothing deletes it."""
    return sum(kind.rate for kind in kinds)


def idle_occupancy(kinds: list[Sessions], ttl: float) -> float:
    """Return the expected entries under an idle TTL (ns) that takes effect at once, and no cap.

    Each event keeps the entry until the next one or for the TTL, the last one for the TTL (Little's law: Little, A
    Proof for the Queuing Formula L = lambda W, 1961). Where no gap is longer than the TTL this is
    rate x (E[last event - first] + TTL).
    """
    return sum(kind.rate * (kind.gaps * kind.mean_gap_up_to(ttl) + ttl) for kind in kinds)


def prune_lag(kinds: list[Sessions], prune_every: int) -> float:
    """Return the expected time in ns that an expired entry waits for a TTL prune: half of the time between two."""
    return prune_every / increments(kinds) / 2


def occupancy(kinds: list[Sessions], ttl: float, prune_every: int) -> float:
    """Return the expected entries of the bounded store without a cap: the TTL is longer by the mean wait for a prune.

    Approximate: a session that comes back within that wait finds its entry still there or not, by chance.
    """
    return idle_occupancy(kinds, ttl + prune_lag(kinds, prune_every))


def cap_reached_at(kinds: list[Sessions], cap: int, ttl: float) -> float:
    """Return the new sessions per ns at which the cap is reached, with the same mixture of kinds.

    The expected entries are proportional to the rate. A full store looks for expired entries with every new session,
    so these wait for no prune.
    """
    return growth(kinds) * cap / idle_occupancy(kinds, ttl)


def characteristic_time(kinds: list[Sessions], cap: int) -> float:
    """Return the idle time in ns after which an LRU store evicts an entry, taken to be the same for all entries.

    Source: Che, Tung and Wang, Hierarchical Web Caching Systems: Modeling, Design and Experimental Results, 2002; here
    for sessions that come and go: the time at which the expected entries fill the cap.
    """
    return float(np.exp(brentq(lambda log: np.log(idle_occupancy(kinds, np.exp(log)) / cap), 0, 60)))


def false_evictions(kinds: list[Sessions], cap: int) -> float:
    """Return the evictions of live sessions under LRU, the gaps beyond the characteristic time, per increment."""
    time = characteristic_time(kinds, cap)
    return sum(kind.rate * kind.gaps * kind.longer(time) for kind in kinds) / increments(kinds)
