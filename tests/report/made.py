"""Makes folders of results as the runner leaves them, without running a notebook."""

import json
from pathlib import Path

FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" width="432pt" height="281pt" viewBox="0 0 432 281"></svg>'


def figure(name: str, section: str = "", about: str = "case", width: int = 576) -> dict:
    """A figure, as a summary lists it."""
    shape = {"width": width, "height": 374}
    return {"name": name, "message": f"Message of {name}", "caption": "C.", "section": section, "about": about, **shape}


def make_run(
    out: Path, case: str, notebook: str, parameters: dict | None = None, tables: dict | None = None, **summary
):
    """Write the folder of a complete run; `tables` is the CSV of each, other names are fields of its summary."""
    directory = out / case / notebook
    directory.mkdir(parents=True)
    tables = tables or {}
    for name, text in tables.items():
        (directory / f"{name}.csv").write_text(text, encoding="utf-8")
    for figure in summary.get("figures", ()):
        for ending in ("svg", "png", "csv"):
            (directory / f"{figure['name']}.{ending}").write_text(FIGURE, encoding="utf-8")
    content = {
        "notebook": notebook,
        "case": case,
        "title": f"Title of {case}",
        "about": f"About {case}.",
        "scope": f"Workload {case} over 3 h, seed 1.",
        "seeds": [1, 2],
        "verdict": "",
        "tiles": {},
        "sentences": {},
        "answers": [{"text": f"The answer of {notebook}.", "about": "case"}],
        "claims": [],
        "figures": [],
        "tables": [{"name": name, "caption": f"Caption of {name}.", "about": "case"} for name in tables],
        **summary,
    }
    write_json(directory / "seal.json", {"fingerprint": "0", "parameters": parameters or {}, "files": {}})
    write_json(directory / "summary.json", content)
    (directory / f"{notebook}.ipynb").write_text("{}", encoding="utf-8")
    return directory


def make_failure(out: Path, case: str, notebook: str, cell: str = "the-cell", error: str = "E: no"):
    """Write the folder of a failed run."""
    directory = out / case / f"{notebook}.failed"
    directory.mkdir(parents=True)
    write_json(directory / "failure.json", {"cell": cell, "error": error, "parameters": {}})
    (directory / f"{notebook}.ipynb").write_text("{}", encoding="utf-8")
    return directory


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
