"""The bar of long loops: there for whoever watches a notebook, and for nobody else."""

import sys
from types import SimpleNamespace

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from simlib.core.progress import is_watched, progress


@pytest.fixture
def kernel(monkeypatch):
    """As in a kernel; a watched one allows cells to ask for input."""
    kernel = SimpleNamespace(_allow_stdin=True)
    application = SimpleNamespace(initialized=lambda: True, instance=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", SimpleNamespace(IPKernelApp=application))
    return kernel


def test_outside_of_kernels_there_is_none():
    items = [1, 2, 3]
    assert not is_watched()
    assert progress(items, "replications") is items


def test_in_a_kernel_there_is_one_unless_nobody_watches(kernel, monkeypatch):
    items, shown = [1, 2, 3], []
    monkeypatch.setattr("tqdm.notebook.display", shown.append)
    bar = progress(items, "replications")
    assert bar is not items
    assert list(bar) == items
    # What is done at once needs no bar.
    assert shown == []
    kernel._allow_stdin = False
    assert progress(items, "replications") is items


def test_who_only_executes_a_notebook_does_not_watch_it():
    """nbconvert does as this does; papermill too."""
    notebook = new_notebook(cells=[new_code_cell("from simlib.core.progress import is_watched\nis_watched()")])
    executed = NotebookClient(notebook, kernel_name="python3").execute()
    assert executed.cells[0].outputs[0].data["text/plain"] == "False"
