"""Labelling: a sheet of inputs; nothing that models say of them is shown unless asked for, so that it sways nobody."""

from starlette.requests import Request

from roost_cloud.api import bundles, label_help, label_queue, sample_labels
from roost_cloud.api.pages import LIMIT, PageQuery
from roost_cloud.dashboard import parts
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.labelling_desk import Desk
from roost_cloud.dashboard.labelling_state import progress, summary
from roost_cloud.dashboard.markup import Markup, address, choice, link, tag
from roost_cloud.dashboard.visitor import Visitor


@page("/labelling", "Labelling")
async def labelling(visitor: Visitor, asked: Request) -> None:
    """A task's samples that wait for a label."""
    tasks = await _tasks(visitor)
    task = asked.query_params.get("task") or next(iter(tasks), "")
    show(tag("h1", "Labelling"))
    if not task:
        says = "No bundle of any task is here yet: its labels are what inputs can be called. Push one:"
        show(parts.empty(says, parts.command("roost bundle push bundles/meter-8")))
        return
    show(_filter([*tasks, *({task} - set(tasks))], task))
    rollout = asked.query_params.get("rollout") or None
    if rollout is not None:
        way = link(address("rollouts", rollout), "that rollout")
        show(tag("p", "Only inputs on which the candidate of ", way, " disagrees, in random order.", kind="note busy"))
    if visitor.may(sample_labels.add_labels):
        await Desk(visitor, task, rollout).begin()
    else:
        show(tag("p", "An operator can label; a viewer sees how the labels stand.", kind="note"))
        show(progress(await visitor.call(label_help.get_progress, task=task)))
        show(summary(await visitor.call(label_queue.get_summary, task=task)))


async def _tasks(visitor: Visitor) -> list[str]:
    """Tasks of the bundles that are here, those of the newest first."""
    names = (await visitor.call(bundles.list_bundles, page=PageQuery(LIMIT))).items
    found: dict[str, None] = {}
    for one in sorted(names, key=lambda each: each.updated_at, reverse=True):
        newest = (await visitor.call(bundles.list_versions, name=one.name, page=PageQuery(1))).items
        found |= {each.task: None for each in newest if each.task}
    return list(found)


def _filter(tasks: list[str], task: str) -> Markup:
    return tag(
        "form",
        tag("label", "Task", choice("task", {one: one for one in tasks}, task)),
        tag("button", "Show", type="submit"),
        method="get",
        action=address("labelling"),
        kind="filter",
    )
