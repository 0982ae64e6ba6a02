"""For all suites: Hypothesis with the same examples each time on machines of any speed, no cache, what is left out.

`make fuzz` takes new examples instead.
"""

import os
from pathlib import Path

from hypothesis import settings

from simlib.core import cache
from tests.browser.chromium import find_chromium

settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=2_000, print_blob=True)
settings.load_profile("suite")

# A test that replaces a part of the code must leave no result behind: here nothing can be written.
cache.DIRECTORY = Path(os.devnull)


def pytest_terminal_summary(terminalreporter):
    """Say in one line that the browser tests are left out, where no browser is installed."""
    if find_chromium() is None:
        terminalreporter.write_line("Left out: the tests in a real browser, as no Chromium is installed.")


def pytest_configure(config):
    # Hypothesis has read the option already, and the line above undid it.
    if chosen := config.getoption("--hypothesis-profile"):
        settings.load_profile(chosen)
