"""The jobs of `run`: which notebooks run on what, in which order, and in which directories their results belong.

Refuses parameters and inputs that a notebook would fail on, before any of them runs.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simlib.cli.arguments import duration
from simlib.cli.copies import COPIES
from simlib.cli.entry_options import entry_parameters
from simlib.cli.log_options import read_log
from simlib.cli.measured_options import check_measured_options, measured_file
from simlib.core.errors import InputError, quoted
from simlib.core.units import HOUR

if TYPE_CHECKING:
    from simlib.report.runner import Job

ON_DEMAND = ("06_validation", "07_scale")
"""Notebooks that no decision needs: they run last on a workload, and only where they are named on a log.

The explorer, which no decision needs either, runs last on both.
"""

READABLE = ("01_memory", "06_validation")
"""Notebooks that take the readable engines, and so the longest."""

OF_WORKLOADS = ("seed", "replications", "hours")
"""Parameters without a meaning for a log."""


KINDS = ("workload", "trace")
"""Parameters that choose a case; what compares cases takes lists of them, named in the plural."""


class Subject(NamedTuple):
    """A workload or a log: its name, the parameters that choose it, its files, and the folder that it comes from.

    `span` is its start and its duration, ns.
    """

    name: str
    parameters: dict
    files: tuple[Path, ...]
    place: str
    span: tuple[int, int] = (0, 0)


class Plan(NamedTuple):
    """The jobs of a run in their order; the first `leading` of them decide on the first case."""

    jobs: "list[Job]"
    leading: int


def plan(options: argparse.Namespace) -> Plan:
    """Make the jobs that the options of `run` ask for. Raises InputError."""
    from simlib.report.naming import free_name, settings_name
    from simlib.report.notebooks import (
        EXPLORE,
        compares,
        declared_parameters,
        default_parameters,
        notebook_names,
        notebook_path,
    )
    from simlib.report.runner import PROFILES, Job, prepare

    is_log = options.trace is not None
    size = {} if is_log else PROFILES[options.profile]
    names = options.notebook or [name for name in notebook_names() if not (is_log and name in ON_DEMAND)]
    declared = {name: declared_parameters(notebook_path(name)) for name in names}
    given = _given(options, declared)
    # While a log is read, what the notebooks need is imported.
    prepare(names)
    subjects = [_log(options)] if is_log else _workloads(options.workload, size, given.get("hours", 0))
    measured, named = _measured(options, subjects), given
    if measured:
        given, named = given | {"memory": str(measured[0])}, given | {"memory": measured[0].name}
    usual = {name: default for each in declared.values() for name, (_, default) in each.items()}
    settings = settings_name(named, usual | size, "" if is_log or options.profile == "full" else options.profile)

    def directory_of(subject: Subject) -> str:
        return free_name(Path(options.out), subject.name, settings, (*subject.files, *measured), subject.place)

    directories = list(map(directory_of, subjects))
    for directory in directories:
        if directories.count(directory) > 1:
            raise InputError(f"two workloads are called {directory!r}: give them different names")
    several = _together(subjects, options.workload)
    whole = directories[0] if len(subjects) == 1 else directory_of(several)
    jobs = []
    for notebook in reversed(declared):
        values = default_parameters(notebook)
        known = {name: value for name, value in given.items() if name in values}
        chosen = [(several, whole)] if compares(notebook) else zip(subjects, directories, strict=True)
        for subject, directory in chosen:
            files = (*subject.files, *measured) if "memory" in values else subject.files
            jobs.append(Job(notebook, directory, {**values, **subject.parameters, **known}, files))

    def rank(job: Job) -> int:
        if job.notebook in (*ON_DEMAND, EXPLORE):
            return 3
        return 0 if job.experiment == directories[0] else 1 if compares(job.notebook) else 2

    # What takes longest is begun first, so that no processor is idle at the end: the later notebooks take longer.
    ordered = sorted(jobs, key=lambda job: (rank(job), job.notebook not in READABLE))
    return Plan(ordered, sum(rank(job) == 0 for job in jobs))


def _given(options: argparse.Namespace, declared: Mapping[str, Mapping]) -> dict[str, object]:
    """Read the parameters given on the command line. Raises InputError, naming the parameter."""
    from simlib.report.notebooks import read_parameters

    if options.session_class and options.trace is None:
        raise InputError("--class divides the sessions of a log: name one with --trace")
    check_measured_options(options)
    by_option = {"counter": options.counter, "session_class": options.session_class, "memory": options.memory}
    given = dict(map(_parameter, options.parameter))
    given |= {name: str(value) for name, value in (entry_parameters(options) | by_option).items() if value}
    for name in given:
        if options.trace is not None and name in OF_WORKLOADS:
            raise InputError(f"parameter {name} has no meaning for a log, which is taken as it is: leave it out")
    values: dict[str, object] = read_parameters(declared, given)
    _check(values)
    return values


def _check(parameters: dict) -> None:
    """Refuse numbers that are out of range, and a pattern that will not do."""
    from simlib.analysis.points import TARGETS, TODAY
    from simlib.analysis.sizing import targets_of
    from simlib.analysis.state import State
    from simlib.experiments.classes import check_classing
    from simlib.experiments.experiment import check_numbers
    from simlib.models.heap import GO_VERSIONS
    from simlib.traces.routing import check_instances

    described = ("replications", "hours", "memory_limit_mib", "max_entries", "ttl", "prune_every")
    described += ("entry_limit", "entry_bytes", "value_bytes", "counter")
    for name in ("ttl", "quiet_gap"):
        try:
            duration(parameters.get(name, "0"))
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{name}: {error}") from None
    check_numbers(**{name: parameters[name] for name in described if name in parameters})
    targets = ("max_lost", "max_false", "memory_mib", "max_stall", "quiet_gap", "headroom")
    targets_of(**{name: parameters[name] for name in targets if name in parameters})
    State(TODAY, TARGETS).changed(parameters.get("at", ""))
    check_instances(parameters.get("instances", 1))
    check_classing(parameters.get("session_class", ""))
    if (version := parameters.get("go_version", GO_VERSIONS[-1])) not in GO_VERSIONS:
        raise InputError(f"go_version: {quoted(version)} has no measurements: choose one of {', '.join(GO_VERSIONS)}")


def _log(options: argparse.Namespace) -> Subject:
    """Read a log to check it.

    Notebooks read one file with no option: of any other log that is a copy in the folder of the pack.
    """
    from simlib.core.files import whole_file
    from simlib.experiments.classes import column_of
    from simlib.report.naming import directory_name
    from simlib.traces.files import read_labels
    from simlib.traces.source import NAMELESS, input_name, log_name
    from simlib.traces.windows import window_of
    from simlib.traces.writing import write_parquet

    first = input_name(options.trace[0])
    name, place = _name(log_name(first)), "" if first == NAMELESS else Path(options.trace[0]).resolve().parent.name
    with read_log(options.trace, options) as (log, trace):
        column, path = column_of(options.session_class), log.files[0]
        labels = {column: read_labels(trace, log, column)} if column else {}
        if not log.is_plain:
            # Of two logs of one name neither copy may replace the other.
            path = Path(options.out) / COPIES / directory_name(trace.digest[:16], column) / f"{name}.parquet"
            with whole_file(path) as temporary:
                write_parquet([window_of(trace)], temporary, labels)
    start = int(trace.time[0])
    return Subject(name, {"trace": str(path.resolve())}, (path,), place, (start, int(trace.time[-1]) - start))


def _measured(options: argparse.Namespace, subjects: Sequence[Subject]) -> tuple[Path, ...]:
    """Return the file of measured memory that is given, for notebooks to read. Raises InputError."""
    if not options.memory:
        return ()
    if len(subjects) > 1:
        raise InputError("--memory is of one process: name one workload with --workload, or a log with --trace")
    return (measured_file(options, Path(options.out) / COPIES, *subjects[0].span),)


def _workloads(chosen: list[str] | None, size: Mapping, hours: float) -> list[Subject]:
    """List the workloads; a profile may shorten one but not lengthen it, `hours` set what each lasts, 0 for neither."""
    from simlib.workloads.schema import WORKED_EXAMPLE, load_workload, workload_file, workload_names

    subjects = []
    # The worked example first; a workload named twice is run once.
    names = dict.fromkeys(chosen or sorted(workload_names(), key=lambda name: (name != WORKED_EXAMPLE, name)))
    for file in map(workload_file, names):
        workload = load_workload(file)
        lasts = {name: value for name, value in size.items() if name != "hours" or value * HOUR < workload.duration}
        parameters = {**lasts, "workload": str(file.resolve())}
        span = 0, round((hours or lasts.get("hours", 0)) * HOUR) or workload.duration
        subjects.append(Subject(_name(workload.name), parameters, (file,), file.resolve().parent.name, span))
    return subjects


def _together(subjects: Sequence[Subject], chosen: list[str] | None) -> Subject:
    """All cases as the one subject of what compares them; they take the size of the one that a profile shortens."""
    from simlib.report.naming import COMPARISON

    chosen_by = {
        kind: [subject.parameters[kind] for subject in subjects if kind in subject.parameters] for kind in KINDS
    }
    several = {f"{kind}s": json.dumps(values) for kind, values in chosen_by.items()}
    size = {name: value for subject in subjects for name, value in subject.parameters.items() if name not in KINDS}
    name = f"{COMPARISON}.{'+'.join(subject.name for subject in subjects)}" if chosen else COMPARISON
    return Subject(name, {**size, **several}, tuple(file for subject in subjects for file in subject.files), "")


def _name(name: str) -> str:
    """Make the name of a case different from the pack's own files."""
    from simlib.report.pages import RESERVED

    return f"{name}_" if name in RESERVED else name


def _parameter(text: str) -> tuple[str, str]:
    from simlib.report.notebooks import GIVEN_BY_OPTION

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"parameter {quoted(text, 60)}: write NAME=VALUE")
    if name in GIVEN_BY_OPTION:
        raise InputError(f"parameter {name!r} has an option of its own: --{name.removesuffix('s')}")
    return name, value
