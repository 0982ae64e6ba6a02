"""The commands `run`, `simulate`, `replay` and `sweep`: a public contract.

Owns arguments, exit status and what is printed. Bad input is one line on standard error and status 2.
"""

import argparse
import io
import json
import os
import re
import sys
from pathlib import Path

from simlib.core.errors import InputError, Stopped
from simlib.core.units import HOUR, MINUTE, parse_duration


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 where a notebook or a worker failed, 2 for a usage or input error."""
    # A name that the terminal cannot show must not end a command that has done its work.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        status = options.command(options)
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"simlib {options.name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Stopped as error:
        said = " ".join(str(error).split())
        print(f"simlib {options.name}: {said}; run it again to go on where it stopped", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = "; run it again to go on where it stopped" if options.name in ("run", "sweep") else ""
        print(f"simlib {options.name}: interrupted{goes_on}", file=sys.stderr)
        return 130
    except OSError as error:
        # Standard output is gone or full: nothing more can be said there, and what was written elsewhere stays.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0
        print(f"simlib {options.name}: {error.strerror}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from simlib.report.pages import write_report
    from simlib.report.runner import PROFILES, opened, run_jobs

    if not options.out:
        raise InputError("--out is empty: name a folder for the pack")
    jobs = _jobs(options, PROFILES[options.profile])
    out = Path(options.out)
    with opened(out), tqdm(total=len(jobs), desc="notebooks", unit="run", file=sys.stderr) as bar:

        def tell(result) -> None:
            bar.write(str(result), file=sys.stderr)
            bar.update()

        results = run_jobs(jobs, out, options.jobs, tell)
        write_report(results, out, options.profile)
    failed = [result for result in results if result.error]
    print(f"{out / 'index.html'}: {len(results) - len(failed)} of {len(results)} runs complete")
    for result in failed:
        print(result, file=sys.stderr)
    return 1 if failed else 0


def _jobs(options: argparse.Namespace, profile: dict) -> list:
    from simlib.report.notebooks import notebook_names, read_parameters
    from simlib.report.runner import Job

    given = dict(map(_parameter, options.parameter))
    parameters = {name: read_parameters(name, given) for name in options.notebook or notebook_names()}
    for values in parameters.values():
        _check(values)
    cases = [_log_case(options.trace)] if options.trace is not None else _workload_cases(options.workload, profile)
    names = [name for name, _, _ in cases]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two workloads are called {name!r}: give them different names")
    return [
        Job(notebook, name, {**chosen, **values}, path)
        for name, chosen, path in cases
        for notebook, values in parameters.items()
    ]


def _check(parameters: dict) -> None:
    """Refuse numbers that are out of range before any notebook runs into them."""
    from simlib.experiments.experiment import check_numbers
    from simlib.models.heap import GO_VERSIONS
    from simlib.traces.routing import check_instances

    described = ("replications", "hours", "memory_limit_mib", "max_entries", "ttl", "prune_every")
    check_numbers(**{name: parameters[name] for name in described if name in parameters})
    check_instances(parameters.get("instances", 1))
    if (version := parameters.get("go_version", GO_VERSIONS[-1])) not in GO_VERSIONS:
        raise InputError(f"go_version: {version!r} has no measurements: choose one of {', '.join(GO_VERSIONS)}")


def _log_case(file: str) -> tuple[str, dict, Path]:
    """(folder name, parameters, file) of a log, which is read to see that it can be."""
    from simlib.traces.trace import read_trace

    path = Path(file)
    if len(read_trace(file)) == 0:
        raise InputError(f"{path}: the log holds no rows, so there is nothing to look into")
    return _folder_name(path.name.split(".")[0]), {"trace": str(path.resolve())}, path


def _workload_cases(chosen: list[str] | None, profile: dict) -> list[tuple[str, dict, Path]]:
    """(folder name, parameters, file) of each workload; a profile may shorten one but not lengthen it."""
    from simlib.workloads.schema import load_workload, workload_file, workload_names

    cases = []
    # The worked example first; a workload named twice is run once.
    names = dict.fromkeys(chosen or sorted(workload_names(), key=lambda name: (name != "incident", name)))
    for file in map(workload_file, names):
        workload = load_workload(file)
        size = dict(profile)
        if size.get("hours", 0) * HOUR >= workload.duration:
            del size["hours"]
        cases.append((_folder_name(workload.name), {**size, "workload": str(file.resolve())}, file))
    return cases


def _folder_name(name: str) -> str:
    """A case's name as a folder can bear it, and none of the pack's own files does."""
    from simlib.report.pages import RESERVED

    name = re.sub(r"[^\w.-]+", "_", name).strip(".")[:80] or "case"
    return f"{name}_" if name in RESERVED else name


def _parameter(text: str) -> tuple[str, str]:
    from simlib.report.notebooks import GIVEN_BY_OPTION

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"parameter {text[:60]!r}: write NAME=VALUE")
    if name in GIVEN_BY_OPTION:
        raise InputError(f"parameter {name!r} has an option of its own: --{name}")
    return name, value


def _simulate(options: argparse.Namespace) -> int:
    from simlib.traces.trace import check_target, write_trace
    from simlib.workloads.churn import simulate
    from simlib.workloads.schema import load_workload

    workload = load_workload(options.workload)
    check_target(options.out)
    if options.hours is not None:
        workload = workload.lasting(options.hours * HOUR)
    trace = simulate(workload, options.seed)
    write_trace(trace, options.out)
    print(f"{options.out}: {len(trace)} operations of {trace.ids.size} sessions, sha256 {trace.digest}")
    return 0


def _replay(options: argparse.Namespace) -> int:
    from simlib.replay import ledger
    from simlib.replay.totals import Spec, stream_totals
    from simlib.stores.contract import Settings
    from simlib.stores.registry import find_design
    from simlib.traces.chunks import open_stream
    from simlib.traces.trace import COUNTERS

    find_design(options.design)
    if options.counter not in COUNTERS:
        raise InputError(f"unknown counter {options.counter!r}: choose one of {', '.join(COUNTERS)}")
    settings = Settings(options.max_entries, parse_duration(options.ttl), options.prune_every)
    (totals,) = stream_totals(open_stream(options.trace), [Spec(options.design, settings, options.counter)])
    result = ledger.report(options.design, settings, totals)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        width = max(map(len, result))
        for name, value in result.items():
            shown = "-" if value is None else f"{value:,}" if isinstance(value, (int, float)) else value
            print(f"{name:<{width}}  {shown}")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from simlib.experiments.executors import dask_workers, local_processes
    from simlib.experiments.sweep import TABLE, grid, opened, sweep, unfinished, write_table
    from simlib.workloads.schema import load_workload, workload_names

    if not options.out:
        raise InputError("--out is empty: name a folder for the table")
    workloads = [load_workload(name) for name in dict.fromkeys(options.workload or workload_names())]
    if options.hours is not None:
        workloads = [workload.lasting(options.hours * HOUR) for workload in workloads]
    designs = options.design or ("unbounded", "bounded")
    points = grid(workloads, options.seeds, designs, options.max_entries, options.ttl, options.prune_every)
    out = Path(options.out)

    def note(text: str) -> None:
        tqdm.write(text, file=sys.stderr)

    if options.scheduler is not None:
        workers = dask_workers(options.scheduler, note)
    else:
        workers = local_processes(options.jobs or os.cpu_count() or 1)
    with workers as executor, opened(out) as journal:
        kept = len(points) - len(unfinished(points, journal))
        with tqdm(total=len(points), initial=kept, desc="points", unit="point", file=sys.stderr) as bar:
            table = sweep(points, journal, executor, bar.update)
        write_table(table, out / TABLE)
    print(f"{out / TABLE}: {len(points)} points, {kept} of them kept")
    return 0


class _Parser(argparse.ArgumentParser):
    """Tells a usage error in one line, as every other."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="simlib", description="Per-session state that leaks: simulate, replay, report.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="execute the notebooks and export the pack")
    run.set_defaults(command=_run)
    run.add_argument("--profile", choices=("ci", "full"), default="full", help="size of the runs (default: full)")
    run.add_argument("--notebook", action="append", metavar="NAME", help="only this notebook; may be repeated")
    what = run.add_mutually_exclusive_group()
    what.add_argument("--workload", action="append", metavar="NAME", help="only this workload; may be repeated")
    what.add_argument("--trace", metavar="FILE", help="an event log to look into instead of the workloads")
    run.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="runs at a time")
    run.add_argument("--out", default="build", metavar="DIR", help="where the pack goes (default: build)")
    run.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a notebook parameter; may be repeated"
    )

    simulate = commands.add_parser("simulate", help="record a workload's operations as a trace file")
    simulate.set_defaults(command=_simulate)
    simulate.add_argument("workload", metavar="WORKLOAD", help="a preset's name, or the path of a .yaml file")
    simulate.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    simulate.add_argument("--hours", type=float, metavar="H", help="simulated time (default: the workload's own)")
    simulate.add_argument("--out", required=True, metavar="TRACE", help="the ending says the format")

    replay = commands.add_parser("replay", help="run one store over a trace file and print its ledger")
    replay.set_defaults(command=_replay)
    replay.add_argument("trace", metavar="TRACE", help=".csv, .jsonl (either also .gz) or .parquet")
    replay.add_argument("--design", default="bounded", metavar="NAME", help="default: bounded")
    replay.add_argument("--max-entries", type=int, default=2048, metavar="N", help="0 or less: no cap (default: 2048)")
    replay.add_argument(
        "--ttl", default="30m", metavar="TIME", help="idle time, such as 30m; 0 or less: none (default: 30m)"
    )
    replay.add_argument("--prune-every", type=int, default=256, metavar="N", help="increments (default: 256)")
    replay.add_argument("--counter", default="no_client", metavar="NAME", help="no_client (default) or drops")
    replay.add_argument("--json", action="store_true", help="print one JSON object")

    sweep = commands.add_parser("sweep", help="run many stores over many workloads and write one table")
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("--workload", action="append", metavar="NAME", help="only this workload; may be repeated")
    sweep.add_argument("--design", action="append", metavar="NAME", help="only this design; may be repeated")
    sweep.add_argument(
        "--max-entries", type=_integers, default=[2048], metavar="N,N,…", help="0 or less: no cap (default: 2048)"
    )
    sweep.add_argument(
        "--ttl", type=_durations, default=[30 * MINUTE], metavar="TIME,…", help="0 or less: none (default: 30m)"
    )
    sweep.add_argument(
        "--prune-every", type=_integers, default=[256], metavar="N,N,…", help="increments (default: 256)"
    )
    sweep.add_argument("--seeds", type=_seeds, default=[1], metavar="N-N,N,…", help="such as 1-5 or 1,2,7 (default: 1)")
    sweep.add_argument("--hours", type=float, metavar="H", help="simulated time (default: each workload's own)")
    where = sweep.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=_positive, metavar="N", help="local processes (default: one for each core)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of Dask, tcp://host:port, instead of local processes")
    sweep.add_argument(
        "--out", default="build/sweep", metavar="DIR", help="where the table goes (default: build/sweep)"
    )
    return parser


def _integers(text: str) -> list[int]:
    for part in text.split(","):
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", part.strip()):
            raise argparse.ArgumentTypeError(f"{part[:60]!r} is not a whole number: write such as 512,2048")
    return [int(part) for part in text.split(",")]


def _durations(text: str) -> list[int]:
    try:
        return [parse_duration(part) for part in text.split(",")]
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_MOST_SEEDS = 100_000


def _seeds(text: str) -> list[int]:
    seeds = []
    for part in text.split(","):
        given = re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", part.strip())
        first, last = (int(given[1]), int(given[2] or given[1])) if given else (0, -1)
        if first > last:
            raise argparse.ArgumentTypeError(f"{part[:60]!r} is no range of seeds: write such as 1-5 or 1,2,7")
        if last - first >= _MOST_SEEDS:
            raise argparse.ArgumentTypeError(f"{part[:60]!r} are too many seeds: at most {_MOST_SEEDS:,}")
        seeds += range(first, last + 1)
    return seeds


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
