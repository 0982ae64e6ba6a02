"""The ways a command can end without its work done that are no defect, each told in one line."""


class InputError(Exception):
    """Input that cannot be used, the user's to mend; its text says what, where, and what would be right.

    The commands print it on one line and exit with status 2.
    """


class Stopped(Exception):
    """Work that could not go on although its input was good; its text says what and why. What is finished is kept.

    The commands print it on one line and exit with status 1.
    """
