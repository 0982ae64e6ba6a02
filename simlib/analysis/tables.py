"""Tables of settings and their figures as text for people."""

from collections.abc import Callable
from functools import partial

import pandas as pd

from simlib.core.numbers import format_count, format_duration, format_memory, format_number, format_percent
from simlib.core.units import SECOND

FORMATS: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(("lost", "false", "lost_count_share", "false_eviction_share"), format_percent),
    **dict.fromkeys(("max_entries", "peak_entries"), format_count),
    **dict.fromkeys(("headroom", "most"), format_number),
    **dict.fromkeys(("mean_ns", "worst_ns"), format_duration),
    "heap_mib": format_memory,
    "ttl_seconds": lambda seconds: format_duration(seconds * SECOND),
}
"""How the columns of the tables are written for people."""

NONE_AT_0 = ("max_entries", "ttl_seconds", "headroom")
"""Columns in which 0 stands for none."""


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as text for people, a word where there is no number."""

    def written(name: str, value: object) -> object:
        if not isinstance(value, int | float):
            return "none" if value is None else value
        return "none" if value == 0 and name in NONE_AT_0 else FORMATS[name](value)

    return table.apply(lambda column: column.map(partial(written, column.name)) if column.name in FORMATS else column)
