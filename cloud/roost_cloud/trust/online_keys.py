"""The keys that the cloud signs with by itself: files of `secrets_dir`, one folder a tenant, never in a database.

    {secrets_dir}/trust/{tenant}/snapshot-1.pem, timestamp-1.pem, assignments-1.pem,
    and task.NAME-1.pem where releases are automatic

A role's keys are numbered; the next is made when the one before it has come into use, so asking twice makes one.
"""

import hashlib
import hmac
from collections.abc import Container
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from roost_cloud.secret_files import SecretFileError, create_once, secret_bytes
from roost_shared.topics import check_name

__all__ = ["OnlineKeys"]

_FOLDER: Final = "trust"
_SEAL: Final = "trust.key"


class OnlineKeys:
    """One tenant's.

    Args:
        secrets: the folder of secrets.
        tenant: whose.

    Every method raises `SecretFileError` where a file cannot be used.
    """

    def __init__(self, secrets: Path, tenant: str) -> None:
        self._secrets = secrets
        self._folder = secrets / _FOLDER / check_name(tenant, "tenant")
        self.tenant = tenant

    def signers(self, role: str) -> list[CryptoSigner]:
        """All keys of a role, the oldest first; none if none was made."""
        found: list[CryptoSigner] = []
        while (file := self._file(role, len(found) + 1)).exists():
            found.append(_read(file, file.read_bytes()))
        return found

    def newest(self, role: str, in_use: Container[str] = (), *, anew: bool = False) -> CryptoSigner:
        """A role's newest key; made if there is none, or, if `anew`, when the newest is one of those `in_use`."""
        found = self.signers(role)
        if not found or (anew and found[-1].public_key.keyid in in_use):
            file = self._file(role, len(found) + 1)
            return _read(file, create_once(file, lambda: CryptoSigner.generate_ed25519().private_bytes))
        return found[-1]

    def seal(self, version: int, digest: str) -> str:
        """A mark that only whoever has the secrets can make: this digest is that of the tenant's root of this version.

        The database keeps it beside the digest, so that who writes there cannot make devices pin another root.
        """
        text = f"roost-trust-root-v1\n{self.tenant}\n{version}\n{digest}".encode()
        return hmac.new(secret_bytes(self._secrets, _SEAL), text, hashlib.sha256).hexdigest()

    def _file(self, role: str, number: int) -> Path:
        return self._folder / f"{role}-{number}.pem"


def _read(file: Path, pem: bytes) -> CryptoSigner:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SecretFileError(file, "this is no private key (PEM)") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretFileError(file, "this is no Ed25519 key")
    return CryptoSigner(key)
