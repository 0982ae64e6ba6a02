"""Presents the results of all runs as one pack: `index.html`, `postmortem.md`, `claims.json`, `manifest.json`.

It computes nothing. Every string from a workload or a log is escaped.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2

from simlib.core.files import whole_file
from simlib.report.results import read_outcomes
from simlib.report.runner import COMPARISON

RESERVED = ("index.html", "postmortem.md", "appendix.md", "claims.json", "manifest.json", COMPARISON)
"""The pack's own files and directory, whose names no experiment may have."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("simlib.report"),
    autoescape=lambda name: name.endswith(".html"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _markdown(text: str) -> str:
    """Escape a string as plain text for Markdown; line breaks become spaces."""
    text = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~>$])", r"\\\1", text)


_TEMPLATES.filters["markdown"] = _markdown


def write_report(out: Path, current: Sequence[str] = ()) -> None:
    """Write the pack's files about all runs in `out`, each whole or not at all; the cases in `current` come first."""
    outcomes = read_outcomes(out, current)
    complete = [each for each in outcomes if not each.error]
    claims = [
        {"notebook": each.notebook, "case": each.experiment, **claim}
        for each in complete
        for claim in each.summary["claims"]
    ]
    _write_json(out / "claims.json", claims)
    kept = ("source", "settings", "seeds", "streams_sha256", "versions")
    manifest = [
        {
            "notebook": each.notebook,
            "case": each.experiment,
            "parameters": each.parameters,
            **{name: each.summary[name] for name in kept if name in each.summary},
            "error": each.error,
        }
        for each in outcomes
    ]
    _write_json(out / "manifest.json", manifest)
    experiments = list(dict.fromkeys(each.experiment for each in outcomes))
    for name in ("index.html", "postmortem.md"):
        text = _TEMPLATES.get_template(name).render(outcomes=outcomes, experiments=experiments)
        with whole_file(out / name) as file:
            file.write_text(text, encoding="utf-8")


def _write_json(path: Path, content: list) -> None:
    with whole_file(path) as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
