"""Reads the notebooks as files: their names, the parameters that they declare, and their form in git, without outputs.

`python -m simlib.report.notebooks FILE…` strips outputs in place. Refuses parameters that a notebook does not declare.
"""

import ast
import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from simlib.core.errors import InputError, quoted
from simlib.core.files import whole_file
from simlib.core.places import NOTEBOOKS

EXPLORE = "explore"
"""The notebook in which a person moves things; the runner executes it too, for the explorer of the page."""

GIVEN_BY_OPTION = ("memory", "out", "trace", "traces", "workload", "workloads")
"""Parameters that `run` sets from options of its own."""


def notebook_names() -> list[str]:
    """List the notebooks that the runner executes: those whose name begins with a number, then EXPLORE."""
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    return [name for name in names if name[0].isdigit() or name == EXPLORE]


def notebook_path(name: str) -> Path:
    """Find the file of a notebook. Raises InputError for an unknown name, with a list of the known ones."""
    if name not in notebook_names():
        raise InputError(f"no notebook {name!r}: choose one of {', '.join(notebook_names())}")
    return NOTEBOOKS / f"{name}.ipynb"


@functools.cache
def notebook_question(name: str) -> str:
    """Read the question that a notebook asks, its title, or its name where the notebook does not exist."""
    if name not in notebook_names():
        return name
    return read_notebook(notebook_path(name))["cells"][0]["source"].partition("\n")[0].lstrip("# ")


def read_notebook(path: Path) -> dict:
    """Read a notebook of version 4, the source of each cell as one text: nbformat would take a second to import."""
    notebook: dict = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def parameters_cell(notebook: dict) -> dict:
    """Find the one cell tagged `parameters`. Raises ValueError unless there is exactly one."""
    (cell,) = (cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ()))
    return cell


def declared_parameters(path: Path) -> dict[str, tuple[type, object]]:
    """Read the parameters that a notebook declares as annotated literals: name to (type, default)."""
    cell = parameters_cell(read_notebook(path))
    return {
        node.target.id: (_TYPES[node.annotation.id], ast.literal_eval(node.value))
        for node in ast.parse(cell["source"]).body
    }


def imported_modules(path: Path) -> list[str]:
    """List the modules that the cells of a notebook import."""
    cells = (cell["source"] for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code")
    nodes = [node for source in cells for node in ast.parse(source).body]
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return named + [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


def compares(name: str) -> bool:
    """Whether a notebook takes several workloads and logs at once."""
    return "workloads" in declared_parameters(notebook_path(name))


def default_parameters(name: str) -> dict[str, object]:
    """Return the default of every parameter of a notebook but its folder."""
    declared = declared_parameters(notebook_path(name))
    return {parameter: default for parameter, (_, default) in declared.items() if parameter != "out"}


_TYPES = {"str": str, "int": int, "float": float}


def read_parameters(declared: Mapping[str, Mapping[str, tuple[type, object]]], given: Mapping[str, str]) -> dict:
    """Convert parameters given as text to the types that the notebooks declare: notebook to name to (type, default).

    Raises InputError for a value of another type, and for a name that none declares: papermill would only warn of it.
    """
    types = {name: kind for each in declared.values() for name, (kind, _) in each.items()}
    values = {}
    for name, text in given.items():
        if name not in types:
            known = ", ".join(each for each in types if each not in GIVEN_BY_OPTION)
            which = f"notebook {next(iter(declared))} declares" if len(declared) == 1 else "the suite declares"
            raise InputError(f"{which} no parameter {quoted(name)}: there are {known}")
        try:
            values[name] = types[name](text)
        except ValueError:
            kind = "a whole number" if types[name] is int else "a number"
            raise InputError(f"parameter {name}: {quoted(text, 60)} is not {kind}") from None
    return values


def strip(path: Path) -> None:
    """Remove outputs, execution counts and what an execution left in the metadata, in place."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    with whole_file(path) as file:
        nbformat.write(notebook, file)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        strip(Path(argument))
