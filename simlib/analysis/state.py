"""A state of the explorer: a point under some traffic, a measure and targets; as text, and as the page has it.

Refuses a text that names no state, in one line.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from simlib.analysis.points import HALF, Point, Targets
from simlib.core.errors import InputError, quoted
from simlib.core.numbers import format_duration, format_memory, format_number, format_percent
from simlib.core.units import SECOND, exact_duration, parse_duration, seconds
from simlib.stores.registry import SHIPPED

DESIGNS = (SHIPPED, "heap", "linked_list")
"""Designs to explore: the shipped one, its decisions from a heap, and exact LRU."""

TRAFFIC = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the traffic, each by miniature simulation."""


class Measure(NamedTuple):
    """One of the `figures` of a point: its name for people, its kind, and the target and parameter that limit it."""

    key: str
    label: str
    kind: str
    target: str = ""
    parameter: str = ""

    def limit(self, targets: Targets) -> float:
        """The limit, inf where there is none."""
        if self.key == "lock_share":
            return HALF
        return float(getattr(targets, self.target)) if self.target else math.inf

    def text(self, value: float | None) -> str:
        """Write a value for people."""
        return "not known" if value is None else _TEXT[self.kind](value)


_TEXT = {"share": format_percent, "mib": format_memory, "ns": format_duration}

MEASURES = {
    measure.key: measure
    for measure in (
        Measure("lost_share", "counts lost", "share", "lost", "max_lost"),
        Measure("false_share", "evicted while still in use", "share", "false", "max_false"),
        Measure("heap_mib", "memory of the full map", "mib", "memory_mib", "memory_mib"),
        Measure("mean_ns", "mean increment", "ns"),
        Measure("worst_ns", "longest stall", "ns", "stall_ns", "max_stall"),
        Measure("lock_share", "time with the lock held", "share"),
    )
}
"""The measures to explore, by key."""


class State(NamedTuple):
    """A point under `times` the traffic, the measure that colours the map, and the targets."""

    point: Point
    targets: Targets
    times: float = 1.0
    measure: str = "lost_share"

    def changed(self, text: str) -> "State":
        """Return the state with what a text of NAME=VALUE words names. Raises InputError."""
        given = dict(word.partition("=")[::2] for word in text.split())
        settings = self.point.settings
        known = {
            "design": self.point.design,
            "max_entries": str(settings.max_entries),
            "ttl": exact_duration(settings.ttl),
            "traffic": f"{self.times:g}",
            "measure": self.measure,
        }
        for name in given:
            if name not in known:
                raise InputError(f"at: {quoted(name, 60)} is no part of a state: there are {', '.join(known)}")
        words = known | given
        for name, choices in {
            "design": DESIGNS,
            "measure": MEASURES,
            "traffic": [f"{each:g}" for each in TRAFFIC],
        }.items():
            if words[name] not in choices:
                raise InputError(f"at: {name} {quoted(words[name], 60)} is unknown: choose one of {', '.join(choices)}")
        if not words["max_entries"].isascii() or not words["max_entries"].isdigit():
            raise InputError(f"at: max_entries {quoted(words['max_entries'], 60)} is not a whole number")
        cap, ttl = int(words["max_entries"]), max(parse_duration(words["ttl"]), 0)
        point = Point(words["design"], replace(settings, max_entries=cap, ttl=ttl))
        return State(point, self.targets, float(words["traffic"]), words["measure"])

    def written(self) -> str:
        """Write the state as a text that `changed` reads; the targets are parameters of their own."""
        settings = self.point.settings
        return (
            f"design={self.point.design} max_entries={max(settings.max_entries, 0)} "
            f"ttl={exact_duration(max(settings.ttl, 0))} traffic={self.times:g} measure={self.measure}"
        )

    def as_json(self) -> dict[str, object]:
        """Return the state as the page has it; a limit is None where there is none."""
        limits = {key: finite(measure.limit(self.targets)) for key, measure in MEASURES.items()}
        return {**placed(self.point), "traffic": self.times, "measure": self.measure, "targets": limits}

    def moved(self, page: Mapping) -> "State":
        """Return the state that a page is in, with what the page does not move as it is here."""
        cap, ttl = int(page["cap"]), round(page["ttl"] * SECOND)
        point = Point(page["design"], replace(self.point.settings, max_entries=cap, ttl=ttl))
        limits = {
            measure.target: math.inf if page["targets"][key] is None else page["targets"][key]
            for key, measure in MEASURES.items()
            if measure.target
        }
        return State(point, self.targets._replace(**limits), page["traffic"], page["measure"])

    @property
    def conditions(self) -> str:
        """The design and the traffic in a few words."""
        return self.point.design + (f", {format_number(self.times)} times the traffic" if self.times != 1 else "")


def placed(point: Point) -> dict[str, object]:
    """Return a point as the page has it: the TTL in seconds, 0 for no bound."""
    settings = point.settings
    return {"design": point.design, "cap": max(settings.max_entries, 0), "ttl": seconds(max(settings.ttl, 0))}


def finite(value: float) -> float | None:
    """Return a number, None where it is not finite: JSON has no infinity."""
    return value if math.isfinite(value) else None
