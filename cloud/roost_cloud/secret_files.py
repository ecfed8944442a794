"""Secrets that live in files and nowhere else: made once, readable by us alone.

Neither the database nor the object store holds any of them, so whoever gets hold of those can forge nothing.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost_shared.durable import fsync_folder, make_folders
from roost_shared.errors import DeviceError

__all__ = ["SecretFileError", "create_once", "secret_bytes"]

_BYTES: Final = 32


class SecretFileError(DeviceError):
    """A secret cannot be read, kept or trusted.

    Args:
        file: the file at fault.
        problem: what is wrong with it.
    """

    code = "secrets.unusable"

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


def secret_bytes(folder: Path, name: str) -> bytes:
    """32 random bytes, the same for as long as the file `name` lives.

    Raises:
        SecretFileError: as `create_once`, or the file holds something else.
    """
    secret = create_once(folder / name, lambda: secrets.token_bytes(_BYTES))
    if len(secret) != _BYTES:
        raise SecretFileError(folder / name, f"it holds {len(secret)} bytes, not {_BYTES}: restore it from a backup")
    return secret


def create_once(file: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds; if there is none, what `make` gives, kept durably.

    Of several processes that come at once, all get what the first has kept.

    Raises:
        SecretFileError: the file can be neither read nor made, or everybody on this machine can reach it.
    """
    try:
        make_folders(file.parent, mode=0o700)
        if not file.exists():
            _link_durably(file, make())
        if file.stat().st_mode & stat.S_IRWXO:  # a group's access is how orchestrators hand out secrets
            raise SecretFileError(file, f"a secret that everybody can reach; chmod 600 {file}, and think of a new one")
        return file.read_bytes()
    except OSError as error:
        raise SecretFileError(file, error.strerror or str(error)) from error


def _link_durably(file: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # for us alone: mode 600
    try:
        with os.fdopen(descriptor, "wb") as unnamed:
            unnamed.write(data)
            unnamed.flush()
            os.fsync(unnamed.fileno())
        try:
            os.link(name, file)  # unlike a rename, it never replaces
        except FileExistsError:
            return  # another process was first
        fsync_folder(file.parent)
    finally:
        Path(name).unlink()
