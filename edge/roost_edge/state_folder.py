"""The agent's own folder: made if missing, and held by one agent at a time."""

import fcntl
import os
from pathlib import Path
from typing import Final

from roost_shared.errors import DeviceError

__all__ = ["StateFolder", "StateFolderError"]

LOCK: Final = "lock"


class StateFolderError(DeviceError):
    """The folder cannot be used, or another agent uses it."""

    code = "state_dir.unusable"


class StateFolder:
    """A locked state folder; the lock goes with the process, however it ends.

    Raises:
        StateFolderError: says which folder, and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            remedy = "make it writable, or set state_dir"
            raise StateFolderError(f"{path}: {error.strerror or error}; {remedy}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateFolderError(f"{path}: another agent runs here; give each its own state_dir") from error

    def close(self) -> None:
        """Let another agent have it."""
        os.close(self._lock)
