"""For all suites: Hypothesis with the same examples each time on machines of any speed, and no cache."""

import os
from pathlib import Path

from hypothesis import settings

from simlib.core import cache

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

# A test that replaces a part of the code must leave no result behind: here nothing can be written.
cache.DIRECTORY = Path(os.devnull)
