"""Provides executors: worker processes of this machine, and the workers of a Dask scheduler.

Worker processes end when the process that started them does. Refuses a scheduler that does not answer and workers that
would compute with other code or packages. Dask is an optional extra, imported only when it is asked for.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import ForkingPickler

from simlib.core.errors import InputError
from simlib.core.files import code_digest

PATIENCE = 10
"""Seconds that a scheduler has to answer."""

RETRIES = 2
"""Times that Dask repeats a failed task. The scheduler sets how often it repeats one whose worker was lost."""

GRACE = 3
"""Seconds that a worker gets to end its own children before it is killed."""

_CONTEXT = multiprocessing.get_context("forkserver")


def preload(modules: Sequence[str]) -> None:
    """Start the process that all workers are forked from, unless it runs; it imports the modules, and nobody waits."""
    _CONTEXT.set_forkserver_preload(list(modules))
    with _interrupts_blocked():
        forkserver.ensure_running()


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Keep what a terminal sends to all from the processes that are started: at an interrupt or its end, this decides.

    A process inherits what its parent blocks; the tracker, if started later, would unblock it again.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def local_processes(jobs: int, fresh: bool = False) -> Iterator[Executor]:
    """Yield an executor of `jobs` worker processes; all are ended at once where the block raises.

    `fresh` starts a process for each task.
    """
    with _Processes(jobs, fresh) as executor:
        try:
            yield executor
        except BaseException:
            executor.end()
            raise


class _Processes(ThreadPoolExecutor):
    """Threads, each of which hands its tasks to a process.

    The standard library's pool would do, but in Python 3.11 it fails on work that is cancelled while it breaks.
    """

    def __init__(self, jobs: int, fresh: bool):
        super().__init__(jobs)
        self._fresh = fresh
        self._own, self._lock, self._ended = threading.local(), threading.Lock(), False
        self._processes: set[ForkServerProcess] = set()

    def submit(self, function: Callable, /, *args, **kwargs) -> Future:
        return super().submit(self._do, function, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self.end()

    def end(self) -> None:
        """End the processes, whatever they are doing."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                process.join(GRACE)
                process.kill()
                process.join()

    def _do(self, function: Callable, args: tuple, kwargs: dict):
        process = None
        try:
            if self._fresh or not hasattr(self._own, "worker"):
                self._own.worker = self._start()
            process, connection = self._own.worker
            connection.send((function, args, kwargs))
            done, answer = connection.recv()
        except (EOFError, OSError):
            if process:
                process.join()
            if self._ended:
                raise CancelledError from None
            # The next task of this thread starts another.
            self._own.__dict__.pop("worker", None)
            raise BrokenExecutor(f"the worker process {_ending(process)}") from None
        finally:
            if self._fresh and process:
                connection.close()
                process.join()
                with self._lock:
                    self._processes.discard(process)
        if done:
            return answer
        raise answer

    def _start(self) -> tuple[ForkServerProcess, Connection]:
        connection, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        with self._lock, _interrupts_blocked():
            if self._ended:
                raise CancelledError
            process.start()
            self._processes.add(process)
        theirs.close()
        return process, connection


def _ending(process: ForkServerProcess | None) -> str:
    """Say how a worker ended, None for one that did not start."""
    if process is None:
        return "could not be started"
    if process.exitcode is not None and process.exitcode < 0:
        return f"was killed ({signal.Signals(-process.exitcode).name})"
    # The status is lost where the process that workers are forked from has ended too.
    return "ended early" if process.exitcode in (None, 255) else f"ended with status {process.exitcode}"


def _serve(connection: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, args, kwargs = connection.recv()
            try:
                answer = True, function(*args, **kwargs)
            except Exception as error:
                answer = False, error
            try:
                pickled = ForkingPickler.dumps(answer)
            except Exception as error:
                pickled = ForkingPickler.dumps((False, RuntimeError(repr(error))))
            connection.send_bytes(pickled)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def dask_workers(address: str, report: Callable[[str], None]) -> Iterator[Executor]:
    """Yield the workers of the scheduler at `tcp://host:port`; `report` receives a line where there are none yet.

    Raises InputError where Dask is not installed, no scheduler answers, or a worker's code or packages differ.
    """
    if not re.fullmatch(r"tcp://[^\s/]+:\d+", address):
        raise InputError(f"{address!r} is not the address of a scheduler: write tcp://host:port")
    try:
        from distributed import Client
    except ImportError:
        raise InputError("a scheduler needs Dask, which is not installed: install simlib[dask]") from None
    # Its log entries on a lost connection are long, and the sweep reports the loss itself.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not _identity(address)["workers"]:
        report(f"{address} has no workers yet: waiting for the first")
    # Not pure: the scheduler must not reuse results of the same arguments that another version of the code computed.
    with (
        Client(address, timeout=PATIENCE, set_as_default=False) as client,
        client.get_executor(pure=False, retries=RETRIES) as executor,
    ):
        # A worker without this package does not report it: it ends when it receives a task.
        for worker, code in client.run(code_digest, on_error="return").items():
            if code != code_digest() and not isinstance(code, OSError):
                raise InputError(
                    f"worker {worker} has another version of simlib, of Python or of a package: "
                    f"give it the same checkout and environment"
                )
        yield executor


def _identity(address: str) -> dict:
    """Ask the scheduler at an address for its identity. A `Client` would wait for ever for one that does not answer."""
    from distributed.core import rpc

    async def ask() -> dict:
        async with asyncio.timeout(PATIENCE), rpc(address, timeout=PATIENCE) as scheduler:
            return await scheduler.identity()

    try:
        # In another thread, as this one may already run an event loop: a notebook does.
        with ThreadPoolExecutor(1) as thread:
            identity = thread.submit(asyncio.run, ask()).result()
    except Exception:
        # Another kind of server at that address can fail in any way.
        raise InputError(f"{address}: no Dask scheduler answers there: start one with 'dask scheduler'") from None
    if identity["type"] != "Scheduler":
        raise InputError(f"{address}: this is a {identity['type']} of Dask: name its scheduler")
    return identity
