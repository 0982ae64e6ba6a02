"""Folders of results: each names its input and settings, and no two inputs or settings share one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.files import file_digest
from simlib.core.places import WORKLOADS
from simlib.report.naming import directory_name, free_name, settings_name

USUAL = {"max_entries": 2048, "ttl": "30m", "hours": 0.0}


def test_settings_name_what_differs_and_only_that():
    assert settings_name({}, USUAL) == ""
    assert settings_name({"max_entries": 2048, "ttl": "1800s", "hours": 0.0}, USUAL) == ""
    assert settings_name({"ttl": "10m", "max_entries": 4096, "hours": 2.0}, USUAL) == "hours=2,max_entries=4096,ttl=10m"
    assert settings_name({"ttl": "10m"}, USUAL, "ci") == "ci,ttl=10m"


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_name_is_fit_for_a_folder(name, settings):
    made = directory_name(name, settings)
    assert len(made.encode()) <= 200
    assert made not in ("", ".", "..")
    assert not made.startswith(".")
    assert made.isprintable()
    assert "/" not in made


def test_long_names_that_begin_alike_differ():
    assert directory_name("x" * 300 + "a") != directory_name("x" * 300 + "b")


@pytest.fixture
def logs(tmp_path):
    """Two logs of one name, and the folder of a pack."""
    for number, folder in enumerate(("web1", "web2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "access.log").write_text(f"{number}")
    return tmp_path / "web1/access.log", tmp_path / "web2/access.log", tmp_path / "out"


def finish(out, folder, *inputs):
    """Leave a result in a folder, as the runner does."""
    (out / folder / "01_memory").mkdir(parents=True, exist_ok=True)
    (out / folder / "01_memory/seal.json").write_text(json.dumps({"inputs": [file_digest(file) for file in inputs]}))


def test_two_logs_of_one_name_get_folders_that_differ(logs):
    first, second, out = logs
    assert free_name(out, "access", "", [first], "web1") == "access"
    finish(out, "access", first)
    assert free_name(out, "access", "", [first], "web1") == "access"
    other = free_name(out, "access", "", [second], "web2")
    assert other.startswith("web2_access-")
    finish(out, other, second)
    assert free_name(out, "access", "", [second], "web2") == other
    # Another setting has a folder of its own, which is free.
    assert free_name(out, "access", "ttl=10m", [second], "web2") == "access.ttl=10m"


def test_a_log_that_has_grown_does_not_replace_what_it_was(logs):
    log, _, out = logs
    finish(out, "access", log)
    log.write_text("more")
    assert free_name(out, "access", "", [log], "web1") != "access"


def test_a_failed_run_holds_its_folder_too(logs):
    first, second, out = logs
    finish(out, "access", first)
    (out / "access/01_memory/seal.json").rename(out / "access/01_memory/failure.json")
    assert free_name(out, "access", "", [second], "web2") != "access"


def test_a_preset_that_has_changed_replaces_what_it_was(logs):
    first, _, out = logs
    finish(out, "incident", first)
    assert free_name(out, "incident", "", [WORKLOADS / "incident.yaml"], "workloads") == "incident"
