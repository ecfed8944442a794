"""A tenant's repository as it is in the object store, read as a device reads it and checked as far.

The database names the newest root and seals its digest; from there signatures lead to snapshot and timestamp, which
are our own, and by their hashes to everything else. So what somebody else has put in the store is seen.
"""

from dataclasses import dataclass
from typing import TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from roost_cloud.db.tables import TrustRepository
from roost_cloud.objects import ObjectNotFoundError, ObjectStore, build_key
from roost_cloud.trust.acceptance import parse_metadata
from roost_cloud.trust.errors import MetadataRefusedError, TrustDamagedError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.digest import digest_of
from roost_shared.trust.names import ROOT, SNAPSHOT, TIMESTAMP, file_name, largest_bytes

__all__ = ["Standing", "find_file", "metadata_key", "newest_root", "read_standing"]

_Signed = TypeVar("_Signed", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True)
class Standing:
    """What there is.

    Attributes:
        root: the newest root's bytes.
        snapshot: the newest snapshot's bytes; None until targets were first published.
        timestamp: the newest timestamp.
    """

    store: ObjectStore
    tenant: str
    root: bytes
    snapshot: bytes | None = None
    timestamp: Metadata[Timestamp] | None = None

    @property
    def trusted_root(self) -> Root:
        """The root, read."""
        return parse_metadata(Root, ROOT, self.root).signed

    @property
    def listing(self) -> Snapshot | None:
        """The snapshot, read."""
        return None if self.snapshot is None else parse_metadata(Snapshot, SNAPSHOT, self.snapshot).signed

    def newest(self, role: str) -> int:
        """The newest version of targets, or of a task's role; 0 if there is none."""
        listing = self.listing
        meta = None if listing is None else listing.meta.get(f"{role}.json")
        return 0 if meta is None else meta.version

    def read(self, role: str) -> bytes | None:
        """The newest metadata of targets, or of a task's role; None if there is none.

        Raises:
            TrustDamagedError: it is not what the snapshot says.
        """
        listing = self.listing
        meta = None if listing is None else listing.meta.get(f"{role}.json")
        if meta is None:
            return None
        data = _read(self.store, self.tenant, file_name(role, meta.version))
        try:
            meta.verify_length_and_hashes(data)
        except LengthOrHashMismatchError as error:
            raise TrustDamagedError(f"{self.tenant}'s {role} is not what its snapshot says: {error}") from error
        return data

    def targets(self, role: str) -> Metadata[Targets] | None:
        """The same, read; who signed it is not asked."""
        data = self.read(role)
        return None if data is None else parse_metadata(Targets, role, data)


def metadata_key(tenant: str, file: str) -> str:
    """The object that is a file of a tenant's repository.

    >>> metadata_key("acme", "1.root.json")
    'acme/tuf/1.root.json'
    """
    return build_key(tenant, "tuf", file)


def find_file(store: ObjectStore, tenant: str, file: str, limit_bytes: int) -> bytes | None:
    """A file's bytes, at most one more than `limit_bytes`; None if there is none."""
    try:
        with store.open(metadata_key(tenant, file), length_bytes=limit_bytes + 1) as reader:
            return reader.read()
    except ObjectNotFoundError:
        return None


def newest_root(store: ObjectStore, keys: OnlineKeys, row: TrustRepository) -> bytes:
    """The newest root: the sealed one, or one behind it of which the database did not hear because we died.

    Raises:
        TrustDamagedError: the database or the store does not hold what was put there.
    """
    check_seal(keys, row)
    data = _read(store, row.tenant, file_name(ROOT, row.root_version))
    if digest_of(data) != row.root_digest:
        raise TrustDamagedError(f"{row.tenant}'s root {row.root_version} is not the one that was accepted")
    version = row.root_version
    while True:
        version += 1
        following = find_file(store, row.tenant, file_name(ROOT, version), largest_bytes(ROOT))
        if following is None or not _follows(data, following):
            return data
        data = following


def check_seal(keys: OnlineKeys, row: TrustRepository) -> None:
    """See that a row of the database is as we wrote it.

    Raises:
        TrustDamagedError: it is not.
    """
    if keys.seal(row.root_version, row.root_digest) != row.seal:
        raise TrustDamagedError(f"the database's word on {row.tenant}'s root is not ours: restore it, or trust.key")


def read_standing(store: ObjectStore, keys: OnlineKeys, row: TrustRepository) -> Standing:
    """Read what there is.

    Raises:
        TrustDamagedError: the database or the store does not hold what was put there.
    """
    root_data = newest_root(store, keys, row)
    root = parse_metadata(Root, ROOT, root_data).signed
    data = find_file(store, row.tenant, f"{TIMESTAMP}.json", largest_bytes(TIMESTAMP))
    if data is None:
        # Whoever died at the first time may have left a first snapshot, and nobody a second.
        if find_file(store, row.tenant, file_name(SNAPSHOT, 2), 0) is not None:
            raise TrustDamagedError(f"the store has lost {row.tenant}'s {TIMESTAMP}.json")
        return Standing(store, row.tenant, root_data)
    timestamp = _ours(Timestamp, TIMESTAMP, data, root)
    meta = timestamp.signed.snapshot_meta
    snapshot = _read(store, row.tenant, file_name(SNAPSHOT, meta.version))
    try:
        meta.verify_length_and_hashes(snapshot)
    except LengthOrHashMismatchError as error:
        raise TrustDamagedError(f"{row.tenant}'s snapshot is not what its timestamp says: {error}") from error
    _ours(Snapshot, SNAPSHOT, snapshot, root)
    return Standing(store, row.tenant, root_data, snapshot, timestamp)


def _ours(kind: type[_Signed], role: str, data: bytes, root: Root) -> Metadata[_Signed]:
    try:
        metadata = parse_metadata(kind, role, data)
        root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (MetadataRefusedError, RepositoryError) as error:
        raise TrustDamagedError(f"the {role} in the store is not one of ours: {error}") from error
    return metadata


def _follows(data: bytes, following: bytes) -> bool:
    """Whether a root is the next after another, signed as it must be."""
    current = parse_metadata(Root, ROOT, data).signed
    try:
        metadata = parse_metadata(Root, ROOT, following)
        for signer in (current, metadata.signed):
            signer.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures)
    except (MetadataRefusedError, RepositoryError):
        return False
    return metadata.signed.version == current.version + 1


def _read(store: ObjectStore, tenant: str, file: str) -> bytes:
    data = find_file(store, tenant, file, 1 << 20)
    if data is None:
        raise TrustDamagedError(f"the store has lost {tenant}'s {file}")
    return data
