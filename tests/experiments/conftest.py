"""Shared fixtures of the sweep's tests."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def in_threads(monkeypatch):
    """Let the command work in threads of this process, which start at once."""
    monkeypatch.setattr("simlib.experiments.executors.local_processes", ThreadPoolExecutor)
