"""Who is asking: from `Authorization: Bearer …` to a member of a tenant, the platform, or nobody.

@router.get("/devices")
def devices(member: Viewer, services: Given) -> …: ...   # 401 without a token, 403 below that role

Devices come with tokens of their own, which open their own routes and no others:

@router.get("/assignment")
def assignment(device: Enrolled, services: Given) -> …: ...
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from roost_cloud.db import DatabaseFullError, DatabaseUnavailableError
from roost_cloud.errors import ForbiddenError, UnauthenticatedError
from roost_cloud.fleet import device_auth, device_tokens
from roost_cloud.fleet.device_tokens import DeviceClaims
from roost_cloud.people import Principal, Role, tokens
from roost_cloud.services import Services

__all__ = [
    "Admin",
    "AnyAdmin",
    "Anyone",
    "Enrolled",
    "Given",
    "Member",
    "Operator",
    "Platform",
    "PlatformAdmin",
    "Renewing",
    "Viewer",
    "given",
]

log = structlog.get_logger(__name__)


# What waits for nothing is asynchronous: FastAPI gives everything else a thread, which takes longer than the work.
async def given(request: Request) -> Services:
    """The services this application was made with."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put them there
    return services


Given = Annotated[Services, Depends(given)]
_bearer = HTTPBearer(auto_error=False, description="an API token, `roost_…`")
_device_bearer = HTTPBearer(
    auto_error=False, scheme_name="DeviceBearer", description="a device's token, of `POST /device-auth/token`"
)


@dataclass(frozen=True)
class Member:
    """A principal within its tenant."""

    tenant: str
    role: Role
    name: str  # for the audit


def _principal(
    services: Given, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    if credentials is None:
        raise UnauthenticatedError("send a token: Authorization: Bearer roost_…")
    now = services.now()
    with services.database.read() as session:
        principal, row = tokens.authenticate(session, credentials.credentials, now)
    if tokens.use_is_stale(row, now):
        _note_use(services, row.id, now)
    return principal


def _note_use(services: Services, token: str, now: datetime) -> None:
    """Remember when the token was used; not being able to is no reason to refuse what was asked for."""
    try:
        with services.database.begin() as session:
            tokens.note_use(session, token, now)
    except (DatabaseFullError, DatabaseUnavailableError) as error:
        log.warning("token.use_not_noted", code=error.code, message=str(error))


Anyone = Annotated[Principal, Depends(_principal)]


def _member(role: Role) -> Callable[[Principal], Awaitable[Member]]:
    async def check(principal: Anyone) -> Member:
        if principal.tenant is None:
            raise ForbiddenError(
                "the platform's token sees no tenant's things: use a tenant's, as `roost tenant create` prints it"
            )
        _reaching(role, principal)
        return Member(principal.tenant, principal.role, principal.name)

    return check


def _platform(role: Role) -> Callable[[Principal], Principal]:
    def check(principal: Anyone) -> Principal:
        if principal.tenant is not None:
            raise ForbiddenError("this needs a token of the platform, and the token is a tenant's")
        return _reaching(role, principal)

    return check


def _any_admin(principal: Anyone) -> Principal:
    return _reaching("admin", principal)


def _reaching(role: Role, principal: Principal) -> Principal:
    if not principal.may(role):
        raise ForbiddenError(f"this needs the role {role}, and the token has {principal.role}")
    return principal


Viewer = Annotated[Member, Depends(_member("viewer"))]
Operator = Annotated[Member, Depends(_member("operator"))]
Admin = Annotated[Member, Depends(_member("admin"))]
Platform = Annotated[Principal, Depends(_platform("viewer"))]
PlatformAdmin = Annotated[Principal, Depends(_platform("admin"))]
AnyAdmin = Annotated[Principal, Depends(_any_admin)]  # a tenant's or the platform's, over its own


def _device(
    services: Given, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_device_bearer)]
) -> DeviceClaims:
    if credentials is None:
        raise UnauthenticatedError("sign in as a device first, and send the token: Authorization: Bearer …")
    now = services.now()
    claims = device_tokens.read_token(services.token_key, credentials.credentials, now)
    # Looked up each time: a revoked device's token ends with its certificate.
    with services.database.read() as session:
        return replace(claims, scope=device_auth.recognise(session, claims, now))


Renewing = Annotated[DeviceClaims, Depends(_device)]  # a device whose certificate may have expired


def _enrolled(device: Renewing) -> DeviceClaims:
    if device.scope != "device":
        raise ForbiddenError("the device's certificate has expired: all it may do is renew it")
    return device


Enrolled = Annotated[DeviceClaims, Depends(_enrolled)]
