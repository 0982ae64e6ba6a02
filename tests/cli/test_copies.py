"""Copies of logs in a folder of results: those that a result was computed from stay, the others go."""

import json
import os

from simlib.cli.copies import COPIES, remove_unused
from simlib.core.files import held
from tests.report.made import make_failure, make_run


def copy(out, name: str):
    path = out / COPIES / name / "log.parquet"
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path.parent, (1, 1))
    return path


def test_only_what_a_result_was_computed_from_stays(tmp_path):
    out = tmp_path / 'a "folder" \u00fc'
    one, several, failed, unused = (copy(out, name) for name in ("0a", "0a.\u00fc", "1b", "2c"))
    make_run(out, "log", "01_memory", {"trace": str(one.resolve())})
    make_run(out, "overview", "00_overview", {"traces": json.dumps([str(several.resolve())])})
    directory = make_failure(out, "bad", "01_memory")
    failure = json.loads((directory / "failure.json").read_text())
    (directory / "failure.json").write_text(json.dumps({**failure, "parameters": {"trace": str(failed.resolve())}}))
    with held(out):
        waits = copy(out, "3d")
        os.utime(waits.parent)
        remove_unused(out)
    assert [path.exists() for path in (one, several, failed, unused, waits)] == [True, True, True, False, True]
    with held(tmp_path / "without"):
        remove_unused(tmp_path / "without")
