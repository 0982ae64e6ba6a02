"""The worker processes: a task that fails in any way takes no later one with it."""

import os
from concurrent.futures import BrokenExecutor

import pytest

from simlib.experiments.executors import local_processes


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("this one stays here")


def a_closure():
    return lambda: None


def an_error():
    raise Unpicklable


@pytest.mark.parametrize(("task", "said"), [(a_closure, "pickle"), (an_error, "this one stays here")])
def test_what_cannot_be_pickled_is_reported_by_a_worker_that_lives_on(task, said):
    with local_processes(1) as executor:
        worker = executor.submit(os.getpid).result()
        with pytest.raises(RuntimeError, match=said):
            executor.submit(task).result()
        assert executor.submit(os.getpid).result() == worker


def test_the_task_after_a_worker_has_died_starts_another():
    with local_processes(1) as executor:
        worker = executor.submit(os.getpid).result()
        with pytest.raises(BrokenExecutor, match="ended with status 7"):
            executor.submit(os._exit, 7).result()
        assert executor.submit(os.getpid).result() != worker
