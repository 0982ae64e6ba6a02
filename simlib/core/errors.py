"""Expected failures, reported in one line; anything else that is raised is a defect."""


class InputError(ValueError):
    """Report input that the user has to correct; the text says what is wrong, where, and what would be right.

    The commands print it on one line and exit with status 2.
    """


class Stopped(Exception):
    """Report work that could not go on although its input was good; the text says what and why.

    The results finished before it are kept. The commands print it on one line and exit with status 1.
    """
