import logging

from simlib.core.errors import InputError

# Nobody's matplotlibrc is used here (see `style.styled`), so its defects are not reported either.
_log = logging.getLogger("matplotlib")
_log.disabled = True
try:
    import matplotlib.font_manager  # noqa: F401
except UnicodeDecodeError:
    raise InputError("matplotlibrc: matplotlib ends at one that is not UTF-8 text: correct or remove yours") from None
finally:
    _log.disabled = False
