"""How the time and the memory of the compiled engine grow with the number of operations, for `bench`.

`python -m tests.growth HOURS` generates the stream and replays it through both bounded stores in a process of its own,
and prints `operations`, `seconds` and the peak of resident memory, `peak_mib`, as JSON. The streams differ in their
length alone: the longest has as many sessions alive as the shortest.
"""

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from simlib.core.units import HOUR
from simlib.replay.totals import Spec, stream_totals
from simlib.traces.codes import COUNTERS
from simlib.workloads.generator import generated
from simlib.workloads.schema import Workload, load_workload

TRAFFIC = 20
"""Times the incident's traffic: the store is then full within the half hour of the shortest stream."""


def even_incident(hours: float) -> Workload:
    """The kinds of the incident, arriving evenly at their mean rates, at TRAFFIC."""
    return load_workload("incident").evened().times(TRAFFIC).lasting(hours * HOUR)


def run(hours: float) -> dict[str, float]:
    """Generate and replay a stream in this process."""
    begins = time.perf_counter()
    found = stream_totals(generated(even_incident(hours), 1), [Spec(counter=counter) for counter in COUNTERS])
    seconds = time.perf_counter() - begins
    operations = sum(totals.increments + totals.deletes for totals in found)
    return {"operations": operations, "seconds": seconds, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """The peak of this process's resident memory so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux's other measure of a process's peak includes the process that started it.
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure(sizes: list[int], repeats: int) -> list[dict[str, float]]:
    """The results of `run` for streams of about that number of operations, each from a process of its own, in turn."""
    per_hour = _apart(10.0)["operations"] / 10
    # Repeats lie far apart in time: a machine that others use is slow for a while, then quick again.
    return [_apart(size / per_hour) for _ in range(repeats) for size in sizes]


def _apart(hours: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.growth", repr(hours)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    # What is loaded and set up once is not part of any stream.
    run(0.01)
    print(json.dumps(run(float(sys.argv[1]))))
