"""What is shown that is no page of NiceGUI's: signing in and out, changing tenants, how all looks, and pictures."""

from datetime import datetime
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roost_cloud.api import samples
from roost_cloud.api.errors import status_of
from roost_cloud.dashboard.gate import COOKIE, MOUNT
from roost_cloud.dashboard.markup import Markup, address, entry, link, tag
from roost_cloud.dashboard.session import LIFETIME, Session, begun, read_session, session_key, write_session
from roost_cloud.dashboard.visitor import still_good, visitor_of
from roost_cloud.db.base import NAME_CHARS
from roost_cloud.errors import UnauthenticatedError
from roost_cloud.people import ended_sessions, tokens
from roost_cloud.services import Services
from roost_shared.errors import RoostError

__all__ = ["OPEN_PAGE", "STYLE", "nowhere", "router"]

STYLE: Final = f"{MOUNT}/static/style.css"
OPEN_PAGE: Final = f"{MOUNT}/static/open_page.js"
_TOKEN_CHARS: Final = 200
_TENANTS: Final = 8  # in one session
_ADDRESS_CHARS: Final = 2000
_HERE: Final = files(__package__)
_CSS: Final = _HERE.joinpath("style.css").read_text(encoding="utf-8")
_OPEN_PAGE: Final = _HERE.joinpath("open_page.js").read_text(encoding="utf-8")

router = APIRouter()

_Next = Annotated[str, Query(max_length=_ADDRESS_CHARS)]


@router.get("/static/style.css")
def style() -> Response:
    """How everything looks."""
    return Response(_CSS, media_type="text/css", headers={"Cache-Control": "no-cache"})


@router.get("/static/open_page.js")
def open_page() -> Response:
    """What keeps a page true and at hand while it stands open."""
    return Response(_OPEN_PAGE, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/")
def entrance() -> Response:
    """To the first page."""
    return RedirectResponse(f"{MOUNT}/fleet", HTTPStatus.SEE_OTHER)


@router.get("/sign-in")
def ask_token(next: _Next = "") -> Response:  # noqa: A002 - the address's word
    """Ask for a token."""
    return _form(next, None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    token: Annotated[str, Form(max_length=_TOKEN_CHARS)] = "",
    next: Annotated[str, Form(max_length=_ADDRESS_CHARS)] = "",  # noqa: A002 - the form's word
) -> Response:
    """Begin a session for whoever has a tenant's token, or add a tenant to the one there is."""
    services: Services = request.state.roost_services
    now = services.now()
    try:
        identity, tenant = _recognised(services, token.strip(), now)
    except UnauthenticatedError as error:
        return _form(next, str(error))
    before = _session_of(request)
    known = {} if before is None else still_good(services, before.tokens)
    others = [one for one, member in known.items() if member.tenant != tenant]
    if before is not None:
        _end(services, before, now)  # the new one has its tokens
    return _go_on(services, begun([identity, *others[: _TENANTS - 1]], now), _within(next))


@router.post("/tenant")
async def change_tenant(request: Request, tenant: Annotated[str, Form(max_length=NAME_CHARS)] = "") -> Response:
    """Look at another tenant's things, if the session has a token of that one's; it ends when it would have."""
    visitor = visitor_of(request)
    elsewhere = await visitor.elsewhere()
    present = visitor.session.tokens[0]
    chosen = next((token for token, member in elsewhere.items() if member.tenant == tenant), present)
    ordered = (chosen, *(token for token in (present, *elsewhere) if token != chosen))
    return _go_on(visitor.services, visitor.session._replace(tokens=ordered), f"{MOUNT}/")


def _go_on(services: Services, session: Session, address: str) -> Response:
    """To a page, with a session."""
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        write_session(session_key(services.token_key), session),
        max_age=int(LIFETIME.total_seconds()),
        path=MOUNT,
        secure=services.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="lax",  # a link in a mail leads to the page; no form or socket of another site gets it
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session, for whoever else may have its cookie, too."""
    services: Services = request.state.roost_services
    if (session := _session_of(request)) is not None:
        _end(services, session, services.now())
    answer = RedirectResponse(f"{MOUNT}/sign-in", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, path=MOUNT)
    return answer


@router.get("/pictures/{device}/{sample}")
async def picture(request: Request, device: Annotated[str, Path()], sample: Annotated[str, Path()]) -> Response:
    """A small picture of a sample's input, as the API has it; of what is none, nothing."""
    try:
        return await visitor_of(request).call(samples.get_sample_thumbnail, device=device, sample=sample)
    except RoostError as error:
        return Response(status_code=status_of(error))


async def nowhere(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as FastAPI calls it
    """What is said of an address that is none of ours."""
    inside = (
        tag("h1", "There is no such page"),
        tag("p", "Nothing of Roost is at ", tag("code", request.url.path), "."),
        tag("p", link(address("fleet"), "Go to the fleet")),
    )
    return HTMLResponse(_document("There is no such page", *inside), HTTPStatus.NOT_FOUND)


def _session_of(request: Request) -> Session | None:
    """The session of a browser that has one which was not ended."""
    services: Services = request.state.roost_services
    found = read_session(session_key(services.token_key), request.cookies.get(COOKIE, ""), services.now())
    if found is None:
        return None
    with services.database.read() as session:
        return None if ended_sessions.has_ended(session, found.id) else found


def _end(services: Services, ended: Session, now: datetime) -> None:
    with services.database.begin() as session:
        ended_sessions.end(session, ended.id, expires_at=ended.expires_at, now=now)


def _recognised(services: Services, token: str, now: datetime) -> tuple[str, str]:
    """The id of a tenant's token, and the tenant.

    Raises:
        UnauthenticatedError: it is none.
    """
    with services.database.begin() as session:
        principal, row = tokens.authenticate(session, token, now)
        if principal.tenant is None:
            raise UnauthenticatedError(
                "the platform's token sees no tenant's things: make one of the tenant's, by `roost token create`"
            )
        if tokens.use_is_stale(row, now):
            tokens.note_use(session, row.id, now)
        return row.id, principal.tenant


def _within(address: str) -> str:
    """Where to go on: a page of ours, whoever wrote the link."""
    return address if address.startswith(f"{MOUNT}/") and "\\" not in address and "//" not in address else f"{MOUNT}/"


def _form(after: str, problem: str | None) -> Response:
    inside = [
        tag("h1", "Sign in to Roost"),
        tag("p", "With an API token of your tenant: ", tag("code", "roost token create --role operator NAME"), "."),
        tag(
            "p",
            "Whoever has tokens of several tenants signs in with each, and changes between them on every page.",
            kind="dim",
        ),
        Markup() if problem is None else tag("p", problem, kind="note bad", role="alert"),
        tag(
            "form",
            tag("label", "Token", entry("password", "token", autocomplete="current-password", required="required")),
            entry("hidden", "next", value=after),
            tag("p", tag("button", "Sign in", type="submit")),
            method="post",
            action=f"{MOUNT}/sign-in",
        ),
    ]
    return HTMLResponse(_document("Sign in", *inside), HTTPStatus.OK if problem is None else HTTPStatus.UNAUTHORIZED)


def _document(title: str, *inside: object) -> Markup:
    """A page without a menu, for whoever may not have signed in."""
    head = [
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · Roost"),
        Markup('<link rel="stylesheet" href="{}"><link rel="icon" href="{}/favicon.ico">').format(STYLE, MOUNT),
    ]
    body = tag("body", tag("main", tag("div", *inside, kind="card sign-in"), kind="sign-in-page"), kind="auto")
    return Markup("<!doctype html>") + tag("html", tag("head", *head), body, lang="en")
