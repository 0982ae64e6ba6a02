"""Presents the results of all runs as one pack: `index.html`, `postmortem.md`, `claims.json`, `manifest.json`.

It computes nothing. Every string from a workload or a log is escaped.
"""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2

from simlib.core.files import whole_file
from simlib.report.pack import SUMMARY
from simlib.report.runner import FAILURE, Result

RESERVED = ("index.html", "postmortem.md", "claims.json", "manifest.json")
"""The pack's own files, whose names no experiment may have."""

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


def write_report(results: Sequence[Result], out: Path, profile: str) -> None:
    """Write the pack's four files about the runs in `out`, each whole or not at all; they also show failed runs."""
    entries = [_entry(result, out) for result in results]
    summaries = [entry for entry in entries if not entry["error"]]
    experiments = list(dict.fromkeys(entry["case"] for entry in entries))
    _write_json(
        out / "claims.json",
        [
            {"notebook": entry["notebook"], "case": entry["case"], **claim}
            for entry in summaries
            for claim in entry["claims"]
        ],
    )
    kept = ("notebook", "case", "source", "parameters", "settings", "seeds", "streams_sha256", "versions", "error")
    _write_json(out / "manifest.json", [{name: entry[name] for name in kept if name in entry} for entry in entries])
    for name in ("index.html", "postmortem.md"):
        text = _TEMPLATES.get_template(name).render(runs=entries, experiments=experiments, profile=profile)
        with whole_file(out / name) as file:
            file.write_text(text, encoding="utf-8")


def _entry(result: Result, out: Path) -> dict:
    """Collect what the templates show of one run: its summary, parameters and folder, or its error."""
    job = result.job
    directory = job.failed_directory(out) if result.error else job.directory(out)
    entry = {
        "notebook": job.notebook,
        "case": job.experiment,
        "folder": f"{job.experiment}/{directory.name}",
        "parameters": job.parameters,
        "error": "",
    }
    if result.error:
        failure = json.loads((directory / FAILURE).read_text(encoding="utf-8"))
        return {**entry, "error": f"cell {failure['cell']}: {failure['error']}"}
    summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    tables = [{**_table(directory / f"{table['name']}.csv"), **table} for table in summary["tables"]]
    return {**entry, **summary, "tables": tables}


def _table(path: Path) -> dict:
    with open(path, encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return {"columns": columns, "rows": rows}


def _write_json(path: Path, content: list) -> None:
    with whole_file(path) as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
