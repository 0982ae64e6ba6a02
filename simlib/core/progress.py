"""A bar for long loops of notebooks that somebody watches; elsewhere nothing is shown."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

UNWATCHED = "SIMLIB_UNWATCHED"
"""Set in the environment of kernels that nobody watches."""

T = TypeVar("T")


def progress(items: Sequence[T], what: str) -> Iterable[T]:
    """Iterate over items; in a kernel that somebody watches a bar shows how many of `what` are done, then goes."""
    if UNWATCHED in os.environ or not _in_kernel():
        return items
    from tqdm.notebook import tqdm

    bar: Iterable[T] = tqdm(items, desc=what, leave=False, delay=0.5)
    return bar


def _in_kernel() -> bool:
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()
