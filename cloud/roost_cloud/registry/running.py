"""Bundles as devices' records name those that they run: `name:version@sha256:…`."""

import re
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import BundleVersion
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.candidate import Candidate
from roost_cloud.registry.versions import read_config
from roost_shared.bundle.manifest import BundleConfig
from roost_shared.errors import RoostError

__all__ = ["config_of", "manifest_of"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def manifest_of(session: Session, tenant: str, bundle: str | None) -> bytes | None:
    """The manifest of a bundle that runs; None if the registry does not have it."""
    digest = _DIGEST.search(bundle or "")
    if digest is None:
        return None
    query = select(BundleVersion.manifest).where(
        BundleVersion.tenant == tenant, BundleVersion.digest == digest[0], BundleVersion.deleted_at.is_(None)
    )
    return session.scalar(query.limit(1))


def config_of(objects: ObjectStore, tenant: str, manifest: bytes | None) -> BundleConfig | None:
    """Its document; None if it cannot be read: what is shown of a device is shown without it."""
    if manifest is None:
        return None
    try:
        return read_config(objects, tenant, Candidate.of(manifest))
    except RoostError:
        return None
