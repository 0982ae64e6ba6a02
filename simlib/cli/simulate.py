"""Command `simulate`: records a workload's operations as a trace file."""

import argparse

from simlib.core.units import HOUR


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "simulate",
        help="record a workload's operations as a trace file",
        epilog="example: python -m simlib simulate incident --hours 2 --out events.csv.gz",
    )
    parser.set_defaults(command=_simulate)
    parser.add_argument("workload", metavar="WORKLOAD", help="a preset's name, or the path of a .yaml file")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--hours", type=float, metavar="H", help="simulated time (default: the workload's own)")
    parser.add_argument("--out", required=True, metavar="TRACE", help="the ending says the format")


def _simulate(options: argparse.Namespace) -> int:
    from simlib.traces.files import check_target, write_trace
    from simlib.workloads.generator import generate
    from simlib.workloads.schema import load_workload

    workload = load_workload(options.workload)
    check_target(options.out)
    if options.hours is not None:
        workload = workload.lasting(options.hours * HOUR)
    trace = generate(workload, options.seed)
    write_trace(trace, options.out)
    print(f"{options.out}: {len(trace)} operations of {trace.ids.size} sessions, sha256 {trace.digest}")
    return 0
