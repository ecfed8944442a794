"""Training: runs and how far they are; a way to open one."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import runs
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.api.runs import ChosenQuery, OpenBody, RunModel
from roost_cloud.dashboard import parts
from roost_cloud.dashboard.dialog import confirming
from roost_cloud.dashboard.frame import Part, act, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.progress import steps
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 25


@page("/training", "Training")
async def list_runs(visitor: Visitor, asked: Request) -> None:
    """A page of runs, the newest first."""
    query = {key: asked.query_params.get(key) for key in ("task", "after")}
    chosen = ChosenQuery(task=query["task"] or None)

    async def load() -> Page[RunModel]:
        return await visitor.call(runs.list_runs, page=PageQuery(_ROWS, query["after"]), chosen=chosen)

    def draw(found: Page[RunModel]) -> None:
        shown = _list(found.items, visitor.services.now()) if found.items else _none()
        show(tag("section", shown, parts.pages("training", query, found.next)))

    first = await load()
    wanted = query["task"] or next((one.task for one in first.items), "")
    with ui.element("div").classes("head"):
        show(tag("h1", "Training"))
        if visitor.may(runs.open_run):
            says = "A run starts from the task's stable bundle, as its policy says; of a task there is one at a time."
            confirming("Open a run", says, "Open it", _opening(visitor), field="Task", begins=wanted, kind="")
    live(load, Part(draw), first=first)


def _opening(visitor: Visitor) -> Callable[[str], Awaitable[None]]:
    async def opening(task: str) -> None:
        async def do() -> None:
            body = OpenBody.model_validate({"task": task.strip(), "reason": "asked for at the dashboard"})
            await visitor.call(runs.open_run, body=body)

        await act(do, f"a run of {task} is opened")()

    return opening


def _list(items: list[RunModel], now: datetime) -> Markup:
    heads = ("Run", "State", "How far", "From", "Why", "Opened")
    return table(heads, (_row(one, now) for one in items), caption="Training runs, the newest first")


def _row(one: RunModel, now: datetime) -> tuple[object, ...]:
    return (
        joined([link(address("training", one.id), one.candidate), tag("div", one.task, kind="dim")]),
        parts.pill(one.state),
        steps(one.done, one.total, one.what),
        parts.bundle(one.incumbent),
        one.reason,
        joined([parts.moment(one.opened_at, now), tag("div", one.opened_by, kind="dim")]),
    )


def _none() -> Markup:
    return parts.empty(
        "No training run yet. A policy opens them when an alarm is raised, on a date, or when there are new labels:",
        parts.command("roost train policy meter --mode train"),
    )
