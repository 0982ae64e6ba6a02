"""The form of the notebooks: what makes them readable, comparable and fit for git."""

import ast

import nbformat
import pytest

from simlib.core.errors import InputError
from simlib.core.places import NOTEBOOKS
from simlib.report.notebooks import (
    compares,
    declared_parameters,
    default_parameters,
    notebook_names,
    parameters_cell,
    read_parameters,
    strip,
)

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
NUMBERED = [NOTEBOOKS / f"{name}.ipynb" for name in notebook_names()]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_is_valid_and_stripped_as_the_command_strips(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    strip(copy)
    assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_has_cell_ids_that_name_the_cell(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    # A random id is eight hexadecimal digits; ours say what the cell is for.
    assert all("-" in name and len(name) > 8 for name in ids)


def test_asks_its_question_in_the_first_line_and_has_one_title(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert first.source.splitlines()[0].endswith("?")
    titles = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert sum(line.startswith("# ") for line in titles) == 1


def test_is_short_and_holds_no_logic(notebook):
    logic = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.Try, ast.ListComp, ast.DictComp)
    assert len(code(notebook)) <= 14
    for cell in code(notebook):
        # Parameters are a list of one line each, not something to understand as a whole; 04 has five targets more,
        # and `explore` the state to begin with.
        assert len(cell.source.splitlines()) <= (21 if "parameters" in cell.id else 12), cell.id
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, logic)], cell.id


def test_puts_its_claims_on_record(notebook):
    claims = 0
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            claims += isinstance(node, ast.Attribute) and node.attr in ("claim", "claims_of")
            # An assert statement is gone under `python -O`; a claim raises by itself.
            assert not isinstance(node, ast.Assert), cell.id
    assert claims


def test_parameters_are_annotated_literals_with_their_unit(notebook):
    cell = parameters_cell(notebook)
    for node, line in zip(ast.parse(cell.source).body, cell.source.splitlines(), strict=True):
        assert isinstance(node, ast.AnnAssign)
        ast.literal_eval(node.value)
        assert len(line.partition("#")[2].split()) >= 3, line


def test_parameters_are_the_same_in_all_notebooks():
    declared = [declared_parameters(path) for path in NUMBERED]
    for name, parameters in zip(notebook_names(), declared, strict=True):
        assert parameters.pop("out") == (str, f"../build/lab/{name}")
    shared = set.intersection(*(set(parameters) for parameters in declared))
    assert {"seed", "replications", "hours", "max_entries", "ttl", "prune_every"} <= shared
    for name, parameters in zip(notebook_names(), declared, strict=True):
        assert ({"workloads", "traces"} if compares(name) else {"workload", "trace"}) <= set(parameters)
        assert {name: parameters[name] for name in shared} == {name: declared[0][name] for name in shared}


def test_a_parameter_takes_the_type_that_is_declared_and_one_that_nobody_declares_is_refused():
    declared = {"1_a": {"seed": (int, 1), "ttl": (str, "30m"), "out": (str, "")}, "2_b": {"hours": (float, 0)}}
    given = {"seed": "3", "hours": "2", "ttl": "30"}
    assert read_parameters(declared, given) == {"seed": 3, "hours": 2.0, "ttl": "30"}
    with pytest.raises(InputError, match=r"the suite declares no parameter 'sede': there are seed, ttl, hours"):
        read_parameters(declared, {"seed": "3", "sede": "3"})
    with pytest.raises(InputError, match=r"notebook 2_b declares no parameter 'seed': there are hours"):
        read_parameters({"2_b": declared["2_b"]}, {"seed": "3"})


def test_the_defaults_are_those_of_every_parameter_but_the_folder():
    defaults = default_parameters("07_scale")
    assert "out" not in defaults
    assert (defaults["seed"], defaults["instances"], defaults["entry_bytes"]) == (1, 1000, 0)
    assert len(defaults) == len(declared_parameters(NOTEBOOKS / "07_scale.ipynb")) - 1
