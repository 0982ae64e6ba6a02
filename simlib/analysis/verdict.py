"""The advice in sentences: what to set and why, where it breaks, and what to do."""

from simlib.analysis.advise import Advice
from simlib.analysis.points import HALF, TODAY, Point, false_share, lost_share
from simlib.core.numbers import (
    format_count,
    format_counted,
    format_duration,
    format_memory,
    format_number,
    format_percent,
)
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.models import peers
from simlib.stores.registry import SHIPPED, find_design

MISSED = {
    "lost": "too large a share of the counts is lost",
    "false": "too large a share of the evictions removes sessions still in use",
    "memory": "the map outgrows its limit",
    "stall": "one increment holds the lock for too long",
    "lock": "the lock is held for over half of the time",
    "quiet": "the TTL is shorter than the longest quiet gap of a live session",
}
"""A target that is missed, by its key in `Advice.ratios`, as part of a sentence."""

ALERT_AT = 0.8
"""Share of the breaking traffic at which to alert, so that there is time to change the setting."""

WINDOWS = (10, 30, 60, 180, 360, 720, 1440)
"""Minutes over which an alert may take a rate."""

ENOUGH_CREATED = 20
"""Entries created in the window of an alert at its threshold, so that a few more by chance do not set it off."""

GO = "simlib/calibration/go"
"""Where the Go files to copy are."""


def setting(point: Point) -> str:
    """A point in words, its design only where it is not the shipped one."""
    settings, used = point.settings, find_design(point.design).settings
    cap = f"a cap of {format_counted(settings.max_entries, 'entries')}" if settings.max_entries > 0 else "no cap"
    ttl = f"a TTL of {format_duration(settings.ttl)}" if settings.ttl > 0 and "ttl" in used else "no TTL"
    return f"{cap} and {ttl}" if point.design == SHIPPED else f"{point.design} with {cap} and {ttl}"


def short(point: Point) -> str:
    """A cap and a TTL in a few words."""
    cap, ttl = point.settings.max_entries, point.settings.ttl
    bounds = f"cap {format_count(cap)}" if cap > 0 else "no cap", f"TTL {format_duration(ttl)}" if ttl > 0 else "no TTL"
    return ", ".join(bounds)


def keeps_today(advice: Advice) -> bool:
    """Whether the setting in use has a cap and meets all that the recommended one meets: there is nothing to change."""
    return advice.now.settings.max_entries > 0 and advice.found[1] and advice.meets_all(advice.now)


def advised_as(advice: Advice) -> str:
    """Name the advised point in one word: `recommended`, `enough` where today's is kept, `nearest` where none meets."""
    if not advice.found[1]:
        return "nearest"
    return "enough" if keeps_today(advice) else "recommended"


def advised(advice: Advice) -> Point:
    """The setting to have: the one in use where that is to be kept."""
    return advice.now if keeps_today(advice) else advice.found[0]


def meets(advice: Advice) -> str:
    """The verb for what no setting does to every target, where that is so."""
    return "is sure to meet" if advice.unsure else "meets"


def verdict(advice: Advice) -> str:
    """Say what to set, against what is set now, in a sentence."""
    if advice.refusal:
        return f"No advice: {advice.refusal}."
    (point, met), now = advice.found, advice.now
    do = f"{'Set' if point.design == SHIPPED else 'Take'} {setting(point)}"
    up_to = f"up to {format_number(advice.levels[-1])} times the traffic"
    if not met:
        nearest = f"with the nearest, {setting(point)}, {missed(advice, point)}"
        return f"No setting {meets(advice)} every target; {nearest}."
    given = "as shipped" if now == TODAY else "as now"
    if point == now:
        return f"Keep {setting(now)}: no smaller setting meets every target {up_to}."
    if keeps_today(advice):
        enough = f"; {setting(point)} would be enough" if is_smaller(point, now) else ""
        return f"Keep {setting(now)}, as they meet every target {up_to}{enough}."
    if advice.meets_all(now):
        return f"{do}: without a cap, as now, nothing limits the size of the store."
    return f"{do}: with {setting(now)}, {given}, {missed(advice, now)}."


def is_smaller(point: Point, now: Point) -> bool:
    """Whether a point has a smaller cap than the one in use."""
    return point.settings.max_entries < now.settings.max_entries


def missed(advice: Advice, point: Point) -> str:
    """Name the target that a point misses by most, with its figure and its limit, as part of a sentence.

    At the least traffic of `Advice.levels` at which it misses one. Where it misses none, the evictions are too few.
    """
    times = next((times for times in advice.levels if not advice.meets(point, times)), advice.levels[-1])
    ratios, targets, totals = advice.ratios(point, times), advice.targets, advice.totals(point, times)
    figures = {
        "lost": (f"{format_percent(lost_share(totals))} of {advice.counts} are lost", format_percent(targets.lost)),
        "false": (
            f"{format_percent(false_share(totals))} of the evictions remove sessions still in use",
            format_percent(targets.false),
        ),
        "memory": (
            f"the map takes {format_memory(advice.heap_mib(point, times))}",
            format_memory(targets.memory_mib),
        ),
        "entries": (
            f"the map holds {format_count(advice.held(point, times))} entries",
            f"{format_counted(targets.entries, 'entries')}",
        ),
        "stall": (
            f"one increment holds the lock for {format_duration(advice.nanoseconds(point, times)[1])}",
            format_duration(targets.stall_ns),
        ),
        "lock": (f"the lock is held for {format_percent(ratios['lock'] * HALF)} of the time", format_percent(HALF)),
        "quiet": (
            f"a live session may be quiet for {format_duration(targets.quiet_ns)}",
            format_duration(point.settings.ttl),
        ),
    }
    at = "" if times == 1 else f"at {format_number(times)} times the traffic "
    if advice.meets(point, times):
        few = format_count(totals.cap_evictions + totals.ttl_evictions)
        return (
            f"{at}there are too few evictions, {few}, to say that at most {format_percent(targets.false)} of them "
            "remove sessions still in use"
        )
    worst = max(ratios, key=lambda name: ratios[name])
    by_number = advice.held(point, times) / targets.entries > advice.heap_mib(point, times) / targets.memory_mib
    says, limit = figures["entries" if worst == "memory" and by_number else worst]
    return f"{at}{says}, above the limit of {limit}"


def breaks_at(advice: Advice) -> str:
    """Say at which traffic the setting to have stops holding, and which target goes first."""
    times, first = advice.breaks(advised(advice))
    rate = times * advice.new_per_second
    text = f"{format_number(rate)} new sessions a second"
    if rate < 1:
        text = f"{format_number(rate * HOUR / SECOND)} new sessions an hour"
    if not times:
        return f"The nearest setting misses a target at a sixteenth of the traffic already: {MISSED[first]}."
    if not first:
        return f"Nowhere that was tried, up to {format_number(times)} times the traffic, {text}."
    return f"{text}, {format_number(times)} times the traffic: beyond that {MISSED[first]}."


def change(advice: Advice) -> str:
    """Say what to change in the code, in a sentence."""
    point, met = advice.found
    ttl = point.settings.ttl
    time = f"{ttl // HOUR} * time.Hour" if ttl % HOUR == 0 else f"{ttl // MINUTE} * time.Minute"
    numbers = f"maxEntries = {point.settings.max_entries}, ttl = {time if ttl > 0 else '0'}"
    if not met:
        do = "Record for longer, or relax a target" if advice.unsure else "Relax a target"
        return f"{do}, as no setting {meets(advice)} them all; the nearest is {setting(point)}."
    if keeps_today(advice):
        return f"Change nothing; {numbers} would be enough." if is_smaller(point, advice.now) else "Change nothing."
    if point.design == SHIPPED:
        return f"Set in the store in use, or copy {GO}/{SHIPPED}.go: {numbers}."
    package = point.design.replace("_", "")
    library = next(each.module for each in peers.PEERS.values() if each.design == point.design)
    return f"Copy {GO}/{package}/{package}.go or import {library}; set {numbers}."


def alert_rate(advice: Advice) -> float:
    """Return the entries created a second at which to alert; 0 where no setting meets the targets.

    Those that the setting to have creates at ALERT_AT of the traffic at which it breaks: more than sessions are new, as
    one that comes back after an eviction is created again.
    """
    if not advice.found[1]:
        return 0.0
    point = advised(advice)
    times = ALERT_AT * advice.headroom(point)
    return advice.a_second(advice.totals(point, times).creates * times)


def alert(rate: float) -> str:
    """Return the expression of the alert at a rate of entries created a second."""
    minutes = next((each for each in WINDOWS if 60 * each * rate >= ENOUGH_CREATED), WINDOWS[-1])
    window = f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"
    return f"rate(session_counter_creates_total[{window}]) > {rate:.3g}"
