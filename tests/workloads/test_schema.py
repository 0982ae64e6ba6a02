"""Workload files: the presets explain themselves, and a file that does not fit is refused by field."""

import re

import pytest
import yaml
from pydantic import ValidationError

from simlib.core.distributions import Distribution
from simlib.core.errors import InputError
from simlib.core.places import WORKLOADS
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.workloads.schema import load_workload, workload_names

GOOD = """
title: A test
about: For a test.
duration: 1h
memory_limit_mib: 8
kinds:
  one:
    about: The only kind.
    arrivals: {per_hour: 60}
    events: {gap: exponential 1s, lasts: fixed 1m}
    clients: {joins: fixed 0s, stays: fixed 1m, returns: 0.5, away: fixed 1s, another: 0.1, buffer: 5, drains: fixed 1s}
"""


@pytest.mark.parametrize("name", workload_names())
def test_presets_load_and_cannot_be_changed(name):
    workload = load_workload(name)
    assert workload.name == name
    with pytest.raises(ValidationError):
        workload.duration = 1


@pytest.mark.parametrize("name", workload_names())
def test_every_number_of_a_preset_has_its_sentence(name):
    for line in (WORKLOADS / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        field, _, rest = line.partition(":")
        value, _, comment = rest.partition("#")
        if field.strip() in ("title", "about") or not re.fullmatch(r"\s*[a-z_]+", field):
            continue
        assert not re.search(r"\d", value) or len(comment.split()) >= 2, line


def test_the_form_of_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    workload = load_workload(path)
    assert workload.name == "mine"
    assert workload.duration == HOUR
    assert workload.kinds["one"].events.gap == Distribution("exponential", SECOND, SECOND)
    assert workload.kinds["one"].clients.buffer == 5
    assert (workload.history.memory, workload.kinds["one"].token_deltas) == (None, False)


def test_where_the_history_is_kept(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + "history: store\n")
    assert load_workload(path).history.memory is None
    path.write_text(GOOD + "history: {memory: {sessions: 100, age: 1h}}\n")
    memory = load_workload(path).history.memory
    assert (memory.sessions, memory.age) == (100, HOUR)


BAD = {
    "unknown field": ({"colour": "red"}, "colour: unknown field"),
    "unknown field deep inside": ({"kinds.one.events.burst": 3}, "kinds.one.events.burst: unknown field"),
    "missing field": ({"duration": None}, "duration: this field is missing"),
    "missing field deep inside": ({"kinds.one.arrivals.per_hour": None}, "kinds.one.arrivals.per_hour: this field"),
    "negative rate": ({"kinds.one.arrivals.per_hour": -3}, "kinds.one.arrivals.per_hour: must be at least 0, not '-3'"),
    "rate not a number": ({"kinds.one.arrivals.per_hour": ".nan"}, "kinds.one.arrivals.per_hour: "),
    "rate infinite": ({"kinds.one.arrivals.per_hour": float("inf")}, "kinds.one.arrivals.per_hour: "),
    "more in a day than 63 bits hold": (
        {"kinds.one.arrivals": {"per_hour": 9e8, "hourly": [1.0] * 24}},
        "kinds.one.arrivals: 21.6 billion arrivals are expected from one period",
    ),
    "rate in words": (
        {"kinds.one.arrivals.per_hour": "many"},
        "kinds.one.arrivals.per_hour: must be a number, not 'many': such as 'per_hour: 600'",
    ),
    "kind that is no name": ({"kinds": {"../x": {}}}, "kinds"),
    "name that is no name": ({"name": "a/b"}, "name: "),
    "rate a truth": ({"kinds.one.arrivals.per_hour": True}, "kinds.one.arrivals.per_hour: "),
    "probability over 1": ({"kinds.one.events.pauses": {"chance": 1.5, "lasts": "fixed 1m"}}, "pauses.chance: must be"),
    "returns for ever": (
        {"kinds.one.clients.returns": 1.0},
        "kinds.one.clients.returns: must be at most 0.99, not '1.0'",
    ),
    "probability below 0": ({"kinds.one.clients.another": -0.1}, "kinds.one.clients.another: must be at least 0"),
    "no buffer": ({"kinds.one.clients.buffer": 0}, "kinds.one.clients.buffer: must be at least 1"),
    "half a buffer": ({"kinds.one.clients.buffer": 1.5}, "kinds.one.clients.buffer: "),
    "hours missing": ({"kinds.one.arrivals.hourly": [1.0] * 23}, "kinds.one.arrivals.hourly: "),
    "two shapes": (
        {
            "kinds.one.arrivals": {
                "per_hour": 1,
                "hourly": [1] * 24,
                "burst": {"every": "1h", "lasts": "1m", "times": 2},
            }
        },
        "kinds.one.arrivals.burst: give 'hourly' or 'burst', not both",
    ),
    "burst too long": (
        {"kinds.one.arrivals.burst": {"every": "1h", "lasts": "2h", "times": 2}},
        "kinds.one.arrivals.burst.lasts: a burst must last",
    ),
    "duration in parsecs": ({"duration": "30 parsecs"}, "duration: '30 parsecs' is not a duration"),
    "no duration": ({"duration": "0s"}, "duration: 0 leaves nothing"),
    "duration too long": ({"duration": "400d"}, "duration: '400d' is out of range"),
    "negative duration": ({"duration": "-1h"}, "duration: '-1h' is out of range"),
    "unknown law": ({"kinds.one.events.gap": "normal 3s"}, "kinds.one.events.gap: 'normal 3s' is not a distribution"),
    "law without a time": ({"kinds.one.events.lasts": "fixed"}, "kinds.one.events.lasts: 'fixed' is not"),
    "law backwards": ({"kinds.one.events.lasts": "uniform 2m 1m"}, "kinds.one.events.lasts: 'uniform 2m 1m' ends"),
    "gap of nothing": ({"kinds.one.events.gap": "fixed 0s"}, "kinds.one.events.gap: 'fixed 0s' leaves no time"),
    "no kinds": ({"kinds": {}}, "kinds: "),
    "kinds a list": ({"kinds": ["one"]}, "kinds: "),
    "history in a drawer": ({"history": "drawer"}, "history: give 'store', or 'memory' with 'sessions' and 'age'"),
    "history of nobody": ({"history": {"memory": {"sessions": 0, "age": "1h"}}}, "history.memory.sessions: must be"),
    "history of no age": ({"history": {"memory": {"sessions": 9, "age": "0s"}}}, "history.memory.age: 0 keeps no"),
    "history without an age": ({"history": {"memory": {"sessions": 9}}}, "history.memory.age: this field is missing"),
    "history in two places": (
        {"history": {"memory": {"sessions": 9, "age": "1h"}, "store": True}},
        "history.store: unknown field",
    ),
    "a population that is watched": (
        {"kinds.one.population": {"members": 5, "zipf": 1}},
        "kinds.one.clients: a population has none, as its visits may overlap",
    ),
    "a population of nobody": ({"kinds.one.population": {"members": 0, "zipf": 1}}, "population.members: must be at"),
    "a time before that is none": ({"before": "400d"}, "before: '400d' is out of range"),
    "a tail without an exponent": (
        {"kinds.one.events.lasts": "pareto 1m heavy"},
        "kinds.one.events.lasts: 'pareto 1m heavy': the exponent must be a number from 0.1 to 20",
    ),
    "token deltas by number": ({"kinds.one.token_deltas": 1}, "kinds.one.token_deltas: must be true or false"),
    "memory limit of nothing": ({"memory_limit_mib": 0}, "memory_limit_mib: must be above 0"),
}


def refused(path):
    with pytest.raises(InputError) as caught:
        load_workload(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def changed(changes):
    """The fields of a good file with some of them changed, or removed where they are None."""
    fields = yaml.safe_load(GOOD)
    for name, value in changes.items():
        *parents, last = name.split(".")
        place = fields
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return fields


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit_is_refused_by_field(tmp_path, case):
    changes, expected = BAD[case]
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(changed(changes)))
    assert expected in refused(path)


def test_all_errors_of_a_file_are_listed_at_once(tmp_path):
    """Also those of fields that contradict each other, beside errors of the same group."""
    path = tmp_path / "bad.yaml"
    path.write_text(
        """
colour: red
about: For a test.
duration: 0s
memory_limit_mib: -1
history: {memory: {sessions: none, age: 0s}}
kinds:
  one:
    about: ""
    arrivals: {per_hour: many, hourly: [1, 1], burst: {every: 1h, lasts: 2h, times: x}}
    population: {members: 10, zipf: 1}
    token_deltas: true
"""
    )
    message = refused(path)
    fields = re.findall(r"\((?:\d+)\) ([\w.]+):", message)
    assert message.removeprefix(f"{path}: ").startswith("13 errors: (1) ")
    assert sorted(fields) == sorted(
        [
            *("title", "colour", "duration", "memory_limit_mib", "history.memory.sessions", "history.memory.age"),
            *("kinds.one.about", "kinds.one.arrivals.per_hour", "kinds.one.arrivals.hourly"),
            *("kinds.one.arrivals.burst.lasts", "kinds.one.arrivals.burst.times"),
            *("kinds.one.events", "kinds.one.token_deltas"),
        ]
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "a workload is a mapping"),
        (b"- a\n- b\n", "a workload is a mapping"),
        (b"a: b: c\n", "not YAML: line 1, column 5: mapping values are not allowed here"),
        (b"title: a\ntitle: b\n", "'title' is given twice"),
        (b"title: \xff\n", "not UTF-8"),
        (b"!!map 3\n", "the tag '!!map': write the plain value"),
        (b"[" * 5000, "line 1: more than 12 levels deep"),
        (b"a: " * 5000, "not YAML"),
        (b"? " * 5000, "the name of a field is text"),
        (b"[" + b",".join([b"a"] * 20_000) + b"]", "more than 10000 values"),
        (b"#" * 300_000, "larger than 256 KiB"),
        (b"a: b\n---\nc: d\n", "a second document"),
    ],
)
def test_what_is_no_workload_file_is_refused(tmp_path, content, expected):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    assert expected in refused(path)


def test_a_missing_file_a_directory_and_an_unknown_preset(tmp_path):
    (tmp_path / "dir.yaml").mkdir()
    assert "No such file" in refused(tmp_path / "none.yaml")
    assert "directory" in refused(tmp_path / "dir.yaml")
    with pytest.raises(InputError, match=r"no workload 'nosuch': choose one of .*incident"):
        load_workload("nosuch")


@pytest.mark.parametrize("duration", [0, -1, 367 * 24 * HOUR, float("nan"), float("inf")])
def test_another_duration_must_be_one(duration):
    with pytest.raises(InputError, match="hours"):
        load_workload("incident").lasting(duration)


def test_the_steps_of_a_rate():
    from simlib.workloads.arrivals import Arrivals, Burst

    assert Arrivals(per_hour=6).steps() == ([0, HOUR], [6])
    bounds, rates = Arrivals(per_hour=6, hourly=[0.0] * 23 + [2.0]).steps()
    assert (len(bounds), rates[-1], rates[0]) == (25, 12, 0)
    burst = Burst.model_validate({"every": "1h", "lasts": "10m", "times": 9})
    assert Arrivals(per_hour=6, burst=burst).steps() == ([0, 25 * MINUTE, 35 * MINUTE, HOUR], [6, 54, 6])
