"""A repository's files, written in the order in which nobody who reads meanwhile is led astray.

First what is new, then the snapshot that names it, the timestamp that names that last: until then all is as before,
and files that nobody names are no harm. Versions, locks and who may change what are the caller's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

from roost_cloud.objects import ObjectStore
from roost_cloud.trust.errors import TrustDamagedError
from roost_cloud.trust.freshness import next_snapshot, next_timestamp
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.standing import Standing, metadata_key
from roost_shared.trust.names import SNAPSHOT, TIMESTAMP, file_name

__all__ = ["Filing"]

_Signed = TypeVar("_Signed", Snapshot, Timestamp)


@dataclass(frozen=True)
class Filing:
    """One tenant's. Every method raises what the store raises.

    Args:
        store: where the files are.
        keys: that sign snapshot and timestamp.
        now: the time.
    """

    store: ObjectStore
    keys: OnlineKeys
    now: datetime

    def publish(self, standing: Standing, changed: Mapping[str, tuple[int, bytes]]) -> None:
        """Write roles' new metadata, by role with its version, and have it named."""
        for role, (version, data) in changed.items():
            self.put(role, version, data)
        self.sign_anew(standing, (standing.trusted_root,), changed)

    def sign_anew(
        self, standing: Standing, roots: tuple[Root, ...], changed: Mapping[str, tuple[int, bytes]] | None = None
    ) -> None:
        """Write the next snapshot and timestamp.

        Args:
            standing: what there is.
            roots: whose keys sign.
            changed: what the snapshot names anew, by role: version and bytes.
        """
        snapshot = next_snapshot(standing.listing, changed or {}, self.now)
        data = self._signed(SNAPSHOT, snapshot, roots)
        self.put(SNAPSHOT, snapshot.version, data)
        self.point(standing, snapshot.version, data, roots)

    def point(self, standing: Standing, version: int, snapshot: bytes, roots: tuple[Root, ...]) -> None:
        """Write the next timestamp, which names a snapshot by its version and bytes."""
        current = None if standing.timestamp is None else standing.timestamp.signed
        timestamp = next_timestamp(current, (version, snapshot), self.now)
        self.put(TIMESTAMP, timestamp.version, self._signed(TIMESTAMP, timestamp, roots))

    def put(self, role: str, version: int, data: bytes) -> None:
        """Write a role's metadata of that version."""
        self.store.put(metadata_key(self.keys.tenant, file_name(role, version)), data)

    def _signed(self, role: str, signed: _Signed, roots: tuple[Root, ...]) -> bytes:
        """Signed by every key of ours that any of the roots names."""
        metadata = Metadata(signed)
        named = {keyid for root in roots for keyid in root.roles[role].keyids}
        for signer in self.keys.signers(role):
            if signer.public_key.keyid in named:
                metadata.sign(signer, append=True)
        if not metadata.signatures:
            raise TrustDamagedError(f"we have no key that {self.keys.tenant}'s root names for {role}")
        return metadata.to_bytes()
