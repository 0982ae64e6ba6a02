"""Reads the results that a folder holds, of this run and of earlier ones: complete runs and failed ones."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simlib.report.pack import SUMMARY
from simlib.report.runner import FAILED, FAILURE, SEAL

OVERVIEW = "00_overview"
"""The notebook that compares several cases, in a folder of its own: that folder is no case."""


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

    def tables(self) -> list[dict]:
        """Read the tables of a complete run, each with its `columns` and `rows`, as text where its file has numbers."""
        return [{**_read_table(self.directory / f"{table['name']}.csv"), **table} for table in self.summary["tables"]]


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
        return Outcome(experiment, directory.name, directory, seal["parameters"], summary)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _read_table(path: Path) -> dict:
    with open(path, encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return {"columns": columns, "rows": rows}
