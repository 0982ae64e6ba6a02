"""The findings of `04_sizing`: which cap and TTL to set, where else they would do, and how sure that is."""

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from simlib.analysis.advise import WHOLE_DAY, Advice, busiest
from simlib.analysis.commands import Source, commands_for
from simlib.analysis.held_out import held_out, on_presets, replayed
from simlib.analysis.maps import Maps
from simlib.analysis.points import TARGETS, Point, Targets
from simlib.analysis.surfaces import Surfaces
from simlib.analysis.surfaces import figures as figures_of
from simlib.analysis.verdict import (
    ALERT_AT,
    advised,
    alert,
    alert_rate,
    breaks_at,
    change,
    is_smaller,
    keeps_today,
    meets,
    setting,
    short,
    verdict,
)
from simlib.core.errors import InputError
from simlib.core.numbers import format_count, format_duration, format_memory, format_number, format_percent
from simlib.core.units import HOUR, parse_duration, seconds
from simlib.experiments.experiment import Experiment
from simlib.stores.registry import SHIPPED
from simlib.workloads.entry import MODELLED
from simlib.workloads.schema import load_workload, workload_names


def targets_of(
    max_lost: float = TARGETS.lost,
    max_false: float = TARGETS.false,
    memory_mib: float = 0,
    max_stall: str = "1ms",
    headroom: float = TARGETS.headroom,
    entry_limit: int | None = None,
    quiet_gap: str = "0",
) -> Targets:
    """Return the targets of a notebook's parameters. Raises InputError for a number that is out of range.

    A `memory_mib` of 0 is the usual limit, or none beside a limit in entries.
    """
    stall, quiet = parse_duration(max_stall), parse_duration(quiet_gap)
    checks = {
        "max_lost": (max_lost, 0 <= max_lost <= 1, "a share from 0 to 1"),
        "max_false": (max_false, 0 <= max_false <= 1, "a share from 0 to 1"),
        "memory_mib": (memory_mib, 0 <= memory_mib < float("inf"), "0 or more"),
        "max_stall": (max_stall, stall > 0, "a duration above 0 such as 1ms"),
        "headroom": (headroom, 1 <= headroom <= 1000, "from 1 to 1000"),
    }
    for name, (value, fits, wanted) in checks.items():
        if not fits:
            raise InputError(f"{name}: {value} is out of range: {wanted}")
    usual = float("inf") if entry_limit else TARGETS.memory_mib
    limits = memory_mib or usual, stall, headroom, entry_limit or TARGETS.entries
    return Targets(max_lost, max_false, *limits, max(quiet, 0))


@dataclass(frozen=True)
class Sizing:
    """The sizing of the store of one experiment: the advice on its busiest counter, and every cap and TTL beside it.

    `given` is the name or the file of the workload, or the file of the log, and `counter` the one that was chosen.
    """

    experiment: Experiment
    targets: Targets = TARGETS
    given: str = ""
    counter: str = ""

    @cached_property
    def advice(self) -> Advice:
        """The advice of `python -m simlib advise` on the same streams."""
        experiment = self.experiment
        counter = busiest([each.trace for each in experiment.replications])
        traces = [each.counters[counter] for each in experiment.replications]
        entry = replace(experiment.entry, key_length=traces[0].key_length)
        now = Point(SHIPPED, experiment.settings)
        return Advice(
            traces,
            self.targets,
            entry,
            simulated=experiment.simulated,
            now=now,
            one_of_several=len(experiment.counters) > 1,
        )

    @cached_property
    def surfaces(self) -> Surfaces:
        return Surfaces(self.advice)

    @property
    def maps(self) -> Maps:
        """The figures."""
        return Maps(self.surfaces)

    @property
    def commands(self) -> list[str]:
        """The commands that reproduce the advice."""
        return commands_for(self.advice, self.source)

    @cached_property
    def source(self) -> Source:
        """The source of the streams, as it is typed."""
        experiment, entry, own = self.experiment, self.advice.entry, MODELLED
        name, hours, own_limit = Path(self.given).name, 0.0, TARGETS.entries
        if experiment.workload is not None:
            whole = load_workload(self.given or experiment.name)
            name, own = (experiment.name if experiment.name in workload_names() else name), whole.entry
            own_limit = whole.entry_limit or own_limit
            hours = 0 if experiment.workload.duration == whole.duration else experiment.workload.duration / HOUR
        options = {
            "--entry-bytes": 0 if entry.given == own.given else entry.given,
            "--value-bytes": 0 if entry.value_bytes == own.value_bytes else entry.value_bytes,
            "--entry-limit": 0 if self.targets.entries == own_limit else self.targets.entries,
        }
        typed = [part for option, value in options.items() if value for part in (option, f"{value:.0f}")]
        return Source([name], (), experiment.seeds, hours, typed, self.counter)

    # --- Sentences

    def verdict(self) -> str:
        """Say what to set, in a sentence, or why nothing is advised."""
        return verdict(self.advice)

    def tile(self) -> tuple[str, str]:
        """The setting to have, in a few words, and a note of a few words on it."""
        advice = self.advice
        if advice.refusal:
            return "no advice", advice.refusal.partition(":")[0].partition(",")[0]
        (point, met), now = advice.found, advice.now
        sure = f"; confidence {advice.confidence}" if advice.confidence != "good" else ""
        if keeps_today(advice):
            enough = f"{short(point)} is enough" if is_smaller(point, now) else "every target is met"
            return f"keep {short(now)}", f"{enough}{sure}"
        note = f"instead of {short(now)}" if met else f"nearest; no setting {meets(advice)} every target"
        return short(point), f"{note if point.design == SHIPPED else f'{note}; {point.design}'}{sure}"

    @cached_property
    def advised(self) -> Point:
        """The setting to have: the one in use where that is to be kept."""
        return advised(self.advice)

    def summary(self) -> str:
        """Say what the setting to have does, in a sentence; empty where there is none."""
        if self.advice.refusal:
            return ""
        row = self.advice.row(self.advised)
        lost = f"{format_percent(row['lost_count_share'])} of {self.advice.counts} are lost"
        return (
            f"With {setting(self.advised)}, {lost}, one map takes {format_memory(row['heap_mib'])} when full, and no "
            f"increment holds the lock for more than {format_duration(row['worst_ns'])}."
        )

    def actions(self) -> list[str]:
        """List what to do, a sentence each."""
        advice = self.advice
        again = f"Size again when the traffic changes: {self.commands[0]}"
        if advice.refusal:
            longer = "Simulate more hours" if advice.simulated else "Record for longer"
            return [f"{longer} before a setting is chosen.", again]
        says = [change(advice)]
        if rate := alert_rate(advice):
            says.append(f"Alert at {format_percent(ALERT_AT)} of the traffic at which this breaks: {alert(rate)}")
            says.append(f"Where it breaks: {breaks_at(advice)}")
        return [*says, again]

    def unknown(self) -> list[str]:
        """List what the evidence leaves open, a sentence each."""
        advice = self.advice
        if advice.refusal:
            return [f"Which setting is right: {advice.refusal}."]
        says = [] if advice.confidence == "good" else [f"The confidence in the setting is {advice.confidence}."]
        if self.targets == TARGETS:
            says.append(
                f"The limits are defaults, not your own: {format_percent(TARGETS.lost)} of the counts and "
                f"{format_percent(TARGETS.false)} of the evictions, {format_memory(TARGETS.memory_mib)}, a stall of "
                f"{format_duration(TARGETS.stall_ns)}."
            )
        if advice.simulated:
            return [*says, f"The rates of the workload {self.experiment.name} are assumed, not measured."]
        unseen = "the hours of a day are not all seen" if advice.span < WHOLE_DAY else "other days may differ"
        return [*says, f"The log is one stretch of {format_duration(advice.span)}: {unseen}."]

    def sure(self) -> str:
        """Say how sure the advice is, in a sentence."""
        advice = self.advice
        if advice.refusal:
            return f"Nothing is advised: {advice.refusal}."
        agree, parts = advice.agree
        of = f"{parts} replications" if advice.simulated else f"{parts} equal parts of the log"
        says = f"Confidence {advice.confidence}: the setting is accurate enough in {agree} of {of}"
        if advice.margin > 1:
            says += f", and it allows for {format_number(advice.margin)} times the traffic as the log is short"
        return f"{says}."

    def larger_caps(self) -> str:
        """Say where a larger cap makes things worse, and why, in sentences."""
        worse = self.surfaces.worse
        created, stall = worse.loc["entries created"], worse.loc["longest stall (ns)"]
        some, of = (format_count(created[name]) for name in ("steps that raise it", "of"))
        says = f"In none of {of} steps to the next larger cap are more entries created. Elsewhere it can happen"
        if created["steps that raise it"]:
            most = format_count(created["most"])
            says = f"In {some} of {of} steps to the next larger cap more entries are created, {most} at most"
        grows = format_count(stall["steps that raise it"])
        return (
            f"{says}: an overflow also removes what has expired, and a larger cap overflows less often. "
            f"In {grows} steps the longest stall grows, as a prune visits every entry."
        )

    def carried(self) -> str:
        """Say on which presets the setting misses a target, in a sentence; empty where none is advised."""
        if self.advice.refusal:
            return ""
        missing = [name for name in workload_names() if self.carries_over.loc[name, "misses"] != "none"]
        of = len(workload_names())
        if not missing:
            return f"The setting meets every target on all {of} presets."
        return f"The setting misses a target on {len(missing)} of {of} presets: {', '.join(missing)}."

    # --- Tables

    @cached_property
    def choices(self) -> pd.DataFrame:
        """The points that the advice compares, a row each, as `advise --json` prints them; empty without advice."""
        choices = {} if self.advice.refusal else self.advice.choices
        return pd.DataFrame({name: self.advice.row(point) for name, point in choices.items()}).T.rename_axis("choice")

    @cached_property
    def carries_over(self) -> pd.DataFrame:
        """A setting where it was not chosen, a row each: the rest of the streams with the advice on a part; presets."""
        advice = self.advice
        if advice.refusal:
            return pd.DataFrame()
        point = self.advised
        rows = {"these streams": {"setting": short(point), **replayed(point, advice)}}
        rest = held_out(advice)
        where = "other seeds, advice from the first" if advice.simulated else "second half, advice from the first"
        if rest and not rest["refusal"]:
            rows[where] = {"setting": short(rest["point"]), **rest}
        elif rest:
            rows[where] = {"setting": f"none: {rest['refusal']}"}
        for name, row in on_presets(point, advice).items():
            rows[name] = {"setting": short(point), **row}
        table = pd.DataFrame(rows).T.rename_axis("where").drop(columns=["point", "refusal"], errors="ignore")
        table["misses"] = [", ".join(each) or "none" if isinstance(each, list) else "" for each in table["misses"]]
        return table

    def meets_all(self) -> bool | None:
        """Whether the recommended cell of the map meets every target, as the advice found; None where none does."""
        advice = self.advice
        if advice.refusal or not advice.found[1]:
            return None
        table = self.surfaces.table.set_index(["max_entries", "ttl_seconds"])
        return bool(table.loc[_cell(advice.found[0]), "meets_all"])

    def cells_agree(self) -> bool:
        """Whether the points in question have the figures on the map that they have when replayed alone."""
        alone = replace(self.advice, _totals=defaultdict(dict))
        table = self.surfaces.table.set_index(["max_entries", "ttl_seconds"])
        points = [point for point in self.surfaces.marked.values() if point.design == self.surfaces.design]
        return all(
            figures_of(alone, point) == table.loc[_cell(point), [*figures_of(alone, point)]].to_dict()
            for point in points
        )


def _cell(point: Point) -> tuple[int, float]:
    return max(point.settings.max_entries, 0), seconds(max(point.settings.ttl, 0))
