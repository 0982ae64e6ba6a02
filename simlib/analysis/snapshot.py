"""A state of the explorer as a figure, in words, and as what reproduces it."""

from dataclasses import replace

import pandas as pd

from simlib.analysis.commands import replay_commands, setting_options
from simlib.analysis.explore import COLOURS, Explorer, values
from simlib.analysis.points import Point, scaled
from simlib.analysis.state import MEASURES, State
from simlib.analysis.verdict import short
from simlib.core.units import exact_duration, seconds
from simlib.figures import sizing as figures
from simlib.figures.sizing import Grid, Panel
from simlib.figures.style import Drawing


def draw(explorer: Explorer, state: State) -> Drawing:
    """Draw the map of a state: its measure at each cap and TTL, the region that meets the targets, and the points."""
    view = replace(explorer, at=state.written())
    cells, measure, times = view.cells(state.point.design), MEASURES[state.measure], state.times
    view.points.replay_all(cells, [times])
    table = pd.DataFrame([values(view.points, cell, times) for cell in cells], columns=[*MEASURES])
    judged = replace(view.points, targets=state.targets)
    table["meets_targets"] = [
        cell.settings.max_entries > 0 and known and judged.meets(cell, times)
        for cell, known in zip(cells, table["lost_share"].notna(), strict=True)
    ]
    table.insert(0, "max_entries", [cell.settings.max_entries for cell in cells])
    table.insert(1, "ttl_seconds", [seconds(cell.settings.ttl) for cell in cells])
    shape, bounds = (len(view.caps), len(view.ttls)), explorer.bounds(measure)
    labels = [(place, measure.text(bound)) for place, bound in enumerate(bounds, 1)]
    good = table["meets_targets"].to_numpy(dtype=bool).reshape(shape)
    return figures.maps(
        [
            Panel(
                f"{measure.label}, {state.conditions}",
                table[measure.key].to_numpy().reshape(shape),
                bounds,
                labels,
                COLOURS,
            )
        ],
        Grid(view.caps, view.ttls, good),
        _marks(view),
        _note(view, bool(good.any())),
        f"{measure.label.capitalize()}: {measure.text(explorer.replay(state)[measure.key])} at {short(state.point)}",
        table,
    )


def _note(explorer: Explorer, some_meet: bool) -> str:
    """Say what the outline is, and which marked points are of another design than the map."""
    says = "Outlined: every target is met at this traffic." if some_meet else "No cap and TTL meets every target."
    design = explorer.start.point.design
    others = [f"\nThe point {name!r} is of {at.design}." for name, at in explorer.known.items() if at.design != design]
    return says + "".join(others)


def _marks(explorer: Explorer) -> dict[str, tuple[int, int]]:
    """The points in question as places on the map, each place once; today's comes before the advised one."""
    places: dict[tuple[int, int], str] = {}
    for name, point in explorer.known.items():
        places.setdefault((max(point.settings.max_entries, 0), max(point.settings.ttl, 0)), name)
    return {name: place for place, name in places.items()}


def describe(explorer: Explorer, state: State) -> str:
    """Say what the point of a state comes to, and whether it meets the targets, in two sentences."""
    found = explorer.replay(state)
    written = ", ".join(f"{measure.label} {measure.text(found[key])}" for key, measure in MEASURES.items())
    meets = replace(explorer.points, targets=state.targets).meets(state.point, state.times)
    verdict = "Every target is met" if meets else "A target is missed"
    return f"At {short(state.point)} ({state.conditions}): {written}. {verdict}."


def compared(explorer: Explorer, state: State) -> pd.DataFrame:
    """Return the measures at the points in question, as text for people: a row each, today's first."""
    rows = {}
    for name, point in explorer.known.items():
        at = state._replace(point=point)
        found = explorer.replay(at)
        written = {measure.label: measure.text(found[key]) for key, measure in MEASURES.items()}
        rows[name] = {"setting": short(point), "design": point.design, **written}
    return pd.DataFrame(rows).T.rename_axis("point")


def reproduce(explorer: Explorer, state: State) -> list[str]:
    """List what gives a state again: the commands that replay its point, then the parameters of the notebook."""
    sizing = explorer.sizing
    point = Point(state.point.design, scaled(state.point.settings, state.times))
    commands = replay_commands(sizing.advice.counter, sizing.source, setting_options(point))
    given = {"at": state.written(), **moved_targets(explorer, state)}
    return [*commands, *(f"{name} = {value!r}" for name, value in given.items())]


def moved_targets(explorer: Explorer, state: State) -> dict[str, object]:
    """Return the parameters of the notebook that set the targets which a state does not share with the explorer."""
    given: dict[str, object] = {}
    for measure in MEASURES.values():
        limit = measure.limit(state.targets)
        if measure.parameter and limit != measure.limit(explorer.sizing.targets):
            given[measure.parameter] = exact_duration(round(limit)) if measure.kind == "ns" else limit
    return given
