"""The golden results. `make goldens` (`python -m tests.goldens`) rewrites them; nothing else does.

They are hashes of streams, the picture at the top of the README, and the description of a workload's fields.
"""

import json
import tempfile
from pathlib import Path

from simlib.analysis.leak import Leak
from simlib.analysis.memory import Memory
from simlib.core.files import whole_file
from simlib.core.places import WORKLOAD_SCHEMA
from simlib.core.units import HOUR
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import save
from simlib.models.heap import GO_VERSIONS
from simlib.workloads.churn import simulate
from simlib.workloads.reference import json_schema, tables
from simlib.workloads.schema import load_workload, workload_names

FILE = Path(__file__).parent / "golden.json"
FIELDS = Path(__file__).parents[1] / "docs" / "workload.md"
PICTURE = Path(__file__).parents[1] / "docs" / "heap.svg"


def stream_digest(workload: str, seed: int) -> str:
    """The hash of the first two hours of a preset's stream."""
    return simulate(load_workload(workload).lasting(2 * HOUR), seed).digest


def described(page: str) -> str:
    """The page on workloads with the tables of fields as the schema has them."""
    before, begin, rest = page.partition("from simlib/workloads -->\n")
    _, end, after = rest.partition("<!-- end -->")
    return f"{before}{begin}\n{tables()}\n{end}{after}"


def schema_text() -> str:
    """The JSON schema of a workload file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def compute() -> dict:
    """Every golden result, afresh."""
    return {"streams of 2 h, seed 1": {name: stream_digest(name, 1) for name in workload_names()}}


def picture() -> bytes:
    """The memory of the incident's maps, unbounded and bounded, as `01_memory` draws it."""
    incident = open_experiment("incident", replications=5, compiled=True)
    with tempfile.TemporaryDirectory() as directory:
        save(Leak(Memory(incident, GO_VERSIONS[-1])).draw(), Path(directory), PICTURE.stem)
        return Path(directory, PICTURE.name).read_bytes()


if __name__ == "__main__":
    with whole_file(WORKLOAD_SCHEMA) as file:
        file.write_text(schema_text(), encoding="utf-8")
    page = described(FIELDS.read_text(encoding="utf-8"))
    with whole_file(FIELDS) as file:
        file.write_text(page, encoding="utf-8")
    with whole_file(PICTURE) as file:
        file.write_bytes(picture())
    with whole_file(FILE) as file:
        file.write_text(json.dumps(compute(), indent=1) + "\n", encoding="utf-8")
