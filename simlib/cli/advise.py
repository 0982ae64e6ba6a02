"""Command `advise`: recommends the smallest setting of the simplest design that meets the targets."""

import argparse
import json
import sys
from pathlib import Path

from simlib.cli.arguments import duration, factor, memory, share

SEEDS = (1, 2, 3)
"""Replications of a workload that the advice is for."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "advise",
        help="recommend a design, a cap and a TTL for a log or a workload",
        epilog="example: python -m simlib advise events.csv.gz --memory 16MiB --headroom 3",
    )
    parser.set_defaults(command=_advise)
    parser.add_argument("source", metavar="TRACE|WORKLOAD", help="a log, a preset's name, or a .yaml file")
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
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(parser=parser)


def _advise(options: argparse.Namespace) -> int:
    from simlib.analysis import advice as text
    from simlib.analysis.advise import Advice
    from simlib.analysis.points import Point, Targets
    from simlib.core.errors import InputError
    from simlib.stores.contract import Settings
    from simlib.stores.registry import SHIPPED
    from simlib.traces.codes import COUNTERS, INCREMENT
    from simlib.traces.files import read_trace
    from simlib.workloads.generator import generate
    from simlib.workloads.schema import load_workload, workload_names

    source = options.source
    simulated = source in workload_names() or Path(source).suffix in (".yaml", ".yml")
    if not simulated and "." not in Path(source).name:
        raise InputError(f"{source!r} is neither a log nor a workload: the workloads are {', '.join(workload_names())}")
    if simulated:
        workload = load_workload(source)
        traces = [generate(workload, seed) for seed in SEEDS]
    else:
        traces = [read_trace(source)]
    # The counter with the most increments; each has its own store.
    counted = [sum(int(((each.counter == n) & (each.op == INCREMENT)).sum()) for each in traces) for n in (0, 1)]
    counter = COUNTERS[int(counted[1] > counted[0])]
    targets = Targets(options.max_lost, options.max_false, options.memory, options.max_stall, options.headroom)
    now = Point(SHIPPED, Settings(options.max_entries, options.ttl))
    advice = Advice([each.only(counter) for each in traces], targets, simulated=simulated, now=now)
    point = None if advice.refusal else advice.found[0]
    commands = text.commands_for(source, point, counter, _given(options), simulated)
    if options.json:
        print(json.dumps(text.result(advice, commands), indent=2))
    elif not advice.refusal:
        print(text.blocks(advice, commands))
    if advice.refusal:
        sys.stdout.flush()
        raise InputError(f"{source}: {advice.refusal}")
    return 0


def _given(options: argparse.Namespace) -> list[str]:
    """The options that differ from their defaults, as typed."""
    written = {
        "max_lost": lambda value: f"{100 * value:g}%",
        "max_false": lambda value: f"{100 * value:g}%",
        "memory": lambda value: f"{value:g}MiB",
        "max_stall": lambda value: f"{value}ns",
        "headroom": lambda value: f"{value:g}",
        "max_entries": str,
        "ttl": lambda value: f"{value}ns",
    }
    return [
        part
        for name, form in written.items()
        if (value := getattr(options, name)) != options.parser.get_default(name)
        for part in (f"--{name.replace('_', '-')}", form(value))
    ]
