"""The options of a command that say what an entry costs, and the limit that the maps must keep.

Refuses numbers below 1, and both the bytes of an entry and those of its value.
"""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from simlib.cli.arguments import memory, positive

if TYPE_CHECKING:
    from simlib.workloads.entry import Entry, Limit

PARAMETERS = {
    "entry_bytes": "entry_bytes",
    "value_bytes": "value_bytes",
    "memory_limit": "memory_limit_mib",
    "entry_limit": "entry_limit",
}
"""The parameter of the notebooks that each option stands for."""


def add_entry_options(parser: ArgumentParser) -> None:
    """Add the options to a parser; one that is not given is None."""
    group = parser.add_argument_group("what an entry costs, and the limit (default: the workload's own; of a log none)")
    given = group.add_mutually_exclusive_group()
    given.add_argument(
        "--entry-bytes",
        type=positive,
        metavar="N",
        help="memory that each entry takes, all included (default: modelled)",
    )
    given.add_argument(
        "--value-bytes", type=positive, metavar="N", help="of a value beside the counter; the rest is modelled"
    )
    group.add_argument("--memory-limit", type=memory, metavar="SIZE", help="that the maps may fill, such as 512MiB")
    group.add_argument("--entry-limit", type=positive, metavar="N", help="entries that the maps may hold")


def entry_parameters(options: Namespace) -> dict[str, float]:
    """Return what was given, by the name of the notebooks' parameter."""
    given = {name: getattr(options, option) for option, name in PARAMETERS.items()}
    return {name: value for name, value in given.items() if value is not None}


def given_entry_options(options: Namespace) -> list[str]:
    """Return the options that were given, as typed."""
    given = {option: getattr(options, option) for option in PARAMETERS if getattr(options, option) is not None}
    written = {option: f"{value:g}MiB" if option == "memory_limit" else f"{value}" for option, value in given.items()}
    return [part for option, value in written.items() for part in (f"--{option.replace('_', '-')}", value)]


def entry_and_limit(options: Namespace, entry: "Entry", limit: "Limit") -> tuple["Entry", "Limit"]:
    """Return an entry and a limit with what was given. Raises InputError for a number that is out of range."""
    from simlib.workloads.entry import check_entry, with_given

    given = entry_parameters(options)
    check_entry(**{name: value for name, value in given.items() if name != "memory_limit_mib"})
    return with_given(entry, limit, **given)
