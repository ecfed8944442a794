"""Bundles: blobs by digest, immutable versions, movable aliases."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name

__all__ = ["Alias", "AliasMove", "Blob", "BlobUpload", "BundleBlob", "BundleVersion"]

_DIGEST = String(71)  # "sha256:" and 64 hex digits
_VERSION = String(128)
_WHO = String(100)


class Blob(Base):
    """Bytes in the object store, whole and checked.

    A row without `condemned_at` has its object. Objects are removed only under the lock of a condemned row, and a row
    ceases to be condemned only when its object was seen under that lock: a push and a collection cannot undo one
    another.
    """

    __tablename__ = "blob"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]  # when somebody was last told that it is here, and may rely on it
    condemned_at: Mapped[datetime | None]  # collection has begun: the object may be gone


class BlobUpload(Base):
    """A blob on its way; its parts are with the object store."""

    __tablename__ = "upload"
    # A size that is wrong must not stand in the way of the right one.
    __table_args__ = (UniqueConstraint("tenant", "digest", "size_bytes"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"))
    digest: Mapped[str] = mapped_column(_DIGEST)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    store_upload: Mapped[str] = mapped_column(String(1024))  # the object store's name for it
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime] = mapped_column(index=True)  # when somebody last asked for its URLs
    created_by: Mapped[str] = mapped_column(_WHO)


class BundleVersion(Base):
    """A bundle, for ever the same. Deleted, its row stays: the name of a version is never used for another."""

    __tablename__ = "bundle_version"
    __table_args__ = (
        Index(None, "tenant", "digest"),
        Index(None, "tenant", "parent_digest"),
        Index(None, "tenant", "name", "created_at", "version"),
    )

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[str] = mapped_column(_VERSION, primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST)  # of the manifest
    manifest: Mapped[bytes]
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # of all blobs and the manifest
    task: Mapped[str | None] = mapped_column(Name)
    parent_digest: Mapped[str | None] = mapped_column(_DIGEST)
    training_run: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(_WHO)
    deleted_at: Mapped[datetime | None]


class BundleBlob(Base):
    """Which blobs a version holds; gone with the version's deletion."""

    __tablename__ = "bundle_blob"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "name", "version"], ["bundle_version.tenant", "bundle_version.name", "bundle_version.version"]
        ),
        ForeignKeyConstraint(["tenant", "digest"], ["blob.tenant", "blob.digest"]),
        Index(None, "tenant", "digest"),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[str] = mapped_column(_VERSION, primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)


class Alias(Base):
    """A name that moves from version to version: `stable`."""

    __tablename__ = "alias"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "name", "version"], ["bundle_version.tenant", "bundle_version.name", "bundle_version.version"]
        ),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    alias: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[str] = mapped_column(_VERSION)
    moved_at: Mapped[datetime]
    moved_by: Mapped[str] = mapped_column(_WHO)


class AliasMove(Base):
    """One step in an alias's history."""

    __tablename__ = "alias_move"
    __table_args__ = (Index(None, "tenant", "name", "alias", "id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"))
    name: Mapped[str] = mapped_column(Name)
    alias: Mapped[str] = mapped_column(Name)
    from_version: Mapped[str | None] = mapped_column(_VERSION)  # None: it was new
    to_version: Mapped[str | None] = mapped_column(_VERSION)  # None: it was deleted
    moved_at: Mapped[datetime]
    moved_by: Mapped[str] = mapped_column(_WHO)
