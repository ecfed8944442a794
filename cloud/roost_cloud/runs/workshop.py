"""Folders that trainers and the gate work in: made for an attempt, gone with it, and with a worker that died over it.

    {root}/{worker}/lock                          held for as long as the worker lives
    {root}/{worker}/{tenant}.{run}.{attempt}/job  what a trainer gets (`training/job.py`)
    {root}/{worker}/{tenant}.{run}.{attempt}/gate the same for the gate; made when the trainer has ended

    {root}/cache/{tenant}/{task}/{trainer}        what that trainer left to be found again, and may not find

Any number of workers may share the root.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from roost_cloud.runs.claiming import Claim
from roost_cloud.runs.stragglers import end_stragglers

__all__ = ["Workshop", "Workspace"]

_LOCK: Final = "lock"
_CACHES: Final = "cache"
_CACHE_BYTES: Final = 1 << 30  # of a task's; more is not kept


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
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(self._root)
        with _alone(self._root):  # else we could take for dead who only begins, or be taken for it
            self._folder.mkdir(mode=0o700)
            self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            stays = (self._folder, self._root / _CACHES)
            dead = [folder for folder in self._root.iterdir() if folder not in stays and _is_dead(folder)]
            for folder in dead:
                end_stragglers(folder)
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

    @contextmanager
    def cache(self, tenant: str, task: str, trainer: str, folder: Path) -> Iterator[None]:
        """Have at `folder` what the trainer left of the task when it was last done, and keep what it leaves now.

        Nothing is lost without it but time: whoever else trains the task at this moment goes without. No trainer finds
        what another left, and no tenant what another's did: names may hold dots, so each is a folder of its own.
        """
        kept = self._root / _CACHES / tenant / task / trainer
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):
            kept.rename(folder)
        yield
        if folder.is_dir() and not folder.is_symlink() and _size_bytes(folder) <= _CACHE_BYTES:
            shutil.rmtree(kept, ignore_errors=True)
            with suppress(OSError):
                folder.rename(kept)


def _check_owner(root: Path) -> None:
    """In a folder that all of a machine may write to, somebody else can have made ours first.

    Raises:
        PermissionError: they have.
    """
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "it is somebody else's", str(root))


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody else begins here meanwhile."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_dead(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return folder.is_dir()  # it was being cleared away when its worker died
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _size_bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*"))
