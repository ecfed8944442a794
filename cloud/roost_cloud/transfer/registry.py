"""A cloud's bundle registry as its API gives it (`roost_cloud.api.{uploads,blobs,bundles,aliases}`).

What pushes and pulls ask is asked again for as long as their patience lasts while the cloud is away or busy; lists and
deletions only as often as `ApiClient` does by itself. Every method raises `RemoteError` when the cloud says no.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from roost_cloud.client import ApiAnswerError, ApiClient
from roost_cloud.transfer.patience import Patience
from roost_shared.bundle import oci

__all__ = [
    "Alias",
    "AliasMove",
    "Bundle",
    "Part",
    "Registry",
    "Upload",
    "Version",
    "VersionSummary",
    "WholeVersion",
]

_REDIRECTS: Final = (302, 303, 307)


class Part(msgspec.Struct, frozen=True):
    """A piece of a blob under way."""

    number: int
    offset: int
    size_bytes: int
    url: str | None  # None: it arrived


class Upload(msgspec.Struct, frozen=True):
    """A blob under way."""

    id: str
    parts: list[Part]


class Bundle(msgspec.Struct, frozen=True):
    """A bundle's name, and how many versions there are."""

    name: str
    versions: int
    updated_at: datetime


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A version, in short."""

    name: str
    version: str
    digest: str
    size_bytes: int
    task: str | None
    aliases: list[str]
    created_at: datetime
    created_by: str


class Version(VersionSummary, frozen=True, kw_only=True):
    """A version with its manifest's text, which the digest vouches for."""

    manifest: str


class Relative(msgspec.Struct, frozen=True, kw_only=True):
    """A version in another's lineage."""

    name: str
    version: str
    digest: str
    deleted: bool


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The training run that a version came of."""

    run: str
    task: str
    cause: str
    reason: str
    alarms: list[str]
    trainer: str
    trainer_version: str | None
    snapshot: str | None
    opened_at: datetime
    opened_by: str
    ended_at: datetime | None


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """A training run that started from a version."""

    run: str
    state: str
    candidate: str


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from, and what came of it."""

    parent_digest: str | None
    training_run: str | None
    parents: list[Relative]
    origin: Origin | None
    children: list[Relative]
    runs: list[Successor]


class WholeVersion(Version, frozen=True, kw_only=True):
    """A version with its lineage."""

    lineage: Lineage


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias points."""

    alias: str
    version: str
    moved_at: datetime
    moved_by: str


class AliasMove(msgspec.Struct, frozen=True, kw_only=True):
    """A step in an alias's history."""

    from_version: str | None
    to_version: str | None
    moved_at: datetime
    moved_by: str


class _Begun(msgspec.Struct, frozen=True):
    """Either the blob exists, or an upload has begun."""

    exists: bool = False
    id: str = ""
    parts: list[Part] = []


class Registry:
    """One tenant's registry.

    Args:
        api: the cloud, and who we are there.
        patience: how often to try again.

    Attributes:
        pool: connections for signed URLs, which take no token.
        patience: as given.
    """

    def __init__(self, api: ApiClient, patience: Patience | None = None) -> None:
        self._api = api
        self.pool = api.pool
        self.patience = patience or Patience()

    def begin_upload(self, digest: str, size_bytes: int, *, anew: bool = False) -> Upload | None:
        """Begin to bring a blob, or go on with it; None if it is there, and it shall not be brought anew."""
        body = {"digest": digest, "size_bytes": size_bytes, "anew": anew}
        begun = self.patience(lambda: self._api.call("POST", "/uploads", _Begun, body=body))
        return None if begun.exists else Upload(begun.id, begun.parts)

    def get_upload(self, upload_id: str) -> Upload:
        """An upload with fresh URLs."""
        return self.patience(lambda: self._api.get(f"/uploads/{upload_id}", Upload))

    def complete_upload(self, upload_id: str) -> None:
        """Make a blob of an upload's parts."""
        path = f"/uploads/{upload_id}/complete"
        self.patience(lambda: self._api.send("POST", path))

    def blob_url(self, digest: str) -> str:
        """Where to GET a blob's bytes from, for a while."""
        reply = self.patience(lambda: self._api.send("GET", f"/blobs/{digest}"))
        url = reply.headers.get("Location")
        if reply.status not in _REDIRECTS or url is None:
            raise ApiAnswerError(f"the cloud does not say where {digest} is")
        return url

    def publish(self, name: str, version: str, manifest: bytes) -> bool:
        """Make a version of a manifest; whether it is new."""
        path = _version_path(name, version)
        reply = self.patience(lambda: self._api.send("PUT", path, manifest, content_type=oci.MANIFEST_MEDIA_TYPE))
        return reply.status == 201  # noqa: PLR2004 - HTTP's "created"

    def version(self, name: str, version: str) -> Version:
        """A version."""
        return self.patience(lambda: self._api.get(_version_path(name, version), Version))

    def whole_version(self, name: str, version: str) -> WholeVersion:
        """A version with its lineage."""
        return self._api.get(_version_path(name, version), WholeVersion)

    def delete_version(self, name: str, version: str) -> None:
        """Delete a version that nothing points at."""
        self._api.send("DELETE", _version_path(name, version))

    def bundles(self) -> Iterator[Bundle]:
        """All bundles, by name."""
        return self._api.each("/bundles", Bundle)

    def versions(self, name: str) -> Iterator[VersionSummary]:
        """A bundle's versions, the newest first."""
        return self._api.each(f"/bundles/{quote(name, safe='')}", VersionSummary)

    def aliases(self, name: str) -> Iterator[Alias]:
        """A bundle's aliases, by name."""
        return self._api.each(f"/bundles/{quote(name, safe='')}/aliases", Alias)

    def move_alias(self, name: str, alias: str, version: str) -> Alias:
        """Point an alias at a version."""
        path = _alias_path(name, alias)
        return self.patience(lambda: self._api.call("PUT", path, Alias, body={"version": version}))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias that no task names; its history stays."""
        self._api.call("DELETE", _alias_path(name, alias), type(None))

    def alias_history(self, name: str, alias: str) -> Iterator[AliasMove]:
        """Every move of an alias, the newest first."""
        return self._api.each(f"{_alias_path(name, alias)}/history", AliasMove)


def _version_path(name: str, version: str) -> str:
    return f"/bundles/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def _alias_path(name: str, alias: str) -> str:
    return f"/bundles/{quote(name, safe='')}/aliases/{quote(alias, safe='')}"
