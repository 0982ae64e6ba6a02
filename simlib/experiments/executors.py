"""Where work is done: processes of this machine, or the workers of a Dask scheduler. Both are `Executor`s.

Owns their start and their end, and how a scheduler that is not there is told. Dask is an optional extra, imported only
where it is asked for. Next: `sweep` hands out its tasks.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from multiprocessing import resource_tracker

from simlib.core.errors import InputError
from simlib.core.files import code_digest

PATIENCE = 10
"""Seconds in which a scheduler must have answered."""

RETRIES = 2
"""How often Dask does a task again that failed. How often one whose worker died is for the scheduler to say."""

_PROCESSES = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def local_processes(jobs: int) -> Iterator[Executor]:
    """So many worker processes. They end with this one, however it ends, and at once where the block raises."""
    with _Processes(jobs) as executor:
        try:
            yield executor
        except BaseException:
            executor.end()
            raise


class _Processes(ThreadPoolExecutor):
    """Threads that each have a process do what they are given.

    A pool of the standard library's would do, but Python 3.11's stumbles over work that is cancelled while it breaks.
    """

    def __init__(self, jobs: int):
        super().__init__(jobs, initializer=self._start)
        self._own, self._lock, self._processes, self._ended = threading.local(), threading.Lock(), [], False

    def submit(self, function, /, *args, **kwargs) -> Future:
        return super().submit(self._do, function, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self.end()

    def end(self) -> None:
        """End the processes, whatever they are at."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()

    def _start(self) -> None:
        # What the interrupt means that a terminal sends to all is for us to say. A process inherits what is held back;
        # the tracker that multiprocessing starts with its first process would let it through again.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._own.connection, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_serve, args=(theirs,), daemon=True)
        with self._lock:
            if not self._ended:
                process.start()
                self._processes.append(process)
        theirs.close()

    def _do(self, function: Callable, args: tuple, kwargs: dict):
        try:
            self._own.connection.send((function, args, kwargs))
            done, answer = self._own.connection.recv()
        except (EOFError, OSError):
            raise BrokenExecutor("a worker process died") from None
        if done:
            return answer
        raise answer


def _serve(connection) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, args, kwargs = connection.recv()
            try:
                answer = True, function(*args, **kwargs)
            except Exception as error:
                answer = False, error
            connection.send(answer)


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


@contextlib.contextmanager
def dask_workers(address: str, tell: Callable[[str], None]) -> Iterator[Executor]:
    """The workers of the scheduler at an address, `tcp://host:port`; `tell` hears where there are none to begin with.

    Raises InputError where Dask is not installed, no scheduler answers there, or a worker has other code than this.
    """
    if not re.fullmatch(r"tcp://[^\s/]+:\d+", address):
        raise InputError(f"{address!r} is not the address of a scheduler: write tcp://host:port")
    try:
        from distributed import Client
    except ImportError:
        raise InputError("a scheduler needs Dask, which is not installed: install simlib[dask]") from None
    # It would tell of a lost connection at length, and so does whoever waits for what came over it.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not _identity(address)["workers"]:
        tell(f"{address} has no workers yet: waiting for the first")
    # Not pure: the scheduler must not answer with what another version of the code once made of the same arguments.
    with (
        Client(address, timeout=PATIENCE, set_as_default=False) as client,
        client.get_executor(pure=False, retries=RETRIES) as executor,
    ):
        # A worker without this package would not say so: it ends when it is given a task.
        for worker, code in client.run(code_digest, on_error="return").items():
            if code != code_digest() and not isinstance(code, OSError):
                raise InputError(f"worker {worker} has another version of simlib, or none: give it the same checkout")
        yield executor


def _identity(address: str) -> dict:
    """What the scheduler at an address says of itself. A `Client` would wait for ever for one that does not speak."""
    from distributed.core import rpc

    async def ask() -> dict:
        async with asyncio.timeout(PATIENCE), rpc(address, timeout=PATIENCE) as scheduler:
            return await scheduler.identity()

    try:
        # In a thread of its own, as this one may run a loop already: a notebook does.
        with ThreadPoolExecutor(1) as thread:
            identity = thread.submit(asyncio.run, ask()).result()
    except Exception:
        # Whatever else may listen there answers with whatever.
        raise InputError(f"{address}: no Dask scheduler answers there: start one with 'dask scheduler'") from None
    if identity["type"] != "Scheduler":
        raise InputError(f"{address}: this is a {identity['type']} of Dask: name its scheduler")
    return identity
