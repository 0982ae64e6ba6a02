"""For all suites: Hypothesis with the same examples each time on machines of any speed, no cache, what is left out."""

import os
from pathlib import Path

from hypothesis import settings

from simlib.core import cache
from tests.browser.chromium import find_chromium

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

# A test that replaces a part of the code must leave no result behind: here nothing can be written.
cache.DIRECTORY = Path(os.devnull)


def pytest_terminal_summary(terminalreporter):
    """Say in one line that the browser tests are left out, where no browser is installed."""
    if find_chromium() is None:
        terminalreporter.write_line("Left out: the tests in a real browser, as no Chromium is installed.")
