"""Starting a rollout: a bundle, whose place it takes, how fast; what it comes to is shown before it starts."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import activity, bundles, rollouts
from roost_cloud.api.activity import HoursQuery
from roost_cloud.api.bundles import VersionSummary
from roost_cloud.api.pages import LIMIT_MAX, PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import button
from roost_cloud.dashboard.frame import act, go_to, page, show
from roost_cloud.dashboard.markup import address, link, tag
from roost_cloud.dashboard.pace import PACES, in_words, plan_of, written
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.errors import ForbiddenError

_VERSIONS: Final = 20


@page("/rollouts/new", "Start a rollout")
async def new_rollout(visitor: Visitor, asked: Request) -> None:
    """A form, and what it comes to."""
    if not visitor.may(rollouts.start_rollout):
        raise ForbiddenError("this needs the role operator")
    show(tag("p", link(address("rollouts"), "Rollouts"), " / start", kind="dim"), tag("h1", "Start a rollout"))
    versions = await _versions(visitor)
    if not versions:
        show(
            parts.empty(
                "There is no bundle yet. Push one, and have a releaser sign it:",
                parts.command("roost bundle push bundles/meter-8"),
                parts.command("roost trust sign meter:8 --expect bundles/meter-8 --keys ann --root-digest sha256:…"),
            )
        )
        return
    day = await visitor.call(activity.get_activity, asked=HoursQuery(parts.DAY_HOURS))
    _draw_form(visitor, versions, asked.query_params.get("bundle"), sum(day.devices.values()))


async def _versions(visitor: Visitor) -> dict[str, VersionSummary]:
    """The newest versions of each bundle, by `NAME:VERSION`."""
    names = (await visitor.call(bundles.list_bundles, page=PageQuery(LIMIT_MAX))).items
    names.sort(key=lambda one: one.updated_at, reverse=True)
    found: dict[str, VersionSummary] = {}
    for one in names[:_VERSIONS]:
        told = await visitor.call(bundles.list_versions, name=one.name, page=PageQuery(_VERSIONS))
        found |= {f"{each.name}:{each.version}": each for each in told.items}
    return found


def _draw_form(visitor: Visitor, versions: dict[str, VersionSummary], wanted: str | None, devices: int) -> None:
    first = wanted if wanted in versions else next(iter(versions))
    said = {key: f"{key}, {words.size_of(one.size_bytes)}" for key, one in versions.items()}
    columns = ui.element("div").classes("two")
    with columns, ui.element("section"):
        bundle = ui.select(said, value=first, label="Bundle").props("outlined")
        task = ui.input("Task", value=versions[first].task or "").props("outlined")
        contestant = ui.input("Whose place it takes", value="primary").props("outlined")
        paces = {key: pace.says for key, pace in PACES.items()}
        pace = ui.select(paces, value=next(iter(PACES)), label="How fast").props("outlined")

        def planned() -> dict[str, Any]:
            named = {"task": task.value or "", "contestant": contestant.value or ""}
            return plan_of(**named, bundle=bundle.value, pace=PACES[pace.value])

        button("Start", _starting(visitor, planned))
    with columns, ui.element("section"):
        show(tag("h2", "What it comes to"))
        shown = ui.element("div")

    def redraw() -> None:
        shown.clear()
        with shown:
            stages = tag("ol", *(tag("li", says) for says in in_words(PACES[pace.value], devices)))
            file = tag("details", tag("summary", "As roost rollout start takes it"), parts.command(written(planned())))
            show(stages, file)

    def chosen() -> None:
        task.value = versions[bundle.value].task or ""
        redraw()

    bundle.on_value_change(chosen)
    for field in (task, contestant, pace):
        field.on_value_change(redraw)
    redraw()


def _starting(visitor: Visitor, planned: Callable[[], dict[str, Any]]) -> Callable[[], Awaitable[None]]:
    async def start() -> None:
        body = rollouts.RolloutRequest(plan=planned())
        made = await visitor.call(rollouts.start_rollout, body=body)
        go_to(address("rollouts", made.id))

    return act(start, "the rollout is started")
