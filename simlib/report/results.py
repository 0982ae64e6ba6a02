"""Reads the results that a folder holds, of this run and of earlier ones, and gathers those of each case."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from simlib.report.notebooks import notebook_names, notebook_question
from simlib.report.pack import EXPLORER, SUMMARY, TILES
from simlib.report.readable import cell_text
from simlib.report.runner import FAILED, FAILURE, SEAL

OVERVIEW = "00_overview"
"""The notebook that compares cases: it is about none of them."""

NEEDED = {"scope", "verdict", "tiles", "sentences", "answers", "claims", "figures", "tables"}
"""Fields of a summary that the pages need; one written by an earlier version may lack some, and counts as not run."""


@dataclass(frozen=True)
class Outcome:
    """One notebook on one case: the summary of a complete run, or the error of a failed one.

    A case is named by its folder. A failed run stands beside an earlier complete one of the same notebook.
    """

    experiment: str
    notebook: str
    directory: Path
    parameters: dict
    summary: dict = field(default_factory=dict)
    error: str = ""

    @property
    def link(self) -> str:
        """The run's folder, relative to that of all results."""
        return f"{self.experiment}/{self.directory.name}"

    @property
    def question(self) -> str:
        """The question that the notebook asks."""
        return notebook_question(self.notebook)

    @cached_property
    def explorer(self) -> str:
        """The surfaces for the explorer of the page, as JSON; empty where the notebook made none."""
        path = self.directory / EXPLORER
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def of(self, kind: str, about: str = "case") -> list[dict]:
        """Its `answers`, `claims`, `figures` or `tables` that are about the case, or about the models.

        Each has the `link` of its run. A table has its `columns` and `rows` as text.
        """
        found = [{"link": self.link, **each} for each in self.summary[kind] if each["about"] == about]
        if kind != "tables":
            return found
        return [{**_read_table(self.directory / f"{table['name']}.csv"), **table} for table in found]


@dataclass(frozen=True)
class Findings:
    """The complete runs of one case, by notebook."""

    experiment: str
    outcomes: list[Outcome]

    @property
    def title(self) -> str:
        return self.outcomes[0].summary["title"]

    @property
    def scope(self) -> str:
        """The source of the results and the settings, in a sentence or two."""
        return self.outcomes[0].summary["scope"]

    @property
    def verdict(self) -> str:
        """The verdict of the case; where no notebook decides, the first answer about it."""
        decided = [each.summary["verdict"] for each in self.outcomes if each.summary["verdict"]]
        answers = (answer["text"] for each in self.outcomes for answer in each.of("answers"))
        return decided[0] if decided else next(answers, "")

    @property
    def tiles(self) -> dict[str, dict]:
        """The tiles of all notebooks, in the order of TILES."""
        found = {name: tile for each in self.outcomes for name, tile in each.summary["tiles"].items()}
        return {name: found[name] for name in TILES if name in found}

    def sentences(self, section: str) -> list[str]:
        """The sentences for a section of the post-mortem, in the order of the notebooks."""
        return [text for each in self.outcomes for text in each.summary["sentences"].get(section, ())]

    def figures(self, section: str) -> list[dict]:
        """The figures for a section of the post-mortem, in the order of the notebooks."""
        return [figure for each in self.outcomes for figure in each.of("figures") if figure["section"] == section]

    def figure(self, name: str) -> dict | None:
        """Find a figure about the case by its name."""
        return next((found for each in self.outcomes for found in each.of("figures") if found["name"] == name), None)


def findings_of(outcomes: Iterable[Outcome]) -> list[Findings]:
    """Gather the complete runs of each case, in the order given."""
    found: dict[str, list[Outcome]] = {}
    for each in outcomes:
        if not each.error and each.notebook != OVERVIEW:
            found.setdefault(each.experiment, []).append(each)
    return [Findings(*each) for each in found.items()]


def overviews_of(outcomes: Iterable[Outcome], current: Sequence[str] = ()) -> list[Outcome]:
    """List the complete overviews: those of this run first, and among them one of several cases before one of a case.

    An overview of one case stands in the folder of that case.
    """
    complete = [each for each in outcomes if not each.error]
    singles = {each.experiment for each in complete if each.notebook != OVERVIEW}
    overviews = [each for each in complete if each.notebook == OVERVIEW]
    return sorted(overviews, key=lambda each: (each.experiment not in current, each.experiment in singles))


def about_models(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Find the results about the models, which are the same for all cases: the first run of each notebook with any."""
    kinds = ("answers", "claims", "figures", "tables")
    found: dict[str, Outcome] = {}
    for each in outcomes:
        if any(each.of(kind, "models") for kind in kinds):
            found.setdefault(each.notebook, each)
    return list(found.values())


def missing(outcomes: Iterable[Outcome]) -> dict[tuple[str, ...], list[str]]:
    """List the notebooks that have neither a result nor a failure: cases by the notebooks that they lack."""
    had: dict[str, set[str]] = {}
    for each in outcomes:
        if each.notebook != OVERVIEW:
            had.setdefault(each.experiment, set()).add(each.notebook)
    lacking: dict[tuple[str, ...], list[str]] = {}
    for experiment, notebooks in had.items():
        names = tuple(name for name in notebook_names() if name not in notebooks and name != OVERVIEW)
        lacking.setdefault(names, []).append(experiment)
    return {names: experiments for names, experiments in lacking.items() if names}


def read_outcomes(out: Path, current: Sequence[str] = ()) -> list[Outcome]:
    """Read all runs in a folder, by case and notebook; the cases in `current` come first, in their order.

    What an interrupted run left, or a folder without a readable seal and summary, is no run.
    """
    found = sorted({path.parent.parent.name for path in out.glob("*/*/*.json")})
    experiments = [
        *(name for name in dict.fromkeys(current) if name in found),
        *(name for name in found if name not in current),
    ]
    outcomes = [_read_outcome(name, directory) for name in experiments for directory in sorted((out / name).iterdir())]
    return [each for each in outcomes if each]


def _read_outcome(experiment: str, directory: Path) -> Outcome | None:
    try:
        if directory.name.endswith(FAILED):
            failure = _read_json(directory / FAILURE)
            error = f"cell {failure['cell']}: {failure['error']}"
            return Outcome(
                experiment, directory.name.removesuffix(FAILED), directory, failure["parameters"], error=error
            )
        seal, summary = _read_json(directory / SEAL), _read_json(directory / SUMMARY)
        if not summary.keys() >= NEEDED:
            return None
        return Outcome(experiment, directory.name, directory, seal["parameters"], summary)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _read_table(path: Path) -> dict:
    with open(path, encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return {
        "columns": [name.replace("_", " ") for name in columns],
        "rows": [list(map(cell_text, row)) for row in rows],
    }
