"""Assembles the commands; gives each its exit status and prints errors on one line of standard error."""

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Callable
from types import FrameType

from simlib.cli import advise, compare, convert, replay, run, simulate, sweep
from simlib.core.errors import InputError, Stopped

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command in one line; its processes and temporary files go with it."""

_UNPICKLES = "_numba_unpickle"
"""The function of Numba that compiled code calls back while it is loaded; an exception in it is lost."""

RESUMES = "; run it again to go on where it stopped"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 where a notebook or a worker failed, 2 for a usage or input error."""
    # A name that the terminal cannot show must not end a command that has done its work.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.name is None:
        parser.print_help()
        parser.error("name a command")
    try:
        status = options.command(options)
        sys.stdout.flush()
        return status
    except InputError as error:
        return _failed(options.name, str(error), 2)
    except Stopped as error:
        return _failed(options.name, f"{error}{RESUMES}", 1)
    except KeyboardInterrupt as error:
        number = signal.Signals(error.args[0] if error.args else signal.SIGINT)
        how = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        return _failed(options.name, how + (RESUMES if options.name in ("run", "sweep") else ""), 128 + number)
    except OSError as error:
        if error.filename is not None:
            return _failed(options.name, f"{error.filename}: {error.strerror}", 2)
        # Standard output is closed or full: it takes no more, and what was written elsewhere stays.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0 if isinstance(error, BrokenPipeError) else _failed(options.name, str(error.strerror), 2)


def interrupt_at_endings() -> None:
    """Raise KeyboardInterrupt(number) at each of the ENDINGS that is not ignored, as `nohup` has it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        below = frame
        while below is not None:
            if below.f_code.co_name == _UNPICKLES:
                signal.signal(signal.SIGALRM, lambda _, later: interrupt(number, later))
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                return
            below = below.f_back
        raise KeyboardInterrupt(number)

    for each in ENDINGS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, interrupt)


def _failed(command: str, message: str, status: int) -> int:
    print(f"simlib {command}: {' '.join(message.split())}", file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """Reports a usage error on one line, like every other error; its help may end in text made when it is asked for."""

    ending: Callable[[], str] | None = None

    def __init__(self, **given):
        super().__init__(**given)
        # No option begins with a digit, so `-30s` and `-1,512` are values; argparse knows only `-1` as one.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.ending()}\n" if self.ending else "")

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="simlib", description="Per-session state that leaks: simulate, replay, report.")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND")
    for command in (run, compare, simulate, replay, sweep, advise, convert):
        command.add(commands)
    examples = [f"  {each.epilog.partition(': ')[2]}" for each in commands.choices.values() if each.epilog]
    parser.ending = lambda: "\n".join(["examples:", *examples])
    return parser
