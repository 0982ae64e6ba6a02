"""Command `replay`: runs one store over a trace file and prints its ledger, for people or as JSON.

Refuses a log without rows of the counter.
"""

import argparse
import json

from simlib.cli.arguments import duration
from simlib.cli.settings import add_settings, given_settings, report_unused
from simlib.core.errors import InputError
from simlib.stores.registry import DESIGNS, SHIPPED, find_design


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "replay",
        help="run one store over a trace file and print its ledger",
        epilog="example: python -m simlib replay events.csv.gz --max-entries 4096",
    )
    parser.set_defaults(command=_replay)
    parser.add_argument("trace", metavar="TRACE", help=".csv, .jsonl (either also .gz) or .parquet")
    parser.add_argument(
        "--design", default=SHIPPED, metavar="NAME", help=f"one of {', '.join(DESIGNS)} (default: {SHIPPED})"
    )
    add_settings(parser, int, duration)
    parser.add_argument("--counter", default="no_client", metavar="NAME", help="no_client (default) or drops")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _replay(options: argparse.Namespace) -> int:
    from simlib.cli.noted import NotedStream
    from simlib.replay import ledger
    from simlib.replay.totals import Spec, stream_totals
    from simlib.stores.contract import Settings
    from simlib.traces.chunks import open_stream
    from simlib.traces.codes import COUNTERS

    find_design(options.design)
    if options.counter not in COUNTERS:
        raise InputError(f"unknown counter {options.counter!r}: choose one of {', '.join(COUNTERS)}")
    given = given_settings(options)
    settings = Settings(**given)
    stream = NotedStream(open_stream(options.trace))
    (totals,) = stream_totals(stream, [Spec(options.design, settings, options.counter)])
    stream.check(options.trace, options.counter)
    report_unused(options.name, [options.design], given)
    if options.json:
        print(json.dumps(ledger.report(options.design, settings, totals), indent=2))
    else:
        # The models are read only where they are shown.
        from simlib.cli.ledger_text import Span, ledger_text

        print(ledger_text(Span(options.trace, options.counter, stream.lasts), options.design, settings, totals))
    return 0
