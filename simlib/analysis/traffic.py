"""An experiment as a source of more and of less traffic, and why nothing may be estimated for it."""

from collections.abc import Sequence

import numpy as np

from simlib.experiments.experiment import Experiment
from simlib.models.miniature import TIED, Miniature, Recorded, simulate
from simlib.stores.registry import SHIPPED
from simlib.traces.codes import INCREMENT

LEAST_INSTANTS = 10
"""Different times of increments below which a stream has no rate of anything."""


def recorded(experiment: Experiment) -> list[Recorded]:
    """The replications of an experiment as they are."""
    return [Recorded(each.trace, each.start, each.duration, in_memory(experiment)) for each in experiment.replications]


def only_own(experiment: Experiment, counter: str) -> str:
    """Why nothing is estimated for other traffic, in a sentence; empty where it is."""
    if in_memory(experiment):
        return f"{TIED.capitalize()}."
    trace = experiment.first.counters[counter]
    instants = np.unique(trace.time[trace.op == INCREMENT]).size
    return "" if instants >= LEAST_INSTANTS else "The events fall into too few instants to estimate a rate."


def in_memory(experiment: Experiment) -> bool:
    """Whether a workload keeps its event history in memory, so that the fate of a session depends on the others."""
    return experiment.workload is not None and bool(experiment.workload.history.memory)


def is_the_store(experiment: Experiment, counters: Sequence[str]) -> bool:
    """Whether miniatures at the experiment's own traffic have the ledgers of its own stores."""
    itself = Miniature(1, 1, experiment.settings, experiment.settings)
    return all(
        simulate(source, itself, counter).whole == replication.totals(counter, SHIPPED)
        for source, replication in zip(recorded(experiment), experiment.replications, strict=True)
        for counter in counters
    )
