"""Which version a run starts from: the one the policy names, or the one that an alarm is about."""

import re
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Alias, BundleVersion
from roost_cloud.errors import NotFoundError
from roost_cloud.registry import versions
from roost_cloud.registry.reference import Reference, parse_reference

__all__ = ["followed", "of_alarm"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def followed(session: Session, tenant: str, reference: str) -> BundleVersion:
    """The version that `NAME:VERSION` or `NAME@ALIAS` stands for at this moment.

    Raises:
        BadReferenceError: it is neither.
        NotFoundError: the tenant has no such version or alias.
    """
    asked = parse_reference(reference)
    version = asked.which if asked.sign == ":" else _alias(session, tenant, asked)
    return versions.get(session, tenant, asked.name, version)


def of_alarm(session: Session, tenant: str, bundle: str | None) -> BundleVersion | None:
    """The version that an alarm is about; None if it tells of none, or the registry does not have it."""
    digest = _DIGEST.search(bundle or "")
    if digest is None:
        return None
    of_digest = (BundleVersion.tenant == tenant, BundleVersion.digest == digest[0], BundleVersion.deleted_at.is_(None))
    return session.scalars(select(BundleVersion).where(*of_digest).order_by(BundleVersion.created_at).limit(1)).first()


def _alias(session: Session, tenant: str, asked: Reference) -> str:
    row = session.get(Alias, (tenant, asked.name, asked.which))
    if row is None:
        raise NotFoundError("alias", str(asked))
    return row.version
