"""How devices come in: tokens that people make, and what a device does with one."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field, StringConstraints

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.labels import Labels
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import EnrolmentToken
from roost_cloud.fleet import device_broker, enrolment, enrolment_tokens
from roost_cloud.fleet.device_broker import BrokerAccess
from roost_cloud.fleet.enrolment_tokens import DEFAULT_LIFETIME, Status
from roost_cloud.trust import queries
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.enrolment import common_name

__all__ = ["BrokerBody", "CertificateBody", "router"]

_MIN_LIFETIME_S: Final = 60
_MAX_LIFETIME_S: Final = 30 * 86_400
_MAX_CSR_CHARS: Final = 100_000  # what is far longer than a request, it says of itself

router = APIRouter(prefix=PREFIX, tags=["enrolment"])

_Opaque = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class BrokerBody(BaseModel):
    """Where the broker is, and how the device gets in: without a password, by its certificate."""

    url: str
    username: str | None
    password: str | None

    @classmethod
    def of(cls, access: BrokerAccess | None) -> "BrokerBody | None":
        """As the API shows it."""
        return None if access is None else cls(url=access.url, username=access.username, password=access.password)


class EnrolBody(BaseModel):
    """What a device gives for its certificate."""

    token_id: _Opaque
    secret: _Opaque
    csr_pem: Annotated[str, Field(max_length=_MAX_CSR_CHARS)]


class CertificateBody(BaseModel):
    """A device's new certificate."""

    certificate_pem: str  # the device's, then its tenant's CA's
    ca_pem: str  # the root's
    expires_at: datetime
    broker: BrokerBody | None  # null: there is none, or what the device knows of it stays


class EnrolledBody(CertificateBody):
    """A device's first certificate, and who it is from now on."""

    tenant: str
    device: str
    trust_root: str | None = Field(description="the root of trust whose digest the token carries, as it is")


class NewEnrolment(BaseModel):
    """A token to be made."""

    device: Name
    labels: Labels = {}
    expires_in_s: Annotated[int, Field(ge=_MIN_LIFETIME_S, le=_MAX_LIFETIME_S)] = int(DEFAULT_LIFETIME.total_seconds())
    replace: Annotated[bool, Field(description="the device was lost: its certificates go when the token is used")] = (
        False
    )


class IssuedEnrolmentBody(BaseModel):
    """A token just made; its text is shown this once."""

    id: str
    token: str
    device: str
    url: str  # where devices reach us, whatever way the asker came
    expires_at: datetime


class EnrolmentBody(BaseModel):
    """What is known of a token."""

    id: str
    device: str
    labels: dict[str, str]
    replace: bool
    status: Status
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None


@router.get("/ca", response_class=PlainTextResponse, responses=raises())
def root_certificate(services: Given) -> str:
    """The root CA's certificate, PEM. An enrolment token carries its fingerprint, so that a device can tell."""
    return services.authority.root_certificate_pem


@router.post("/enrol", status_code=HTTPStatus.CREATED, responses=raises(401, 409))
def enrol(body: EnrolBody, services: Given) -> EnrolledBody:
    """Become a device. The same token with the same key again gets a certificate again, for as long as it lives."""
    now = services.now()
    with services.database.read() as session:  # strangers cost us no write
        enrolment_tokens.authenticate(session, body.token_id, body.secret, now)
    with services.database.begin() as session:
        enrolled = enrolment.redeem(
            session,
            body.token_id,
            body.csr_pem,
            authority=services.authority,
            lifetime=timedelta(days=services.settings.certificate_days),
            now=now,
        )
        broker = device_broker.grant(session, enrolled.tenant, enrolled.device, services.settings)
    if enrolled.replaced:
        services.cut_off(common_name(enrolled.tenant, enrolled.device))
    return EnrolledBody(
        tenant=enrolled.tenant,
        device=enrolled.device,
        certificate_pem=enrolled.certificate.certificate_pem,
        ca_pem=services.authority.root_certificate_pem,
        expires_at=enrolled.certificate.not_after,
        broker=BrokerBody.of(broker),
        trust_root=None
        if enrolled.root_version is None
        else queries.read_pinned(services.objects, enrolled.tenant, enrolled.root_version),
    )


@router.post("/enrolments", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 409))
def create_enrolment(body: NewEnrolment, member: Operator, services: Given) -> IssuedEnrolmentBody:
    """Make a token that lets one device in, once."""
    with services.database.begin() as session:
        issued = enrolment_tokens.create(
            session,
            tenant=member.tenant,
            device=body.device,
            labels=body.labels,
            lifetime=timedelta(seconds=body.expires_in_s),
            replace=body.replace,
            root_fingerprint=services.authority.root_fingerprint,
            pin=queries.find_pin(session, OnlineKeys(services.settings.secrets_path, member.tenant)),
            actor=member.name,
            now=services.now(),
        )
    row = issued.row
    url = services.settings.base_url
    return IssuedEnrolmentBody(id=row.id, token=issued.text, device=row.device, url=url, expires_at=row.expires_at)


@router.get("/enrolments", responses=raises(401, 403, 404))
def enrolments(member: Viewer, services: Given, page: Asked) -> Page[EnrolmentBody]:
    """The tokens there are and were, the newest first."""
    now = services.now()
    with services.database.read() as session:
        rows = enrolment_tokens.page(session, member.tenant, limit=page.rows, after=page.after)
    return page.of(rows, to_model=lambda row: _shown(row, now), key=lambda row: row.id)


@router.delete("/enrolments/{enrolment}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404))
def revoke_enrolment(
    enrolment: Annotated[_Opaque, Path(description="the token's id")], member: Operator, services: Given
) -> None:
    """End a token's life; again is no error. Whoever used it stays enrolled."""
    with services.database.begin() as session:
        enrolment_tokens.revoke(session, member.tenant, enrolment, actor=member.name, now=services.now())


def _shown(row: EnrolmentToken, now: datetime) -> EnrolmentBody:
    return EnrolmentBody(
        id=row.id,
        device=row.device,
        labels=row.labels,
        replace=row.replace,
        status=enrolment_tokens.status(row, now),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
