"""A real browser: the system's Chromium, driven by Playwright, whose own download is not used."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.chromium import find_chromium


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        # The sandbox needs rights that a container's root has not.
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()
