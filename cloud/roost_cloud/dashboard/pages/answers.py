"""Answers that devices kept: found by device, task, bundle and time; each leads to why it was given."""

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from roost_cloud.api import bundles, samples
from roost_cloud.api.fields import Moment
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import parts
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.markup import Markup, address, choice, entry, link, tag
from roost_cloud.dashboard.search import search_form, sought
from roost_cloud.dashboard.visitor import Visitor
from roost_shared.errors import ContentError

_ROWS: Final = 48
_moments: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)
_ANSWERED: Final = {"": "any answer", "true": "models disagreed", "false": "models agreed"}


class BadMomentError(ContentError):
    """What the address says is no moment."""

    code = "dashboard.moment"


@page("/answers", "Answers")
async def list_answers(visitor: Visitor, asked: Request) -> None:
    """A page of them, the newest first."""
    names = ("device", "task", "bundle", "disagreement", "since", "until", "after")
    query = {key: asked.query_params.get(key) for key in names}
    chosen = samples.ChosenQuery(
        device=query["device"] or None,
        task=query["task"] or None,
        digest=await _digest(visitor, query["bundle"]),
        disagreement={"true": True, "false": False}.get(query["disagreement"] or ""),
        since=_moment(query["since"]),
        until=_moment(query["until"]),
    )
    found = await visitor.call(samples.list_samples, page=PageQuery(_ROWS, query["after"]), chosen=chosen)
    now = visitor.services.now()
    show(tag("h1", "Answers that devices kept"), _filter(query))
    if not found.items:
        is_narrowed = any(query.values())
        says = "No answer is like that." if is_narrowed else "No device has kept an answer yet."
        says += " Which ones a device keeps is in its agent.toml, under [tasks.NAME.capture]."
        show(parts.empty(says, link(address("answers"), "Show all") if is_narrowed else ""))
        return
    shown = tag("ul", *(parts.answer(one, now) for one in found.items), kind="answers")
    show(tag("section", shown, parts.pages("answers", query, found.next)))


async def _digest(visitor: Visitor, reference: str | None) -> str | None:
    name, sign, version = (reference or "").partition(":")
    if not sign:
        return None
    return (await visitor.call(bundles.get_version, name=name, version=version)).digest


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return _moments.validate_python(text)
    except ValidationError:
        raise BadMomentError(f"{text[:40]!r} is no moment with its zone: write 2026-12-01T12:00:00+00:00") from None


def _filter(query: dict[str, str | None]) -> Markup:
    hidden = [entry("hidden", name, value=query[name]) for name in ("since", "until") if query[name]]
    span = f"From {query['since'] or 'the first'} to {query['until'] or 'now'}."
    return search_form(
        "answers",
        sought("Device", "device", query),
        sought("Task", "task", query),
        sought("Bundle that answered", "bundle", query, "meter:8"),
        tag("label", "Contestants", choice("disagreement", _ANSWERED, query["disagreement"])),
        *hidden,
        after=tag("span", span, kind="dim") if hidden else "",
    )
