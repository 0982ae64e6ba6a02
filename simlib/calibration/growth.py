"""Measures how the time and the memory of the compiled engine grow with the number of operations.

`python -m simlib.calibration.growth` writes `data/calibration/growth.csv`: by number of operations and repeat the
seconds and the peak of resident memory of a process of its own, which makes the stream and replays it through both
bounded stores. The streams differ in nothing but how long they last, so as many sessions are live in the longest as in
the shortest.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlib.workloads.schema import Workload

LEAST, MOST = 100_000, 1_000_000_000
REPEATS = 3

LOAD = 20
"""How many times the incident's traffic: the longest stream then lasts for half a year, and in the shortest, of half an
hour, the store is full."""


def even_incident(hours: float) -> "Workload":
    """The kinds of the incident, arriving evenly at their mean rates, at LOAD."""
    import numpy as np

    from simlib.core.units import HOUR
    from simlib.workloads.schema import Arrivals, load_workload

    incident, kinds = load_workload("incident"), {}
    for name, kind in incident.kinds.items():
        bounds, rates = kind.arrivals.steps()
        mean = Arrivals(per_hour=float(np.dot(np.diff(bounds), rates) / bounds[-1]))
        kinds[name] = kind.model_copy(update={"arrivals": mean})
    return incident.model_copy(update={"kinds": kinds}).times(LOAD).lasting(hours * HOUR)


def run(hours: float) -> dict[str, float]:
    """Make and replay so much in this process; return `operations`, `seconds`, and the process's `peak_mib` so far."""
    from simlib.replay.totals import Spec, tally
    from simlib.traces.trace import COUNTERS
    from simlib.workloads.generator import generated

    begins = time.perf_counter()
    workload, specs = even_incident(hours), [Spec(counter=counter) for counter in COUNTERS]
    found = tally(generated(workload, 1), specs)
    seconds = time.perf_counter() - begins
    return {
        "operations": sum(totals.increments + totals.deletes for totals in found),
        "seconds": seconds,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """The peak of this process's resident memory so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # What Linux counts as a process's peak elsewhere includes what the one that started it held.
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure(sizes: list[int], repeats: int) -> list[dict[str, float]]:
    """What `run` returns for each size (about so many operations) and `repeat`, each from a process of its own."""
    from tqdm import tqdm

    per_hour, rows = _apart(10.0)["operations"] / 10, []
    # Repeats lie far apart in time: a machine that others use is slow for a while, then quick again.
    with tqdm(total=repeats * len(sizes), desc="growth", unit="process", file=sys.stderr) as bar:
        for repeat in range(repeats):
            for size in sizes:
                rows.append({"repeat": repeat + 1, **_apart(size / per_hour)})
                bar.update()
    return rows


def _apart(hours: float) -> dict[str, float]:
    """`run` in a process of its own."""
    child = [sys.executable, "-m", "simlib.calibration.growth", "--hours", repr(hours)]
    return json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Measure sizes ten times apart and write the file; with `--hours`, be the process that is measured."""
    parser = argparse.ArgumentParser(prog="python -m simlib.calibration.growth", description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=MOST, help=f"operations of the longest stream (default {MOST:,})")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"processes for each size (default {REPEATS})")
    parser.add_argument("--out", help="where the table goes (default data/calibration/growth.csv)")
    parser.add_argument("--hours", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hours is not None:
        # What is loaded and set up once is not part of any stream.
        run(0.01)
        print(json.dumps(run(options.hours)))
        return
    if options.most < LEAST or options.repeats < 1:
        parser.error(f"at least {LEAST:,} operations, and one repeat")
    rows = measure([LEAST * 10**power for power in range(20) if LEAST * 10**power <= options.most], options.repeats)
    _write(rows, options.out)


def _write(rows: list[dict[str, float]], out: str | None) -> None:
    import pandas as pd

    from simlib.models.heap import CALIBRATION
    from simlib.traces.trace import whole_file

    table = pd.DataFrame(rows)[["operations", "repeat", "seconds", "peak_mib"]]
    with whole_file(Path(out) if out else CALIBRATION / "growth.csv") as file:
        table.sort_values(["operations", "repeat"]).to_csv(file, index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    main()
