"""Command `convert`: writes a log, however it lies there, as one of the project's trace files."""

import argparse

from simlib.cli.log_options import add_log_options, how_of, reading_log


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "convert",
        help="write a log, however it lies there, as a trace file",
        epilog="example: python -m simlib convert logs/ --out trace.parquet",
    )
    parser.set_defaults(command=_convert)
    parser.add_argument("log", nargs="+", metavar="LOG", help="a file, a folder, several of them, or -")
    parser.add_argument("--out", required=True, metavar="TRACE", help="the ending says the format, such as .parquet")
    add_log_options(parser)


def _convert(options: argparse.Namespace) -> int:
    from simlib.cli.recorded_text import recorded_text
    from simlib.traces.files import Log, check_target
    from simlib.traces.recording import recording_of

    check_target(options.out)
    log = Log(options.log, how_of(options))
    with reading_log(log.size) as (notes, advance):
        recording = recording_of(log, notes, advance)
        recording.write(options.out)
    print(recorded_text(options.out, recording))
    return 0
