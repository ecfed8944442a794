"""Who follows a reference: tasks of the cloud, whose contestants would be left without a bundle."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import CloudTask
from roost_cloud.registry.errors import InUseError
from roost_cloud.registry.reference import Reference

__all__ = ["check_unused"]


def check_unused(session: Session, tenant: str, reference: Reference) -> None:
    """See that no task of the tenant's names a version or alias.

    Raises:
        InUseError: one does.
    """
    rows = session.execute(select(CloudTask.name, CloudTask.document).where(CloudTask.tenant == tenant))
    using = sorted(
        name for name, document in rows if any(one["bundle"] == str(reference) for one in document["contestants"])
    )
    if using:
        raise InUseError(f"{reference} takes part in the task {', '.join(using)}: change or delete that first")
