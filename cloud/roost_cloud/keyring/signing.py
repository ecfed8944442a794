"""A draft signed with what a keyring has, and sent; or, where that is not enough, a file for the next person.

    {"role": "task.meter", "metadata": {…}}

Whoever is asked to add a signature sees what is in it first (`commands/trust.py`), and the cloud's devices believe it
once as many have signed as must.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from roost_cloud.client import ApiClient
from roost_cloud.keyring.keyring import Keyring, KeyringError
from roost_shared.durable import write_durably
from roost_shared.trust.names import ROOT, TARGETS, task_of_role

__all__ = ["Draft", "read_draft"]


class _File(msgspec.Struct, frozen=True):
    role: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """Metadata on its way to enough signatures.

    Args:
        role: whose.
        metadata: so far.
        delegators: who say which keys count; each has to be satisfied.
    """

    role: str
    metadata: Metadata[Root] | Metadata[Targets]
    delegators: tuple[Root | Targets, ...]

    def sign(self, keyring: Keyring) -> int:
        """Add the signatures of the keyring's keys that count; returns how many those are.

        Raises:
            KeyringError: a key cannot be used.
        """
        keyids = {keyid for one in self.delegators for keyid in one.get_delegated_role(self.role).keyids}
        signers = keyring.signers(keyids - self.metadata.signatures.keys())
        for signer in signers:
            try:
                self.metadata.sign(signer, append=True)
            except UnsignedMetadataError as error:
                raise KeyringError(str(error)) from error
        return len(signers)

    @property
    def missing(self) -> int:
        """How many signatures it lacks."""
        return max(self._missing(one) for one in self.delegators)

    def satisfies(self, delegator: Root | Targets) -> bool:
        """Whether these keys' signatures are enough for one of those who say so."""
        return self._missing(delegator) == 0

    def send(self, cloud: ApiClient) -> None:
        """Make it the newest.

        Raises:
            RemoteError, ApiUnreachableError, ApiAnswerError: as the client raises.
        """
        cloud.send("PUT", path_of(self.role), self.metadata.to_bytes())

    def write(self, file: Path) -> None:
        """Write it down for the next who signs."""
        document = _File(self.role, self.metadata.to_dict())
        write_durably(file, msgspec.json.format(msgspec.json.encode(document)))

    def _missing(self, delegator: Root | Targets) -> int:
        result = delegator.get_verification_result(self.role, self.metadata.signed_bytes, self.metadata.signatures)
        return result.missing


def path_of(role: str) -> str:
    """Where the API takes a role's metadata."""
    task = task_of_role(role)
    return f"/trust/{role}" if task is None else f"/trust/releases/{task}"


def read_draft(file: Path) -> tuple[str, Metadata[Root] | Metadata[Targets]]:
    """Read what `Draft.write` wrote: its role and metadata.

    Raises:
        KeyringError: it is no such file.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_File)
        metadata: Metadata[Root] | Metadata[Targets] = Metadata.from_dict(found.metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError, RepositoryError, ValueError, KeyError, TypeError) as error:
        raise KeyringError(f"{file} is no draft: {error}") from error
    expected = Root if found.role == ROOT else Targets
    if not isinstance(metadata.signed, expected) or not (
        found.role in (ROOT, TARGETS) or task_of_role(found.role) is not None
    ):
        raise KeyringError(f"{file} is no draft of {found.role}")
    return found.role, metadata
