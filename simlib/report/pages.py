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
    runs = [_run(result, out) for result in results]
    summaries = [run for run in runs if not run["error"]]
    cases = list(dict.fromkeys(run["case"] for run in runs))
    _write_json(
        out / "claims.json",
        [{"notebook": run["notebook"], "case": run["case"], **claim} for run in summaries for claim in run["claims"]],
    )
    kept = ("notebook", "case", "source", "parameters", "settings", "seeds", "streams_sha256", "versions", "error")
    _write_json(out / "manifest.json", [{name: run[name] for name in kept if name in run} for run in runs])
    for name in ("index.html", "postmortem.md"):
        text = _TEMPLATES.get_template(name).render(runs=runs, cases=cases, profile=profile)
        with whole_file(out / name) as file:
            file.write_text(text, encoding="utf-8")


def _run(result: Result, out: Path) -> dict:
    """Collect what the templates show of one run: its summary, parameters and folder, or its error."""
    job = result.job
    folder = job.failed_folder(out) if result.error else job.folder(out)
    run = {
        "notebook": job.notebook,
        "case": job.experiment,
        "folder": f"{job.experiment}/{folder.name}",
        "parameters": job.parameters,
        "error": "",
    }
    if result.error:
        failure = json.loads((folder / FAILURE).read_text(encoding="utf-8"))
        return {**run, "error": f"cell {failure['cell']}: {failure['error']}"}
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    tables = [{**table, **_table(folder / f"{table['name']}.csv")} for table in summary["tables"]]
    return {**run, **summary, "tables": tables}


def _table(path: Path) -> dict:
    with open(path, encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return {"columns": columns, "rows": rows}


def _write_json(path: Path, content: list) -> None:
    with whole_file(path) as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
