"""What the commands of `roost trust` have in common: the folder of keys, passphrases, names of keys."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer

from roost_cloud.client import ApiClient
from roost_cloud.keyring.ceremony import expires_in
from roost_cloud.keyring.keyring import KeyFile, Keyring, KeyringError, read_public
from roost_cloud.keyring.trusted import find_root
from roost_shared.errors import ConfigError

__all__ = ["believe", "expiry", "keyid_of", "new_passphrase", "open_keyring", "public_of"]

_KEYID: Final = re.compile(r"[0-9a-f]{64}")


def expiry(days: float) -> datetime:
    """The end of what is signed now and holds for so many days."""
    return expires_in(datetime.now(UTC), days)


def open_keyring(folder: Path, passphrase_file: Path | None) -> Keyring:
    """The folder of keys; passphrases come from a file, or are asked for."""

    def ask(name: str) -> str:
        if passphrase_file is not None:
            return _first_line(passphrase_file)
        return str(typer.prompt(f"Passphrase of {name}", hide_input=True))

    return Keyring(folder, ask)


def new_passphrase(file: Path | None, *, unlocked: bool) -> str | None:
    """For a new private key; None to leave it unencrypted."""
    if unlocked:
        return None
    if file is not None:
        return _first_line(file)
    return str(typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True))


def _first_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise ConfigError(
            where=str(file), key="", problem="its first line is empty", remedy="Write the passphrase there"
        )
    return lines[0]


def public_of(keyring: Keyring, text: str) -> KeyFile:
    """The public key that somebody names: by its name in the folder, or a .pub file."""
    return read_public(Path(text)) if text.endswith(".pub") else keyring.get(text)


def keyid_of(keyring: Keyring, text: str) -> str:
    """The id of a key that somebody names, or the id itself."""
    return text if _KEYID.fullmatch(text) else public_of(keyring, text).keyid


def believe(cloud: ApiClient, keyring: Keyring, digest: str | None) -> None:
    """Begin with the root that somebody vouches for; a folder that knows one keeps it."""
    if digest is None:
        return
    if keyring.root is not None:
        raise KeyringError(f"{keyring.folder} believes a root already, and follows it: leave out --root-digest")
    keyring.believe(find_root(cloud, digest))
