"""Tasks: what each one's answers came to over the last hours."""

from typing import Final

from starlette.requests import Request

from roost_cloud.api import activity_tasks
from roost_cloud.api.activity import HoursQuery
from roost_cloud.api.activity_tasks import TaskRatesModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.markup import Markup, address, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 50


@page("/tasks", "Tasks")
async def list_tasks(visitor: Visitor, asked: Request) -> None:
    """Tasks by name."""
    hours = parts.hours_of(asked.query_params.get("hours"))
    query = {"hours": str(hours), "after": asked.query_params.get("after")}
    found = await visitor.call(
        activity_tasks.list_task_activity, page=PageQuery(_ROWS, query["after"]), asked=HoursQuery(hours)
    )
    shown = _tasks(found.items, hours) if found.items else _nothing()
    show(
        tag("h1", "Tasks"),
        parts.hours_menu("tasks", hours),
        tag("section", shown, parts.pages("tasks", query, found.next)),
        tag("p", parts.FALLBACK, kind="dim"),
    )


def _tasks(items: list[TaskRatesModel], hours: int) -> Markup:
    heads = ("Task", "Answers", "Deadline met", "Fallback rate", "p50", "p99")
    return table(heads, (_row(one, hours) for one in items), caption=f"Tasks, {parts.HOURS[hours]}")


def _row(one: TaskRatesModel, hours: int) -> tuple[object, ...]:
    return (
        link(address("tasks", one.task, query={"hours": str(hours)}), one.task),
        words.count_of(one.answers) if one.answers else tag("span", "none told of", kind="dim"),
        parts.met(one.deadline_rate),
        words.share_of(one.other_share),
        parts.latency(one.p50_ms),
        parts.latency(one.p99_ms),
    )


def _nothing() -> Markup:
    return parts.empty(
        "No task is known yet. One is as soon as a device has told of it, which it does with a section for it in its "
        "agent.toml:",
        parts.command("[tasks.meter.monitor]"),
        tag("p", "Or the cloud answers one itself:"),
        parts.command("roost task set meter meter.toml"),
    )
