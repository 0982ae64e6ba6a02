"""Command `replay`: runs one store over a log and prints its ledger, for people or as JSON.

Refuses a log without rows of the counter.
"""

import argparse
import json
from typing import TYPE_CHECKING

from simlib.cli.arguments import duration, moment
from simlib.cli.entry_options import add_entry_options, entry_and_limit
from simlib.cli.log_options import add_log_options, how_of, reading_log
from simlib.cli.settings import add_settings, given_settings, report_unused
from simlib.core.errors import InputError
from simlib.stores.registry import DESIGNS, SHIPPED, find_design

if TYPE_CHECKING:
    from simlib.cli.noted import NotedStream


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "replay",
        help="run one store over a log and print its ledger",
        epilog="example: python -m simlib replay events.csv.gz --max-entries 4096",
    )
    parser.set_defaults(command=_replay)
    parser.add_argument("trace", nargs="+", metavar="TRACE", help="a log: a file, a folder, several of them, or -")
    parser.add_argument(
        "--design", default=SHIPPED, metavar="NAME", help=f"one of {', '.join(DESIGNS)} (default: {SHIPPED})"
    )
    add_settings(parser, int, duration)
    parser.add_argument("--counter", default="no_client", metavar="NAME", help="no_client (default) or drops")
    parser.add_argument(
        "--count-from",
        type=moment,
        metavar="TIME",
        help="count from then on: a date, or a time after the first row such as 30m; what comes before fills the store",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_entry_options(parser)
    add_log_options(parser)


def _replay(options: argparse.Namespace) -> int:
    from simlib.cli.noted import NotedStream
    from simlib.replay import ledger
    from simlib.replay.totals import Spec, stream_totals, totals_at
    from simlib.stores.contract import Settings
    from simlib.traces.chunks import stream_log
    from simlib.traces.codes import COUNTERS
    from simlib.traces.files import Log
    from simlib.traces.source import shown

    find_design(options.design)
    if options.counter not in COUNTERS:
        raise InputError(f"unknown counter {options.counter!r}: choose one of {', '.join(COUNTERS)}")
    given = given_settings(options)
    settings = Settings(**given)
    log, name = Log(options.trace, how_of(options)), shown(options.trace[0])
    with reading_log(log.size) as (notes, advance):
        stream = NotedStream(stream_log(log, notes=notes, advance=advance))
        spec, instant = Spec(options.design, settings, options.counter), _instant(stream, options.count_from)
        (totals,) = stream_totals(stream, [spec]) if instant is None else totals_at(stream, spec, instant)[1:]
        stream.check(name, options.counter)
        if instant is not None and not (totals.increments or totals.deletes):
            raise InputError(f"{name}: no row of {options.counter} comes at --count-from or after it")
    report_unused(options.name, [options.design], given)
    if options.json:
        print(json.dumps(ledger.report(options.design, settings, totals), indent=2))
    else:
        # The models are read only where they are shown.
        from simlib.cli.ledger_text import Span, ledger_text
        from simlib.workloads.entry import Entry, Limit

        span = Span(name, options.counter, stream.lasts if instant is None else stream.ends - instant)
        entry, limit = entry_and_limit(options, Entry(key_length=stream.key_length), Limit())
        print(ledger_text(span, options.design, settings, totals, entry, limit))
    return 0


def _instant(stream: "NotedStream", count_from: tuple[bool, int] | None) -> int | None:
    """Return the instant (ns) from which on operations are counted; None where all are."""
    if count_from is None:
        return None
    is_date, at = count_from
    return at if is_date else at + next((int(chunk.time[0]) for chunk in stream() if chunk.time.size), 0)
