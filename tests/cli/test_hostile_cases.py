"""Small inputs that once ended badly, where they lie beside the project: each ends in one line, or reads alike."""

import subprocess
import sys

import pytest

from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.replay.totals import gathered
from simlib.traces.chunks import open_stream
from simlib.traces.files import read_trace
from tests.paths import HOSTILE

READABLE = {"null_id.parquet": ["1", "2", ""], "disagree_1.parquet": []}


@pytest.mark.parametrize("path", [each for each in HOSTILE if each.suffix == ".yaml"], ids=lambda path: path.name)
def test_a_hostile_workload_is_refused_in_one_line(capsys, tmp_path, path):
    assert main(["simulate", str(path), "--out", str(tmp_path / "a.csv")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err[:-1].isprintable()
    assert len(captured.err) < 500


@pytest.mark.parametrize("path", [each for each in HOSTILE if each.suffix == ".parquet"], ids=lambda path: path.name)
def test_a_hostile_log_is_the_same_whole_and_in_chunks(path):
    readings = (lambda: read_trace(path)), (lambda: gathered(open_stream(path)))
    if path.name in READABLE:
        whole, chunked = (read() for read in readings)
        assert whole.ids.tolist() == chunked.ids.tolist() == READABLE[path.name]
        assert whole.digest == chunked.digest
    else:
        messages = []
        for read in readings:
            with pytest.raises(InputError) as caught:
                read()
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert messages[0].isprintable()


MEASURE = """
import resource, sys
import simlib.traces.chunks
from simlib.core.errors import InputError
from simlib.traces.files import read_trace
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak()
try:
    read_trace(sys.argv[1])
except InputError:
    pass
print(peak() - before)
"""


@pytest.mark.parametrize("path", [each for each in HOSTILE if each.suffix == ".parquet"], ids=lambda path: path.name)
def test_a_hostile_log_takes_little_memory(path):
    done = subprocess.run([sys.executable, "-c", MEASURE, path], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 64
