"""The pages in `docs/`: their programs do what they say."""

import re
import shlex
import subprocess

import pytest

from simlib.calibration import golang
from simlib.cli.main import main
from tests.paths import ROOT

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


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name)
def test_a_page_links_to_what_there_is(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]
