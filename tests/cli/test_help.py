"""The help: an example for each command that works, and the parameters of the notebooks."""

import shlex

import pytest

from simlib.cli.main import main
from simlib.report.notebooks import GIVEN_BY_OPTION, declared_parameters, notebook_names, notebook_path

COMMANDS = ("run", "compare", "simulate", "replay", "sweep", "advise", "convert")


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit):
        main([*arguments])
    return capsys.readouterr().out


@pytest.fixture
def examples(capsys):
    shown = help_of(capsys).partition("\nexamples:\n")[2].splitlines()
    return {line.split()[3]: shlex.split(line)[3:] for line in shown}


def test_without_a_command_there_is_an_example_for_each(examples):
    assert set(COMMANDS) == set(examples)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_its_example(capsys, command, examples):
    shown = " ".join(help_of(capsys, command, "--help").split())
    assert f"example: python -m simlib {' '.join(examples[command])}" in shown


def test_the_examples_of_a_log_work_one_after_the_other(capsys, tmp_path, monkeypatch, examples):
    monkeypatch.chdir(tmp_path)
    for command in ("simulate", "replay"):
        assert main(examples[command]) == 0
    assert "Verdict: " in capsys.readouterr().out


def test_the_help_of_run_lists_every_parameter_of_the_notebooks_with_its_default(capsys):
    shown = help_of(capsys, "run", "--help").partition("notebook parameters")[2].splitlines()[1:]
    listed = {line.split("=")[0].strip(): line for line in shown}
    declared = {}
    for notebook in notebook_names():
        for name, (_, default) in declared_parameters(notebook_path(notebook)).items():
            declared.setdefault(name, default)
    assert set(listed) == set(declared) - set(GIVEN_BY_OPTION)
    for name, line in listed.items():
        given = declared[name]
        written = f'"{given}"' if isinstance(given, str) else str(given)
        assert line.strip().startswith(f"{name}={written} ")
    assert "of the notebooks" not in listed["seed"]
    assert "(1 of the notebooks)" in listed["instances"]
