"""Executes one notebook with papermill in this process, which the runner starts for it and which dies with the runner.

Owns how a notebook's end is told: the outcome file says `done`, or which cell failed and how.
"""

import json
import os
import sys
import threading
from pathlib import Path

import nbformat

OUTCOME = "outcome.json"


def execute(source: Path, folder: Path, parameters: dict, cell_timeout: int) -> dict:
    """Run the notebook `source` into `folder`, where its executed copy stays whatever happens; return the outcome."""
    import papermill
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    class IpcKernelManager(AsyncKernelManager):
        """Kernels that talk over files: parallel ones would race for TCP ports, and TCP is plain text."""

        def __init__(self, **kwargs):
            super().__init__(transport="ipc", **kwargs)

    # papermill reads braces in a path as parameters, so the path is kept short and plain.
    os.chdir(folder)
    copy = source.name
    try:
        papermill.execute_notebook(
            nbformat.read(source, as_version=4),
            copy,
            parameters,
            cwd=str(source.parent),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=cell_timeout,
            kernel_manager_class=IpcKernelManager,
        )
    except PapermillExecutionError as error:
        return {"cell": _id_of(copy, error.cell_index), "error": f"{error.ename}: {error.evalue}".strip()}
    except CellTimeoutError:
        return {"cell": _unfinished(copy), "error": f"took longer than {cell_timeout} s and was stopped"}
    except DeadKernelError:
        return {"cell": _unfinished(copy), "error": "the kernel died (out of memory, or killed)"}
    return {"done": True}


def _id_of(copy: str, index: int) -> str:
    cell = nbformat.read(copy, as_version=4).cells[index]
    return cell.get("id", str(index))


def _unfinished(copy: str) -> str:
    """The id of the cell that was running when the execution ended."""
    for cell in nbformat.read(copy, as_version=4).cells:
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("status") not in ("completed",):
            return cell.get("id", "?")
    return "?"


def _die_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    # The runner keeps our standard input open while it lives.
    threading.Thread(target=_die_with_parent, daemon=True).start()
    job = json.loads(sys.argv[1])
    outcome = execute(Path(job["source"]), Path(job["folder"]), job["parameters"], job["cell_timeout"])
    Path(job["folder"], OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")
