"""The bar of long loops: there for whoever watches a notebook, and for nobody else."""

import sys
from types import SimpleNamespace

import pytest

from simlib.core.progress import UNWATCHED, progress


@pytest.fixture
def kernel(monkeypatch):
    """As in a kernel."""
    application = SimpleNamespace(IPKernelApp=SimpleNamespace(initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", application)


def test_outside_of_kernels_there_is_none():
    items = [1, 2, 3]
    assert progress(items, "replications") is items


def test_in_a_kernel_there_is_one_unless_nobody_watches(kernel, monkeypatch):
    items, shown = [1, 2, 3], []
    monkeypatch.setattr("tqdm.notebook.display", shown.append)
    bar = progress(items, "replications")
    assert bar is not items
    assert list(bar) == items
    # What is done at once needs no bar.
    assert shown == []
    monkeypatch.setenv(UNWATCHED, "1")
    assert progress(items, "replications") is items
