"""Files: written whole or not at all, and a folder that one process at a time writes to."""

import os
import subprocess
import sys

import pytest

from simlib.core.errors import InputError
from simlib.core.files import held, whole_file


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_write_that_is_stopped_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "table"
    path.write_text("before")

    def write():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["table"]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    written, before, after = tmp_path / "sub" / "table", tmp_path / "before", tmp_path / "after"
    before.touch()
    with whole_file(written) as temporary:
        temporary.write_text("whole")
    after.touch()
    # Those after it too: the process's mask can only be read by setting it.
    assert {path.stat().st_mode for path in (written, after)} == {before.stat().st_mode}
    assert written.read_text() == "whole"


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/table: cannot be written"), whole_file(tmp_path / "file" / "table"):
        pass
    with pytest.raises(InputError, match=r"file: cannot be written: it is a file"), held(tmp_path / "file"):
        pass


OTHER = """
import sys
from pathlib import Path
from simlib.core.files import held
with held(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_process_until_that_ends(tmp_path):
    out = tmp_path / "new" / "folder"
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "in\n"
        with pytest.raises(InputError, match="another run is writing to it"), held(out):
            pass
        # However it ends.
        other.kill()
    with held(out):
        pass
