"""Expected failures, reported in one line; anything else that is raised is a defect."""

import unicodedata

MOST_QUOTED = 200
"""Characters of somebody's input that a message quotes at most."""


def escaped(text: str) -> str:
    """Write control, bidirectional and other invisible characters of a text as escapes, so that it shows what it is.

    >>> print(escaped("a" + chr(27) + "]0;owned" + chr(0x202E)))
    a\\x1b]0;owned\\u202e
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    # Other, C*: controls, formats (all bidirectional ones), surrogates, unassigned. Z*: separators, but for the space.
    if letter == " " or unicodedata.category(letter)[0] not in "CZ":
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(value: object, most: int = MOST_QUOTED) -> str:
    """Quote somebody's input for a message: escaped, in quotation marks, and at most `most` characters of it.

    >>> quoted("30 parsecs"), quoted("0123456789", 8)
    ("'30 parsecs'", "'01234...'")
    """
    text = escaped(str(value)[: most + 1])
    return f"'{text}'" if len(text) <= most else f"'{text[: most - 3]}...'"


class InputError(ValueError):
    """Report input that the user has to correct; the text says what is wrong, where, and what would be right.

    The text is escaped, whatever of the input it quotes. The commands print it on one line and exit with status 2.
    """

    def __init__(self, message: str):
        super().__init__(escaped(message))


class Stopped(Exception):
    """Report work that could not go on although its input was good; the text says what and why.

    The results finished before it are kept. The commands print it on one line and exit with status 1.
    """
