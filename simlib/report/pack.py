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
from typing import TYPE_CHECKING, Protocol

from simlib.core.errors import InputError
from simlib.core.files import whole_file
from simlib.core.numbers import format_number
from simlib.figures.style import Drawing, LeftOut, save
from simlib.stores.contract import Settings

if TYPE_CHECKING:
    import pandas as pd

SUMMARY = "summary.json"

EXPLORER = "explorer.json"
"""The surfaces that the page's explorer shows."""

TILES = ("out_of_memory", "lost", "cost", "setting")
"""The four numbers that a report leads with: when memory runs out, what is lost, what it costs, what to set."""

SECTIONS = ("summary", "impact", "root_cause", "resolution", "price", "actions", "unknown", "lessons")
"""Sections of a post-mortem, in order; notebooks contribute sentences and figures to them."""

ABOUT = ("case", "models")
"""The subject of a result: the case of the notebook, or the models, whatever the case."""

CSS_PIXELS = 96
"""Pixels an inch, as pages count them: a page that knows the size of a figure does not jump when it comes."""

VERSIONED = ("matplotlib", "numpy", "pandas", "scipy", "simpy")


class Subject(Protocol):
    """The subject of a notebook: one experiment, or several beside each other."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...
    @property
    def digests(self) -> tuple[str, ...]: ...
    @property
    def simulated(self) -> bool: ...
    def caption(self) -> str: ...


class ClaimError(AssertionError):
    """A claim that does not hold: it fails its notebook, also where Python runs without assertions."""


@dataclass
class Pack:
    """Collects the results of one notebook on its subject in a folder, which is created.

    Raises InputError where the folder cannot be written.
    """

    out: str
    notebook: str
    experiment: Subject
    answers: list[dict] = field(default_factory=list)
    claims: list[dict] = field(default_factory=list)
    figures: list[dict] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)
    verdict: str = ""
    tiles: dict[str, dict] = field(default_factory=dict)
    sentences: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        self.directory = Path(self.out)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.directory}: cannot be written: {error.strerror}") from None
        (self.directory / SUMMARY).unlink(missing_ok=True)

    def answer(self, text: str, about: str = "case") -> "Shown":
        """Record the notebook's answer; shown in bold. `about` is one of ABOUT, here and below."""
        self.answers.append({"text": text, "about": _one_of(ABOUT, about)})
        return Shown(f"**{text}**")

    def decide(self, verdict: str) -> "Shown":
        """Record the verdict of the case, in one sentence: the report leads with it."""
        self.verdict = verdict
        return self.answer(verdict)

    def tile(self, name: str, value: str, note: str, good: bool | None = None) -> None:
        """Record one of TILES: its number as a few words, a note of a few words on it, and whether it is good.

        `good` is None where nothing says which numbers are good.
        """
        self.tiles[_one_of(TILES, name)] = {"value": value, "note": note, "good": good}

    def say(self, section: str, *sentences: str) -> None:
        """Record sentences for one of the SECTIONS of the post-mortem; empty ones are left out."""
        self.sentences.setdefault(_one_of(SECTIONS, section), []).extend(filter(None, sentences))

    def claim(
        self,
        text: str,
        holds: bool | None,
        assumes: str = "",
        about: str = "case",
        measured: bool = False,
        **numbers: float | None,
    ) -> None:
        """Record a claim and its numbers; raise ClaimError unless it holds. One that does not apply is None: no record.

        `assumes` is for claims on a model: it says, as a clause, what a simulation fulfils and a log need not. On a log
        such a claim is a finding: where it does not hold, that and the reason are recorded, and the notebook goes on.
        `measured` says that the claim is on a measurement, which is a finding beside a simulation too.
        """
        if holds is None:
            return
        # JSON has no infinity and no NaN: a number that is not finite is null.
        finite = {
            name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()
        }
        finding = bool(assumes) and (measured or not self.experiment.simulated)
        subject = "measurement" if measured else "log"
        reason = f"A {subject} need not fulfil what it assumes: {assumes}." if finding and not holds else ""
        record = {"claim": text, "holds": bool(holds), "numbers": finite, "reason": reason}
        self.claims.append({**record, "about": _one_of(ABOUT, about)})
        if not holds and not finding:
            compared = ", ".join(
                f"{name.replace('_', ' ')} {'none' if value is None else format_number(value)}"
                for name, value in finite.items()
            )
            raise ClaimError(f"does not hold: {text}" + (f" ({compared})" if compared else ""))

    def claims_of(self, claims: Iterable[tuple[str, bool, dict[str, float]]]) -> None:
        """Record several claims, as `claim` does each."""
        for text, holds, numbers in claims:
            self.claim(text, holds, **numbers)

    def figure(
        self, drawing: Drawing | LeftOut, name: str, note: str, section: str = "", about: str = "case"
    ) -> "Shown":
        """Save a drawing under a name, its caption being `note` and its origin; shown as it was saved.

        `section`, one of SECTIONS, puts it into the post-mortem. A figure that is left out leaves no file; the reason
        is shown in its place.
        """
        if isinstance(drawing, LeftOut):
            return Shown(drawing.reason)
        caption = f"{note} {self.experiment.caption()}" if about == "case" else note
        save(drawing, self.directory, name)
        width, height = (round(inches * CSS_PIXELS) for inches in drawing.figure.get_size_inches())
        record = {"name": name, "message": drawing.message, "caption": caption, "width": width, "height": height}
        section = section and _one_of(SECTIONS, section)
        self.figures.append({**record, "section": section, "about": _one_of(ABOUT, about)})
        return Shown(caption, (self.directory / f"{name}.png").read_bytes())

    def explore(self, data: dict) -> None:
        """Write the surfaces for the explorer of the page; a figure of the pack shows the same on paper."""
        with whole_file(self.directory / EXPLORER) as file:
            file.write_text(
                json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")), encoding="utf-8"
            )

    def table(
        self,
        table: "pd.DataFrame",
        name: str,
        caption: str,
        shown: "pd.DataFrame | None" = None,
        about: str = "case",
    ) -> "pd.DataFrame":
        """Save a table under a name, if it has any rows; return it, to be shown.

        `shown`, if given, is the same table as text for people: they are shown it, and the file keeps the numbers.
        """
        if table.empty:
            return table
        table.reset_index().to_csv(self.directory / f"{name}.csv", index=False, lineterminator="\n")
        text = {}
        if shown is not None:
            cells = shown.reset_index()
            text = {"columns": cells.columns.tolist(), "rows": cells.to_numpy().tolist()}
        self.tables.append({"name": name, "caption": caption, "about": _one_of(ABOUT, about), **text})
        return table if shown is None else shown

    def close(self) -> None:
        """Write the summary: all of the above with settings, seeds, versions and the hash of each stream."""
        summary = {
            "notebook": self.notebook,
            "case": self.experiment.name,
            "title": self.experiment.title,
            "about": self.experiment.about,
            "source": self.experiment.source,
            "scope": self.experiment.caption(),
            "settings": asdict(self.experiment.settings),
            "seeds": list(self.experiment.seeds),
            "streams_sha256": list(self.experiment.digests),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}},
            "verdict": self.verdict,
            "tiles": self.tiles,
            "sentences": self.sentences,
            "answers": self.answers,
            "claims": self.claims,
            "figures": self.figures,
            "tables": self.tables,
        }
        with whole_file(self.directory / SUMMARY) as file:
            file.write_text(json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _one_of(names: tuple[str, ...], name: str) -> str:
    if name not in names:
        raise ValueError(f"{name!r} is not one of {', '.join(names)}")
    return name


class Shown:
    """Something for a notebook to show as the value of a cell: a picture, or text."""

    def __init__(self, text: str, png: bytes | None = None, svg: str = ""):
        self.text, self.png, self.svg = text, png, svg

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        drawn = {"image/svg+xml": self.svg} if self.svg else {}
        return {**drawn, "image/png": self.png, "text/plain": self.text} if self.png else {"text/markdown": self.text}
