"""Commands that are ended by an interrupt, a signal or a closed terminal leave one line and nothing half made."""

import os
import signal
import subprocess
import sys
import time

import pytest

COMMANDS = {
    "simulate": ["simulate", "incident", "--hours", "2000", "--out", "t/out.csv"],
    "convert": ["convert", "-", "--out", "t/out.csv"],
    "replay": ["replay", "-"],
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("name", COMMANDS)
def test_it_ends_in_one_line_and_leaves_no_temporary_file(tmp_path, name, number):
    temporary = tmp_path / "t"
    temporary.mkdir()
    # Standard input stays open: what reads it waits.
    process = subprocess.Popen(
        [sys.executable, "-m", "simlib", *COMMANDS[name]],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not list(temporary.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        process.wait(timeout=30)
        how = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        assert process.stderr.read().splitlines() == [f"simlib {name}: {how}"]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + number
    assert list(temporary.iterdir()) == []


def test_what_is_to_outlive_its_terminal_does(tmp_path):
    command = ["nohup", sys.executable, "-c", OUTLIVES]
    assert subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


OUTLIVES = """
import os, signal
from simlib.cli.main import interrupt_at_endings
interrupt_at_endings()
os.kill(os.getpid(), signal.SIGHUP)
"""
