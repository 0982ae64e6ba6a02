"""The options of a command that takes the memory of a process as it was measured, to hold the prediction to.

Refuses a measurement that shares too few points with what it is compared with.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from simlib.cli.log_options import pairs
from simlib.core.errors import InputError


def add_measured_options(parser: ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group("memory that was measured in the process (see docs/memory.md)")
    group.add_argument(
        "--memory", default="", metavar="FILE", help="CSV or JSON of Prometheus, Grafana, ps, or your own"
    )
    group.add_argument(
        "--memory-columns", type=pairs, default={}, metavar="ROLE=NAME,…", help="such as time=ts,bytes=rss (recognised)"
    )
    group.add_argument(
        "--memory-unit",
        choices=("B", "KiB", "MiB", "GiB"),
        default="",
        help="of numbers without one (recognised by size)",
    )


def measured_file(options: Namespace, copies: Path, start: int, duration: int) -> Path:
    """Check a measurement against a replication (ns), say how it was read, and return a file that needs no option.

    That is a copy in the folder `copies` where an option was given. Raises InputError.
    """
    from simlib.analysis.measured import shared
    from simlib.traces.measured import read_measured
    from simlib.traces.source import log_name

    measured = read_measured(options.memory, options.memory_columns, options.memory_unit)
    shared(measured, start, duration)
    print(measured.about, file=sys.stderr)
    if not (options.memory_columns or options.memory_unit):
        return Path(options.memory).resolve()
    path = copies / measured.digest[:16] / f"{log_name(options.memory)}.csv"
    measured.write(path)
    return path.resolve()


def check_measured_options(options: Namespace) -> None:
    """Refuse options on a file that is not given."""
    if not options.memory and (options.memory_columns or options.memory_unit):
        raise InputError("--memory-columns and --memory-unit say how a file is read: name it with --memory")
