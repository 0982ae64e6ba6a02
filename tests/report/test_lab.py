"""JupyterLab is started wherever `make lab` is: as root and without a browser too, with a word on it."""

import os
import webbrowser
from pathlib import Path

import pytest

from simlib.report import lab


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("browser", [False, True])
def test_what_differs_is_said_in_a_line_each(monkeypatch, capsys, root, browser):
    def get():
        if not browser:
            raise webbrowser.Error("could not locate runnable browser")

    started = []
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr("webbrowser.get", get)
    monkeypatch.setattr("os.execve", lambda program, command, env: started.append((command, env)))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/own")
    lab.main(["--port", "9000"])
    ((command, env),) = started
    ours, own = env["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert (Path(ours) / "labconfig" / "page_config.json").is_file()
    assert own == "/own"
    assert command[1:3] == ["-m", "jupyterlab"]
    assert command[-2:] == ["--port", "9000"]
    assert ("--allow-root" in command, "--no-browser" in command) == (root, not browser)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == root + (not browser)
    assert any("as root" in line for line in said) == root
    assert any("no browser" in line for line in said) == (not browser)
