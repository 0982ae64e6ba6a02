"""Collects the results of one notebook: its answer, its claims, its figures with their data, and a summary of them all.

The summary is written last, so a folder with a summary is whole.
"""

import json
import math
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.experiments.experiment import Experiment
from simlib.figures.style import Drawing, LeftOut, save

if TYPE_CHECKING:
    import pandas as pd

SUMMARY = "summary.json"

VERSIONED = ("matplotlib", "numpy", "pandas", "scipy", "simpy")


@dataclass
class Pack:
    """Collects the results of one notebook on one experiment in a folder, which is created.

    Raises InputError where the folder cannot be written.
    """

    out: str
    notebook: str
    experiment: Experiment
    answers: list[str] = field(default_factory=list)
    claims: list[dict] = field(default_factory=list)
    figures: list[dict] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.directory = Path(self.out)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.directory}: cannot be written: {error.strerror}") from None
        (self.directory / SUMMARY).unlink(missing_ok=True)

    def answer(self, text: str) -> "Shown":
        """Record the notebook's answer; shown in bold."""
        self.answers.append(text)
        return Shown(f"**{text}**")

    def claim(self, text: str, holds: bool, **numbers: float | None) -> bool:
        """Record a claim and its numbers; return whether it holds, for the notebook to assert."""
        # JSON has no infinity and no NaN: a number that is not finite is null.
        finite = {
            name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()
        }
        self.claims.append({"claim": text, "holds": bool(holds), "numbers": finite})
        return bool(holds)

    def claims_of(self, claims: Iterable[tuple[str, bool, dict[str, float]]]) -> bool:
        """Record several claims, as `claim` does each; return whether all hold."""
        return all([self.claim(text, holds, **numbers) for text, holds, numbers in claims])

    def figure(self, drawing: Drawing | LeftOut, name: str, note: str) -> "Shown":
        """Save a drawing under a name, its caption being `note` and its origin; shown as it was saved.

        A figure that is left out leaves no file; the reason is shown in its place.
        """
        if isinstance(drawing, LeftOut):
            return Shown(drawing.reason)
        caption = f"{note} {self.experiment.caption()}"
        save(drawing, self.directory, name)
        self.figures.append({"name": name, "message": drawing.message, "caption": caption})
        return Shown(caption, (self.directory / f"{name}.png").read_bytes())

    def table(self, table: "pd.DataFrame", name: str, caption: str) -> "pd.DataFrame":
        """Save a table under a name, if it has any rows; return it, to be shown."""
        if table.empty:
            return table
        table.reset_index().to_csv(self.directory / f"{name}.csv", index=False, lineterminator="\n")
        self.tables.append({"name": name, "caption": caption})
        return table

    def close(self) -> None:
        """Write the summary: all of the above with settings, seeds, versions and the hash of each stream."""
        summary = {
            "notebook": self.notebook,
            "case": self.experiment.name,
            "title": self.experiment.title,
            "about": self.experiment.about,
            "source": self.experiment.source,
            "settings": asdict(self.experiment.settings),
            "seeds": list(self.experiment.seeds),
            "streams_sha256": [each.trace.digest for each in self.experiment.replications],
            "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}},
            "answers": self.answers,
            "claims": self.claims,
            "figures": self.figures,
            "tables": self.tables,
        }
        with whole_file(self.directory / SUMMARY) as file:
            file.write_text(json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


class Shown:
    """Something for a notebook to show as the value of a cell: a picture, or text."""

    def __init__(self, text: str, png: bytes | None = None):
        self.text, self.png = text, png

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"image/png": self.png, "text/plain": self.text} if self.png else {"text/markdown": self.text}
