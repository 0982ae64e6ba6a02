"""Shows a bar for long loops of notebooks that a person watches; elsewhere nothing is shown."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def progress(items: Sequence[T], what: str) -> Iterable[T]:
    """Iterate over items; in a notebook that is watched a bar shows how many of `what` are done, then goes."""
    if not is_watched():
        return items
    from tqdm.notebook import tqdm

    bar: Iterable[T] = tqdm(items, desc=what, leave=False, delay=0.5)
    return bar


def is_watched() -> bool:
    """Whether a person is at the notebook: papermill and nbconvert execute cells that may ask nothing."""
    kernels = sys.modules.get("ipykernel.kernelapp")
    if kernels is None or not kernels.IPKernelApp.initialized():
        return False
    return bool(getattr(kernels.IPKernelApp.instance().kernel, "_allow_stdin", False))
