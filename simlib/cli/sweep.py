"""Command `sweep`: runs many stores over many workloads, or over a log, and writes one table.

Refuses a log without rows, and seeds or hours of a log.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from simlib.cli.arguments import durations, integers, positive, seeds
from simlib.cli.entry_options import add_entry_options, entry_and_limit
from simlib.cli.log_options import add_log_options, how_of, reading_log
from simlib.cli.settings import add_settings, given_settings, report_unused
from simlib.core.errors import InputError
from simlib.core.files import file_digest
from simlib.core.numbers import format_counted
from simlib.core.units import HOUR
from simlib.stores.registry import DESIGNS, INCIDENT


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "sweep",
        help="run many stores over many workloads and write one table",
        epilog="example: python -m simlib sweep --workload incident --max-entries 1024,2048,4096 --ttl 5m,30m",
    )
    parser.set_defaults(command=_sweep)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--workload", action="append", metavar="NAME", help="only this workload; may be repeated")
    what.add_argument(
        "--trace", nargs="+", metavar="FILE", help="a log instead of the workloads: a file, a folder, or -"
    )
    parser.add_argument(
        "--design",
        action="append",
        metavar="NAME",
        help=f"only this design, one of {', '.join(DESIGNS)}; may be repeated (default: {' and '.join(INCIDENT)})",
    )
    add_settings(parser, integers, durations, ",…")
    parser.add_argument("--seeds", type=seeds, metavar="N-N,N,…", help="such as 1-5 or 1,2,7 (default: 1)")
    parser.add_argument("--hours", type=float, metavar="H", help="simulated time (default: each workload's own)")
    add_entry_options(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=positive, metavar="N", help="local processes (default: one for each core)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of Dask, tcp://host:port, instead of local processes")
    parser.add_argument(
        "--out", default="build/sweep", metavar="DIR", help="where the table goes (default: build/sweep)"
    )
    add_log_options(parser)


def _sweep(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from simlib.cli.sweep_text import best_rows
    from simlib.experiments.executors import dask_workers, local_processes
    from simlib.experiments.sweep import TABLE, grid, opened, sweep, unfinished, write_table
    from simlib.stores.contract import Settings
    from simlib.workloads.entry import UNKNOWN

    if not options.out:
        raise InputError("--out is empty: name a folder for the table")
    streams, of_seeds, entries = _log(options) if options.trace is not None else _workloads(options)
    known = {name: entry_and_limit(options, entry, UNKNOWN) for name, entry in entries.items()}
    designs = options.design or INCIDENT
    given = given_settings(options)
    axes = [given.get(name, [getattr(Settings(), name)]) for name in ("max_entries", "ttl", "prune_every")]
    points = grid(streams, of_seeds, designs, *axes)
    out = Path(options.out)
    if options.scheduler is not None:
        workers = dask_workers(options.scheduler, partial(tqdm.write, file=sys.stderr))
    else:
        workers = local_processes(options.jobs or os.cpu_count() or 1)
    with workers as executor, opened(out) as journal:
        report_unused(options.name, designs, given)
        kept = len(points) - len(unfinished(points, journal))
        with tqdm(total=len(points), initial=kept, desc="points", unit="point", file=sys.stderr) as bar:
            table = sweep(points, journal, executor, bar.update)
        write_table(table, out / TABLE)
    if best := best_rows(table, known):
        print(best)
    print(f"{out / TABLE}: {format_counted(len(points), 'points')}, {kept} of them kept")
    return 0


def _workloads(options: argparse.Namespace) -> tuple[list, list, dict]:
    """Return the workloads and the seeds of a sweep, and the entry of each workload."""
    from simlib.workloads.schema import load_workload, workload_names

    workloads = [load_workload(name) for name in dict.fromkeys(options.workload or workload_names())]
    if options.hours is not None:
        workloads = [workload.lasting(options.hours * HOUR) for workload in workloads]
    return workloads, options.seeds or [1], {workload.name: workload.entry for workload in workloads}


def _log(options: argparse.Namespace) -> tuple[list, list, dict]:
    """Return the log of a sweep, no seeds, and its entry.

    The log is read once to check it; of one that needs options, it is a copy that needs none.
    """
    from simlib.cli.noted import NotedStream
    from simlib.experiments.sweep import Log as SweptLog
    from simlib.traces.chunks import stream_log
    from simlib.traces.files import Log
    from simlib.traces.recording import recording_of
    from simlib.traces.source import input_name, shown
    from simlib.workloads.entry import Entry

    if options.seeds or options.hours is not None:
        raise InputError("--seeds and --hours are for workloads: leave them out with --trace")
    log = Log(options.trace, how_of(options))
    with reading_log(log.size) as (notes, advance):
        stream = NotedStream(stream_log(log, notes=notes, advance=advance))
        for _ in stream():
            pass
        stream.check(shown(options.trace[0]))
    path, name = log.files[0].resolve(), input_name(options.trace[0])
    if not log.is_plain:
        path = (Path(options.out) / f"{name}.parquet").resolve()
        recording_of(log).write(path)
    return [SweptLog(name, stream.lasts, file_digest(path), path)], [None], {name: Entry(stream.key_length)}
