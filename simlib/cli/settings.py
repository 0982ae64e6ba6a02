"""Reads the settings of the stores from the options of a command, and says which of them a design does not use."""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields

from simlib.stores.contract import Settings
from simlib.stores.registry import find_design

OPTIONS = {field.name: f"--{field.name.replace('_', '-')}" for field in fields(Settings)}
"""The option of each setting."""


def add_settings(parser: argparse.ArgumentParser, number: Callable, time: Callable, several: str = "") -> None:
    """Add the options of the settings to a parser; one that is not given is None.

    `number` and `time` read a value, and `several` ends the name of a value that may be a list. Only a single store has
    an option for its sweeps.
    """
    parser.add_argument(
        OPTIONS["max_entries"], type=number, metavar=f"N{several}", help="0 or less: no cap (default: 2048)"
    )
    parser.add_argument(
        OPTIONS["ttl"],
        type=time,
        metavar=f"TIME{several}",
        help="idle time with its unit, such as 30s or 30m; 0 or less: none (default: 30m)",
    )
    parser.add_argument(OPTIONS["prune_every"], type=number, metavar=f"N{several}", help="increments (default: 256)")
    if not several:
        parser.add_argument(
            OPTIONS["sweep"],
            type=time,
            metavar="TIME",
            help="from one sweep for idle entries to the next, where a design sweeps on the clock (default: 1m)",
        )


def given_settings(options: argparse.Namespace) -> dict:
    """Return the settings that were given, by name."""
    return {name: value for name in OPTIONS if (value := getattr(options, name, None)) is not None}


def report_unused(command: str, designs: Iterable[str], given: Iterable[str]) -> None:
    """Say on standard error, in a line for each design, which of the given settings it does not use."""
    for design in dict.fromkeys(designs):
        unused = [
            option for name, option in OPTIONS.items() if name in given and name not in find_design(design).settings
        ]
        if unused:
            ignored = "it is" if len(unused) == 1 else "they are"
            said = f"simlib {command}: design {design!r} does not use {', '.join(unused)}: {ignored} ignored"
            print(said, file=sys.stderr)
