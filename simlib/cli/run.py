"""Command `run`: executes the notebooks on workloads or on a log, and exports the pack.

Refuses parameters and inputs that a notebook would fail on, before any of them runs.
"""

import argparse
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

from simlib.cli.arguments import positive
from simlib.cli.entry_options import add_entry_options, entry_parameters
from simlib.cli.log_options import add_log_options, read_log
from simlib.core.errors import InputError
from simlib.core.units import HOUR


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
    parser.add_argument("--counter", metavar="NAME", help="look at one counter only: no_client or drops")
    add_entry_options(parser)
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

    from simlib.report.pages import write_report
    from simlib.report.runner import PROFILES, opened, run_jobs

    if not options.out:
        raise InputError("--out is empty: name a folder for the pack")
    jobs = _jobs(options, PROFILES[options.profile])
    out = Path(options.out)
    with opened(out), tqdm(total=len(jobs), desc="notebooks", unit="run", file=sys.stderr) as bar:

        def report(result) -> None:
            bar.write(str(result), file=sys.stderr)
            bar.update()

        results = run_jobs(jobs, out, options.jobs, report)
        write_report(out, [job.experiment for job in jobs])
    failed = [result for result in results if result.error]
    print(f"{out / 'index.html'}: {len(results) - len(failed)} of {len(results)} runs complete")
    for result in failed:
        print(result, file=sys.stderr)
    return 1 if failed else 0


def _parameters_help() -> str:
    """List the parameters that the notebooks declare, each with its default and its comment."""
    import nbformat

    from simlib.report.notebooks import GIVEN_BY_OPTION, notebook_names, notebook_path, parameters_cell

    lines, having = {}, Counter()
    for notebook in notebook_names():
        for line in parameters_cell(nbformat.read(notebook_path(notebook), as_version=4)).source.splitlines():
            declared, _, comment = line.partition("  # ")
            name, default = declared.partition(":")[0], declared.partition(" = ")[2]
            lines.setdefault(name, f"  {f'{name}={default}':<22}  {comment}")
            having[name] += 1
    some = {name: "" if n == len(notebook_names()) else f" ({n} of the notebooks)" for name, n in having.items()}
    shown = [line + some[name] for name, line in lines.items() if name not in GIVEN_BY_OPTION]
    return "\n".join(["notebook parameters, for --parameter NAME=VALUE, with their defaults:", *shown])


def _jobs(options: argparse.Namespace, profile: dict) -> list:
    from simlib.report.notebooks import compares, default_parameters, notebook_names, read_parameters
    from simlib.report.runner import Job

    by_option = entry_parameters(options) | ({"counter": options.counter} if options.counter else {})
    given = dict(map(_parameter, options.parameter)) | {name: str(value) for name, value in by_option.items()}
    parameters = {name: read_parameters(name, given) for name in options.notebook or notebook_names()}
    for values in parameters.values():
        _check(values)
    if options.session_class:
        _divide(options, parameters)
    if options.trace is not None:
        experiments = [_log_experiment(options)]
    else:
        experiments = _workload_experiments(options.workload, profile)
    names = [name for name, _, _ in experiments]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two workloads are called {name!r}: give them different names")
    jobs = [
        Job(notebook, name, {**default_parameters(notebook), **chosen, **values}, (path,))
        for name, chosen, path in experiments
        for notebook, values in parameters.items()
        if not compares(notebook)
    ]
    return [*(_comparison(name, parameters[name], experiments) for name in parameters if compares(name)), *jobs]


def _comparison(notebook: str, values: dict, experiments: list[tuple[str, dict, Path]]):
    """Return the job of a notebook that compares all experiments, in the directory of the only one where there is one.

    All of them take the same parameters, those of the profile where it shortens any.
    """
    from simlib.report.notebooks import default_parameters
    from simlib.report.runner import COMPARISON, Job

    names, chosen, paths = zip(*experiments, strict=True)
    several = {f"{one}s": json.dumps([each[one] for each in chosen if one in each]) for one in ("workload", "trace")}
    kept = {name: value for each in chosen for name, value in each.items() if f"{name}s" not in several}
    parameters = {**default_parameters(notebook), **kept, **several, **values}
    return Job(notebook, names[0] if len(names) == 1 else COMPARISON, parameters, paths)


def _divide(options: argparse.Namespace, parameters: dict[str, dict]) -> None:
    """Set how the notebooks that divide a log's sessions do it; refuse what will not do."""
    from simlib.report.notebooks import declared_parameters, notebook_path

    if options.trace is None:
        raise InputError("--class divides the sessions of a log: name one with --trace")
    for name, values in parameters.items():
        if "session_class" in declared_parameters(notebook_path(name)):
            values["session_class"] = options.session_class
            _check(values)


def _check(parameters: dict) -> None:
    """Refuse numbers that are out of range, and a pattern that will not do."""
    from simlib.experiments.classes import check_classing
    from simlib.experiments.experiment import check_numbers
    from simlib.models.heap import GO_VERSIONS
    from simlib.traces.routing import check_instances

    described = ("replications", "hours", "memory_limit_mib", "max_entries", "ttl", "prune_every")
    described += ("entry_limit", "entry_bytes", "value_bytes", "counter")
    check_numbers(**{name: parameters[name] for name in described if name in parameters})
    check_instances(parameters.get("instances", 1))
    check_classing(parameters.get("session_class", ""))
    if (version := parameters.get("go_version", GO_VERSIONS[-1])) not in GO_VERSIONS:
        raise InputError(f"go_version: {version!r} has no measurements: choose one of {', '.join(GO_VERSIONS)}")


def _log_experiment(options: argparse.Namespace) -> tuple[str, dict, Path]:
    """Return (folder name, parameters, file) of a log, which is read to check it.

    Notebooks read one file with no option: of any other log that is a copy in the folder of the pack.
    """
    from simlib.core.files import whole_file
    from simlib.experiments.classes import column_of
    from simlib.traces.files import read_labels
    from simlib.traces.parquet import write_parquet
    from simlib.traces.source import log_name

    name = _directory_name("stdin" if options.trace[0] == "-" else log_name(options.trace[0]))
    with read_log(options.trace, options) as (log, trace):
        column, path = column_of(options.session_class), log.files[0]
        labels = {column: read_labels(trace, log, column)} if column else {}
        if not log.is_plain:
            path = Path(options.out) / f"{name}.parquet"
            with whole_file(path) as temporary:
                write_parquet(trace, temporary, labels)
    return name, {"trace": str(path.resolve())}, path


def _workload_experiments(chosen: list[str] | None, profile: dict) -> list[tuple[str, dict, Path]]:
    """List (folder name, parameters, file) of each workload; a profile may shorten it but not lengthen it."""
    from simlib.workloads.schema import WORKED_EXAMPLE, load_workload, workload_file, workload_names

    experiments = []
    # The worked example first; a workload named twice is run once.
    names = dict.fromkeys(chosen or sorted(workload_names(), key=lambda name: (name != WORKED_EXAMPLE, name)))
    for file in map(workload_file, names):
        workload = load_workload(file)
        size = dict(profile)
        if size.get("hours", 0) * HOUR >= workload.duration:
            del size["hours"]
        experiments.append((_directory_name(workload.name), {**size, "workload": str(file.resolve())}, file))
    return experiments


def _directory_name(name: str) -> str:
    """Make an experiment's name fit for a folder, and different from the pack's own files."""
    from simlib.report.pages import RESERVED

    name = re.sub(r"[^\w.-]+", "_", name).strip(".")[:80] or "experiment"
    return f"{name}_" if name in RESERVED else name


def _parameter(text: str) -> tuple[str, str]:
    from simlib.report.notebooks import GIVEN_BY_OPTION

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"parameter {text[:60]!r}: write NAME=VALUE")
    if name in GIVEN_BY_OPTION:
        raise InputError(f"parameter {name!r} has an option of its own: --{name}")
    return name, value
