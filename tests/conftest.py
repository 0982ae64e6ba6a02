"""Hypothesis for all suites: the same examples each time, on machines of any speed."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
