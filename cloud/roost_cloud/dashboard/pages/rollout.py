"""A rollout: its stages with counts and gate, why it waits, what a person can do about it, and all that happened."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import rollouts, sample_labels
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.api.rollout_models import EventModel, MemberModel, WholeRollout
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import confirming
from roost_cloud.dashboard.frame import Part, act, live, page, show
from roost_cloud.dashboard.lineage import Story, graph_of, seek
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.progress import bar
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.rollouts.plan import Plan, Stage, read_plan

_ROWS: Final = 50
_SHOWN: Final = 60


class _Order(NamedTuple):
    """What a person can tell a rollout."""

    handler: Callable[..., object]
    says: str
    asks: str
    yes: str
    done: str
    kind: str = "plain"


_ORDERS: Final = {
    "approve": _Order(
        rollouts.approve_rollout,
        "Approve",
        "The next stage may begin.",
        "Approve it",
        "the next stage is approved",
        "",
    ),
    "pause": _Order(
        rollouts.pause_rollout,
        "Pause",
        "No device is started until it is resumed; what is under way goes on.",
        "Pause it",
        "the rollout is paused",
    ),
    "resume": _Order(
        rollouts.resume_rollout, "Resume", "It goes on where it was paused.", "Resume it", "the rollout goes on"
    ),
    "abort": _Order(
        rollouts.abort_rollout,
        "Abort",
        "It ends: devices that are under way go back, those that have confirmed stay.",
        "Abort it",
        "the rollout is being aborted",
        kind="harm",
    ),
    "revert": _Order(
        rollouts.revert_rollout,
        "Revert",
        "Every device that it gave the bundle goes back to what it ran before.",
        "Revert it",
        "the rollout is being reverted",
        kind="harm",
    ),
}


class _Seen(NamedTuple):
    """All that the page shows."""

    rollout: WholeRollout
    story: Story | None
    devices: Page[MemberModel]
    events: Page[EventModel]


@page("/rollouts/{rollout}", "Rollout")
async def rollout(visitor: Visitor, asked: Request) -> None:
    """One rollout."""
    identity = asked.path_params["rollout"]
    query = {key: asked.query_params.get(key) for key in ("after", "events")}

    async def load() -> _Seen:
        one = await visitor.call(rollouts.get_rollout, rollout=identity)
        return _Seen(
            one,
            await seek(visitor, one.bundle),
            await visitor.call(rollouts.list_rollout_devices, rollout=identity, page=PageQuery(_ROWS, query["after"])),
            await _last_events(visitor, identity, query["events"]),
        )

    def draw(seen: _Seen) -> None:
        now = visitor.services.now()
        devices = _devices(seen, identity, query, now)
        show(_stages(seen.rollout, read_plan(seen.rollout.plan)), devices, _events(seen.events, identity, query, now))

    first = await load()
    show(tag("p", link(address("rollouts"), "Rollouts"), " / ", identity, kind="dim"))
    show(tag("h1", f"{words.bundle_of(first.rollout.bundle)} for {first.rollout.task} / {first.rollout.contestant}"))
    live(
        load,
        Part(lambda seen: show(_state(seen.rollout, visitor.services.now())), lambda seen: seen.rollout),
        Part(lambda seen: _draw_orders(visitor, seen.rollout), lambda seen: (seen.rollout.orders, seen.rollout.stage)),
        Part(draw),
        Part(lambda seen: show(_came(seen.story)), lambda seen: seen.story),
        first=first,
        every_s=2,
    )


async def _last_events(visitor: Visitor, identity: str, before: str | None) -> Page[EventModel]:
    """The newest events, the newest first; or those before another."""
    page = PageQuery(_SHOWN, before)
    return await visitor.call(rollouts.list_rollout_events, rollout=identity, page=page, newest=True)


def _draw_orders(visitor: Visitor, one: WholeRollout) -> None:
    """A button for each order that can be given now, to whoever may."""
    with ui.element("div").classes("row").style("margin: 0 0 16px"):
        for name, order in _ORDERS.items():
            if name in one.orders and visitor.may(order.handler):
                do = _giving(visitor, order, one.id)
                confirming(order.says, order.asks, order.yes, do, kind=order.kind)
        if one.ended_at is None and visitor.may(sample_labels.add_labels) and _is_in_shadow(one):
            way = address("labelling", query={"task": one.task, "rollout": one.id})
            show(link(way, "Label what the two disagree on", kind="button plain"))


def _is_in_shadow(one: WholeRollout) -> bool:
    """Whether it is in a stage whose live inputs are asked: labels on disagreements let it on, or stop it."""
    return one.stage >= 0 and read_plan(one.plan).stages[one.stage].mode == "shadow"


def _giving(visitor: Visitor, order: _Order, identity: str) -> Callable[[], Awaitable[None]]:
    return act(lambda: visitor.call(order.handler, rollout=identity), order.done)


def _state(one: WholeRollout, now: datetime) -> Markup:
    waits = [] if one.ended_at else one.waits_for
    inside: list[object] = [
        tag(
            "p",
            parts.pill(one.state),
            " ",
            one.reason or "it has just been started",
            kind="lead",
        ),
    ]
    if waits:
        inside.append(tag("div", tag("strong", "It waits for"), _points(waits), kind="note busy"))
    if one.problem:
        inside.append(tag("p", one.problem, kind="note bad", role="alert"))
    pairs: list[tuple[str, object]] = [
        ("In this state since", parts.dated(one.since, now)),
        ("Started", joined([parts.dated(one.created_at, now), f" by {one.created_by}"])),
        ("A director looked", parts.moment(one.looked_at, now)),
        ("Predicted disagreement", words.share_of(one.predicted_disagreement)),
        ("Bundle", joined([parts.bundle(one.bundle), tag("div", one.bundle.partition("@")[2], kind="code dim")])),
    ]
    if one.ended_at is not None:
        pairs.append(("Ended", parts.dated(one.ended_at, now)))
    return tag("section", *inside, parts.facts(pairs))


def _came(story: Story | None) -> Markup:
    """What the bundle came of."""
    if story is None:
        return Markup()
    return parts.section("From alarm to rollout", graph_of(story))


def _points(says: list[str]) -> Markup:
    return tag("ul", *(tag("li", one) for one in says))


def _stages(one: WholeRollout, plan: Plan) -> Markup:
    cards = [_stage(one, stage, number) for number, stage in enumerate(plan.stages)]
    return parts.section("Stages", tag("ol", *cards, kind="stages"))


def _stage(one: WholeRollout, stage: Stage, number: int) -> Markup:
    is_current = number == one.stage
    word = "now" if is_current and one.ended_at is None else "begun" if number <= one.stage else "to come"
    wants = [
        f"goes on at {words.share_of(stage.success)} confirmed, stops beyond {words.share_of(stage.failure)} failed"
    ]
    if stage.minimum > 1:
        wants.append(f"{words.count_of(stage.minimum)} devices at least")
    if stage.hold_s:
        wants.append(f"lasts {words.span_of(stage.hold_s)} at least")
    if stage.approval:
        wants.append("a person has to approve it")
    if stage.asks_gate:
        wants.append("live inputs must speak for the bundle")
    inside: list[object] = [
        tag("h3", f"{number + 1}. {stage.name} ", parts.pill(word, word)),
        tag("p", f"{stage.mode}: {_reach(stage)}"),
        tag("p", "; ".join(wants), kind="dim"),
    ]
    if is_current:
        inside.append(bar(one.counts))
        inside += [tag("p", f"{code}: {words.count_of(count)}", kind="dim") for code, count in one.counts.codes]
        if one.finding is not None:
            inside.append(tag("p", "Gate: ", parts.pill(one.finding.verdict)))
            inside.append(_points(one.finding.says))
    return tag("li", *inside, aria_current="step" if is_current else None)


def _reach(stage: Stage) -> str:
    if stage.share is not None:
        return f"{words.share_of(stage.share)} of the fleet"
    if stage.selector is not None:
        return f"devices with {stage.selector}"
    named = ", ".join(stage.devices[:3])
    return named if len(stage.devices) <= len(stage.devices[:3]) else f"{named} and {len(stage.devices) - 3} more"


def _devices(seen: _Seen, identity: str, query: dict[str, str | None], now: datetime) -> Markup:
    states = [
        f"{words.count_of(count)} {state.replace('_', ' ')}" for state, count in sorted(seen.rollout.devices.items())
    ]
    if not seen.devices.items:
        return parts.section(
            "Devices", parts.empty("It has reached no device yet; a director looks every few seconds.")
        )
    rows = [
        (
            link(address("devices", one.device), one.device),
            parts.pill(one.state),
            joined([one.message or "", tag("div", one.code, kind="dim") if one.code else ""]) or "–",
            one.before,
            one.attempts,
            parts.moment(one.since, now),
        )
        for one in seen.devices.items
    ]
    heads = ("Device", "State", "Why", "Before", "Attempts", "Since")
    way = parts.pages(f"rollouts/{identity}", query, seen.devices.next)
    caption = "Devices that the rollout has reached"
    return parts.section("Devices", tag("p", ", ".join(states), kind="dim"), table(heads, rows, caption=caption), way)


def _of_whom(one: EventModel) -> Markup:
    """A device, with the way to it and to what it answered from then on."""
    if one.device is None:
        return tag("strong", "the rollout")
    answers = address("answers", query={"device": one.device, "since": one.at.isoformat()})
    return joined([link(address("devices", one.device), one.device), " (", link(answers, "its answers since"), ")"])


def _events(found: Page[EventModel], identity: str, query: dict[str, str | None], now: datetime) -> Markup:
    lines = [
        tag(
            "li",
            tag("div", parts.dated(one.at, now), " ", tag("span", one.actor, kind="dim")),
            tag("div", _of_whom(one), ": ", parts.pill(one.became)),
            tag("div", " ".join(word for word in (one.code, one.message) if word), kind="dim"),
        )
        for one in found.items
    ]
    ways = []
    if query["events"]:
        ways.append(link(address("rollouts", identity, query=query | {"events": None}), "Newest events"))
    if found.next is not None:
        ways.append(link(address("rollouts", identity, query=query | {"events": found.next}), "Earlier events"))
    title = "What happened, the newest first"
    if not lines:
        return parts.section(title, parts.empty("Nothing yet: a director looks every few seconds."))
    way = tag("nav", joined(ways, "  "), kind="pages", aria_label="Events") if ways else ""
    return parts.section(title, tag("ul", *lines, kind="line"), way)
