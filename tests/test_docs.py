"""Runs every command of the README, and the programs of the pages in `docs/`."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from simlib.calibration import golang
from simlib.cli.jobs import plan
from simlib.cli.main import _parser, main
from simlib.traces.measured import read_measured
from tests.goldens import PICTURE, picture
from tests.paths import ROOT

README = ROOT / "README.md"
COMMANDS = [
    line
    for block in re.findall(r"^```\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.startswith(("make ", "python "))
]
SMALL = {
    "make run": ["PROFILE=ci", "ARGS=--workload steady --notebook 01_memory"],
    "make test": ["ARGS=-n 0 tests/core/test_units.py"],
    "make run TRACE=events.csv.gz": ["ARGS=--notebook 01_memory"],
}
"""Variables that make a target of the README small enough for a test; `.ci/run` runs them whole."""

RECORDER = ROOT / "docs" / "recorder"


def test_the_recorder_for_go_services_writes_a_log_that_is_read(tmp_path, capsys):
    go, recorded = golang.toolchain(), tmp_path / "operations.csv"
    environment = {**golang.environment(go), "RECORDED": str(recorded)}
    for call in (["vet", "."], ["test", "."]):
        done = subprocess.run([go, *call], cwd=RECORDER, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    unformatted = subprocess.run([go.parent / "gofmt", "-l", "."], cwd=RECORDER, capture_output=True, text=True)
    assert not unformatted.stdout
    assert main(["replay", str(recorded), "--design", "unbounded", "--json"]) == 0
    printed = capsys.readouterr().out
    # 8 callers with 100 sessions each, of which one is deleted.
    assert '"increments": 800' in printed
    assert '"final_entries": 799' in printed


def test_the_pattern_for_lines_of_a_service_reads_them(tmp_path, capsys):
    page = (ROOT / "docs" / "go-service.md").read_text(encoding="utf-8")
    command = re.search(r"^python -m simlib (replay app\.log .*?)\n```", page, flags=re.DOTALL | re.MULTILINE)
    assert command
    log = tmp_path / "app.log"
    lines = "00Z info opened session=a", "01Z info opened session=b", "02Z info closed session=a", "03Z warn slow"
    log.write_text("".join(f"2026-01-01T00:00:{line}\n" for line in lines), encoding="utf-8")
    words = shlex.split(command[1].replace("\\\n", " ").replace("app.log", str(log)))
    assert main([*words, "--design", "unbounded", "--json"]) == 0
    printed = capsys.readouterr().out
    assert '"increments": 2' in printed
    assert '"deletes_hit": 1' in printed


@pytest.fixture
def measured(tmp_path, monkeypatch, log):
    """A folder with the files that the page on measured memory names."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(log, "events.csv.gz")
    points = [(60 * minute, (100 << 20) + minute * 10_000) for minute in range(600)]
    series = {"metric": {}, "values": [[time, str(size)] for time, size in points]}
    Path("rss.json").write_text(json.dumps({"data": {"result": [series]}}))
    Path("rss.txt").write_text("".join(f"{time} {size >> 10}\n" for time, size in points))
    Path("rss.csv").write_text("Time,rss,vsz\n" + "".join(f"{time},{size >> 10},0\n" for time, size in points))


@pytest.mark.parametrize("number", range(3))
def test_measured_memory_is_read_as_its_page_says(measured, number, capsys):
    page = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m simlib (run .*)$", page, flags=re.MULTILINE)
    assert len(commands) == 3
    words = [*shlex.split(commands[number]), "--notebook", "01_memory", "--out", "build"]
    (job,) = plan(_parser().parse_args(words)).jobs
    assert read_measured(job.parameters["memory"]).mib[0] == 100
    assert "600 points, " in capsys.readouterr().err
    if number == 0:
        assert main(words) == 0
        assert "It is mainly not this map: it explains 21.8 %" in capsys.readouterr().out


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name)
def test_a_page_links_to_what_there_is(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("readme") / "events.csv.gz"
    assert main(["simulate", "dormant", "--out", str(path)]) == 0
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command, log, tmp_path, monkeypatch, capsys):
    if command.startswith("make "):
        out = tmp_path / "build"
        # .venv stands: the test runs in it.
        words = ["make", "-o", ".venv/.ready", *shlex.split(command)[1:], *SMALL[command], f"OUT={out}"]
        words = [f"TRACE={log}" if word.startswith("TRACE=") else word for word in words]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (out / "index.html").exists() == command.startswith("make run")
    else:
        monkeypatch.chdir(log.parent)
        assert main(shlex.split(command)[3:]) == 0
        assert capsys.readouterr().out


def test_the_readme_has_its_commands():
    assert {"make run", "make test", "make run TRACE=events.csv.gz"} <= set(COMMANDS)
    assert any(command.startswith("python -m simlib advise") for command in COMMANDS)


def test_the_example_for_large_streams_runs(capsys):
    text = (ROOT / "docs" / "large-streams.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(example, "large-streams.md", "exec"), {})
    assert "evictions" in capsys.readouterr().out


def test_the_picture_of_the_readme_is_as_the_lab_draws_it():
    assert PICTURE.read_bytes() == picture()
