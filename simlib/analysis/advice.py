"""The advice as one object for programs, and in six blocks for people, each with its verdict first."""

import re
import textwrap
from collections.abc import Iterable, Iterator

import numpy as np

from simlib.analysis.advise import GAP_QUANTILE, WHOLE_DAY, Advice
from simlib.analysis.points import Point
from simlib.analysis.verdict import alert, alert_rate, breaks_at, change, missed, verdict
from simlib.core.numbers import (
    format_count,
    format_counted,
    format_duration,
    format_memory,
    format_number,
    format_percent,
)
from simlib.core.units import HOUR, SECOND
from simlib.models.footprint import Footprint
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.registry import SHIPPED

WIDTH = 80
"""Columns of a terminal that prose is written for."""

LEGEND = (
    "lost: share of counts. in use: share of evictions that remove sessions still in use.",
    "risk: of the four targets lost, in use, memory and worst, those missed at up to the traffic to allow for.",
    "headroom: traffic up to which the targets are met. Times are modelled.",
)
"""The meaning of the columns of the choices."""


def refused(advice: Advice, commands: list[str]) -> dict[str, object]:
    """The object of `advise --json` where no advice is given."""
    return {
        "verdict": verdict(advice),
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
    times, first = advice.breaks(point)
    agree, parts = advice.agree
    return {
        "verdict": verdict(advice),
        "confidence": advice.confidence,
        "targets_met": met,
        "now": advice.row(advice.now),
        "recommended": advice.row(point),
        "choices": [advice.row(each) for each in advice.choices.values()],
        "evidence": {
            "counter": advice.counter,
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


def _why(advice: Advice) -> Iterator[str]:
    totals = advice.totals(advice.now)
    evictions = totals.cap_evictions + totals.ttl_evictions
    if not evictions:
        yield f"Today nothing is evicted: a store holds at most {format_counted(totals.peak_entries, 'entries')}."
    else:
        observed = [(trace, replay(trace, *advice.now)) for trace in advice.traces]
        idle = np.concatenate([ledger.evictions(*each)["idle"].to_numpy() for each in observed])
        yield (
            f"Today the cap removes {format_count(totals.cap_evictions)} entries and the TTL "
            f"{format_count(totals.ttl_evictions)}{', over all seeds' if len(advice.traces) > 1 else ''}. "
            f"{format_percent(totals.false_evictions / evictions)} of them are of sessions still in use."
        )
        low, high = (format_duration(float(np.quantile(idle, share))) for share in (0.05, 0.5))
        yield f"Half of the evicted sessions had been idle for less than {high}, one in twenty for less than {low}."
    if advice.gaps.size:
        half, most = (format_duration(advice.gap(share)) for share in (0.5, GAP_QUANTILE))
        yield f"Half of the returns come within {half} of idle time, 99 in 100 within {most}."
    else:
        yield "No session comes back, so no eviction can lose a count that is still needed."
    point, met = advice.found
    shipped = Point(SHIPPED, point.settings)
    if met and point.design != SHIPPED and not advice.meets_all(shipped):
        yield f"{point.design} and not {SHIPPED}: with {SHIPPED} at the same setting, {missed(advice, shipped)}."


def _evidence(advice: Advice) -> Iterator[str]:
    rows, lasts = format_count(sum(map(len, advice.traces))), format_duration(advice.span)
    day = "a whole day is covered" if advice.span >= WHOLE_DAY else "a whole day is not covered"
    agree, parts = advice.agree
    if advice.simulated:
        yield f"{rows} operations of counter {advice.counter} in {parts} replications of {lasts} each; {day}."
        yield f"The recommended setting is accurate enough under {agree} of {parts} seeds. The rates are assumed."
        return
    yield f"{rows} operations of counter {advice.counter} over {lasts}; {day}."
    yield f"The recommended setting is accurate enough in {agree} of {parts} equal parts of the log."
    yield (
        f"The cap allows for {format_number(advice.margin)} times the traffic as the log is short "
        f"(1 + 1/days, at most 4), beside the headroom of {format_number(advice.targets.headroom)}."
    )
    if advice.gaps_grow:
        yield "The longest idle gaps grow with the length of the log: there are longer ones than it can show."


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
                str(_risk(advice, point)),
            )
        )
    first, *others = ([*map(len, column)] for column in zip(*rows, strict=True))
    return [
        name.ljust(max(first)) + "".join(f"  {cell:>{max(width)}}" for cell, width in zip(cells, others, strict=True))
        for name, *cells in rows
    ]


def _risk(advice: Advice, point: Point) -> int:
    """The number of the targets of LEGEND that a point misses at any traffic under which they are to be met."""
    found = [advice.ratios(point, times) for times in advice.levels]
    return sum(any(each[target] > 1 for each in found) for target in ("lost", "false", "memory", "stall"))


def _memory(advice: Advice) -> str:
    """Say which bytes the memory of the choices stands on."""
    point, _ = advice.found
    an_entry = Footprint(advice.entry).an_entry(advice.heap_mib(point), advice.held(point))
    return f"Memory is that of one map at its cap, or at its peak where it may outgrow that, at {an_entry}."


def _do(advice: Advice) -> Iterator[str]:
    yield change(advice)
    if rate := alert_rate(advice):
        yield "Alert, with your own name for the counter of created entries:"
        yield "  - alert: SessionCountersOutgrowTheirCap"
        yield f"    expr: {alert(rate)}"
        yield "    for: 10m"
