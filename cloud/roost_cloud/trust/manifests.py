"""What the registry knows of the manifests that releases name."""

from sqlalchemy.orm import Session

from roost_cloud.db.tables import BundleVersion
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_cloud.trust.acceptance import ManifestFacts
from roost_shared.digest import hex_of

__all__ = ["manifest_facts"]


def manifest_facts(session: Session, tenant: str, task: str, path: str) -> ManifestFacts | None:
    """What the registry knows of the manifest that a target's path names; None if it has none such for that task."""
    prefix, _, reference = path.partition("/")
    try:
        name, sign, version = parse_reference(reference)
    except BadReferenceError:
        return None
    row = session.get(BundleVersion, (tenant, name, version)) if sign == ":" and prefix == task else None
    if row is None or row.deleted_at is not None or row.task != task:
        return None
    return ManifestFacts(len(row.manifest), hex_of(row.digest))
