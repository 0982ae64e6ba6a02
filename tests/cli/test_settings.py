"""The settings as options: what a design does not use is said in one line, and what is not given is not."""

import json
import re

import pytest

from simlib.cli.main import main
from simlib.stores.registry import DESIGNS


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,session\n0,a\n1,b\n2,c\n3,a\n")
    return path


UNUSED = {
    "--design unbounded --max-entries 5": ["design 'unbounded' does not use --max-entries: it is ignored"],
    "--design unbounded --prune-every 5 --ttl 5m": [
        "design 'unbounded' does not use --ttl, --prune-every: they are ignored"
    ],
    "--design overflow --ttl 5m": ["design 'overflow' does not use --ttl: it is ignored"],
    "--design overflow --ttl 0": ["design 'overflow' does not use --ttl: it is ignored"],
    "--design overflow --max-entries 5": [],
    "--design overflow": [],
    "--design unbounded": [],
    "--max-entries 5 --ttl 5m --prune-every 2": [],
}


@pytest.mark.parametrize("options", UNUSED)
def test_replay_says_which_settings_a_design_does_not_use(capsys, log, options):
    assert main(["replay", str(log), "--json", *options.split()]) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines()[1:] == [f"simlib replay: {line}" for line in UNUSED[options]]
    assert json.loads(captured.out)["increments"] == 4


@pytest.mark.parametrize("options", UNUSED)
def test_a_sweep_says_it_too(capsys, tmp_path, options):
    size = ["--workload", "incident", "--hours", "0.01", "--jobs", "1", "--out", str(tmp_path)]
    assert main(["sweep", *size, *(options if "--design" in options else f"--design bounded {options}").split()]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("simlib")]
    assert said == [f"simlib sweep: {line}" for line in UNUSED[options]]


def test_a_sweep_has_a_line_for_each_design(capsys, tmp_path):
    size = ["--workload", "incident", "--hours", "0.01", "--jobs", "1", "--out", str(tmp_path)]
    designs = ["--design", "bounded", "--design", "overflow", "--design", "unbounded"]
    assert main(["sweep", *size, *designs, "--ttl", "5m,30m"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("simlib")]
    assert said == [f"simlib sweep: design {name!r} does not use --ttl: it is ignored" for name in designs[3::2]]


@pytest.mark.parametrize("command", ["replay nowhere.csv", "sweep"])
@pytest.mark.parametrize("ttl", ["30", "1.5", "+30"])
def test_a_ttl_without_a_unit_is_refused(capsys, command, ttl):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--ttl", ttl])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    number = ttl.lstrip("+")
    expected = f"argument --ttl: {ttl!r} has no unit: write {number}s for seconds or {number}m for minutes"
    assert captured.err == f"simlib {command.split()[0]}: {expected}\n"


@pytest.mark.parametrize("ttl", ["-30s", "-1.5h", "-.5m", "-1", "0"])
def test_a_negative_time_is_a_value_and_not_an_option(capsys, tmp_path, ttl):
    log = tmp_path / "log.csv"
    log.write_text("time,session\n0,a\n7200,b\n")
    assert main(["replay", str(log), "--json", "--max-entries", "-3", "--ttl", ttl, "--prune-every", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["max_entries"], found["ttl_evictions"], found["final_entries"]) == (-3, 0, 2)


@pytest.mark.parametrize("command", ["replay", "sweep"])
def test_help_names_every_design(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert set(DESIGNS) <= set(re.findall(r"\w+", capsys.readouterr().out))
