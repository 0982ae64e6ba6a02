"""Command `run`: executes the notebooks on workloads or on a log, exports the pack, and prints what it decides."""

import argparse
import contextlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.cli.arguments import positive
from simlib.cli.copies import remove_unused
from simlib.cli.entry_options import add_entry_options
from simlib.cli.log_options import add_log_options
from simlib.cli.measured_options import add_measured_options
from simlib.core.errors import InputError
from simlib.core.numbers import format_counted
from simlib.traces.codes import COUNTERS

if TYPE_CHECKING:
    from simlib.report.runner import Result


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "run",
        help="execute the notebooks and export the pack",
        epilog="example: python -m simlib run --workload incident --profile ci",
    )
    parser.set_defaults(command=_run)
    parser.ending = _parameters_help
    parser.add_argument("--profile", choices=("ci", "full"), default="full", help="size of the runs (default: full)")
    parser.add_argument("--notebook", action="append", metavar="NAME", help="only this notebook; may be repeated")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--workload", action="append", metavar="NAME", help="only this workload; may be repeated")
    what.add_argument(
        "--trace",
        nargs="+",
        metavar="FILE",
        help="a log to investigate instead of the workloads: a file, a folder, or -",
    )
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N", help="runs at a time")
    parser.add_argument("--out", default="build", metavar="DIR", help="where the pack goes (default: build)")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a notebook parameter; may be repeated"
    )
    parser.add_argument("--counter", choices=COUNTERS, help="look at one counter only")
    add_entry_options(parser)
    add_measured_options(parser)
    parser.add_argument(
        "--class",
        dest="session_class",
        default="",
        metavar="HOW",
        help="divide a log's sessions by lifetime (default), seen, last_seen, prefix, column:NAME, "
        "or a pattern of the id with one group, such as '^([a-z]+)-'",
    )
    add_log_options(parser)


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from simlib.cli.jobs import plan
    from simlib.cli.run_text import findings_in, other_verdicts, summary
    from simlib.report.pages import write_report
    from simlib.report.runner import opened, run_jobs

    if not options.out:
        raise InputError("--out is empty: name a folder for the pack")
    jobs, leading = plan(options)
    out, results, found, awaited = Path(options.out), [], [], [(job.experiment, job.notebook) for job in jobs]
    index, current = out / "index.html", list(dict.fromkeys(job.experiment for job in jobs))
    # A bar is for whoever watches: elsewhere each run is a line.
    watched = sys.stderr.isatty()
    with opened(out), tqdm(total=len(jobs), desc="notebooks", unit="run", file=sys.stderr, disable=not watched) as bar:

        def report(result: "Result") -> None:
            awaited.remove((result.job.experiment, result.job.notebook))
            bar.update()
            if not (watched or result.error):
                print(result, file=sys.stderr)

        def show(text: str) -> None:
            # Whoever reads no further, as `head`, still wants the report.
            with contextlib.suppress(BrokenPipeError), bar.external_write_mode():
                print(text, flush=True)

        if index.exists():
            # Written anew at once, as it is about results that are now replaced one by one.
            write_report(out, current, awaited)
        for part in filter(None, (jobs[:leading], jobs[leading:])):
            try:
                results += run_jobs(part, out, options.jobs, report)
            finally:
                write_report(out, current, awaited)
            found = findings_in(out, current)
            more = len(jobs) - len(results)
            if len(results) == len(part) and found:
                show(summary(found[0]))
            if more:
                show(f"{index} shows this; {more} more runs go on\n")
        remove_unused(out)
    for line in other_verdicts(found[1:]):
        print(line)
    failed = [result for result in results if result.error]
    print(f"{index}: {len(results) - len(failed)} of {format_counted(len(results), 'runs')} complete", flush=True)
    for result in failed:
        print(result, file=sys.stderr)
    return 1 if failed else 0


def _parameters_help() -> str:
    """List the parameters that the notebooks declare, each with its default and its comment."""
    from simlib.report.notebooks import GIVEN_BY_OPTION, notebook_names, notebook_path, parameters_cell, read_notebook

    lines, having = {}, Counter()
    for notebook in notebook_names():
        for line in parameters_cell(read_notebook(notebook_path(notebook)))["source"].splitlines():
            declared, _, comment = line.partition("  # ")
            name, default = declared.partition(":")[0], declared.partition(" = ")[2]
            lines.setdefault(name, f"  {f'{name}={default}':<22}  {comment}")
            having[name] += 1
    some = {name: "" if n == len(notebook_names()) else f" ({n} of the notebooks)" for name, n in having.items()}
    shown = [line + some[name] for name, line in lines.items() if name not in GIVEN_BY_OPTION]
    return "\n".join(["notebook parameters, for --parameter NAME=VALUE, with their defaults:", *shown])
