"""Alarms: what needs somebody's time."""

from datetime import datetime
from typing import Final, get_args

from starlette.requests import Request

from roost_cloud.alarms.state import State
from roost_cloud.api import alarms
from roost_cloud.api.alarms import AlarmModel, ChosenQuery
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, choice, joined, link, table, tag
from roost_cloud.dashboard.search import search_form, sought
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 25
_CAUSES: Final = {"input": "the world changed", "model": "the model changed", "unknown": "cannot be told"}
_STATES: Final[dict[str, str]] = {"": "not resolved", **{one: one for one in get_args(State)}, "any": "any state"}


@page("/alarms", "Alarms")
async def list_alarms(visitor: Visitor, asked: Request) -> None:
    """Alarms, the newest first."""
    query = {key: asked.query_params.get(key) for key in ("state", "device", "after")}
    state = next((one for one in get_args(State) if one == query["state"]), None)
    chosen = ChosenQuery(state=state, unresolved=None if query["state"] else True, device=query["device"] or None)

    async def load() -> Page[AlarmModel]:
        return await visitor.call(alarms.list_alarms, page=PageQuery(_ROWS, query["after"]), chosen=chosen)

    def draw(found: Page[AlarmModel]) -> None:
        shown = _alarms(found.items, visitor.services.now(), query)
        show(tag("section", shown, parts.pages("alarms", query, found.next)))

    show(tag("h1", "Alarms"), _filter(query))
    live(load, Part(draw), first=await load())


def _filter(query: dict[str, str | None]) -> Markup:
    return search_form(
        "alarms",
        tag("label", "State", choice("state", _STATES, query["state"])),
        sought("Device", "device", query),
    )


def _alarms(items: list[AlarmModel], now: datetime, query: dict[str, str | None]) -> Markup:
    if not items:
        says = "No alarm is like that." if any(query.values()) else "No alarm is open: nothing asks for your time."
        return parts.empty(
            f"{says} Devices are judged once they have seen enough of their own days; "
            "each task that is to be judged has [tasks.NAME.monitor] in its device's agent.toml.",
            link(address("drift"), "See how devices stand"),
        )
    heads = ("Alarm", "State", "Device", "Task", "Cause", "Since", "Last exceeded")
    return table(heads, (_row(one, now) for one in items), caption="Alarms, the newest first")


def _row(one: AlarmModel, now: datetime) -> tuple[object, ...]:
    muted = tag("div", f"muted until {words.when(one.muted_until)}", kind="dim") if one.is_muted else ""
    return (
        link(address("alarms", one.id), one.summary or one.kind),
        joined([parts.pill(one.state), muted]),
        link(address("devices", one.device), one.device),
        one.task,
        _CAUSES[one.cause],
        parts.moment(one.since, now),
        parts.moment(one.last_exceeded_at, now),
    )
