"""What lies in `{state_dir}/identity/`, read; `store.py` writes it.

    device.key   the private key (PEM, 0600); it was made here and never leaves
    device.crt   its certificate, then the tenant's authority's (PEM)
    ca.crt       the cloud's root certificate (PEM), known by the token's fingerprint
    cloud.json   a `CloudRecord`
    root.json    the root of trust for bundles, known by the token's digest; not there if the token had none

`identity` is a link to one *generation*, a folder that is never changed once it has its name; a renewal makes the next
and moves the link. Whoever uses the files resolves the link once, so that key and certificate belong together.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from roost_edge.identity.errors import IdentityMismatchError, IdentityUnreadableError
from roost_shared.messages import SCHEMA_VERSION, UNREADABLE
from roost_shared.topics import is_name

__all__ = [
    "AUTHORITY",
    "CERTIFICATE",
    "CLOUD",
    "KEY",
    "LINK",
    "TRUST_ROOT",
    "CloudBroker",
    "CloudRecord",
    "Identity",
    "is_enrolled",
    "read_identity",
]

LINK: Final = "identity"
KEY: Final = "device.key"
CERTIFICATE: Final = "device.crt"
AUTHORITY: Final = "ca.crt"
CLOUD: Final = "cloud.json"
TRUST_ROOT: Final = "root.json"


class CloudBroker(msgspec.Struct, frozen=True, kw_only=True):
    """The cloud's broker, as told at enrolment; a password only where the broker knows no certificates."""

    url: str
    username: str | None = None
    password: str | None = None


class CloudRecord(msgspec.Struct, frozen=True, kw_only=True):
    """cloud.json: as whom the cloud knows us, where it is, and for how long it believes our certificate."""

    schema_version: int = SCHEMA_VERSION
    tenant: str
    device: str
    url: str
    not_before: datetime  # the certificate's, by the cloud's clock
    not_after: datetime
    broker: CloudBroker | None = None


class Identity(NamedTuple):
    """One generation of the identity."""

    folder: Path
    cloud: CloudRecord

    @property
    def keyfile(self) -> Path:
        """The private key."""
        return self.folder / KEY

    @property
    def certfile(self) -> Path:
        """Its certificate and the tenant's authority's."""
        return self.folder / CERTIFICATE

    @property
    def cafile(self) -> Path:
        """The cloud's root certificate."""
        return self.folder / AUTHORITY

    @property
    def trust_root(self) -> Path | None:
        """The pinned root of trust for bundles; None if there is none."""
        file = self.folder / TRUST_ROOT
        return file if file.exists() else None

    def check_names(self, tenant: str, device: str, where: str) -> None:
        """See that `where` (agent.toml) and the identity speak of one device.

        Raises:
            IdentityMismatchError: they do not.
        """
        ours = (self.cloud.tenant, self.cloud.device)
        if ours != (tenant, device):
            raise IdentityMismatchError(
                f"{where} says {tenant}/{device}, but the identity in {self.folder.parent.parent} is that of"
                f" {ours[0]}/{ours[1]}: mend the file, or enrol again with --replace"
            )


def is_enrolled(state_dir: Path) -> bool:
    """Whether there is an identity, readable or not."""
    return os.path.lexists(state_dir / LINK)


def read_identity(state_dir: Path) -> Identity | None:
    """The identity in use; None if the device is not enrolled.

    Raises:
        IdentityUnreadableError: there is one, and it cannot be used.
    """
    link = state_dir / LINK
    folder = Path(os.path.realpath(link))
    try:
        data = (folder / CLOUD).read_bytes()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not is_enrolled(state_dir):
            return None
        raise IdentityUnreadableError(f"{link / CLOUD}: {error.strerror or error}") from error
    try:
        record = msgspec.json.decode(data, type=CloudRecord)
    except UNREADABLE as error:
        raise IdentityUnreadableError(f"{link / CLOUD}: {error}; enrol again with --replace") from error
    if record.schema_version != SCHEMA_VERSION:
        problem = f"is of version {record.schema_version}, this agent reads {SCHEMA_VERSION}"
        raise IdentityUnreadableError(f"{link / CLOUD} {problem}")
    if not (is_name(record.tenant) and is_name(record.device)) or not record.not_before < record.not_after:
        raise IdentityUnreadableError(f"{link / CLOUD} names no device; enrol again with --replace")
    identity = Identity(folder, record)
    for file in (identity.keyfile, identity.certfile, identity.cafile):
        if not os.access(file, os.R_OK):
            raise IdentityUnreadableError(f"{link / file.name}: missing, or not readable by this user")
    return identity
