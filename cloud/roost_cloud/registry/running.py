"""Bundles as devices' records name those that they run: `name:version@sha256:…`."""

from sqlalchemy.orm import Session

from roost_cloud.db.tables import BundleVersion
from roost_cloud.objects import ObjectStore
from roost_cloud.registry import versions
from roost_cloud.registry.candidate import Candidate
from roost_shared.bundle.manifest import BundleConfig
from roost_shared.digest import DIGEST
from roost_shared.errors import RoostError

__all__ = ["config_of", "manifest_of", "version_of"]


def version_of(session: Session, tenant: str, bundle: str | None) -> BundleVersion | None:
    """The version that runs; None if none does, or the registry does not have it."""
    digest = DIGEST.search(bundle or "")
    return None if digest is None else versions.find(session, tenant, digest[0])


def manifest_of(session: Session, tenant: str, bundle: str | None) -> bytes | None:
    """The manifest of a bundle that runs; None if the registry does not have it."""
    found = version_of(session, tenant, bundle)
    return None if found is None else found.manifest


def config_of(objects: ObjectStore, tenant: str, manifest: bytes | None) -> BundleConfig | None:
    """Its document; None if it cannot be read: what is shown of a device is shown without it."""
    if manifest is None:
        return None
    try:
        return versions.read_config(objects, tenant, Candidate.of(manifest))
    except RoostError:
        return None
