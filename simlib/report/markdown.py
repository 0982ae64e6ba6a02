"""Writes text for Markdown (CommonMark and GitHub's tables): it reads as it is, with a backslash only where needed."""

import re

from simlib.core.errors import escaped

_MEANS = re.compile(
    r"""(?P<tag><)(?=[A-Za-z/!?])                      # begins a tag; a lone "<" does not
    | (?P<entity>&)(?=\#?\w+;)                         # begins an entity
    | (?P<slash>\\)(?=[!-/:-@\[-`{-~]|$)               # escapes what follows
    | (?P<always>[`~$])                                # code, struck out, mathematics
    | (?P<bracket>\[)(?=\^|[ xX]\]|.*\][\[(:])         # begins a link, a note or a task
    | (?P<star>\*)(?<!(?<=\s).(?=\s))                  # emphasis, unless between spaces
    | (?P<line>_)(?<!(?<=[^\W_]).(?=[^\W_]))(?<!(?<=\s).(?=\s))  # emphasis at the end of a word, not within it
    | (?P<link>:)(?=//) | (?<=\bwww)(?P<dot>\.)        # an address would become a link
    | ^(?P<block>>|[+-](?=\s|-|$)|\#{1,6}(?=\s|$)|=)  # begins a list, a heading, a quotation
    | ^(?P<number>\d{1,9})(?P<mark>[.)])(?=\s|$)       # begins a numbered list
    """,
    re.VERBOSE,
)


def as_markdown(text: str) -> str:
    """Write a text on one line, so that Markdown shows it as it is.

    >>> print(as_markdown("stale_only (80 lines) holds 2 * 3 < 7 entries"))
    stale_only (80 lines) holds 2 * 3 < 7 entries
    >>> print(as_markdown("<b>_x_ [a](b)"))
    &lt;b>\\_x\\_ \\[a](b)
    """
    return _MEANS.sub(_escaped, escaped(" ".join(str(text).split())))


def _escaped(match: re.Match) -> str:
    if match["tag"]:
        return "&lt;"
    if match["entity"]:
        return "&amp;"
    if match["number"]:
        return f"{match['number']}\\{match['mark']}"
    return f"\\{match[0]}"


def as_cell(text: str) -> str:
    """Write a text for a cell of a table, as `as_markdown` does.

    >>> print(as_cell("a|b"))
    a\\|b
    """
    return as_markdown(text).replace("|", r"\|")
