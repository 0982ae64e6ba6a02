"""Starts a kernel as a fork of this process, which has imported what notebooks use: that saves each two seconds."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

# jsonschema, which nbformat uses, would build the grammar of international web addresses: a second for nothing.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from jupyter_client.provisioning import LocalProvisioner  # noqa: E402


class Fork:
    """A forked process that waits until it is to be a kernel: the part of `subprocess.Popen` that provisioners use.

    Make it before anything starts threads or opens sockets, which a fork would take half of.
    """

    stdin = stdout = stderr = None

    def __init__(self):
        waiting, self._begin = os.pipe()
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._begin)
            _become_kernel(waiting, parent)
        os.close(waiting)

    def begin(self, connection_file: str, cwd: str, environment: dict[str, str]) -> None:
        """Let the process be the kernel of a connection file."""
        with open(self._begin, "w", encoding="utf-8") as pipe:
            json.dump([connection_file, cwd, environment], pipe)

    def poll(self) -> int | None:
        """Return the exit status, None while the process runs."""
        return self._status(os.WNOHANG)

    def wait(self) -> int | None:
        """Return the exit status when the process has ended."""
        return self._status(0)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _status(self, options: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode


def _become_kernel(waiting: int, parent: int) -> NoReturn:
    """Wait for a connection file and serve it; end where the pipe is closed without one, or the parent has ended."""
    try:
        # A group of its own, as signals to a kernel go to its whole group.
        os.setsid()
        with open(waiting, encoding="utf-8") as pipe:
            connection_file, cwd, environment = json.loads(pipe.read() or "[null, null, null]")
        if connection_file is not None and os.getppid() == parent:
            os.chdir(cwd)
            os.environ.update(environment)
            # With a handle the kernel ends when its parent does, and needs not warn of it. Asked for only now, the
            # parent could be another process already, and the kernel would never end.
            ends = [f"--IPKernelApp.parent_handle={parent}", "--log-level=ERROR"]
            # IPython keeps its own files beside the sockets, which go when the kernel does.
            own = [f"--BaseIPythonApplication.ipython_dir={Path(connection_file).parent}", "--HistoryManager.enabled=0"]
            _application().launch_instance(["-f", connection_file, *ends, *own])
    finally:
        os._exit(0)


def _application() -> "type[IPKernelApp]":
    from ipykernel.kernelapp import IPKernelApp

    class Application(IPKernelApp):
        """A kernel without anybody's configuration and start-up files, which are for work of their own."""

        def load_config_file(self, suppress_errors=None): ...

        def init_code(self): ...

    return Application


class ForkProvisioner(LocalProvisioner):
    """Gives a kernel manager the process that waits in place of a new one."""

    def __init__(self, fork: Fork, **given: Any):
        super().__init__(**given)
        self._fork = fork

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Let the waiting process be the kernel; the command of the kernel specification is not used."""
        self.process, self.pid, self.pgid = self._fork, self._fork.pid, self._fork.pid
        self._fork.begin(self.parent.connection_file, str(kwargs.get("cwd") or Path.cwd()), kwargs.get("env") or {})
        return self.connection_info
