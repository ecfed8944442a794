"""Loading a large program: without the garbage collector, and without what its libraries would only load in case."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading"]


@contextmanager
def loading(*, without: str) -> Iterator[None]:
    """Keep the garbage collector out of imports made inside, and what is there after them out of its later rounds.

    Modules, classes and routes live as long as the process. To look through them again and again while they come was a
    sixth of the time that the server took to load, and each full round later would look through them once more.

    Args:
        without: a module that a library loads if it is there and we do not use through it; inside it is not there,
            afterwards it is.
    """
    gc.disable()
    hidden = without not in sys.modules
    if hidden:
        sys.modules[without] = None  # type: ignore[assignment]  # how the import system is told that there is none
    try:
        yield
    finally:
        if hidden:
            del sys.modules[without]
        gc.freeze()
        gc.enable()
