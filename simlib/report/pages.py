"""Presents the results in a folder as one pack: `index.html`, `postmortem.md`, `appendix.md`, and two files of JSON.

It computes nothing. Every string from a workload or a log is escaped.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from simlib.core.errors import escaped
from simlib.core.files import whole_file
from simlib.report.markdown import as_cell, as_markdown
from simlib.report.naming import COMPARISON
from simlib.report.postmortem import MOST_WORDS, Postmortem
from simlib.report.readable import label_of, value_text
from simlib.report.results import Outcome, about_models, findings_of, missing, overviews_of, read_outcomes

if TYPE_CHECKING:
    from simlib.report.compare import Comparison

RESERVED = ("index.html", "postmortem.md", "appendix.md", "claims.json", "manifest.json", "compare.html", COMPARISON)
RESERVED += ("cache", "go")
"""The pack's own files and directories, and those of `build/`: names that no experiment may have."""

TILE_NAMES = {"out_of_memory": "Out of memory", "lost": "Lost", "cost": "Cost", "setting": "Set this"}
"""The words above each tile."""

IN_MANIFEST = ("source", "settings", "seeds", "streams_sha256", "versions")
"""Fields of a summary that say what a result depends on."""


def _numbers(claim: dict) -> str:
    """Write the numbers of a claim on one line."""
    return "; ".join(f"{label_of(name)} {value_text(name, value)}" for name, value in claim["numbers"].items())


def _upright(table: dict) -> dict:
    """Turn a table of one row, of which a narrow screen shows the first columns only, into one of two columns."""
    if len(table["rows"]) != 1:
        return table
    first, *rest = zip(table["columns"], table["rows"][0], strict=True)
    return {**table, "columns": list(first), "rows": [list(each) for each in rest]}


def _in_script(text: str) -> str:
    """Write JSON so that nothing in it ends the script element that it stands in."""
    return text.replace("<", "\\u003c")


def _shown(value: object) -> object:
    """Make control and bidirectional characters of a text visible, before its markup is escaped."""
    # Markup, which a template made itself, knows its HTML.
    plain = isinstance(value, str) and not hasattr(value, "__html__")
    return escaped(re.sub(r"\s+", " ", value)) if plain else value


_HTML = jinja2.Environment(
    loader=jinja2.PackageLoader("simlib.report"),
    autoescape=lambda name: name.endswith(".html"),
    finalize=_shown,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MARKDOWN = _HTML.overlay(finalize=None)
_HTML.globals["tile_names"] = TILE_NAMES
for environment in (_HTML, _MARKDOWN):
    environment.filters.update(
        numbers=_numbers, upright=_upright, in_script=_in_script, markdown=as_markdown, cell=as_cell
    )


def write_report(out: Path, current: Sequence[str] = (), awaited: Sequence[tuple[str, str]] = ()) -> None:
    """Write the pack's files about all runs in `out`, each whole or not at all; the cases in `current` come first.

    `awaited` lists as (case, notebook) what has been begun and is not there: the pages say so.
    """
    outcomes = read_outcomes(out, current)
    complete = [each for each in outcomes if not each.error]
    findings = findings_of(complete)
    overviews = overviews_of(outcomes, current)
    content = {
        "cases": findings,
        "overviews": overviews,
        "models": about_models(complete),
        "failed": [each for each in outcomes if each.error],
        "shown": {(each.experiment, each.notebook) for each in complete},
        "missing": missing(outcomes),
        "awaited": awaited,
        "anchors": {each.experiment for each in findings},
        "explored": any(each.explorer for each in complete),
    }
    ours = overviews[0] if overviews and overviews[0].experiment in current else None
    page = Postmortem.of(findings[0], ours) if findings else None
    postmortem = _postmortem(page)
    _write(out / "claims.json", _json([claim for each in complete for claim in _claims(each)]))
    _write(out / "manifest.json", _json(list(map(_manifest, outcomes))))
    _write(out / "index.html", _HTML.get_template("index.html").render(content))
    _write(out / "postmortem.md", postmortem)
    _write(out / "appendix.md", _markdown("appendix.md", left_out=page.left_out if page else [], **content))


def write_comparison(comparisons: "Sequence[Comparison]", path: Path) -> None:
    """Write a page that shows each comparison, with the figures of both sides where they are."""

    def file_of(outcome: Outcome, figure: dict) -> str:
        return os.path.relpath(outcome.directory / figure["name"], path.resolve().parent)

    _write(path, _HTML.get_template("compare.html").render(comparisons=comparisons, file_of=file_of))


def _claims(outcome: Outcome) -> list[dict]:
    return [{"notebook": outcome.notebook, "case": outcome.experiment, **claim} for claim in outcome.summary["claims"]]


def _manifest(outcome: Outcome) -> dict:
    known = {name: outcome.summary[name] for name in IN_MANIFEST if name in outcome.summary}
    where = {"notebook": outcome.notebook, "case": outcome.experiment, "parameters": outcome.parameters}
    return {**where, **known, "error": outcome.error}


def _postmortem(page: Postmortem | None) -> str:
    """Render the post-mortem with as many of its sentences as there are words for."""
    text = _markdown("postmortem.md", page=page)
    while len(text.split()) > MOST_WORDS and page.shorten():
        text = _markdown("postmortem.md", page=page)
    return text


def _markdown(name: str, **content) -> str:
    """Render a template of Markdown; paragraphs are one empty line apart, whatever the template leaves."""
    text = _MARKDOWN.get_template(name).render(content)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _json(content: list) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write_text(text, encoding="utf-8")
