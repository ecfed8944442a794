"""Folders that trainers and the gate work in: made for an attempt, gone with it, and with a worker that died over it.

    {root}/{worker}/lock                          held for as long as the worker lives
    {root}/{worker}/{tenant}.{run}.{attempt}/job  what a trainer gets (`training/job.py`)
    {root}/{worker}/{tenant}.{run}.{attempt}/gate the same for the gate; made when the trainer has ended

Any number of workers may share the root.
"""

import fcntl
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from roost_cloud.runs.claiming import Claim

__all__ = ["Workshop", "Workspace"]

_LOCK: Final = "lock"


class Workspace:
    """An attempt's folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = folder / "job"
        self.gate = folder / "gate"


class Workshop:
    """A worker's folder, cleared away at its end.

    Args:
        root: of all workers' folders on this machine; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock: int | None = None

    def open(self) -> int:
        """Begin, and clear away what dead workers left behind, their processes first.

        Returns:
            How many dead workers there were.

        Raises:
            OSError: the disk refused.
        """
        self._folder.mkdir(mode=0o700, parents=True)
        self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        dead = [folder for folder in self._root.iterdir() if self._is_dead(folder)]
        for folder in dead:
            _end_processes(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return len(dead)

    def close(self) -> None:
        """End; nothing is being worked on."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def workspace(self, mine: Claim) -> Iterator[Workspace]:
        """Folders for an attempt.

        Raises:
            OSError: the disk refused.
        """
        folder = self._folder / f"{mine.tenant}.{mine.run}.{mine.attempt}"
        folder.mkdir(mode=0o700)
        try:
            (folder / "job").mkdir()
            yield Workspace(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _is_dead(self, folder: Path) -> bool:
        if folder == self._folder:
            return False
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            return False  # it is being made, or being cleared away
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(lock)


def _end_processes(folder: Path) -> None:
    """Kill whoever works in a folder whose worker is gone."""
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if entry.readlink().is_relative_to(folder):
                os.kill(int(entry.parent.name), signal.SIGKILL)
