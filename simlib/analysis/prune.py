"""The findings of `03_prune_cost`, for the store of one counter: the cost of pruning, whom it stalls, and the cliff."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from simlib.analysis.cliff import Cliff
from simlib.analysis.points import TARGETS
from simlib.analysis.traffic import is_the_store
from simlib.analysis.work import SORTS, Work, as_text, by_kind
from simlib.core.numbers import format_duration, format_percent
from simlib.core.statistics import Estimate, estimate
from simlib.experiments.experiment import Experiment
from simlib.models import cost
from simlib.models.heap import GO_VERSIONS
from simlib.stores.registry import SHIPPED


@dataclass(frozen=True)
class PruneCost:
    """The time that the bounded store of a counter of an experiment spends on pruning while it holds the lock.

    Rates are of what happens after the warm-up (see `Replication.warm_up`).
    """

    experiment: Experiment
    go_version: str = GO_VERSIONS[-1]

    @property
    def counter(self) -> str:
        """The counter whose store is looked at."""
        return self.experiment.counter

    @cached_property
    def plain_ns(self) -> float:
        """Time in ns of an increment of a known session in a store of the usual size, without a prune."""
        largest = max(each.totals(self.counter, SHIPPED).peak_entries for each in self.experiment.replications)
        return float(cost.prices(self.go_version).of("known", max(largest, 1)))

    @cached_property
    def work(self) -> list[Work]:
        """The work of the store in each replication after the warm-up."""
        return [
            Work.of(
                replication.counters[self.counter],
                replication.observed[self.counter, SHIPPED],
                replication.start + replication.warm_up,
                replication.end,
                self.go_version,
            )
            for replication in self.experiment.replications
        ]

    @cached_property
    def mean_ns(self) -> Estimate:
        """Mean time of an increment, over the replications."""
        return estimate((work.mean_ns for work in self.work), 0)

    @cached_property
    def utilisation(self) -> Estimate:
        """Share of the time for which the lock is held, over the replications."""
        return estimate((work.utilisation for work in self.work), 0)

    @cached_property
    def stalled(self) -> Estimate:
        """Share of the increments that sort the whole store, over the replications."""
        return estimate((work.share(SORTS) for work in self.work), 0, 1)

    @cached_property
    def worst_ns(self) -> float:
        """Longest time of an increment in any replication; 0 without any."""
        return max(float(work.ns.max(initial=0)) for work in self.work)

    @cached_property
    def kinds(self) -> pd.DataFrame:
        """The increments of all replications after their warm-up (see `by_kind`)."""
        return by_kind(self.work)

    @property
    def counted(self) -> bool:
        """Whether the counter is ever incremented."""
        return any(each.totals(self.counter, SHIPPED).increments for each in self.experiment.replications)

    @cached_property
    def pruned(self) -> bool:
        """Whether any increment after the warm-up prunes."""
        return any(work.kind.any() for work in self.work)

    @property
    def silence(self) -> str:
        """Why there is nothing to report, in a sentence; empty where there is something."""
        if not self.counted:
            return f"The {self.counter} counter is never incremented, so its store is never pruned."
        return "" if any(work.ns.size for work in self.work) else "No increment comes after the warm-up."

    @cached_property
    def cliff(self) -> Cliff:
        """The traffic at which new sessions begin to sort the whole store."""
        return Cliff(self.experiment, self.go_version)

    # --- Claims

    def miniature_is_the_store(self) -> bool:
        """Whether at its own traffic a miniature has the ledger of the store that received the stream live."""
        return is_the_store(self.experiment, [self.counter])

    # --- In words and pictures

    def answer(self) -> str:
        """The answer to the notebook's question, in two sentences."""
        return self.silence or f"{self._price()} {self.cliff.says()}"

    def _price(self) -> str:
        mean, worst, plain = map(format_duration, (self.mean_ns.mean, self.worst_ns, self.plain_ns))
        if not self.pruned:
            return f"An increment holds the lock for {mean} on average; none prunes the store."
        sorts = "none of them sorts the whole store"
        if self.stalled.mean:
            sorts = f"{format_percent(self.stalled.mean)} of them sort the whole store"
        return f"Increments hold the lock for {mean} on average, {worst} at worst and {plain} without a prune; {sorts}."

    def tile(self) -> tuple[str, str, bool | None]:
        """The cost of an increment, as a number, a note, and whether the worst meets the target of an advice."""
        if self.silence:
            return "nothing", self.silence, None
        sorts = f"{format_percent(self.stalled.mean)} sort the store" if self.stalled.mean else "none sorts the store"
        note = f"mean increment; worst {format_duration(self.worst_ns)}; {sorts}"
        return format_duration(self.mean_ns.mean), note, self.worst_ns <= TARGETS.stall_ns

    def unknown(self) -> str:
        """Name what is not known of the cost, in a sentence; empty where there is none."""
        return "" if self.silence else "The times are those of one processor; others were not measured."

    def kinds_text(self) -> pd.DataFrame:
        """`kinds` as text."""
        return as_text(self.kinds)

    def lesson(self) -> str:
        """The lesson on pruning, with its number; empty where there is none."""
        if self.silence:
            return ""
        kinds, worst = self.kinds["time_percent"], format_duration(self.worst_ns)
        proactively = f"no prune waits until the store is full, and none takes longer than {worst}"
        if SORTS in kinds:
            share = format_percent(kinds[SORTS] / 100)
            proactively = f"{share} of the time under the lock goes to increments that find the store full and sort it"
        return f"Prune proactively: {proactively}."
