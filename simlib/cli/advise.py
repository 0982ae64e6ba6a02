"""Command `advise`: recommends the smallest setting of the simplest design that meets the targets."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.cli.arguments import duration, factor, memory, seeds, share
from simlib.cli.log_options import add_log_options, given_log_options, read_log
from simlib.core.errors import InputError
from simlib.core.units import HOUR

if TYPE_CHECKING:
    from simlib.analysis.advice import Source


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
    targets.add_argument("--memory", type=memory, default=64.0, metavar="SIZE", help="of one map (default: 64MiB)")
    targets.add_argument(
        "--max-stall", type=duration, default=1_000_000, metavar="TIME", help="of one increment (default: 1ms)"
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
    add_log_options(parser)


def _advise(options: argparse.Namespace) -> int:
    from simlib.analysis import advice as text
    from simlib.analysis.advise import Advice, busiest
    from simlib.analysis.points import Point, Targets
    from simlib.stores.contract import Settings
    from simlib.stores.registry import SHIPPED

    targets = Targets(options.max_lost, options.max_false, options.memory, options.max_stall, options.headroom)
    now = Point(SHIPPED, Settings(options.max_entries, options.ttl, options.prune_every))
    with _simulated(options) if _is_workload(options.source) else _log(options) as (traces, source):
        counter = busiest(traces)
        advice = Advice([each.only(counter) for each in traces], targets, simulated=bool(source.seeds), now=now)
        commands = text.commands_for(advice, source)
        if options.json and advice.refusal:
            print(json.dumps(text.result(advice, commands), indent=2), flush=True)
        if advice.refusal:
            raise InputError(f"{options.source[0]}: {advice.refusal}")
    print(json.dumps(text.result(advice, commands), indent=2) if options.json else text.blocks(advice, commands))
    return 0


def _is_workload(names: list[str]) -> bool:
    """Whether a name is of a workload and not of a log. Raises InputError where it is neither."""
    from simlib.workloads.schema import workload_names

    name = names[0]
    is_workload = name in workload_names() or Path(name).suffix in (".yaml", ".yml")
    if is_workload and len(names) > 1:
        raise InputError(f"advice is for one workload at a time: {name!r} is followed by {names[1]!r}")
    if not (is_workload or name == "-" or "." in Path(name).name or Path(name).exists()):
        raise InputError(f"{name!r} is neither a log nor a workload: the workloads are {', '.join(workload_names())}")
    return is_workload


@contextmanager
def _simulated(options: argparse.Namespace) -> Iterator[tuple[list, "Source"]]:
    """Give the replications of a workload, and the source of the advice."""
    from simlib.analysis.advice import SEEDS, Source
    from simlib.workloads.generator import generate
    from simlib.workloads.schema import load_workload

    workload, chosen = load_workload(options.source[0]), tuple(options.seeds or SEEDS)
    if options.hours is not None:
        workload = workload.lasting(options.hours * HOUR)
    yield [generate(workload, seed) for seed in chosen], Source(options.source, (), chosen, options.hours or 0)


@contextmanager
def _log(options: argparse.Namespace) -> Iterator[tuple[list, "Source"]]:
    """Give the one trace of a log, and the source of the advice."""
    from simlib.analysis.advice import Source

    if options.seeds or options.hours is not None:
        raise InputError("--seeds and --hours are for workloads: leave them out with a log")
    with read_log(options.source, options) as (_, trace):
        yield [trace], Source(options.source, given_log_options(options))
