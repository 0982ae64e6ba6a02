"""The JSON schema and the tables of fields say what `load_workload` does."""

import re

import jsonschema
import pytest
import yaml

from simlib.core.places import INCIDENTS, WORKLOAD_SCHEMA, WORKLOADS
from simlib.workloads.reference import GROUPS, json_schema
from simlib.workloads.schema import load_workload
from tests.goldens import FIELDS, described, schema_text
from tests.workloads.test_schema import BAD, GOOD, changed

EDITORS = jsonschema.Draft202012Validator(json_schema())
FILES = sorted([*WORKLOADS.glob("*.yaml"), *INCIDENTS.glob("*.yaml")])


def test_the_files_are_those_that_make_goldens_writes():
    assert WORKLOAD_SCHEMA.read_text(encoding="utf-8") == schema_text()
    page = FIELDS.read_text(encoding="utf-8")
    assert described(page) == page


def test_every_group_of_fields_has_its_table():
    groups = {field.__name__ for field in GROUPS.values()} | {"History"}
    assert groups == {"Workload", *json_schema()["$defs"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_editors_accept_every_preset_and_find_the_schema(path):
    text = path.read_text(encoding="utf-8")
    EDITORS.validate(yaml.safe_load(text))
    (schema,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, flags=re.MULTILINE)
    assert (path.parent / schema).samefile(WORKLOAD_SCHEMA)


def test_the_example_of_the_page_is_a_workload(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", FIELDS.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(example)
    assert load_workload(path).kinds["customer"].population.members == 20_000
    EDITORS.validate(yaml.safe_load(example))


BEYOND = {
    # What one field says of another, and what is no text of a schema, only the loader refuses.
    *("more in a day than 63 bits hold", "two shapes", "burst too long", "a population that is watched"),
    *("rate infinite", "name that is no name", "kind that is no name", "duration too long", "no duration"),
    *("law backwards", "gap of nothing", "history of no age", "a time before that is none"),
}


@pytest.mark.parametrize("name", sorted(BAD.keys() - BEYOND))
def test_editors_mark_what_the_loader_refuses(name):
    EDITORS.validate(yaml.safe_load(GOOD))
    assert not EDITORS.is_valid(changed(BAD[name][0]))
