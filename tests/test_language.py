"""Readers meet the field's words, and sentences with one reading: what they stumbled over stays away."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = sorted(ROOT.glob("simlib/**/*.py"))
MODULES = [*PACKAGE, *sorted(ROOT.glob("tests/**/*.py"))]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
OTHERS = ("*.md", "docs/*.md", "Makefile", "data/workloads/*", "simlib/**/*.go", "simlib/report/templates/*")
FILES = [*MODULES, *NOTEBOOKS, *(path for pattern in OTHERS for path in sorted(ROOT.glob(pattern)))]

ANYWHERE = {
    r"hear|hears|heard|hearing|listen\w*|ears?": "apply, receive, record, report",
    r"tells?|told|telling": "say, report, show, distinguish",
    r"deeds?|acts|acted|(?:its|their|whose|by) turns?": "action, event",
    r"reckon\w*|work(?:s|ed|ing)?(?: it| them)? out": "compute, predict, estimate",
    r"deal|deals|dealt|dealing": "route, assign, distribute",
    r"so (?:many|much|long)": "the number, a duration",
    r"busy|busier": "utilisation",
    r"ghost\w*": "evicted session, awaiting return",
    r"cap (?:acts|binds|cuts)": "the cap is reached",
    r"tall(?:y|ies|ied|ying)": "totals",
    r"outlooks?": "time to limit",
}
"""Patterns for prose and names alike, each with what to say instead. A name is read as the words it is made of."""

NAMES = {
    r"cases?": "experiment",
    r"runs?": "replication",
    r"loads?": "traffic, scaling",
    r"folders?|collectors?": "directory, files, gc",
    r"settled|warm(?! up)": "after_warm_up",
    r"death\w*|die|dies|died": "out of memory, oom_at",
}
"""Patterns for names alone: modules, classes, variables, arguments; and functions, past a leading `run` or `load`."""


VERB = re.compile(r"^(?:_|test_)*(?:run|load)(?=_|$)")


def words(name: str) -> str:
    """The words of a name, snake_case or CamelCase, with spaces between them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")


def found(patterns: dict[str, str], text: str) -> list[str]:
    """The hits of patterns in a text; a space in a pattern also stands for the end of a line, in a comment too."""
    return [
        f"line {text.count(chr(10), 0, hit.start()) + 1}: {hit[0]!r}; say {better}"
        for pattern, better in patterns.items()
        for hit in re.finditer(rf"\b(?:{pattern})\b".replace(" ", r"\s+(?:#\s*)?"), text, flags=re.IGNORECASE)
    ]


def sources(path: Path) -> list[str]:
    """The text of a file, a notebook's cell by cell."""
    text = path.read_text(encoding="utf-8")
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]] if path.suffix == ".ipynb" else [text]


def code(path: Path) -> list[ast.Module]:
    """The code of a module, or of each of a notebook's cells."""
    if path.suffix == ".py":
        return [ast.parse(path.read_text(encoding="utf-8"))]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def named(tree: ast.Module) -> Iterator[str]:
    """The names that code gives. A test's is a sentence, and passed over."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("test_"):
                yield VERB.sub("", node.name)
        elif isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def docstrings(tree: ast.Module) -> Iterator[str]:
    """The docstrings of a module: its own, those of functions and classes, and those that follow a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


each_of = {"argnames": "path", "ids": lambda path: str(path.relative_to(ROOT))}


@pytest.mark.parametrize(argvalues=[path for path in FILES if path != Path(__file__)], **each_of)
def test_prose_and_names_use_the_words_of_the_field(path):
    hits = [hit for source in sources(path) for hit in found(ANYWHERE, words(source))]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize(argvalues=[*PACKAGE, *NOTEBOOKS], **each_of)
def test_names_are_those_of_the_field(path):
    names = {name for tree in code(path) for name in named(tree)}
    if path.parent.name != "cli":  # There a module is named by its command.
        names.add(VERB.sub("", path.stem))
    hits = [f"{name}: {hit}" for name in sorted(names) for hit in found(NAMES, words(name))]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize(argvalues=MODULES, **each_of)
def test_docstrings_name_the_thing_and_leave_the_way_to_the_import_order(path):
    (tree,) = code(path)
    odd = re.compile(r"\AWhat\b[^?]*\Z|\b(?:Next:|Owns\b)")
    hits = [text.partition("\n")[0] for text in docstrings(tree) if odd.search(text)]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("what so\n    # many heard", ["line 2: 'heard'", "line 1: 'so\\n    # many'"]),
        ("BusyHour, busy_share, business", ["line 1: 'Busy'", "line 1: 'busy'"]),
        ("exact, turn, earlier, totals, solong", []),
    ],
)
def test_a_word_is_found_in_names_and_across_lines_and_no_other_word_is(text, hits):
    assert [hit.partition(";")[0] for hit in found(ANYWHERE, words(text))] == hits
