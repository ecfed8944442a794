"""Who I am, and the tokens of my tenant (or of the platform): made, listed, revoked."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from roost_cloud.api.auth import AnyAdmin, Anyone, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Line
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import ApiToken
from roost_cloud.errors import ForbiddenError
from roost_cloud.people import Role, tokens

__all__ = ["IssuedToken", "Token", "router"]

LONGEST_S: Final = 10 * 366 * 24 * 3600.0  # ten years
_TokenId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]

router = APIRouter(prefix=PREFIX, tags=["people"])


class Identity(BaseModel):
    """Who somebody is."""

    name: str  # as the audit names them
    tenant: str | None  # None: the platform
    role: Role


class Token(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    role: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None  # to the minute

    @classmethod
    def of(cls, row: ApiToken) -> Self:
        """As the API shows it."""
        return cls(**{field: getattr(row, field) for field in Token.model_fields})


class IssuedToken(Token):
    """A token just made."""

    token: str  # its text, shown here and never again

    @classmethod
    def once(cls, issued: tokens.Issued) -> Self:
        """As the API shows it, in the answer to whoever asked for it."""
        return cls(**dict(Token.of(issued.row)), token=issued.text)


class NewToken(BaseModel):
    """What a token is made of."""

    name: Line  # for people, to tell tokens apart
    role: Role
    expires_in_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = None  # None: it does not


@router.get("/whoami", responses=raises(401))
def whoami(principal: Anyone) -> Identity:
    """Who the token is."""
    return Identity(name=principal.name, tenant=principal.tenant, role=principal.role)


@router.get("/tokens", responses=raises(401, 403, 404))
def list_tokens(admin: AnyAdmin, services: Given, page: Asked) -> Page[Token]:
    """The tokens of one's tenant, or the platform's, the newest first."""
    with services.database.read() as session:
        rows = tokens.page(session, admin.tenant, limit=page.rows, after=page.after)
    return page.of(rows, Token.of, key=lambda row: row.id)


@router.post("/tokens", status_code=HTTPStatus.CREATED, responses=raises(401, 403))
def issue_token(admin: AnyAdmin, services: Given, wanted: NewToken) -> IssuedToken:
    """Make a token for one's own tenant, or the platform."""
    lifetime = None if wanted.expires_in_s is None else timedelta(seconds=wanted.expires_in_s)
    with services.database.begin() as session:
        issued = tokens.issue(
            session,
            tenant=admin.tenant,
            name=wanted.name,
            role=wanted.role,
            lifetime=lifetime,
            actor=admin.name,
            now=services.now(),
        )
    return IssuedToken.once(issued)


@router.delete("/tokens/{token}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404))
def revoke_token(principal: Anyone, services: Given, token: _TokenId) -> None:
    """Revoke a token of one's tenant, as an admin, or one's own, as anybody."""
    if not principal.may("admin") and principal.name != tokens.principal_name(token):
        raise ForbiddenError(f"only an admin revokes others' tokens, and the token has the role {principal.role}")
    with services.database.begin() as session:
        tokens.revoke(session, principal.tenant, token, actor=principal.name, now=services.now())
