"""Rollouts: how each stands, the newest first."""

from datetime import datetime
from typing import Final

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import rollouts
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.api.rollout_models import RolloutModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.progress import bar
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 25


@page("/rollouts", "Rollouts")
async def list_rollouts(visitor: Visitor, asked: Request) -> None:
    """A page of them."""
    after = asked.query_params.get("after")

    async def load() -> Page[RolloutModel]:
        return await visitor.call(rollouts.list_rollouts, page=PageQuery(_ROWS, after))

    may_start = visitor.may(rollouts.start_rollout)
    start = link(address("rollouts", "new"), "Start a rollout", kind="button") if may_start else ""
    with ui.element("div").classes("head"):
        show(tag("h1", "Rollouts"))
        show(start)

    def draw(found: Page[RolloutModel]) -> None:
        shown = _list(found.items, visitor.services.now()) if found.items else _none(may_start=may_start)
        show(tag("section", shown, parts.pages("rollouts", {"after": after}, found.next)))

    live(load, Part(draw), first=await load())


def _list(items: list[RolloutModel], now: datetime) -> Markup:
    heads = ("Rollout", "State", "Stage", "Devices of the stage", "Why", "Started")
    return table(heads, (_row(one, now) for one in items), caption="Rollouts, the newest first")


def _row(one: RolloutModel, now: datetime) -> tuple[object, ...]:
    stage = f"{one.stage_name} ({one.stage + 1} of {one.stages})" if one.stage_name else f"none of {one.stages} yet"
    waits = [] if one.ended_at else one.waits_for
    return (
        joined(
            [
                link(address("rollouts", one.id), words.bundle_of(one.bundle)),
                tag("div", f"{one.task} / {one.contestant}", kind="dim"),
            ]
        ),
        parts.pill(one.state),
        stage,
        bar(one.counts),
        joined([one.reason, *(tag("div", says, kind="dim") for says in waits)]),
        joined([parts.moment(one.created_at, now), tag("div", one.created_by, kind="dim")]),
    )


def _none(*, may_start: bool) -> Markup:
    says = "No rollout yet. One takes a bundle that is signed from device to device, in stages, and back if it has to."
    if may_start:
        return parts.empty(says, link(address("rollouts", "new"), "Start the first one"))
    return parts.empty(says, "An operator can start one.")
