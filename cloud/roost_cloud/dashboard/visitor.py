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

from starlette.requests import Request

from roost_cloud.api.auth import Admin, Member, Operator, Viewer
from roost_cloud.errors import ForbiddenError, UnauthenticatedError
from roost_cloud.people import Principal, Role, tokens
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
        token: the id of the API token that they came with.
        member: who that is.
        since: when they signed in last.
        others: the ids of tokens that they came with before, of other tenants.
    """

    services: Services
    token: str
    member: Member
    since: datetime
    others: tuple[str, ...] = ()

    async def elsewhere(self) -> dict[str, Member]:
        """Who they are at other tenants, by the token's id; of tokens that are no good any more, nothing."""
        return await asyncio.to_thread(still_good, self.services, self.others) if self.others else {}

    def may(self, handler: Callable[..., object]) -> bool:
        """Whether a handler would serve them; what they may not do is not shown."""
        return Principal(name=self.member.name, role=self.member.role, tenant=self.member.tenant).may(_needed(handler))

    async def call(self, handler: Callable[..., _Result], **given: Any) -> _Result:
        """What a handler of the API answers, with the rest of what it takes; in a thread.

        Raises:
            UnauthenticatedError: the token has expired since, or was revoked.
            ForbiddenError: it takes another role.
            RoostError: as the handler raises.
        """
        return await asyncio.to_thread(self._call, handler, given)

    async def read(self, room: Callable[_Given, _Result], *args: _Given.args, **given: _Given.kwargs) -> _Result:
        """What a room tells, in a thread."""
        return await asyncio.to_thread(room, *args, **given)

    def _call(self, handler: Callable[..., _Result], given: dict[str, Any]) -> _Result:
        role, member = _needed(handler), recognise(self.services, self.token)
        if not Principal(name=member.name, role=member.role, tenant=member.tenant).may(role):
            raise ForbiddenError(f"this needs the role {role}, and the token has {member.role}")
        return handler(member=member, services=self.services, **given)


def recognise(services: Services, token: str) -> Member:
    """The member of a tenant whose token has this id.

    Raises:
        UnauthenticatedError: it has expired, or was revoked.
    """
    with services.database.read() as session:
        principal, _ = tokens.recognise(session, token, services.now())
    if principal.tenant is None:
        raise UnauthenticatedError("the platform's token sees no tenant's things")
    return Member(principal.tenant, principal.role, principal.name)


def still_good(services: Services, identities: Iterable[str]) -> dict[str, Member]:
    """Whose tokens those of these ids are that have neither expired nor been revoked, by the id."""
    found = {}
    for token in identities:
        with contextlib.suppress(UnauthenticatedError):
            found[token] = recognise(services, token)
    return found


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
