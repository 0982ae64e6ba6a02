"""The advice in words: one object for programs, six blocks for people, each with its verdict first."""

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simlib.analysis.advise import GAP_QUANTILE, WHOLE_DAY, Advice
from simlib.analysis.points import TARGETS, TODAY, Point
from simlib.core.numbers import (
    format_count,
    format_duration,
    format_memory,
    format_number,
    format_percent,
)
from simlib.core.units import HOUR, MINUTE, SECOND, exact_duration
from simlib.models import peers
from simlib.models.footprint import Footprint
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.registry import SHIPPED, find_design
from simlib.traces.codes import COUNTERS

MISSED = {
    "lost": "too large a share of the counts is lost",
    "false": "too large a share of the evictions removes sessions still in use",
    "memory": "the map outgrows its limit",
    "stall": "one increment holds the lock for too long",
    "lock": "the lock is held for over half of the time",
}
"""A target that is missed, by its key in `Advice.ratios`, as part of a sentence."""

WIDTH = 80
"""Columns of a terminal that prose is written for."""

LEGEND = (
    "lost: share of counts. in use: share of evictions that remove sessions still in use. risk: targets missed, of 4.",
    "headroom: traffic up to which the targets are met. Times are modelled.",
)
"""The meaning of the columns of the choices."""

ALERT_AT = 0.8
"""Share of the breaking rate at which to alert, so that there is time to change the setting."""

SEEDS = (1, 2, 3, 4, 5)
"""Replications of a workload that `advise` is for: those of a notebook."""

SIMULATED = "simulated.parquet"
"""File to which the commands write a simulated stream."""

GO = "simlib/calibration/go"
"""Where the Go files to copy are."""


def setting_options(point: Point) -> list[str]:
    """A point as options of `replay`."""
    cap, ttl, every = point.settings.max_entries, exact_duration(point.settings.ttl), point.settings.prune_every
    return ["--design", point.design, "--max-entries", f"{cap}", "--ttl", ttl, "--prune-every", f"{every}"]


def setting(point: Point) -> str:
    """A point in words."""
    settings, used = point.settings, find_design(point.design).settings
    cap = f"a cap of {format_count(settings.max_entries)} entries" if settings.max_entries > 0 else "no cap"
    ttl = f"a TTL of {format_duration(settings.ttl)}" if settings.ttl > 0 and "ttl" in used else "no TTL"
    return f"{point.design} with {cap} and {ttl}"


def refused(advice: Advice, commands: list[str]) -> dict[str, object]:
    """The object of `advise --json` where no advice is given."""
    return {
        "verdict": f"No advice: {advice.refusal}.",
        "confidence": "refused",
        "targets_met": False,
        "now": None,
        "recommended": None,
        "choices": [],
        "evidence": {},
        "breaks_at": None,
        "commands": commands,
    }


def result(advice: Advice, commands: list[str]) -> dict[str, object]:
    """The object of `advise --json`."""
    if advice.refusal:
        return refused(advice, commands)
    point, met = advice.found
    times, first = advice.breaks
    agree, parts = advice.agree
    return {
        "verdict": verdict(advice),
        "confidence": advice.confidence,
        "targets_met": met,
        "now": advice.row(advice.now),
        "recommended": advice.row(point),
        "choices": [advice.row(each) for each in advice.choices.values()],
        "evidence": {
            "counter": counter_of(advice),
            "operations": sum(map(len, advice.traces)),
            "sessions": sum(trace.ids.size for trace in advice.traces),
            "hours": advice.span / HOUR,
            "covers_a_day": advice.span >= WHOLE_DAY,
            "parts": parts,
            "parts_that_agree": agree,
            "margin": advice.margin,
            "idle_gap_seconds": advice.gap(GAP_QUANTILE) / SECOND,
        },
        "breaks_at": {
            "times_traffic": times,
            "new_sessions_per_second": times * advice.new_per_second,
            "first": first,
        },
        "commands": commands,
    }


def counter_of(advice: Advice) -> str:
    """The counter that the advice is for."""
    return COUNTERS[int(advice.traces[0].counter[0])]


def blocks(advice: Advice, commands: list[str]) -> str:
    """Six blocks for people: Verdict, Why, Evidence, Choices, Breaks at, Do; commands keep their lines."""
    texts = {
        "Verdict": _wrapped([verdict(advice), f"Confidence: {advice.confidence}."]),
        "Why": _wrapped(_why(advice)),
        "Evidence": _wrapped(_evidence(advice)),
        "Choices": [*_choices(advice), *_wrapped([*LEGEND, _memory(advice)])],
        "Breaks at": _wrapped([breaks_at(advice)]),
        "Do": [*_do(advice), "Reproduce this:", *(f"  {command}" for command in commands)],
    }
    return "\n\n".join(f"{name}\n" + "\n".join(f"  {line}" for line in lines) for name, lines in texts.items())


def _wrapped(sentences: Iterable[str]) -> list[str]:
    """Break sentences into lines, each sentence on a line of its own, a number beside its unit."""
    kept = (re.sub(r"(?<=\d) (?=\S)", "\N{NO-BREAK SPACE}", each) for each in sentences)
    lines = (line for each in kept for line in textwrap.wrap(each, WIDTH - 2))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def verdict(advice: Advice) -> str:
    """Say what to set, against what is set now, in a sentence."""
    point, met = advice.found
    up_to = f"up to {format_number(advice.targets.headroom)} times the traffic"
    if not met:
        missed = _missed(advice, point, advice.targets.headroom * advice.margin)
        return f"No setting meets the targets; the nearest is {setting(point)}: {missed}."
    if point == advice.now:
        return f"Keep {setting(point)}: no smaller setting meets the targets {up_to}."
    says = f"Set {setting(point)}, which meets the targets {up_to}"
    today = setting(advice.now).removeprefix(f"{SHIPPED} with ")
    missed = _missed(advice, advice.now, advice.targets.headroom)
    if not missed and advice.now.settings.max_entries <= 0:
        return f"{says}; today's setting, {today}, met them on this stream, but nothing limits its size."
    if not missed:
        return f"{says}; today's setting, {today}, meets them as well, so there is no hurry."
    at = "" if not advice.meets(advice.now) else f"at {format_number(advice.targets.headroom)} times the traffic "
    return f"{says}; with today's setting, {today}, {at}{missed}."


def _missed(advice: Advice, point: Point, times: float) -> str:
    """The targets that a point misses under `times` the traffic, or under today's, as part of a sentence."""
    now = advice.ratios(point)
    ratios = now if max(now.values()) > 1 else advice.ratios(point, times)
    return " and ".join(MISSED[name] for name, ratio in ratios.items() if ratio > 1)


def _why(advice: Advice) -> Iterator[str]:
    totals = advice.totals(advice.now)
    evictions = totals.cap_evictions + totals.ttl_evictions
    if not evictions:
        yield f"Today nothing is evicted: at most {format_count(totals.peak_entries)} entries are alive at once."
    else:
        observed = [(trace, replay(trace, *advice.now)) for trace in advice.traces]
        idle = np.concatenate([ledger.evictions(*each)["idle"].to_numpy() for each in observed])
        yield (
            f"Today the cap removes {format_count(totals.cap_evictions)} entries and the TTL "
            f"{format_count(totals.ttl_evictions)}. "
            f"{format_percent(totals.false_evictions / evictions)} of them are of sessions still in use."
        )
        low, high = (format_duration(float(np.quantile(idle, share))) for share in (0.05, 0.5))
        yield f"Half of the evicted sessions had been idle for less than {high}, one in twenty for less than {low}."
    if advice.gaps.size:
        half, most = (format_duration(advice.gap(share)) for share in (0.5, GAP_QUANTILE))
        yield f"Half of the returns come within {half} of idle time, 99 in 100 within {most}."
    else:
        yield "No session comes back, so no eviction can lose a count that is still needed."


def _evidence(advice: Advice) -> Iterator[str]:
    rows, lasts = format_count(sum(map(len, advice.traces))), format_duration(advice.span)
    day = "a whole day is covered" if advice.span >= WHOLE_DAY else "a whole day is not covered"
    agree, parts = advice.agree
    if advice.simulated:
        yield f"{rows} operations of counter {counter_of(advice)} in {parts} replications of {lasts} each; {day}."
        yield f"The recommended setting is accurate enough under {agree} of {parts} seeds. The rates are assumed."
        return
    yield f"{rows} operations of counter {counter_of(advice)} over {lasts}; {day}."
    yield f"The recommended setting is accurate enough in {agree} of {parts} equal parts of the log."
    yield (
        f"The cap allows for {format_number(advice.margin)} times the traffic as the log is short "
        f"(1 + 1/days, at most 4), beside the headroom of {format_number(advice.targets.headroom)}."
    )


def _choices(advice: Advice) -> list[str]:
    """A table of the choices, a line each, every column as wide as its longest cell."""
    rows = [("", "cap", "TTL", "lost", "in use", "memory", "mean", "worst", "headroom", "risk")]
    for name, point in advice.choices.items():
        row, settings = advice.row(point), point.settings
        rows.append(
            (
                name,
                format_count(settings.max_entries) if settings.max_entries > 0 else "none",
                format_duration(settings.ttl) if settings.ttl > 0 else "none",
                format_percent(row["lost_count_share"]),
                format_percent(row["false_eviction_share"]),
                format_memory(row["heap_mib"]),
                format_duration(row["mean_ns"]),
                format_duration(row["worst_ns"]),
                f"{format_number(row['headroom'])} x" if row["headroom"] else "none",
                str(sum(ratio > 1 for key, ratio in advice.ratios(point).items() if key != "lock")),
            )
        )
    first, *others = ([*map(len, column)] for column in zip(*rows, strict=True))
    return [
        name.ljust(max(first)) + "".join(f"  {cell:>{max(width)}}" for cell, width in zip(cells, others, strict=True))
        for name, *cells in rows
    ]


def _memory(advice: Advice) -> str:
    """Say which bytes the memory of the choices stands on."""
    point, _ = advice.found
    an_entry = Footprint(advice.entry).an_entry(advice.heap_mib(point), advice.held(point))
    return f"Memory is that of one map at its cap, at {an_entry}."


def breaks_at(advice: Advice) -> str:
    """Say at which traffic the advice stops holding, and which target goes first."""
    times, first = advice.breaks
    rate = times * advice.new_per_second
    text = f"{format_number(rate)} new sessions a second"
    if rate < 1:
        text = f"{format_number(rate * HOUR / SECOND)} new sessions an hour"
    if not times:
        return f"The recommended setting misses a target at any traffic: {MISSED[first]}."
    if not first:
        return f"Nowhere that was tried, up to {format_number(times)} times the traffic, {text}."
    return f"{text}, {format_number(times)} times the traffic: beyond that {MISSED[first]}."


def _do(advice: Advice) -> Iterator[str]:
    point, _ = advice.found
    cap, ttl = point.settings.max_entries, point.settings.ttl
    time = f"{ttl // MINUTE} * time.Minute" if ttl > 0 else "0"
    if point == advice.now:
        yield "Change nothing."
    elif point.design == SHIPPED:
        yield f"Change two numbers of the store in use: maxEntries = {cap}, ttl = {time}."
    else:
        package = point.design.replace("_", "")
        library = next(each.module for each in peers.PEERS.values() if each.design == point.design)
        yield f"Copy {GO}/{package}/{package}.go or import {library}; maxEntries = {cap}, ttl = {time}."
    rate = ALERT_AT * advice.breaks[0] * advice.new_per_second
    if not rate:
        return
    yield "Alert, with your own name for the counter of created entries:"
    yield "  - alert: SessionCountersOutgrowTheirCap"
    yield f"    expr: rate(session_counter_creates_total[10m]) > {rate:.3g}"
    yield "    for: 10m"


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
    options = [*setting_options(advice.found[0]), "--counter", counter_of(advice), *source.entry]
    if not source.seeds:
        return [advise, _command("replay", *source.names, *source.how, *options)]
    hours = ["--hours", f"{source.hours:g}"] if source.hours else []
    simulate = _command("simulate", *source.names, "--seed", f"{source.seeds[0]}", *hours, "--out", SIMULATED)
    return [advise, simulate, _command("replay", SIMULATED, *options)]


def _command(*words: str) -> str:
    return shlex.join(["python", "-m", "simlib", *words])


def _limits(advice: Advice) -> list[str]:
    """The options of the targets and of what is set now that differ from the defaults of `advise`."""
    targets, now, usual, today = advice.targets, advice.now.settings, TARGETS, TODAY.settings
    given = {
        "--max-lost": (f"{100 * targets.lost:g}%", targets.lost != usual.lost),
        "--max-false": (f"{100 * targets.false:g}%", targets.false != usual.false),
        "--memory": (f"{targets.memory_mib:g}MiB", targets.memory_mib not in (usual.memory_mib, np.inf)),
        "--max-stall": (exact_duration(int(targets.stall_ns)), targets.stall_ns != usual.stall_ns),
        "--headroom": (f"{targets.headroom:g}", targets.headroom != usual.headroom),
        "--max-entries": (f"{now.max_entries}", now.max_entries != today.max_entries),
        "--ttl": (exact_duration(now.ttl), now.ttl != today.ttl),
        "--prune-every": (f"{now.prune_every}", now.prune_every != today.prune_every),
    }
    return [part for name, (value, differs) in given.items() if differs for part in (name, value)]
