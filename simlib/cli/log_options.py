"""The options of every command that takes a log, and what the command says of how it read the log.

Refuses values that do not fit, with an example of what would.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simlib.core.errors import InputError, quoted
from simlib.core.units import exact_duration, parse_duration

if TYPE_CHECKING:
    from simlib.traces.files import Log
    from simlib.traces.mapping import How
    from simlib.traces.notes import Notes
    from simlib.traces.source import Advance
    from simlib.traces.trace import Trace


def add_log_options(parser: ArgumentParser) -> None:
    """Add the options that say how a log is to be read, where it is not recognised as it lies there."""
    group = parser.add_argument_group("how the log is read (recognised where nothing is said; see docs/logs.md)")
    group.add_argument("--format", default="", metavar="NAME", help="such as nginx, haproxy-http, zeek, journald, csv")
    group.add_argument(
        "--pattern", default="", metavar="REGEX", help="of a line, with named groups: '(?P<time>…) … (?P<session>…)'"
    )
    group.add_argument(
        "--columns", type=pairs, default={}, metavar="ROLE=NAME,…", help="such as time=ts,session=uid,op=event"
    )
    group.add_argument(
        "--ops", type=_ops, default={}, metavar="WORD=OP,…", help="such as open=increment,close=delete,*=ignore"
    )
    group.add_argument(
        "--unit",
        choices=("s", "ms", "us", "ns", "dmy", "mdy"),
        default="",
        help="of times that are numbers; or the order of day and month",
    )
    group.add_argument(
        "--sort-window", type=_window, metavar="TIME", help="rows may be out of order by as much (default: 5m)"
    )


def pairs(text: str) -> dict[str, str]:
    """Read pairs of words separated by commas, such as `time=ts,session=uid`."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            raise ArgumentTypeError(f"{quoted(part, 60)} is no pair: write such as time=ts,session=uid")
        if name.strip() in found:
            raise ArgumentTypeError(f"{quoted(name, 60)} is given twice")
        found[name.strip()] = value.strip()
    return found


def _ops(text: str) -> dict[str, str]:
    found = pairs(text)
    for word in found.values():
        if word not in ("increment", "delete", "ignore"):
            raise ArgumentTypeError(f"{quoted(word, 60)} is no operation: choose of increment, delete, ignore")
    return found


def _window(text: str) -> int:
    try:
        window = parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if window < 0:
        raise ArgumentTypeError("a window of less than 0 s is none: write such as 5m")
    return window


def how_of(options: Namespace) -> "How":
    """Return how a command's log is to be read."""
    from simlib.traces.mapping import How

    how = How(options.format, options.pattern, options.columns, options.ops, options.unit)
    return how if options.sort_window is None else How(**{**vars(how), "sort_window": options.sort_window})


def given_log_options(options: Namespace) -> list[str]:
    """Return the options of `add_log_options` that were given, as typed."""
    written = {
        "format": options.format,
        "pattern": options.pattern,
        "columns": ",".join(f"{role}={name}" for role, name in options.columns.items()),
        "ops": ",".join(f"{word}={op}" for word, op in options.ops.items()),
        "unit": options.unit,
        "sort-window": "" if options.sort_window is None else exact_duration(options.sort_window),
    }
    return [part for name, value in written.items() if value for part in (f"--{name}", value)]


@contextmanager
def read_log(inputs: Sequence[str], options: Namespace) -> Iterator[tuple["Log", "Trace"]]:
    """Give a log, read whole, as `reading_log` does. Raises InputError where it holds no rows."""
    from simlib.traces.files import Log, trace_of
    from simlib.traces.source import shown

    log = Log(inputs, how_of(options))
    with reading_log(log.size) as (notes, advance):
        trace = trace_of(log, notes, advance)
        if len(trace) == 0:
            raise InputError(f"{shown(inputs[0])}: the log holds no rows, so there is nothing to investigate")
        yield log, trace


@contextmanager
def reading_log(size: int) -> Iterator[tuple["Notes", "Advance"]]:
    """Give notes and a progress bar to a reading of `size` bytes; print how the log was read, and what looks wrong.

    An error within the block is all that is printed.
    """
    from tqdm import tqdm

    from simlib.traces.notes import Notes

    notes = Notes()
    # A bar that is gone at once only flickers.
    with tqdm(
        total=size, desc="reading", unit="B", unit_scale=True, file=sys.stderr, leave=False, disable=size < 16 << 20
    ) as bar:
        yield notes, bar.update
    for line in [notes.summary(), *notes.warnings()]:
        print(line, file=sys.stderr)
