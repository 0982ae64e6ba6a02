"""Sets results side by side, before and after: what differs in their settings, and in what they found.

Refuses a folder without results, and two packs with no case in common.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from simlib.core.errors import InputError, quoted
from simlib.core.numbers import format_count, format_counted, format_duration, format_number, format_percent
from simlib.report.notebooks import default_parameters, notebook_names
from simlib.report.pack import SUMMARY, TILES
from simlib.report.readable import is_share, label_of, value_text
from simlib.report.results import OVERVIEW, Findings, Outcome, findings_of, read_outcomes

BOUNDS = {"max_entries": "cap", "ttl": "TTL", "prune_every": "prune every"}
"""Bounds of a store in words, by the name of the setting."""

PATHS = ("workload", "workloads", "trace", "traces", "out")
"""Parameters that name files: what is in these is said by the source and the streams."""


USUAL = "as usual"
"""Stands for the default of a parameter, which may be 0 for what the workload says."""

TIMES = 10
"""Ratio from which a growth is given as a multiple, not as per cent."""


@dataclass(frozen=True)
class Pair:
    """Two values of one thing as texts, A's and B's, and the difference of numbers."""

    name: str
    a: str
    b: str
    difference: str = ""


@dataclass(frozen=True)
class Number:
    """A number that a claim of both sides gives; `a` and `b` are None where there is none, such as for never."""

    notebook: str
    claim: str
    name: str
    a: float | None
    b: float | None

    @property
    def pair(self) -> Pair:
        """The number as texts, and the difference in its unit, of a share in points, and as a share of A's."""
        return Pair(label_of(self.name), value_text(self.name, self.a), value_text(self.name, self.b), self._difference)

    @property
    def _difference(self) -> str:
        if self.a is None or self.b is None:
            return ""
        change = self.b - self.a
        direction = "more" if change > 0 else "less"
        if is_share(self.name):
            return f"{format_number(100 * abs(change))} points {direction}"
        text = f"{value_text(self.name, abs(change))} {direction}"
        if not self.a:
            return text
        ratio = self.b / self.a
        return (
            f"{text} ({format_number(ratio)} times)" if ratio >= TIMES else f"{text} ({format_percent(abs(ratio - 1))})"
        )


@dataclass(frozen=True)
class Side:
    """One case, or one notebook of it, and its row in the overview of its pack, if that has one."""

    label: str
    findings: Findings
    row: dict[str, str]

    @property
    def about(self) -> dict:
        """The fields of a summary that all notebooks of a case share, from the first."""
        return self.findings.outcomes[0].summary

    @cached_property
    def by_notebook(self) -> dict[str, Outcome]:
        return {each.notebook: each for each in self.findings.outcomes}

    @cached_property
    def settings(self) -> dict[str, str]:
        """The source, the bounds, the seeds and all parameters, by name."""
        bounds = self.about["settings"]
        texts = {
            "cap": format_count(bounds["max_entries"]) if bounds["max_entries"] > 0 else "none",
            "TTL": format_duration(bounds["ttl"]) if bounds["ttl"] > 0 else "none",
            "prune every": f"{format_counted(bounds['prune_every'], 'increments')}",
        }
        rest = {name: text for each in self.findings.outcomes for name, text in _parameters(each).items()}
        return {"source": self.about["source"], **texts, **rest}

    @cached_property
    def numbers(self) -> dict[tuple[str, str, str], float | None]:
        """The numbers of all claims by notebook, claim and name; of an interval only its middle."""
        return {
            (each.notebook, claim["claim"], name): value
            for each in self.findings.outcomes
            for claim in each.summary["claims"]
            for name, value in claim["numbers"].items()
            if not name.endswith(("_low", "_high"))
        }


@dataclass(frozen=True)
class Comparison:
    """Two cases side by side."""

    a: Side
    b: Side

    @property
    def same_streams(self) -> bool:
        """Whether both are about the same operations, so that only the settings can make a difference."""
        return self.a.about["streams_sha256"] == self.b.about["streams_sha256"]

    @cached_property
    def settings(self) -> list[Pair]:
        """The settings that differ; a parameter that one side was not given has its usual value there."""
        names = dict.fromkeys([*self.a.settings, *self.b.settings])
        pairs = [Pair(name, *(side.settings.get(name, USUAL) for side in (self.a, self.b))) for name in names]
        return [pair for pair in pairs if pair.a != pair.b]

    @cached_property
    def tiles(self) -> list[tuple[str, dict, dict]]:
        """Name, A's and B's tile, of those that both have."""
        mine, other = self.a.findings.tiles, self.b.findings.tiles
        return [(name, mine[name], other[name]) for name in TILES if name in mine and name in other]

    @cached_property
    def overview(self) -> list[Pair]:
        """The measures of the overview that differ."""
        both = [Pair(name, text, self.b.row[name]) for name, text in self.a.row.items() if name in self.b.row]
        return [pair for pair in both if pair.a != pair.b]

    @cached_property
    def numbers(self) -> list[Number]:
        """The numbers of the claims that both make."""
        mine, other = self.a.numbers, self.b.numbers
        return [Number(*key, value, other[key]) for key, value in mine.items() if key in other]

    @cached_property
    def differing(self) -> list[Number]:
        """Those of `numbers` that differ."""
        return [number for number in self.numbers if number.a != number.b]

    @cached_property
    def figures(self) -> list[tuple[Outcome, Outcome, dict, dict]]:
        """A's and B's run and figure, of the figures about the case that both have and whose data differ."""
        found = []
        for name, mine in self.a.by_notebook.items():
            if other := self.b.by_notebook.get(name):
                theirs = {figure["name"]: figure for figure in other.of("figures")}
                pairs = [(figure, theirs.get(figure["name"])) for figure in mine.of("figures")]
                found += [(mine, other, *pair) for pair in pairs if pair[1] and _differ(mine, other, pair[0]["name"])]
        return found

    @property
    def alone(self) -> list[tuple[str, str]]:
        """The label of a side, and the notebook, of those that only this side has."""
        sides = ((self.a, self.b), (self.b, self.a))
        return [(one.label, name) for one, other in sides for name in one.by_notebook if name not in other.by_notebook]

    def result(self) -> dict:
        """Everything but the figures, for programs."""
        return {
            "a": {"label": self.a.label, "verdict": self.a.findings.verdict},
            "b": {"label": self.b.label, "verdict": self.b.findings.verdict},
            "same_streams": self.same_streams,
            "settings": [asdict(pair) for pair in self.settings],
            "tiles": {name: {"a": mine["value"], "b": other["value"]} for name, mine, other in self.tiles},
            "overview": [asdict(pair) for pair in self.overview],
            "numbers": [asdict(number) for number in self.numbers],
            "only_in": [{"label": label, "notebook": notebook} for label, notebook in self.alone],
        }


def compare(a: str, b: str) -> list[Comparison]:
    """Compare two packs case by case, or two cases, or two runs of a notebook, each named by its folder.

    Raises InputError for a folder without results, and where nothing is in common.
    """
    mine, other = _sides(a), _sides(b)
    if len(mine) == 1 and len(other) == 1:
        pairs = [(mine[0], other[0])]
    else:
        theirs = {side.findings.experiment: side for side in other}
        pairs = [(side, theirs[name]) for side in mine if (name := side.findings.experiment) in theirs]
    if not pairs:
        have = " and ".join(f"{name} has {_listed(sides)}" for name, sides in ((a, mine), (b, other)))
        raise InputError(f"no case is in both: {have}; name two cases, such as {a}/{mine[0].findings.experiment}")
    for one, two in pairs:
        if not one.by_notebook.keys() & two.by_notebook.keys():
            raise InputError(f"{one.label} and {two.label}: no notebook was run on both")
    return [Comparison(*pair) for pair in pairs]


def _parameters(outcome: Outcome) -> dict[str, str]:
    """The parameters of a run as texts, but for the bounds and for names of files."""
    usual = default_parameters(outcome.notebook) if outcome.notebook in notebook_names() else {}
    return {
        name: USUAL if value == usual.get(name) else f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in outcome.parameters.items()
        if name not in (*BOUNDS, *PATHS)
    }


def _differ(a: Outcome, b: Outcome, figure: str) -> bool:
    """Whether the data of a figure differ."""
    texts = ((each.directory / f"{figure}.csv").read_bytes() for each in (a, b))
    return next(texts) != next(texts)


def _listed(sides: list[Side]) -> str:
    names = [side.findings.experiment for side in sides]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _sides(name: str) -> list[Side]:
    """Read all cases of a pack, a case, or one notebook of a case."""
    path = Path(name)
    levels = [depth for depth in range(3) if any(path.glob("/".join(["*"] * depth + [SUMMARY])))] if name else []
    if not levels:
        raise InputError(
            f"{quoted(name)} holds no results: name a folder that `run` wrote, such as build, or a case in it, "
            "such as build/incident"
        )
    whole = path.resolve()
    pack = [whole.parent.parent, whole.parent, whole][levels[0]]
    outcomes = [each for each in read_outcomes(pack) if not each.error]
    chosen = [each for each in outcomes if whole in (each.directory, each.directory.parent)]
    found = findings_of(outcomes if whole == pack else chosen)
    if not found and chosen:
        # An overview is about no single case, but two of them compare well.
        found = [Findings(chosen[0].experiment, chosen)]
    if not found:
        raise InputError(f"{quoted(name)} holds no whole result, or one of an earlier version: run it again")
    return [Side(str(path / each.experiment) if whole == pack else name, each, _row(each, outcomes)) for each in found]


def _row(findings: Findings, outcomes: list[Outcome]) -> dict[str, str]:
    """Find a case's row in an overview under the same settings, as header to text; empty where there is none."""
    about = findings.outcomes[0].summary
    same = [each for each in outcomes if each.notebook == OVERVIEW and each.summary["settings"] == about["settings"]]
    for table in _tables(same):
        for first, *rest in table["rows"]:
            if first == about["case"]:
                return dict(zip(table["columns"][1:], rest, strict=True))
    return {}


def _tables(outcomes: list[Outcome]) -> Iterator[dict]:
    for each in outcomes:
        yield from (table for table in each.of("tables") if table["name"] == "overview")
