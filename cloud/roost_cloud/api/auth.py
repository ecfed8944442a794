"""Who is asking: from `Authorization: Bearer …` to a member of a tenant, the platform, or nobody.

@router.get("/devices")
def devices(member: Viewer, services: Given) -> …: ...   # 401 without a token, 403 below that role
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from roost_cloud.errors import ForbiddenError, UnauthenticatedError
from roost_cloud.people import Principal, Role, tokens
from roost_cloud.services import Services

__all__ = ["Admin", "Anyone", "Given", "Member", "Operator", "Platform", "Viewer", "given"]


def given(request: Request) -> Services:
    """The services this application was made with."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put them there
    return services


Given = Annotated[Services, Depends(given)]
_bearer = HTTPBearer(auto_error=False, description="an API token, `roost_…`")


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
        with services.database.begin() as session:
            tokens.note_use(session, row.id, now)
    return principal


Anyone = Annotated[Principal, Depends(_principal)]


def _member(role: Role) -> Callable[[Principal], Member]:
    def check(principal: Anyone) -> Member:
        if principal.tenant is None:
            raise ForbiddenError("the platform's token sees no tenant's things: use one of the tenant's")
        if not principal.may(role):
            raise ForbiddenError(f"this needs the role {role}, and the token has {principal.role}")
        return Member(principal.tenant, principal.role, principal.name)

    return check


def _platform(principal: Anyone) -> Principal:
    if principal.tenant is not None:
        raise ForbiddenError("this needs a token of the platform, and the token is a tenant's")
    return principal


Viewer = Annotated[Member, Depends(_member("viewer"))]
Operator = Annotated[Member, Depends(_member("operator"))]
Admin = Annotated[Member, Depends(_member("admin"))]
Platform = Annotated[Principal, Depends(_platform)]
