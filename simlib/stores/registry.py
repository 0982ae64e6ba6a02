"""Finds the designs: each module of this package that names a `DESIGN` registers one.

Everybody who lists, names or makes stores asks here. Refuses a design that does not exist, in one line.
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from simlib import stores
from simlib.core.errors import InputError
from simlib.stores.contract import Design, Mode, RecencyRule, Settings, Store

_ROLES = ("leaked", "shipped", "candidate")


def discover() -> dict[str, Design]:
    """Import the modules of this package; return their designs by name: by role, then by name."""
    modules = [import_module(f"{stores.__name__}.{module.name}") for module in iter_modules(stores.__path__)]
    found: list[Design] = [module.DESIGN for module in modules if hasattr(module, "DESIGN")]
    return {each.name: each for each in sorted(found, key=lambda each: (_ROLES.index(each.role), each.name))}


DESIGNS = discover()

LEAKED, SHIPPED = INCIDENT = tuple(each.name for each in DESIGNS.values() if each.role != "candidate")
"""The map that leaked and the store that was shipped, by role: the two designs that the incident is about."""


def find_design(name: str) -> Design:
    """Return a design's registration. Raises InputError for an unknown design, naming those there are."""
    if name not in DESIGNS:
        raise InputError(f"unknown design {name!r}: choose one of {', '.join(DESIGNS)}")
    return DESIGNS[name]


def make_store(design: str, settings: Settings | None = None, future: Sequence[int] | None = None) -> Store:
    """Make a new, empty store of a design.

    `future` is for designs that need it: for each increment of the stream in order, the row of the session's next
    operation if that is an increment, else the number of rows. Raises InputError for an unknown design, and where
    the future is needed and not known.
    """
    found, settings = find_design(design), settings or Settings()
    if not found.needs_future:
        return found.factory(settings)
    if future is None:
        raise InputError(f"design {design!r} needs the future of the stream: record a trace and use `replay`")
    return found.factory(settings, future)


def decides_as_shipped(name: str) -> bool:
    """Whether a design shares the whole ledger of the shipped store. Raises InputError for an unknown design."""
    design, rules = find_design(name), [find_design(each).compiled for each in (name, SHIPPED)]
    decisions = [rule and rule(Settings(3, 5, 7)) for rule in rules]
    return decisions[0] == decisions[1] and not design.retires


def is_exact_lru(name: str) -> bool:
    """Whether a design keeps the most recently touched, within a TTL. Raises InputError for an unknown design."""
    compiled = find_design(name).compiled
    rule = compiled(Settings()) if compiled else None
    return isinstance(rule, RecencyRule) and rule.mode == Mode.LISTS
