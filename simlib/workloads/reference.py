"""Describes the fields of a workload file, for editors as a JSON schema and for people as tables in Markdown."""

import re
from typing import Any

from pydantic import BaseModel

from simlib.workloads.arrivals import Arrivals, Burst
from simlib.workloads.kinds import Clients, Events, InMemory, Kind, Pauses, Population, Slow
from simlib.workloads.schema import Workload

GROUPS: dict[str, type[BaseModel]] = {
    "": Workload,
    "kinds.NAME": Kind,
    "kinds.NAME.arrivals": Arrivals,
    "kinds.NAME.arrivals.burst": Burst,
    "kinds.NAME.events": Events,
    "kinds.NAME.events.pauses": Pauses,
    "kinds.NAME.population": Population,
    "kinds.NAME.clients": Clients,
    "kinds.NAME.clients.slow": Slow,
    "history.memory": InMemory,
}
"""The groups of fields, by their place in a file."""

_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a workload file. Editors check a file by it; `load_workload` has the last word."""
    schema = _plain(Workload.model_json_schema())
    schema["required"].remove("name")
    schema["properties"]["history"]["default"] = "store"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _plain(schema: Any) -> Any:
    """Write limits as the standard does, sentences on one line, and leave out titles made of names."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {_LIMITS.get(key, key): _plain(value) for key, value in schema.items()}
    if isinstance(plain.get("title"), str):
        del plain["title"]
    if isinstance(plain.get("description"), str):
        plain["description"] = " ".join(plain["description"].split())
    return plain


def tables() -> str:
    """Return the fields of all groups as Markdown, a table for each group."""
    return "\n".join(_table(place, model) for place, model in GROUPS.items())


def _table(place: str, model: type[BaseModel]) -> str:
    about = "" if model is Workload else " ".join((model.__doc__ or "").split())
    lines = [f"### `{place}`" if place else "### The file", "", *([about, ""] if about else [])]
    lines += ["| field | meaning | example |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        meaning = re.sub(r"\s+", " ", field.description or "")
        example = f"`{name}: {field.examples[0]}`" if field.examples else ""
        # A file is named by its own name.
        needed = field.is_required() and (model, name) != (Workload, "name")
        lines.append(f"| `{name}`{'' if needed else ' (optional)'} | {meaning} | {example} |")
    return "\n".join([*lines, ""])
