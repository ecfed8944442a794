"""Which version people mean at this moment, by `NAME:VERSION`, `NAME@ALIAS` or a digest.

Where versions must also stay until a transaction ends, and many are meant at once, assignments and rollouts see to it
themselves.
"""

from sqlalchemy.orm import Session

from roost_cloud.db.tables import Alias, BundleVersion
from roost_cloud.errors import NotFoundError
from roost_cloud.registry import versions
from roost_cloud.registry.reference import parse_reference
from roost_shared.digest import DIGEST

__all__ = ["find_version", "follow"]


def follow(session: Session, tenant: str, reference: str) -> BundleVersion:
    """The version that `NAME:VERSION` or `NAME@ALIAS` stands for.

    Raises:
        BadReferenceError: it is neither.
        NotFoundError: the tenant has no such version or alias.
    """
    asked = parse_reference(reference)
    if asked.sign == ":":
        return versions.get(session, tenant, asked.name, asked.which)
    alias = session.get(Alias, (tenant, asked.name, asked.which))
    if alias is None:
        raise NotFoundError("alias", str(asked))
    return versions.get(session, tenant, asked.name, alias.version)


def find_version(session: Session, tenant: str, text: str) -> BundleVersion:
    """The version that `NAME:VERSION`, `NAME@ALIAS` or a manifest's digest stands for.

    Raises:
        BadReferenceError: it is none of these.
        NotFoundError: the tenant has no such version, alias or bundle.
    """
    if DIGEST.fullmatch(text) is None:
        return follow(session, tenant, text)
    found = versions.find(session, tenant, text)
    if found is None:
        raise NotFoundError("bundle", text)
    return found
