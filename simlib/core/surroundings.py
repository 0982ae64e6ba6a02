"""Keeps from this process and those it starts what users set for other programs: results do not depend on it."""

import os
import re
import sys

_OTHERS = re.compile(
    r"PYTHON(WARNINGS|OPTIMIZE|STARTUP|DEVMODE|COERCECLOCALE)"
    r"|MPLBACKEND|MATPLOTLIBRC|IPYTHONDIR|JUPYTER_\w+|LANG(UAGE)?|LC_\w+"
)
"""Variables that say how Python warns and starts, how figures look, which kernels there are and how text is encoded."""

_FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}


def leave() -> None:
    """Give this process the same environment for everybody; start it again where Python has read another already."""
    for name in list(filter(_OTHERS.fullmatch, os.environ)):
        del os.environ[name]
    os.environ.update(_FIXED)
    # `python -O` removes assertions, which check each run; with `-W error` the warnings of others end it.
    if not __debug__ or sys.warnoptions:
        os.execv(sys.executable, [sys.executable, "-m", "simlib", *sys.argv[1:]])
