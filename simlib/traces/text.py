"""Write traces as CSV and JSONL, plain or gzipped."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np

from simlib.traces.cells import WANTED, seconds_text
from simlib.traces.codes import COUNTERS, OPS
from simlib.traces.trace import Trace


def write_csv(trace: Trace, path: Path, packed: bool = False) -> None:
    """Write a CSV file, gzipped where it is `packed`. The same trace gives the same bytes."""
    # The csv module leaves a carriage return bare, and reads it as the end of the row.
    bare = any("\r" in name for name in trace.ids)
    with _create(path, packed) as text:
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
        writer.writerow(WANTED)
        writer.writerows(_rows(trace))


def write_jsonl(trace: Trace, path: Path, packed: bool = False) -> None:
    """Write a JSONL file, gzipped where it is `packed`. The same trace gives the same bytes."""
    with _create(path, packed) as text:
        text.writelines(
            f'{{"time": {time}, "session": {json.dumps(session)}, "op": "{op}", "counter": "{counter}"}}\n'
            for time, session, op, counter in _rows(trace)
        )


@contextmanager
def _create(path: Path, packed: bool) -> Iterator[IO[str]]:
    with open(path, "wb") as raw:
        # No name and no time in the gzip header: the same trace gives the same bytes.
        data = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw
        with io.TextIOWrapper(cast(IO[bytes], data), encoding="utf-8", newline="") as text:
            yield text


def _rows(trace: Trace) -> Iterator[tuple[str, str, str, str]]:
    ops, counters = np.array(OPS)[trace.op].tolist(), np.array(COUNTERS)[trace.counter].tolist()
    return zip(map(seconds_text, trace.time.tolist()), trace.ids[trace.session], ops, counters, strict=True)
