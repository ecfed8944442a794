"""The record of changes, for admins of what was changed."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel

from roost_cloud.api.auth import AnyAdmin, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.pages import LIMIT, LIMIT_MAX, Page, PageQuery
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import AuditEntry
from roost_cloud.people import audit

__all__ = ["router"]

_ID_MAX: Final = (1 << 63) - 1  # what a database's integer holds

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["people"])


class Entry(BaseModel):
    """One change."""

    at: datetime
    actor: str  # "token:ID", "device:NAME", "enrolment:ID"
    action: str  # "device.revoke"
    subject: str  # "cam-01"
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        """As the API shows it."""
        return cls(**{field: getattr(row, field) for field in cls.model_fields})


@router.get("", responses=raises(401, 403))
def list_audit(
    admin: AnyAdmin,
    services: Given,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT,
    after: Annotated[int | None, Query(ge=1, le=_ID_MAX, description="`next` of the part before")] = None,
) -> Page[Entry]:
    """What was changed in one's tenant, or by and for the platform; the newest first."""
    page = PageQuery(limit)
    with services.database.read() as session:
        rows = audit.page(session, admin.tenant, limit=page.rows, before=after)
    return page.of(rows, Entry.of, key=lambda row: str(row.id))
