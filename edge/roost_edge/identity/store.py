"""Writes `{state_dir}/identity/`: whole or not at all, and by one process at a time.

    identity ─▶ identity.d/7     the generation in use
    identity.d/6                 the one before, until the cloud has been seen to take the newer
    identity.d/pending           the key that a token is to certify, until the identity that came of it is seen to work
    identity.d/lock

A generation gets its name when all its files are durable, and counts when the link names it. So whatever moment the
process ends at, there is the old identity or the new. What is left over is cleared away by whoever comes next.

Whoever comes as root works as the user whom the state folder belongs to, and so leaves that user's files (`owner.py`).
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from roost_edge.identity.errors import IdentityBusyError, IdentityUnwritableError
from roost_edge.identity.owner import as_owner_of
from roost_edge.identity.record import KEY, LINK
from roost_shared.durable import fsync_folder, write_durably

__all__ = ["IdentityStore"]

FOLDER: Final = "identity.d"
LOCK: Final = "lock"
PENDING: Final = "pending"
ASKED_BY: Final = "asked_by"  # the id of the token
_PRIVATE: Final = 0o700
_SECRET: Final = 0o600


class IdentityStore:
    """The identity of one state folder, locked; a context manager. The lock goes with the process, however it ends.

    Args:
        state_dir: the agent's folder; made if missing.

    Raises:
        IdentityBusyError: another process holds it.
        IdentityUnwritableError: the folder cannot be used. Every method that writes may raise this.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._link = state_dir / LINK
        self._folder = state_dir / FOLDER
        with self._writing():
            state_dir.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
            self._folder.mkdir(exist_ok=True, mode=_PRIVATE)
            self._lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _SECRET)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise IdentityBusyError(f"{self._folder}: another process is enrolling or renewing here") from error

    def __enter__(self) -> Self:
        """Held since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let another process have it."""
        os.close(self._lock)

    # ---- a key on its way

    def pending_key(self, token_id: str) -> bytes | None:
        """The key (PEM) that the cloud was asked to certify by this token, if there is one."""
        pending = self._folder / PENDING
        try:
            with as_owner_of(self._state_dir):
                asked_by = (pending / ASKED_BY).read_text(encoding="utf-8")
                return (pending / KEY).read_bytes() if asked_by == token_id else None
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        except OSError as error:
            raise IdentityUnwritableError(f"{pending}: {error.strerror or error}") from error

    def keep_pending(self, token_id: str, key_pem: bytes) -> None:
        """Remember the key before the cloud is asked, so that its answer, once lost, can be asked for again."""
        with self._writing():
            self._replace_folder(PENDING, {KEY: key_pem, ASKED_BY: token_id.encode()})

    def forget_pending(self) -> None:
        """Remove it: the cloud has been seen to take what came of it."""
        with self._writing():
            self._remove(PENDING)

    # ---- generations

    @property
    def in_use(self) -> int:
        """The number of the generation in use; 0 if there is none."""
        try:
            name = Path(os.readlink(self._link)).name  # noqa: PTH115 - one that leads nowhere counts too
        except OSError:
            return 0
        return int(name) if name.isdecimal() else 0

    def others(self) -> list[int]:
        """Generations that are not in use, the newest first."""
        with self._writing():
            return sorted({*self._generations()} - {self.in_use}, reverse=True)

    def adopt(self, files: Mapping[str, bytes]) -> None:
        """Make `files`, by name, the identity. The former one stays until `forget_others`."""
        with self._writing():
            generation = max(self._generations(), default=0) + 1
            self._replace_folder(str(generation), files)
            self.use(generation)

    def use(self, generation: int) -> None:
        """Make one that is there the one in use."""
        with self._writing():
            fresh = self._state_dir / f".{LINK}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(Path(FOLDER) / str(generation))
            fresh.replace(self._link)
            fsync_folder(self._state_dir)

    def forget_others(self) -> None:
        """Remove what is not in use, and what was never finished."""
        with self._writing():
            unfinished = [path.name for path in self._folder.iterdir() if path.name.startswith(".")]
            for name in (*map(str, self.others()), *unfinished):
                self._remove(name)

    # ---- disk

    def _generations(self) -> list[int]:
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]

    def _replace_folder(self, name: str, files: Mapping[str, bytes]) -> None:
        """Make a folder of this name with these files, durable before it has the name."""
        unnamed = self._folder / f".{name}"
        self._remove(unnamed.name)
        unnamed.mkdir(mode=_PRIVATE)
        for file, data in files.items():
            write_durably(unnamed / file, data, mode=_SECRET)
        self._remove(name)
        unnamed.rename(self._folder / name)
        fsync_folder(self._folder)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder / name)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with as_owner_of(self._state_dir):
                yield
        except OSError as error:
            place = error.filename or self._folder
            raise IdentityUnwritableError(f"{place}: {error.strerror or error}; nothing was changed") from error
