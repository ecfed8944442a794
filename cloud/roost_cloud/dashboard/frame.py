"""What all pages have in common: the menu, who has signed in, light and dark, and what becomes of errors.

    @page("/fleet", "Fleet")
    async def fleet(visitor: Visitor, asked: Request) -> None: ...

A page that nobody has a right to, or that is about something that is not there, says so in words, as the API would.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

import structlog
from nicegui import Client, ui
from pydantic import ValidationError
from starlette.requests import Request

from roost_cloud.api.auth import Member
from roost_cloud.api.errors import status_of
from roost_cloud.dashboard.gate import MOUNT
from roost_cloud.dashboard.markup import Markup, address, entry, link, tag
from roost_cloud.dashboard.signing_in import OPEN_PAGE, STYLE
from roost_cloud.dashboard.visitor import Visitor, visitor_of
from roost_cloud.dashboard.words import when
from roost_cloud.errors import UnauthenticatedError
from roost_shared.errors import RoostError

__all__ = ["Part", "act", "go_to", "live", "page", "show"]

log = structlog.get_logger(__name__)

_MENU: Final = (
    ("fleet", "Fleet"),
    ("tasks", "Tasks"),
    ("rollouts", "Rollouts"),
    ("alarms", "Alarms"),
    ("drift", "Drift"),
    ("labelling", "Labelling"),
    ("training", "Training"),
    ("models", "Models"),
)
_THEME: Final = "roost_theme"
_UNABLE: Final = 500
_TURN: Final = (
    "const dark = !document.body.classList.contains('body--dark');"
    f"document.cookie = '{_THEME}=' + (dark ? 'dark' : 'light') + ';path={MOUNT};max-age=31536000;samesite=lax';"
    "Quasar.Dark.set(dark)"
)
_NOTHING: Final = object()  # what was never drawn
_LOOK: Final = "look"
_Found = TypeVar("_Found")
_Build = Callable[[Visitor, Request], Awaitable[None]]


def page(path: str, title: str) -> Callable[[_Build], _Build]:
    """A page at `path`, within the frame; its builder draws what is between menu and end."""

    def put(build: _Build) -> _Build:
        @ui.page(path, title=f"{title} · Roost", response_timeout=20)
        async def shown(request: Request) -> None:
            visitor = visitor_of(request)
            _draw_frame(visitor, await visitor.elsewhere(), request)
            with ui.element("div").classes("page").props('id="content" tabindex="-1"'):
                try:
                    await build(visitor, request)
                except RoostError as error:
                    ui.context.client.status_code = int(status_of(error))
                    show(_told(error, request))

        return build

    return put


def show(*parts: object) -> ui.html:
    """Markup as it is: all of ours is escaped where it was made."""
    return ui.html(str(tag("div", *parts)), sanitize=False)


def act(do: Callable[[], Awaitable[object]], done: str | None) -> Callable[[], Awaitable[None]]:
    """What a button does: it says that it is done, or why not.

    Args:
        do: calls a handler; text that comes of it is said in place of `done`.
        done: what to say then; None: it shows.
    """

    async def doing() -> None:
        client = ui.context.client
        try:
            says = await do()
        except UnauthenticatedError:
            with client:
                go_to(address("sign-in"))
        except RoostError as error:
            _say(client, _words(error), bad=True)
        except ValidationError as error:
            _say(client, "; ".join(one["msg"] for one in error.errors()), bad=True)
        else:
            if (told := says if isinstance(says, str) else done) is not None:
                _say(client, told)
            if (look := client.storage.get(_LOOK)) is not None:
                with client:
                    await look()

    return doing


def go_to(page_of_ours: str) -> None:
    """Lead the browser to a page; NiceGUI puts the mount's path before what it is given."""
    ui.navigate.to(page_of_ours.removeprefix(MOUNT))


class Part(NamedTuple, Generic[_Found]):
    """A part of a page that follows what becomes of it.

    Attributes:
        draw: draws it.
        of: what of all that was found it shows: drawn anew when that has changed, and else left alone, with a dialog
            that stands open there, and with the focus. None: all.
    """

    draw: Callable[[_Found], object]
    of: Callable[[_Found], object] | None = None

    def shown(self, found: _Found) -> object:
        """What it shows of all that was found."""
        return found if self.of is None else self.of(found)


def live(load: Callable[[], Awaitable[_Found]], *parts: Part[_Found], first: _Found, every_s: float = 3) -> None:
    """Draw parts, and keep looking what becomes of them; after whatever is done here, at once.

    Args:
        load: what is to be drawn.
        parts: in order.
        first: what was loaded for the page.
        every_s: how often to look, in seconds.
    """
    now = visitor_of(ui.context.client.request).services.now
    behind = ui.element("div").props('role="status"')
    places = [ui.element("div") for _ in parts]
    last: list[object] = [_NOTHING for _ in parts]

    def draw(found: _Found) -> None:
        for number, (part, place) in enumerate(zip(parts, places, strict=True)):
            shown = part.shown(found)
            if shown != last[number]:
                last[number] = shown
                place.clear()
                with place:
                    part.draw(found)

    async def look() -> None:
        try:
            draw(await load())
        except UnauthenticatedError:
            go_to(address("sign-in"))
        except RoostError as error:
            if not behind.default_slot.children:
                says = f"Not brought up to date any more: {_words(error)}. What follows was so before {when(now())}."
                with behind:
                    show(tag("p", says, kind="note bad"))
        else:
            behind.clear()

    draw(first)
    ui.context.client.storage[_LOOK] = look
    ui.timer(every_s, look, immediate=False)


def _draw_frame(visitor: Visitor, elsewhere: Mapping[str, Member], request: Request) -> None:
    ui.add_head_html(f'<link rel="stylesheet" href="{STYLE}">')
    now_ms = round(visitor.services.now().timestamp() * 1000)
    ui.add_head_html(f'<script src="{OPEN_PAGE}" data-now="{now_ms}"></script>')
    ui.dark_mode({"dark": True, "light": False}.get(request.cookies.get(_THEME, "")))
    current = _section(request)
    menu = [link(address(name), says, aria_current="page" if current == name else None) for name, says in _MENU]
    with ui.context.client.layout, ui.element("header").classes("top") as top:
        show(link("#content", "Skip to the content", kind="skip"), link(address("fleet"), "Roost", kind="brand"))
        ui.html(str(tag("nav", *menu, aria_label="Main")), sanitize=False, tag="div").style("flex: 1")
        with ui.element("div").classes("who"):
            show(_tenants(visitor.member, elsewhere.values()))
            turn = ui.element("button").classes("plain").props('type="button"')
            turn.on("click", js_handler=f"() => {{ {_TURN} }}")
            with turn:
                ui.html("Light or dark", sanitize=False, tag="span")
            show(
                tag(
                    "form",
                    tag("button", "Sign out", type="submit", kind="plain"),
                    method="post",
                    action=address("sign-out"),
                )
            )
    top.move(target_index=0)  # before what NiceGUI calls the main part


def _tenants(member: Member, others: Iterable[Member]) -> Markup:
    """Whose things are seen, and the way to those of other tenants."""
    ways = [
        tag(
            "form",
            entry("hidden", "tenant", value=other.tenant),
            tag("button", f"{other.tenant}, {other.role}", type="submit", kind="plain"),
            method="post",
            action=address("tenant"),
        )
        for other in others
    ]
    more = link(address("sign-in"), "Sign in to another tenant")
    return tag("details", tag("summary", f"{member.tenant}, {member.role}"), tag("div", *ways, more), kind="tenants")


def _told(error: RoostError, request: Request) -> Markup:
    """What went wrong, and the way to where to go on."""
    name = _section(request)
    target, title = next((one for one in _MENU if one[0] == name), _MENU[0])
    says = tag("p", _words(error), kind="note bad", role="alert")
    return tag("div", tag("h1", "That cannot be shown"), says, tag("p", link(address(target), f"Go to {title}")))


def _section(request: Request) -> str:
    """The first word of a page's address."""
    return request.url.path.removeprefix(f"{MOUNT}/").partition("/")[0]


def _words(error: RoostError) -> str:
    """An error for people: where we are at fault, no more than that."""
    if status_of(error) < _UNABLE:
        return str(error)
    log.warning("dashboard.failed", code=error.code, message=str(error))
    return f"the cloud cannot do that now ({error.code}); its log says why"


def _say(client: Client, text: str, *, bad: bool = False) -> None:
    """Say it on the page, though what was done may have drawn anew the place where its button was."""
    with client:
        ui.notify(text, type="negative" if bad else "positive", position="bottom", timeout=8000 if bad else 4000)
