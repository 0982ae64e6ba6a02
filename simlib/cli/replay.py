"""Command `replay`: runs one store over a trace file and prints its ledger."""

import argparse
import json

from simlib.cli.arguments import duration
from simlib.cli.settings import add_settings, given_settings, report_unused
from simlib.core.errors import InputError


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser("replay", help="run one store over a trace file and print its ledger")
    parser.set_defaults(command=_replay)
    parser.add_argument("trace", metavar="TRACE", help=".csv, .jsonl (either also .gz) or .parquet")
    parser.add_argument("--design", default="bounded", metavar="NAME", help="default: bounded")
    add_settings(parser, int, duration)
    parser.add_argument("--counter", default="no_client", metavar="NAME", help="no_client (default) or drops")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _replay(options: argparse.Namespace) -> int:
    from simlib.replay import ledger
    from simlib.replay.totals import Spec, stream_totals
    from simlib.stores.contract import Settings
    from simlib.stores.registry import find_design
    from simlib.traces.chunks import open_stream
    from simlib.traces.codes import COUNTERS

    find_design(options.design)
    if options.counter not in COUNTERS:
        raise InputError(f"unknown counter {options.counter!r}: choose one of {', '.join(COUNTERS)}")
    given = given_settings(options)
    settings = Settings(**given)
    (totals,) = stream_totals(open_stream(options.trace), [Spec(options.design, settings, options.counter)])
    report_unused(options.name, [options.design], given)
    result = ledger.report(options.design, settings, totals)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        width = max(map(len, result))
        for name, value in result.items():
            shown = "-" if value is None else f"{value:,}" if isinstance(value, (int, float)) else value
            print(f"{name:<{width}}  {shown}")
    return 0
