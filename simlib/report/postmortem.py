"""Composes the post-mortem of a case: one page, whose sentences and figures come from the notebooks.

A notebook says for which section a sentence or a figure is; this module keeps the page within its limits.
"""

from dataclasses import dataclass, field

from simlib.report.pack import SECTIONS
from simlib.report.results import Findings, Outcome

MOST_WORDS = 700
"""Words of the page, with its headings and the texts of its figures: what fits on one."""

MOST_FIGURES = 5

TITLES = {
    "summary": "Summary",
    "impact": "Impact",
    "root_cause": "Root cause",
    "resolution": "Resolution",
    "price": "What the resolution costs",
    "actions": "Action items",
    "unknown": "What we do not know",
    "lessons": "Lessons",
}

LESSONS = ("Cap", "Prune proactively", "Test at scale", "Profile early")
"""The lessons of the incident's write-up, in its order; a sentence on one begins with its name."""

LISTED = ("actions", "unknown", "lessons")
"""Sections whose sentences are items of a list."""


@dataclass
class Section:
    """A section of the page: its sentences and its figures, in order."""

    name: str
    sentences: list[str]
    figures: list[dict] = field(default_factory=list)

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def listed(self) -> bool:
        return self.name in LISTED

    @property
    def words(self) -> int:
        return sum(len(sentence.split()) for sentence in self.sentences)


@dataclass
class Postmortem:
    """The page of a case: its sections that have something, and the sentences that found no room on it."""

    findings: Findings
    sections: list[Section] = field(default_factory=list)
    left_out: list[Section] = field(default_factory=list)

    @classmethod
    def of(cls, findings: Findings, overview: Outcome | None = None) -> "Postmortem":
        """Gather the sections of a case with at most MOST_FIGURES figures; the verdict opens the summary.

        An overview of several cases has its say too, after the case's own notebooks.
        """
        page, room = cls(findings), MOST_FIGURES
        for name in SECTIONS:
            beside = overview.summary["sentences"].get(name, []) if overview else []
            sentences = [*findings.sentences(name), *beside]
            if name == "summary" and findings.verdict:
                sentences.insert(0, findings.verdict)
            if name == "lessons":
                sentences.sort(key=_lesson)
            sentences = list(dict.fromkeys(sentences))
            figures = findings.figures(name)[:room]
            room -= len(figures)
            if sentences or figures:
                page.sections.append(Section(name, sentences, figures))
        return page

    def shorten(self) -> bool:
        """Leave the last sentence of the longest section out; return whether there was one."""
        if not any(section.sentences for section in self.sections):
            return False
        longest = max(self.sections, key=lambda section: section.words)
        sentence = longest.sentences.pop()
        place = next((section for section in self.left_out if section.name == longest.name), None)
        if place is None:
            place = Section(longest.name, [])
            self.left_out.append(place)
        place.sentences.insert(0, sentence)
        return True

    @property
    def silent(self) -> list[str]:
        """Titles of the sections that nothing was said for."""
        said = {section.name for section in self.sections}
        return [title for name, title in TITLES.items() if name not in said]


def _lesson(sentence: str) -> int:
    """The place of a sentence among the lessons; last where it is on none of them."""
    return next((place for place, name in enumerate(LESSONS) if sentence.startswith(name)), len(LESSONS))
