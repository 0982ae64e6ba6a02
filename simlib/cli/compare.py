"""Command `compare`: sets two packs or cases side by side, before and after, as text, as JSON and as a page."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simlib.cli.run_text import WIDTH, row
from simlib.core.errors import escaped

if TYPE_CHECKING:
    from simlib.report.compare import Comparison, Pair

MOST_ROWS = 12
"""Numbers of a notebook that the terminal shows; the page and `--json` have all."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "compare",
        help="set two packs, or two cases, side by side",
        epilog="example: python -m simlib compare build/incident build/incident.max_entries=4096",
    )
    parser.set_defaults(command=_compare)
    parser.add_argument("a", metavar="A", help="before: a folder that run wrote, or a case or a notebook in it")
    parser.add_argument("b", metavar="B", help="after: another such folder")
    parser.add_argument(
        "--out", default="build/compare.html", metavar="FILE", help="where the page goes (default: build/compare.html)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list, an object for each pair of cases")


def _compare(options: argparse.Namespace) -> int:
    from simlib.report.compare import compare
    from simlib.report.pages import write_comparison

    comparisons = compare(options.a, options.b)
    write_comparison(comparisons, Path(options.out))
    if options.json:
        print(json.dumps([each.result() for each in comparisons], indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for comparison in comparisons:
            print("\n".join(_lines(comparison)), end="\n\n")
        print(options.out)
    return 0


def _lines(comparison: "Comparison") -> Iterator[str]:
    """The comparison of two cases for a terminal, the verdicts first."""
    for letter, side in (("A", comparison.a), ("B", comparison.b)):
        yield f"{letter}  {side.label}"
        yield from textwrap.wrap(escaped(side.findings.verdict), WIDTH, initial_indent="   ", subsequent_indent="   ")
    yield ""
    if comparison.settings:
        yield from _table("Settings that differ", comparison.settings)
    else:
        yield "Settings: the same"
    yield f"Operations: {'the same' if comparison.same_streams else 'not the same, so not only the settings differ'}"
    if comparison.tiles:
        from simlib.report.pages import TILE_NAMES

        yield ""
        for name, mine, other in comparison.tiles:
            for label, tile in ((f"{TILE_NAMES[name]:<15} A", mine), (f"{'':<15} B", other)):
                yield row(label, 17, f"{tile['value']} ({tile['note']})")
    if comparison.overview:
        yield ""
        yield from _table("In the overview", comparison.overview)
    yield ""
    yield f"Numbers of the claims that differ: {len(comparison.differing)} of {len(comparison.numbers)}"
    for notebook in dict.fromkeys(number.notebook for number in comparison.differing):
        pairs = [number.pair for number in comparison.differing if number.notebook == notebook]
        yield from _table(f"  {notebook}", pairs[:MOST_ROWS])
        if len(pairs) > MOST_ROWS:
            yield f"    and {len(pairs) - MOST_ROWS} more"
    for label, notebook in comparison.alone:
        yield f"Only in {label}: {notebook}"


def _table(heading: str, pairs: "list[Pair]") -> Iterator[str]:
    """Rows of name, A, B and difference, in columns."""
    rows = [(heading, "A", "B", ""), *((f"    {pair.name}", pair.a, pair.b, pair.difference) for pair in pairs)]
    first = min(max(len(row[0]) for row in rows), 44)
    widths = [min(max(len(row[column]) for row in rows), 20) for column in (1, 2)]
    for name, a, b, difference in rows:
        cells = f"{name:<{first}}  {a:>{widths[0]}}  {b:>{widths[1]}}  {difference}"
        yield cells.rstrip()
