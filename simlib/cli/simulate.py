"""Command `simulate`: records a workload's operations as a trace file."""

import argparse
import sys

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


_BAR = "simulated: {percentage:3.0f}%|{bar}| {n:.1f} of {total:.1f} h [{elapsed}<{remaining}]"


def _simulate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from simlib.cli.recorded_text import recorded_text
    from simlib.traces.files import check_target
    from simlib.workloads.recording import simulated_recording
    from simlib.workloads.schema import load_workload

    workload = load_workload(options.workload)
    check_target(options.out)
    if options.hours is not None:
        workload = workload.lasting(options.hours * HOUR)
    with tqdm(total=workload.duration / HOUR, bar_format=_BAR, file=sys.stderr, leave=False, delay=1) as bar:
        recording = simulated_recording(workload, options.seed, lambda ns: bar.update(ns / HOUR))
        recording.write(options.out)
    print(recorded_text(options.out, recording))
    return 0
