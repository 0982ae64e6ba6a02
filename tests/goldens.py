"""The golden results. `make goldens` (`python -m tests.goldens`) rewrites them; nothing else does."""

import json
from pathlib import Path

from simlib.core.files import whole_file
from simlib.core.units import HOUR
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names

FILE = Path(__file__).parent / "golden.json"


def stream_digest(workload: str, seed: int) -> str:
    """The hash of the first two hours of a preset's stream."""
    return simulate(load_workload(workload).lasting(2 * HOUR), seed).digest


def compute() -> dict:
    """Every golden result, afresh."""
    return {"streams of 2 h, seed 1": {name: stream_digest(name, 1) for name in workload_names()}}


if __name__ == "__main__":
    with whole_file(FILE) as file:
        file.write_text(json.dumps(compute(), indent=1) + "\n", encoding="utf-8")
