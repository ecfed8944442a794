"""Loading a large program: without the garbage collector, and without what its libraries would only load in case."""

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["UNUSED", "loading"]

# Signers by AWS are securesystemslib's, and objects in S3 load boto3 themselves; nobody sees structlog's or mako's
# tracebacks in colours; nothing is loaded anew when a file changes.
UNUSED: Final = ("boto3", "rich", "rich.traceback", "mako.ext.pygmentplugin", "watchfiles")


@contextmanager
def loading(*, without: Iterable[str]) -> Iterator[None]:
    """Keep the garbage collector out of imports made inside, and what is there after them out of its later rounds.

    Modules, classes and routes live as long as the process. To look through them again and again while they come was a
    sixth of the time that the server took to load, and each full round later would look through them once more.

    Args:
        without: modules that a library loads if they are there and we do not use through it; inside they are not
            there, afterwards they are.
    """
    gc.disable()
    hidden = [name for name in without if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how the import system is told that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        gc.enable()
