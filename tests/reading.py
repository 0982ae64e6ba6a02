"""Measures how long a million lines of an access log take to read, and the memory: `python -m tests.reading`."""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from simlib.traces.files import Log

LINES = 1_000_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


def write_log(path: Path, lines: int) -> None:
    """Write a day of a combined access log of 50 000 clients; some 220 bytes a line."""
    rng = np.random.default_rng(1)
    times = 1_767_225_600 + np.sort(rng.uniform(0, 86_400, lines))
    clients = rng.integers(0, 50_000, lines)
    with open(path, "w", encoding="ascii") as file:
        for at, client in zip(times.tolist(), clients.tolist(), strict=True):
            when = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(at))
            file.write(
                f"10.0.{client >> 8}.{client & 255} - - [{when} +0000] "
                f'"GET /api/v1/items/{client}?page=2 HTTP/1.1" 200 {client % 5000} "https://example.org/" "{AGENT}"\n'
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "access.log"
        for lines in (LINES // 10, LINES):
            write_log(path, lines)
            began, used = time.perf_counter(), time.process_time()
            rows = sum(batch.time.size for batch in Log(path).read())
            print(
                f"{rows} lines: {time.perf_counter() - began:.1f} s, {time.process_time() - used:.1f} s of CPU, "
                f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB so far"
            )
