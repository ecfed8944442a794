"""A folder of keys that sign offline.

    NAME.pub    the public key, and how to reach the private one: JSON, for anybody
    NAME.pem    the private key (PKCS #8, encrypted by a passphrase), unless a URI leads to a device or service
    root.json   the root that the folder's owner believes; `known/` what was seen since

Each key may be moved elsewhere, and back when it is needed: what signs is what is there.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import Error as SignerError
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from roost_shared.durable import make_folders, write_durably
from roost_shared.errors import ContentError
from roost_shared.topics import check_name

__all__ = ["KeyFile", "Keyring", "KeyringError", "read_public"]

_ROOT: Final = "root.json"
_PRIVATE: Final = 0o700
_SECRET: Final = 0o600


class KeyringError(ContentError):
    """A key, or the folder of them, is not what it should be."""

    code = "trust.keyring"


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """NAME.pub: a key as others may know it.

    Attributes:
        name: within its folder.
        keyid: TUF's name for it.
        key: TUF's document of the public key.
        uri: of a securesystemslib signer; None where NAME.pem has the private key.
    """

    name: str
    keyid: str
    key: dict[str, Any]
    uri: str | None = None

    @property
    def public(self) -> Key:
        """The public key.

        Raises:
            KeyringError: it is of no kind we know.
        """
        try:
            return Key.from_dict(self.keyid, dict(self.key))
        except (KeyError, TypeError, ValueError) as error:
            raise KeyringError(f"{self.name}: this is no public key that TUF knows: {error}") from error


class Keyring:
    """One folder.

    Args:
        folder: made when the first key is.
        ask: for the passphrase of the key of a name.

    Every method raises `KeyringError` for what is there and cannot be used.
    """

    def __init__(self, folder: Path, ask: Callable[[str], str]) -> None:
        self.folder = folder
        self._ask = ask
        self._opened: dict[str, Signer] = {}

    def make(self, name: str, passphrase: str | None) -> KeyFile:
        """A new key, Ed25519; one of that name that is there already is not touched.

        Raises:
            KeyringError: the name is taken.
        """
        check_name(name, "key")
        self._check_free(name)
        private = Ed25519PrivateKey.generate()
        encryption: KeySerializationEncryption = (
            NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
        )
        make_folders(self.folder, mode=_PRIVATE)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        write_durably(self.folder / f"{name}.pem", pem, mode=_SECRET)
        signer = CryptoSigner(private)
        self._opened[signer.public_key.keyid] = signer
        return self._keep(name, signer.public_key, None)

    def add(self, name: str, public_pem: bytes, uri: str) -> KeyFile:
        """A key that a device or service holds.

        Args:
            name: by which it is known here.
            public_pem: its public key.
            uri: of a securesystemslib signer: `hsm:…`, `awskms:…`, `gcpkms:…`, `azurekms:…`, `gnupg:…`.
        """
        check_name(name, "key")
        self._check_free(name)
        try:
            public = SSlibKey.from_crypto(load_pem_public_key(public_pem))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyringError(f"{name}: this is no public key (PEM)") from error
        make_folders(self.folder, mode=_PRIVATE)
        return self._keep(name, public, uri)

    def every(self) -> list[KeyFile]:
        """All keys by name, whether the private ones are here or not."""
        if not self.folder.is_dir():
            raise KeyringError(f"{self.folder} is no folder of keys: `roost trust init` or `add-key` makes one")
        return [read_public(file) for file in sorted(self.folder.glob("*.pub"))]

    def get(self, name: str) -> KeyFile:
        """The key of a name."""
        file = self.folder / f"{check_name(name, 'key')}.pub"
        if not file.exists():
            raise KeyringError(f"{self.folder} has no key {name!r}: `roost trust add-key {name}` makes one")
        return read_public(file)

    def signers(self, keyids: Iterable[str]) -> list[Signer]:
        """Those of some keys that can sign here; asks for their passphrases."""
        wanted = set(keyids)
        return [self._open(key) for key in self.every() if key.keyid in wanted and self._is_here(key)]

    @property
    def root(self) -> bytes | None:
        """The root that the owner believes; None if none was said."""
        file = self.folder / _ROOT
        return file.read_bytes() if file.exists() else None

    def believe(self, root: bytes) -> None:
        """Begin with this root from now on."""
        make_folders(self.folder, mode=_PRIVATE)
        write_durably(self.folder / _ROOT, root)

    @property
    def known(self) -> Path:
        """The folder of what was seen of the repository."""
        return self.folder / "known"

    def _check_free(self, name: str) -> None:
        if any((self.folder / f"{name}.{kind}").exists() for kind in ("pub", "pem")):
            raise KeyringError(f"{self.folder} has a key {name!r} already: give another its own name")

    def _keep(self, name: str, public: Key, uri: str | None) -> KeyFile:
        made = KeyFile(name=name, keyid=public.keyid, key=public.to_dict(), uri=uri)
        write_durably(self.folder / f"{name}.pub", msgspec.json.format(msgspec.json.encode(made)))
        return made

    def _is_here(self, key: KeyFile) -> bool:
        return key.uri is not None or (self.folder / f"{key.name}.pem").exists()

    def _open(self, key: KeyFile) -> Signer:
        if key.keyid not in self._opened:
            self._opened[key.keyid] = self._by_uri(key, key.uri) if key.uri is not None else self._by_file(key)
        return self._opened[key.keyid]

    def _by_uri(self, key: KeyFile, uri: str) -> Signer:
        try:
            return Signer.from_priv_key_uri(uri, key.public, self._ask)
        except (SignerError, ValueError, OSError, ImportError) as error:
            raise KeyringError(f"{key.name}: {uri} gives no signer: {error}") from error

    def _by_file(self, key: KeyFile) -> Signer:
        file = self.folder / f"{key.name}.pem"
        pem = file.read_bytes()
        password = self._ask(key.name).encode() if b"ENCRYPTED" in pem else None
        try:
            private = load_pem_private_key(pem, password)
            public = key.public
            if isinstance(private, Ed25519PrivateKey) and isinstance(public, SSlibKey):
                return CryptoSigner(private, public)
        except (ValueError, TypeError, UnsupportedAlgorithm, SignerError) as error:
            raise KeyringError(f"{file}: the passphrase is wrong, or this is not the key of {key.name}.pub") from error
        raise KeyringError(f"{file} is no Ed25519 key")


def read_public(file: Path) -> KeyFile:
    """Read NAME.pub, one's own or another's.

    Raises:
        KeyringError: it is none.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=KeyFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeyringError(f"{file} is no public key of a keyring: {error}") from error
