"""The results of `run` for a terminal of 100 columns: the verdict, its tiles, and the answer of each notebook."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.core.errors import escaped

if TYPE_CHECKING:
    from simlib.report.results import Findings

WIDTH = 96


def findings_in(out: Path, experiments: Sequence[str]) -> "list[Findings]":
    """Read the complete results of experiments, in their order; a comparison of several counts as one."""
    from simlib.report.results import Findings, read_outcomes

    complete = [each for each in read_outcomes(out, experiments) if not each.error]
    found = ([each for each in complete if each.experiment == name] for name in experiments)
    return [Findings(outcomes[0].experiment, outcomes) for outcomes in found if outcomes]


def summary(findings: "Findings") -> str:
    """Write the verdict of a case, its tiles, and the answer of each notebook that does not decide."""
    from simlib.report.pages import TILE_NAMES

    verdict = textwrap.wrap(escaped(f"{findings.experiment}: {findings.verdict}"), WIDTH)
    tiles = [row(TILE_NAMES[name], 15, f"{each['value']} ({each['note']})") for name, each in findings.tiles.items()]
    answers = [(each, answer["text"]) for each in findings.outcomes for answer in each.of("answers")[:1]]
    others = [
        line
        for each, text in answers
        if not each.summary["verdict"] and text != findings.verdict
        for line in textwrap.wrap(
            escaped(text), WIDTH, initial_indent=f"{each.notebook:<22}  ", subsequent_indent=" " * 24
        )
    ]
    return "\n\n".join("\n".join(block) for block in (verdict, tiles, others) if block) + "\n"


def other_verdicts(findings: "list[Findings]") -> Iterator[str]:
    """Write a line for each case: its name and its verdict."""
    width = min(max((len(each.experiment) for each in findings), default=0), 40)
    for each in findings:
        yield row(each.experiment, width, each.verdict)


def row(name: str, width: int, text: str) -> str:
    """Write a name of a width and a text behind it on one line, shortened where it is too long."""
    return f"{name:<{width}}  {textwrap.shorten(escaped(text), WIDTH - width - 2, placeholder=' …')}"
