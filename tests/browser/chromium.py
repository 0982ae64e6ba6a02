"""Finds the system's Chromium."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Commands under which distributions have it."""


def find_chromium() -> str | None:
    """Return the path of the first that is installed; None without any."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
