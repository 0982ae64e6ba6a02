"""Executes one notebook with papermill in this process, which the runner starts for it and which dies with the runner.

Owns how a notebook's end is told: the outcome file says `done`, or which cell failed and how.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import nbformat

OUTCOME = "outcome.json"
ERRORS = "errors.txt"

PRELOAD = ["nbformat", "jupyter_client.manager", "nbclient", "papermill"]
"""What each execution needs and takes a second to import: once for all of them, in the process they are forked from."""


def execute(source: Path, folder: Path, parameters: dict, cell_timeout: int) -> dict:
    """Run the notebook `source` into `folder`, where its executed copy stays whatever happens; return the outcome."""
    import papermill
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    # A socket's path may have some hundred characters, so it does not lie in the folder.
    sockets = tempfile.TemporaryDirectory(prefix="simlib.")

    class IpcKernelManager(AsyncKernelManager):
        """Kernels that talk over files: parallel ones would race for TCP ports, and TCP is plain text."""

        def __init__(self, **kwargs):
            super().__init__(transport="ipc", connection_file=str(Path(sockets.name, "kernel.json")), **kwargs)

    copy = folder.resolve() / source.name
    try:
        papermill.execute_notebook(
            nbformat.read(source, as_version=4),
            # papermill reads braces in a path as places for parameters.
            str(copy).replace("{", "{{").replace("}", "}}"),
            parameters,
            cwd=str(source.parent),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=cell_timeout,
            kernel_manager_class=IpcKernelManager,
            shutdown_kernel="immediate",
        )
    except PapermillExecutionError as error:
        return {"cell": _last_begun(copy), "error": f"{error.ename}: {error.evalue}".strip()}
    except CellTimeoutError:
        return {"cell": _last_begun(copy), "error": f"took longer than {cell_timeout} s and was stopped"}
    except DeadKernelError:
        return {"cell": _last_begun(copy), "error": "the kernel died (out of memory, killed, or crashed)"}
    finally:
        sockets.cleanup()
    return {"done": True}


def _last_begun(copy: Path) -> str:
    """The id of the cell that was running when the execution ended."""
    cells = nbformat.read(copy, as_version=4).cells
    begun = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]
    return begun[-1] if begun else "none, the kernel did not start"


def run_job(source: Path, folder: Path, parameters: dict, cell_timeout: int) -> None:
    """Execute in a process made for it by `multiprocessing`, which dies with the one that started it.

    The outcome is left in the folder, and so is what went wrong outside the notebook.
    """
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # An interrupt from the terminal reaches the whole group: what it means is for the parent to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(folder / ERRORS, "wb") as errors, open(os.devnull, "wb") as nothing:
        os.dup2(errors.fileno(), sys.stderr.fileno())
        os.dup2(nothing.fileno(), sys.stdout.fileno())
    outcome = execute(source, folder, parameters, cell_timeout)
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
