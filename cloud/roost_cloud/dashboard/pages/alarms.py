"""Alarms and drift: what needs somebody's time, how devices stand against their own beginnings, and the budget."""

from datetime import datetime
from typing import Final, NamedTuple, get_args

from starlette.requests import Request

from roost_cloud.alarms.state import State
from roost_cloud.api import alarms, drift
from roost_cloud.api.alarms import AlarmModel, ChosenQuery
from roost_cloud.api.drift import KindModel, PromiseModel, StatusQuery, StreamModel
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, choice, entry, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 25
_STATES: Final[dict[str, str]] = {"": "not resolved", **{one: one for one in get_args(State)}, "any": "any state"}


class _Seen(NamedTuple):
    """All that the page shows."""

    alarms: Page[AlarmModel]
    standing: Page[StreamModel]
    budget: list[PromiseModel]


@page("/alarms", "Alarms")
async def list_alarms(visitor: Visitor, asked: Request) -> None:
    """Alarms, the newest first; beneath them how devices stand."""
    query = {key: asked.query_params.get(key) for key in ("state", "device", "after", "streams")}
    state = next((one for one in get_args(State) if one == query["state"]), None)
    chosen = ChosenQuery(state=state, unresolved=None if query["state"] else True, device=query["device"] or None)
    status = StatusQuery(device=query["device"] or None)

    async def load() -> _Seen:
        return _Seen(
            await visitor.call(alarms.list_alarms, page=PageQuery(_ROWS, query["after"]), chosen=chosen),
            await visitor.call(drift.get_status, page=PageQuery(_ROWS, query["streams"]), chosen=status),
            await visitor.call(drift.get_budget),
        )

    def draw(seen: _Seen) -> None:
        now = visitor.services.now()
        show(
            tag("section", _alarms(seen.alarms.items, now), parts.pages("alarms", query, seen.alarms.next)),
            _standing(seen.standing, query, now),
            _budget(seen.budget),
        )

    show(tag("h1", "Alarms"), _filter(query))
    live(load, Part(draw), first=await load())


def _filter(query: dict[str, str | None]) -> Markup:
    return tag(
        "form",
        tag("label", "State", choice("state", _STATES, query["state"])),
        tag("label", "Device", entry("search", "device", value=query["device"] or "")),
        tag("button", "Show", type="submit"),
        link(address("alarms"), "Clear", kind="button plain"),
        method="get",
        action=address("alarms"),
        kind="filter",
        role="search",
    )


def _alarms(items: list[AlarmModel], now: datetime) -> Markup:
    if not items:
        return parts.empty(
            "No alarm is like that. Devices are judged once they have seen enough of their own days; "
            "each task that is to be judged has [tasks.NAME.monitor] in its device's agent.toml."
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
        one.cause,
        parts.moment(one.since, now),
        parts.moment(one.last_exceeded_at, now),
    )


def _standing(found: Page[StreamModel], query: dict[str, str | None], now: datetime) -> Markup:
    title = "How devices stand against their own beginnings"
    if not found.items:
        return parts.section(title, parts.empty("No device has told of enough inputs to be judged yet."))
    rows = [
        (link(address("devices", one.device), one.device), one.task, *_kind(kind, now))
        for one in found.items
        for kind in one.kinds
    ]
    heads = ("Device", "Task", "Kind", "Standing", "Distance", "Baseline", "Last decision", "Alarm")
    way = ""
    if found.next is not None:
        way = tag("p", link(address("alarms", query=query | {"streams": found.next}), "Next devices", rel="next"))
    return parts.section(title, table(heads, rows, caption=title), way)


def _kind(one: KindModel, now: datetime) -> tuple[object, ...]:
    contestant = tag("div", one.contestant, kind="dim") if one.contestant else ""
    return (
        joined([one.kind, contestant]),
        parts.pill(one.standing),
        _gauge(one.distance, one.threshold),
        f"{one.windows} of {one.windows_wanted} windows, {one.days:.1f} of {one.days_wanted:.1f} d",
        parts.moment(one.last_at, now),
        link(address("alarms", one.alarm), "alarm") if one.alarm else "–",
    )


def _gauge(distance: float | None, threshold: float | None) -> Markup:
    """How far a distance is from the threshold: full is at the threshold or beyond."""
    if distance is None:
        return tag("span", "–", kind="dim")
    if threshold is None or threshold <= 0:
        return tag("span", f"{distance:.1f}, no threshold yet")
    filled = tag("i", kind="bad" if distance > threshold else None, style=f"width: {min(distance / threshold, 1):.0%}")
    return joined([tag("span", filled, kind="gauge", aria_hidden="true"), f"{distance:.1f} of {threshold:.1f}"])


def _budget(found: list[PromiseModel]) -> Markup:
    if not found:
        return Markup()
    rows = [
        (
            f"{one.task}, {one.kind}",
            words.count_of(one.devices),
            f"{one.alarms_a_week:.2g} a week",
            "promised" if one.is_promised else f"after {one.weeks_wanted:.0f} weeks; {one.weeks:.1f} are recorded",
        )
        for one in found
    ]
    heads = ("Task and kind", "Devices", "False alarms allowed", "Whether that can be promised")
    return parts.section("Budget of false alarms", table(heads, rows, caption="How the budget is split"))
