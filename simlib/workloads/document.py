"""Reads a YAML file into text, lists and mappings, and nothing else; explains in plain words what a schema refuses.

Refuses aliases, merge keys and tags, a field given twice, and what is larger or deeper than any workload.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from simlib.core.errors import InputError, quoted
from simlib.core.numbers import format_number

MOST_BYTES = 256 * 1024
MOST_VALUES = 10_000
DEEPEST = 12
"""A workload of a hundred kinds takes some 60 kB and 3000 values; the schema itself is 6 levels deep."""

MOST_LISTED = 20
"""Errors of one file that are listed; the rest are counted."""

_EMPTY = ("", "~", "null", "Null", "NULL")
"""A plain YAML scalar that stands for no value."""


def read_fields(path: Path) -> dict[str, Any]:
    """Read a file as a mapping of fields, in which every value is text, None, a list or another mapping.

    Raises InputError, naming the file and the line. Time and memory are bounded by MOST_BYTES and MOST_VALUES.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES // 1024} KiB: a workload is a page or two of text")
        fields = _Builder(path).build(content.decode("utf-8-sig"))
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        where = f"line {place.line + 1}, column {place.column + 1}: " if place else ""
        raise InputError(f"{path}: not YAML: {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML passes on the errors that Python raises for an escape or a directive that stands for no character.
        raise InputError(f"{path}: not YAML: {quoted(' '.join(str(error).split()))}") from None
    if not isinstance(fields, dict):
        raise InputError(f"{path}: a workload is a mapping of fields, such as 'title: ...'")
    return fields


class _Builder:
    """Builds the document from the parser's events, without recursion, so that no depth exhausts the stack."""

    def __init__(self, path: Path):
        self._path = path

    def build(self, text: str) -> Any:
        """Return the one document of a YAML text."""
        # What is open: a list, or a mapping with the key that awaits its value.
        stack: list[tuple[Any, list[str]]] = []
        root: list[Any] = []
        for values, event in enumerate(yaml.parse(text, yaml.BaseLoader)):
            if isinstance(event, yaml.DocumentStartEvent | yaml.StreamStartEvent | yaml.StreamEndEvent):
                continue
            if isinstance(event, yaml.DocumentEndEvent):
                if len(root) > 1:
                    self._refuse(event, "a second document: a file holds one workload")
                continue
            if values > MOST_VALUES:
                self._refuse(event, f"more than {MOST_VALUES} values: no workload needs as many")
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                stack.pop()
                continue
            self._check(event)
            value = self._value(event)
            if not stack:
                root.append(value)
            else:
                self._put(event, stack[-1], value)
            if isinstance(value, list | dict):
                if len(stack) == DEEPEST:
                    self._refuse(event, f"more than {DEEPEST} levels deep: no workload is")
                stack.append((value, []))
        return root[0] if root else None

    def _check(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"the alias *{event.anchor}: write the value itself")
        if event.tag is not None and event.tag != "!":
            self._refuse(
                event, f"the tag {quoted(event.tag.replace('tag:yaml.org,2002:', '!!'))}: write the plain value"
            )

    def _value(self, event: Any) -> Any:
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if any("\ud800" <= letter <= "\udfff" for letter in event.value):
            self._refuse(event, f"{quoted(event.value)} is not Unicode text")
        return None if event.implicit[0] and event.value in _EMPTY else event.value

    def _put(self, event: Any, into: tuple[Any, list[str]], value: Any) -> None:
        """Put a value into a list, or into a mapping as a key or as the value of the key before it."""
        place, waiting = into
        if isinstance(place, list):
            place.append(value)
        elif waiting:
            place[waiting.pop()] = value
        elif not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "the name of a field is text")
        elif event.value == "<<":
            self._refuse(event, "the merge key <<: write the fields themselves")
        elif event.value in place:
            self._refuse(event, f"{quoted(event.value)} is given twice")
        else:
            # An unquoted `null` is a name here.
            waiting.append(event.value)

    def _refuse(self, event: Any, what: str) -> NoReturn:
        raise InputError(f"{self._path}: line {event.start_mark.line + 1}: {what}")


def explained(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line all that a schema refuses: the field, what is wrong, and what would be right."""
    lines = [_explained(each, model) for each in error.errors()]
    if len(lines) == 1:
        return lines[0]
    listed = "; ".join(f"({number}) {line}" for number, line in enumerate(lines[:MOST_LISTED], 1))
    more = f"; and {len(lines) - MOST_LISTED} more" if len(lines) > MOST_LISTED else ""
    return f"{len(lines)} errors: {listed}{more}"


_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}

_WANTED = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of names to fields",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}


def _explained(error: Any, model: type[BaseModel]) -> str:
    """Explain one error of a validation as 'field: what is wrong: what would be right'."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    place = [str(part) for part in error["loc"] if part != "[key]"]
    field = ".".join(part if re.fullmatch(r"\w[\w -]{0,79}", part) else quoted(part) for part in place)
    where = f"{field}: " if field else ""
    if kind == "missing":
        return f"{where}this field is missing{_example(model, place)}"
    if kind == "extra_forbidden":
        names = list(_fields(model, place[:-1]))
        close = difflib.get_close_matches(place[-1][:80], names, 1)
        known = f"did you mean {close[0]!r}?" if close else f"the fields here are {', '.join(names)}"
        return f"{where}unknown field: {known}"
    if kind == "value_error":
        return f"{where}{context['error']}"
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        return f"{where}must be {words} {format_number(context[limit])}, not {quoted(given)}"
    if kind in ("too_short", "too_long"):
        least = context.get("min_length", context.get("max_length"))
        return f"{where}must hold {'at least ' if kind == 'too_short' and least == 1 else ''}{least} values"
    if kind == "string_too_short":
        return f"{where}must not be empty"
    wanted = _WANTED.get(kind, error["msg"])
    return f"{where}must be {wanted}, not {'empty' if given is None else quoted(_plain(given))}{_example(model, place)}"


def _plain(given: Any) -> str:
    return {dict: "a mapping", list: "a list"}.get(type(given), str(given))


def _example(model: type[BaseModel], place: list[str]) -> str:
    """Return ': write it as in ...' where the schema gives an example of a field."""
    field = _fields(model, place[:-1]).get(place[-1]) if place else None
    return f": such as '{place[-1]}: {field.examples[0]}'" if field is not None and field.examples else ""


def _fields(model: type[BaseModel], place: list[str]) -> dict[str, Any]:
    """Return the fields of the model that stands at a place of another, by name; none where there is none."""
    annotation: Any = model
    for part in place:
        annotation = next(_within(annotation, part), None)
    return next((dict(each.model_fields) for each in _types(annotation) if hasattr(each, "model_fields")), {})


def _within(annotation: Any, part: str) -> Iterator[Any]:
    """Yield the types of a model's field, or of the values of a mapping."""
    for each in _types(annotation):
        if part in getattr(each, "model_fields", {}):
            yield each.model_fields[part].annotation
        elif get_origin(each) is dict:
            yield get_args(each)[1]


def _types(annotation: Any) -> Iterator[Any]:
    """Yield an annotation, or the alternatives of a union."""
    if get_origin(annotation) in (UnionType, Union, Annotated):
        for each in get_args(annotation):
            yield from _types(each)
    else:
        yield annotation
