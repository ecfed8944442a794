"""Ends work on a database by SIGKILL, right before its nth statement or commit, in a process of its own."""

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, event

__all__ = ["killed_at"]

# The verb and the table: `SELECT … FROM device`, `INSERT INTO sample`.
_POINT: Final = re.compile(r"(?is)^\s*(\w+)(?:.*?\b(?:FROM|INTO|UPDATE)\s+\"?(\w+))?")
_FAILED: Final = 3  # exit status


class WorkFailedError(Exception):
    """The work itself went wrong; what it raised is in the step's log."""


def killed_at(number: int, work: Callable[[], object]) -> str | None:
    """Do it in a fork, and kill that before its nth statement or commit, from 1.

    Args:
        number: n.
        work: opens its own database: connections do not outlive a fork.

    Returns:
        At which point it was killed: verb and table; None if there were not so many.

    Raises:
        WorkFailedError: it raised something.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(number, work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        point = told.read().decode()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and point:
        return point
    if status:
        raise WorkFailedError(f"it ended by status {status}")
    return None


def _work(number: int, work: Callable[[], object], writer: int) -> None:
    """In the child; never returns."""
    left = number

    def step(point: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.write(writer, point.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        step(point_of(text))

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", lambda _: step("COMMIT"))
    try:
        work()
    except BaseException:  # noqa: BLE001 - told by the status
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(_FAILED)
    os._exit(0)


def point_of(statement: str) -> str:
    """Verb and table of a statement.

    >>> point_of("INSERT INTO sample (tenant) VALUES (?)"), point_of("SELECT a FROM device WHERE b"), point_of("BEGIN")
    ('INSERT sample', 'SELECT device', 'BEGIN')
    """
    found = _POINT.match(statement)
    return "?" if found is None else " ".join(part for part in (found[1].upper(), found[2]) if part)
