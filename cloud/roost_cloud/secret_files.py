"""Secrets that live in files and nowhere else: made once, readable by us alone.

Neither the database nor the object store holds any of them, so whoever gets hold of those can forge nothing.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost_shared.durable import fsync_folder
from roost_shared.errors import DeviceError

__all__ = ["SecretFileError", "create_once", "secret_bytes"]

_BYTES: Final = 32


class SecretFileError(DeviceError):
    """A secret cannot be read or kept."""

    code = "secrets.unusable"


def secret_bytes(folder: Path, name: str) -> bytes:
    """32 random bytes, the same for as long as the file `name` lives.

    Raises:
        SecretFileError: the folder cannot be used.
    """
    secret = create_once(folder / name, lambda: secrets.token_bytes(_BYTES))
    if len(secret) != _BYTES:
        raise SecretFileError(f"{folder / name} holds {len(secret)} bytes, not {_BYTES}: restore it from a backup")
    return secret


def create_once(path: Path, make: Callable[[], bytes], *, mode: int = 0o600) -> bytes:
    """What the file holds; if there is none, what `make` gives, kept durably.

    Of several processes that come at once, all get what the first has kept.

    Raises:
        SecretFileError: the file can be neither read nor made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _link_durably(path, make(), mode)
        return path.read_bytes()
    except OSError as error:
        raise SecretFileError(f"{path}: {error.strerror or error}") from error


def _link_durably(path: Path, data: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # unlike a rename, it never replaces
        except FileExistsError:
            return  # another process was first
        fsync_folder(path.parent)
    finally:
        Path(name).unlink()
