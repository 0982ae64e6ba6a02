"""Command `advise`: recommends the smallest setting of the simplest design that meets the targets."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.cli.arguments import duration, factor, memory, seeds, share
from simlib.cli.entry_options import add_entry_options, entry_and_limit, given_entry_options
from simlib.cli.log_options import add_log_options, given_log_options, read_log
from simlib.core.errors import InputError
from simlib.core.units import HOUR
from simlib.traces.codes import COUNTERS

if TYPE_CHECKING:
    from simlib.analysis.commands import Source
    from simlib.analysis.points import Targets
    from simlib.workloads.entry import Entry, Limit


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "advise",
        help="recommend a design, a cap and a TTL for a log or a workload",
        epilog="example: python -m simlib advise events.csv.gz --memory 16MiB --headroom 3",
    )
    parser.set_defaults(command=_advise)
    parser.add_argument(
        "source",
        nargs="+",
        metavar="TRACE|WORKLOAD",
        help="a log (a file, a folder, several of them, or -), a preset's name, or a .yaml file",
    )
    targets = parser.add_argument_group("targets")
    targets.add_argument("--max-lost", type=share, default=0.01, metavar="SHARE", help="of all counts (default: 1%%)")
    targets.add_argument(
        "--max-false",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="of evictions that remove sessions still in use (default: 1%%)",
    )
    targets.add_argument(
        "--memory", type=memory, metavar="SIZE", help="of one map (default: that of --memory-limit, or 64MiB)"
    )
    targets.add_argument(
        "--max-stall", type=duration, default=1_000_000, metavar="TIME", help="of one increment (default: 1ms)"
    )
    targets.add_argument(
        "--quiet-gap",
        type=duration,
        default=0,
        metavar="TIME",
        help="longest quiet gap of a live session, which no TTL may cut short (default: as the log shows)",
    )
    targets.add_argument(
        "--headroom", type=factor, default=2.0, metavar="K", help="meet them at K times the traffic (default: 2)"
    )
    now = parser.add_argument_group("what is set now")
    now.add_argument("--max-entries", type=int, default=2048, metavar="N", help="0 or less: no cap (default: 2048)")
    now.add_argument(
        "--ttl", type=duration, default=duration("30m"), metavar="TIME", help="0 or less: none (default: 30m)"
    )
    now.add_argument("--prune-every", type=int, default=256, metavar="N", help="increments (default: 256)")
    replications = parser.add_argument_group("replications of a workload")
    replications.add_argument("--seeds", type=seeds, metavar="N-N,N,…", help="such as 1-5 (default: 1-5)")
    replications.add_argument("--hours", type=float, metavar="H", help="simulated time (default: the workload's own)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--counter", choices=COUNTERS, help="the counter to advise on (default: that with more increments)"
    )
    add_entry_options(parser)
    add_log_options(parser)


def _advise(options: argparse.Namespace) -> int:
    from simlib.analysis import advice as text
    from simlib.analysis.advise import Advice, busiest, counters_of
    from simlib.analysis.commands import commands_for
    from simlib.analysis.points import Point
    from simlib.cli.noted import check_counter
    from simlib.stores.contract import Settings
    from simlib.stores.registry import SHIPPED
    from simlib.traces.source import shown

    if options.max_stall <= 0:
        raise InputError("--max-stall: an increment takes some time: write a duration above 0 such as 1ms")
    now = Point(SHIPPED, Settings(options.max_entries, options.ttl, options.prune_every))
    with _simulated(options) if _is_workload(options.source) else _log(options) as (traces, source, (entry, limit)):
        counter, there = options.counter or busiest(traces), counters_of(traces)
        check_counter(shown(options.source[0]), counter, there or [counter])
        traces = [each.only(counter) for each in traces]
        entry, limit = entry_and_limit(options, replace(entry, key_length=traces[0].key_length), limit)
        targets = _targets(options, limit)
        advice = Advice(traces, targets, entry, simulated=bool(source.seeds), now=now, one_of_several=len(there) > 1)
        commands = commands_for(advice, source)
        if options.json and advice.refusal:
            print(json.dumps(text.result(advice, commands), indent=2), flush=True)
        if advice.refusal:
            raise InputError(f"{shown(options.source[0])}: {advice.refusal}")
    print(json.dumps(text.result(advice, commands), indent=2) if options.json else text.blocks(advice, commands))
    return 0


def _targets(options: argparse.Namespace, limit: "Limit") -> "Targets":
    """Return the targets; without one for memory its limit, or that in entries alone, stands for it."""
    from simlib.analysis.points import TARGETS, Targets

    usual = TARGETS.memory_mib if limit.entries is None else float("inf")
    memory_mib, entries = options.memory or limit.mib or usual, limit.entries or TARGETS.entries
    return Targets(
        options.max_lost,
        options.max_false,
        memory_mib,
        options.max_stall,
        options.headroom,
        entries,
        max(options.quiet_gap, 0),
    )


def _is_workload(names: list[str]) -> bool:
    """Whether a name is of a workload and not of a log. Raises InputError where it is neither."""
    from simlib.workloads.schema import incident_names, workload_names

    name, known = names[0], [*workload_names(), *incident_names()]
    is_workload = name in known or Path(name).suffix in (".yaml", ".yml")
    if is_workload and len(names) > 1:
        raise InputError(f"advice is for one workload at a time: {name!r} is followed by {names[1]!r}")
    if not (is_workload or name == "-" or "." in Path(name).name or Path(name).exists()):
        raise InputError(f"{name!r} is neither a log nor a workload: the workloads are {', '.join(known)}")
    return is_workload


@contextmanager
def _simulated(options: argparse.Namespace) -> Iterator[tuple[list, "Source", tuple["Entry", "Limit"]]]:
    """Give the replications of a workload, the source of the advice, and what is known of an entry and its limit."""
    from simlib.analysis.commands import SEEDS, Source
    from simlib.workloads.entry import Limit
    from simlib.workloads.generator import generate
    from simlib.workloads.schema import load_workload

    workload, chosen = load_workload(options.source[0]), tuple(options.seeds or SEEDS)
    if options.hours is not None:
        workload = workload.lasting(options.hours * HOUR)
    source = Source(options.source, (), chosen, options.hours or 0, *_chosen(options))
    yield [generate(workload, seed) for seed in chosen], source, (workload.entry, Limit(entries=workload.entry_limit))


@contextmanager
def _log(options: argparse.Namespace) -> Iterator[tuple[list, "Source", tuple["Entry", "Limit"]]]:
    """Give the one trace of a log, the source of the advice, and what is known of an entry and its limit."""
    from simlib.analysis.commands import Source
    from simlib.workloads.entry import MODELLED, UNKNOWN

    if options.seeds or options.hours is not None:
        raise InputError("--seeds and --hours are for workloads: leave them out with a log")
    with read_log(options.source, options) as (_, trace):
        source = Source(options.source, given_log_options(options), (), 0, *_chosen(options))
        yield [trace], source, (MODELLED, UNKNOWN)


def _chosen(options: argparse.Namespace) -> tuple[list[str], str]:
    """Return the options of an entry as typed, and the counter that was chosen."""
    return given_entry_options(options), options.counter or ""
