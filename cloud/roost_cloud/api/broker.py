"""What a broker of its own must know, fetched by `roost broker sync` beside it."""

from fastapi import APIRouter
from pydantic import BaseModel

from roost_cloud.api.auth import Given, Platform
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.fleet import certificates, device_records
from roost_cloud.fleet.revocations import revocations_document

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/broker", tags=["broker"])


class WithdrawnBody(BaseModel):
    """A certificate whose connections have to end."""

    identity: str
    serial: str


class RevocationsBody(BaseModel):
    """All that is revoked in the deployment; `fleet/revocations.py` says what it means."""

    crl_pem: str
    revoked: list[str]
    withdrawn: list[WithdrawnBody]
    version: str


@router.get("/revocations", responses=raises(401, 403))
def revocations(_: Platform, services: Given) -> RevocationsBody:
    """Revocation lists of every tenant, made anew, and the devices that nothing may pass from or to."""
    now = services.now()
    with services.database.read() as session:
        withdrawn = certificates.revoked(session, now)
        revoked = device_records.revoked(session)
    document = revocations_document(services.authority, withdrawn, revoked, now)
    return RevocationsBody.model_validate(document, from_attributes=True)
