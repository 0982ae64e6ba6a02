"""Executes one notebook with papermill, in a process that the runner starts for it."""

import os
import sys
from pathlib import Path

from simlib.report.notebooks import read_notebook

ERRORS = "errors.txt"

PRELOAD = ["simlib.report.kernel", "jupyter_client.manager", "nbclient", "papermill", "ipykernel.kernelapp"]
"""Modules that every execution needs: they take seconds to import, so all processes share one import."""


def execute(source: Path, directory: Path, sockets: Path, parameters: dict, cell_timeout: int) -> dict[str, str]:
    """Run the notebook `source`, which leaves its executed copy in `directory` even when it fails.

    Returns the `cell` that failed and its `error`, nothing where none did. `cell_timeout` in seconds. `sockets` is an
    empty folder with a short path, as that of a socket may have only some hundred characters.
    """
    from simlib.report.kernel import Fork, ForkProvisioner

    # First of all: what papermill starts would not survive the fork.
    fork = Fork()
    import nbformat
    import papermill
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    class IpcKernelManager(AsyncKernelManager):
        """Connects to kernels by sockets in files: parallel kernels would race for TCP ports, and TCP is plain text."""

        # Not looked up: a kernel of the user's may have the same name.
        kernel_spec = KernelSpec(argv=[sys.executable], language="python", display_name="Python 3")

        def __init__(self, **kwargs):
            super().__init__(transport="ipc", connection_file=str(sockets / "kernel.json"), **kwargs)
            self.provisioner = ForkProvisioner(fork, parent=self, kernel_spec=self.kernel_spec)

    copy = directory.resolve() / source.name
    try:
        papermill.execute_notebook(
            nbformat.read(source, as_version=4),
            # papermill takes braces in a path for placeholders of parameters.
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
        return {"cell": _last_begun(copy), "error": "the kernel ended early (out of memory, killed, or crashed)"}
    return {}


def _last_begun(copy: Path) -> str:
    """The id of the cell that was running when the execution ended."""
    cells = read_notebook(copy)["cells"]
    begun = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
    if begun and "injected-parameters" in begun[-1]["metadata"]["tags"]:
        return "injected-parameters"
    return begun[-1]["id"] if begun else "none, the kernel did not start"


def run_notebook(source: Path, directory: Path, sockets: Path, parameters: dict, cell_timeout: int) -> dict[str, str]:
    """Execute a notebook in a process of its own, whose error output goes to a file in `directory`; see `execute`."""
    with open(directory / ERRORS, "wb") as errors, open(os.devnull, "wb") as nothing:
        os.dup2(errors.fileno(), sys.stderr.fileno())
        os.dup2(nothing.fileno(), sys.stdout.fileno())
    return execute(source, directory, sockets, parameters, cell_timeout)
