"""The commands that reproduce an advice, ready to be typed."""

import math
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from simlib.analysis.advise import Advice
from simlib.analysis.points import TARGETS, TODAY, Point
from simlib.core.units import exact_duration
from simlib.stores.registry import find_design

SEEDS = (1, 2, 3, 4, 5)
"""Replications of a workload that `advise` is for: those of a notebook."""

SIMULATED = "simulated.parquet"
"""File to which the commands write a simulated stream."""


class Source(NamedTuple):
    """The source of an advice, as it is typed: its names, and the options that say how a log is read.

    `seeds` are those of a workload, none for a log; `hours` of it, 0 for its own. `entry` are the options of an entry
    and its limit, `counter` the value of that option, empty without it.
    """

    names: Sequence[str]
    how: Sequence[str] = ()
    seeds: Sequence[int] = ()
    hours: float = 0
    entry: Sequence[str] = ()
    counter: str = ""

    def simulated(self) -> list[str]:
        """Return the options of a workload that differ from the defaults of `advise`."""
        first, last = self.seeds[0], self.seeds[-1]
        in_a_row = len(self.seeds) > 1 and [*self.seeds] == [*range(first, last + 1)]
        seeds = f"{first}-{last}" if in_a_row else ",".join(map(str, self.seeds))
        given = ["--seeds", seeds] if tuple(self.seeds) != SEEDS else []
        return given + (["--hours", f"{self.hours:g}"] if self.hours else [])


def commands_for(advice: Advice, source: Source) -> list[str]:
    """List the commands that reproduce an advice, in the order in which to type them."""
    read = source.simulated() if source.seeds else source.how
    chosen = ["--counter", source.counter] if source.counter else []
    advise = _command("advise", *source.names, *read, *chosen, *source.entry, *_limits(advice))
    if advice.refusal:
        return [advise]
    return [advise, *replay_commands(advice.counter, source, setting_options(advice.found[0]))]


def replay_commands(counter: str, source: Source, options: Sequence[str] = ()) -> list[str]:
    """List the commands that replay a counter of a source with the given options, which the last one ends with."""
    read = ["--counter", counter, *source.entry, *options]
    if not source.seeds:
        return [_command("replay", *source.names, *source.how, *read)]
    hours = ["--hours", f"{source.hours:g}"] if source.hours else []
    simulate = _command("simulate", *source.names, "--seed", f"{source.seeds[0]}", *hours, "--out", SIMULATED)
    return [simulate, _command("replay", SIMULATED, *read)]


def _command(*words: str) -> str:
    return shlex.join(["python", "-m", "simlib", *words])


def _limits(advice: Advice) -> list[str]:
    """The options of the targets and of what is set now that differ from the defaults of `advise`."""
    targets, now, usual, today = advice.targets, advice.now.settings, TARGETS, TODAY.settings
    given = {
        "--max-lost": (f"{100 * targets.lost:g}%", targets.lost != usual.lost),
        "--max-false": (f"{100 * targets.false:g}%", targets.false != usual.false),
        "--memory": (f"{targets.memory_mib:.12g}MiB", targets.memory_mib not in (usual.memory_mib, math.inf)),
        "--max-stall": (exact_duration(int(targets.stall_ns)), targets.stall_ns != usual.stall_ns),
        "--quiet-gap": (exact_duration(int(targets.quiet_ns)), targets.quiet_ns != usual.quiet_ns),
        "--headroom": (f"{targets.headroom:g}", targets.headroom != usual.headroom),
        "--max-entries": (f"{now.max_entries}", now.max_entries != today.max_entries),
        "--ttl": (exact_duration(now.ttl), now.ttl != today.ttl),
        "--prune-every": (f"{now.prune_every}", now.prune_every != today.prune_every),
    }
    return [part for name, (value, differs) in given.items() if differs for part in (name, value)]


def setting_options(point: Point) -> list[str]:
    """A point as options of `replay`: its design, and the settings that this uses."""
    settings = point.settings
    written = {
        "max_entries": f"{settings.max_entries}",
        "ttl": exact_duration(settings.ttl),
        "prune_every": f"{settings.prune_every}",
        "sweep": exact_duration(settings.sweep),
    }
    used = find_design(point.design).settings
    return ["--design", point.design, *(part for name in used for part in (option_of(name), written[name]))]


def option_of(setting: str) -> str:
    """Return the option of a setting.

    >>> option_of("max_entries")
    '--max-entries'
    """
    return f"--{setting.replace('_', '-')}"
