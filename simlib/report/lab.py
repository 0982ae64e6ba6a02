"""Opens JupyterLab on the notebooks: also as root, and where there is no browser, as in a container."""

import os
import sys
import webbrowser

from simlib.core.places import JUPYTER


def main(options: list[str]) -> None:
    """Replace this process by JupyterLab with the options of a command line, and say what it does differently."""
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir=.", "--LabApp.default_url=/lab/tree/notebooks"]
    if os.geteuid() == 0:
        print("JupyterLab runs as root: whoever has its address may do anything on this machine.", file=sys.stderr)
        command.append("--allow-root")
    try:
        webbrowser.get()
    except webbrowser.Error:
        print(
            "There is no browser here: open the address that JupyterLab prints below. From outside a container, "
            "publish its port and start with ARGS='--ip 0.0.0.0'.",
            file=sys.stderr,
        )
        command.append("--no-browser")
    # Beside the user's own settings: the question whether to show news would cover the explorer.
    path = os.pathsep.join(filter(None, [str(JUPYTER), os.environ.get("JUPYTER_CONFIG_PATH")]))
    os.execve(sys.executable, [*command, *options], {**os.environ, "JUPYTER_CONFIG_PATH": path})


if __name__ == "__main__":
    main(sys.argv[1:])
