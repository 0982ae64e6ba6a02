"""The one error that is the user's to mend: bad input, told in one line."""


class InputError(Exception):
    """Input that cannot be used; its text says what, where, and what would be right.

    The commands print it on one line and exit with status 2.
    """
