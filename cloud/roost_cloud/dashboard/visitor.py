"""Who looks at a page, and what they may do: the handlers of the API, called as they are and as that one.

    found = await visitor.call(devices.list_devices, page=PageQuery(50))

A handler says by its `member` which role it needs, for HTTP and here alike. Whether the token is still good is looked
at each time: a page may stand open for hours.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar, get_type_hints

from sqlalchemy.orm import Session
from starlette.requests import Request

from roost_cloud.api.auth import Admin, Member, Operator, Viewer
from roost_cloud.dashboard.session import Session as SignedIn
from roost_cloud.errors import ForbiddenError, UnauthenticatedError
from roost_cloud.people import Principal, Role, ended_sessions, tokens
from roost_cloud.services import Services

__all__ = ["STATE", "Visitor", "recognise", "still_good", "visitor_of"]

_ROLES: Final[tuple[tuple[Any, Role], ...]] = ((Viewer, "viewer"), (Operator, "operator"), (Admin, "admin"))
STATE: Final = "roost_visitor"

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Visitor:
    """Whoever has signed in.

    Attributes:
        services: of the process.
        session: what their cookie says: the first of its tokens is whose things they look at.
        member: who that is.
    """

    services: Services
    session: SignedIn
    member: Member

    async def elsewhere(self) -> dict[str, Member]:
        """Who they are at other tenants, by the token's id; of tokens that are no good any more, nothing."""
        others = self.session.tokens[1:]
        return await asyncio.to_thread(still_good, self.services, others) if others else {}

    def may(self, handler: Callable[..., object]) -> bool:
        """Whether a handler would serve them; what they may not do is not shown."""
        return Principal(name=self.member.name, role=self.member.role, tenant=self.member.tenant).may(_needed(handler))

    async def call(self, handler: Callable[..., _Result], **given: Any) -> _Result:
        """What a handler of the API answers, with the rest of what it takes; in a thread.

        Raises:
            UnauthenticatedError: they have signed out since, or the token has expired, or was revoked.
            ForbiddenError: it takes another role.
            RoostError: as the handler raises.
        """
        return await asyncio.to_thread(self._call, handler, given)

    async def read(self, room: Callable[_Given, _Result], *args: _Given.args, **given: _Given.kwargs) -> _Result:
        """What a room tells, in a thread."""
        return await asyncio.to_thread(room, *args, **given)

    def _call(self, handler: Callable[..., _Result], given: dict[str, Any]) -> _Result:
        role, member = _needed(handler), recognise(self.services, self.session)
        if not Principal(name=member.name, role=member.role, tenant=member.tenant).may(role):
            raise ForbiddenError(f"this needs the role {role}, and the token has {member.role}")
        return handler(member=member, services=self.services, **given)


def recognise(services: Services, signed_in: SignedIn) -> Member:
    """The member of a tenant whose token a session shows first.

    Raises:
        UnauthenticatedError: the session was signed out of; or the token has expired, or was revoked.
    """
    with services.database.read() as session:
        if ended_sessions.has_ended(session, signed_in.id):
            raise UnauthenticatedError("the session was signed out of")
        return _member(session, signed_in.tokens[0], services.now())


def still_good(services: Services, identities: Iterable[str]) -> dict[str, Member]:
    """Whose tokens those of these ids are that have neither expired nor been revoked, by the id."""
    found = {}
    with services.database.read() as session:
        for token in identities:
            with contextlib.suppress(UnauthenticatedError):
                found[token] = _member(session, token, services.now())
    return found


def _member(session: Session, token: str, now: datetime) -> Member:
    principal, _ = tokens.recognise(session, token, now)
    if principal.tenant is None:
        raise UnauthenticatedError("the platform's token sees no tenant's things")
    return Member(principal.tenant, principal.role, principal.name)


def visitor_of(request: Request) -> Visitor:
    """Whose request it is; the gate has said so."""
    found = request.scope["state"][STATE]
    assert isinstance(found, Visitor)  # noqa: S101 - the gate lets nobody else in
    return found


@functools.cache
def _needed(handler: Callable[..., object]) -> Role:
    """The role that a handler asks for."""
    asked = get_type_hints(handler, include_extras=True)["member"]
    return next(role for kind, role in _ROLES if kind is asked or kind == asked)
