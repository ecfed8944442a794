"""A certificate authority's key and certificate: one file, written once and never again.

Both lie in one PEM file, the key first, so that they cannot disagree: the file is linked to its name as a whole, and
where two processes start together the one that comes second uses what the first one wrote. Only its owner can read it.
"""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from roost_shared.durable import fsync_folder
from roost_shared.errors import DeviceError

__all__ = ["SecretsError", "Signer", "key_pem", "load_or_create", "make_private_folder"]

_FOLDER_MODE: Final = 0o700


class SecretsError(DeviceError):
    """A certificate authority's file cannot be used.

    Args:
        file: the file at fault.
        problem: what is wrong with it.
    """

    code = "secrets.invalid"

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


class Signer(NamedTuple):
    """The key and certificate of one authority."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> str:
        """The certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    """A private key, PKCS #8 PEM, unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and what leads to it, if it is not there; only its owner can look into it."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    fsync_folder(folder.parent)


def load_or_create(file: Path, create: Callable[[], Signer]) -> Signer:
    """Read the authority in `file`; where there is none, keep there what `create` makes, durably.

    Its folder has to be there.

    Raises:
        SecretsError: the file holds no key with its certificate, or everybody on this machine can read it.
        OSError: the disk refused.
    """
    try:
        return _load(file)
    except FileNotFoundError:
        made = create()
    _write_new(file, key_pem(made.key) + made.certificate_pem.encode())
    return _load(file)  # another process's, where that was first


def _load(file: Path) -> Signer:
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & stat.S_IRWXO:  # a group's access is how orchestrators hand out secrets
            raise SecretsError(
                file, f"a private key that everybody can reach; chmod 600 {file}, and think of a new one"
            )
        pem = opened.read()
    try:
        key = load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
        belongs = key.public_key() == certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SecretsError(file, "this is no private key followed by its certificate (PEM)") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not belongs:
        raise SecretsError(file, "key and certificate do not belong together, or the key is not elliptic")
    return Signer(key, certificate)


def _write_new(file: Path, pem: bytes) -> None:
    """Write `file` durably unless it exists."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(pem)
            opened.flush()
            os.fsync(opened.fileno())
        try:
            file.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
    fsync_folder(file.parent)
