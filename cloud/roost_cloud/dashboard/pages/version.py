"""A version of a bundle: what it is, what it came of and what of it, what devices download, what it answered."""

from datetime import datetime
from typing import Final

from starlette.requests import Request

from roost_cloud.api import devices, downloads, samples, verdicts
from roost_cloud.api.bundles import RelativeModel, VersionModel
from roost_cloud.api.downloads import DownloadModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.lineage import Story, graph_of, seek
from roost_cloud.dashboard.markup import Markup, address, choice, joined, link, table, tag
from roost_cloud.dashboard.matrix import evaluation
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.errors import NotFoundError

_DEVICES: Final = 200
_ANSWERS: Final = 6


@page("/models/{name}/{version}", "Model")
async def version(visitor: Visitor, asked: Request) -> None:
    """One version."""
    name, number = asked.path_params["name"], asked.path_params["version"]
    device = asked.query_params.get("device") or None
    story = await seek(visitor, f"{name}:{number}")
    if story is None:
        raise NotFoundError("bundle", f"{name}:{number}")
    one, now = story.version, visitor.services.now()
    path = (link(address("models"), "Models"), " / ", link(address("models", name), name), " / ", number)
    show(tag("p", *path, kind="dim"), tag("h1", f"{name}:{number}"), _state(one, now))
    show(parts.section("From alarm to rollout", graph_of(story), _told(story, now)))
    show(await _downloads(visitor, one, device))
    await _draw_verdict(visitor, one)
    show(await _answers(visitor, one, now))


def _state(one: VersionModel, now: datetime) -> Markup:
    pairs: list[tuple[str, object]] = [
        ("Task", one.task or "none"),
        ("Aliases", joined([parts.pill(alias) for alias in one.aliases], " ") or "none"),
        ("Size", words.size_of(one.size_bytes)),
        ("Pushed", joined([parts.moment(one.created_at, now), f" by {one.created_by}"])),
        ("Digest", tag("span", one.digest, kind="code")),
        ("Training run", _origin(one)),
    ]
    return tag("section", parts.facts(pairs))


def _origin(one: VersionModel) -> object:
    """The run that it came of, with its data and what it saw to."""
    made = one.lineage.origin
    if made is None:
        return one.lineage.training_run or "none here: it was made by hand"
    told: list[object] = [link(address("training", made.run), made.run), f", {made.reason}"]
    told += [joined([", for alarm ", link(address("alarms", alarm), alarm)]) for alarm in made.alarms]
    if made.snapshot is not None:
        told.append(joined([", of ", link(address("datasets", made.snapshot), "its data")]))
    return joined(told)


def _told(story: Story, now: datetime) -> Markup:
    """The graph in words."""
    one = story.version
    lines = [joined([_relative(each), " is its parent"]) for each in one.lineage.parents]
    lines += [joined([_relative(each), " was made of it"]) for each in one.lineage.children]
    lines += [
        joined([link(address("training", each.run), each.candidate), " was trained from it: ", parts.pill(each.state)])
        for each in one.lineage.runs
    ]
    lines += [
        joined(
            [
                "rollout ",
                link(address("rollouts", each.id), each.id),
                " carried it, ",
                parts.moment(each.created_at, now),
                ": ",
                parts.pill(each.state),
            ]
        )
        for each in story.rollouts
    ]
    if not lines:
        return tag("p", "Nothing came of it yet, and it was made by hand.", kind="dim")
    return tag("ul", *(tag("li", line) for line in lines), kind="line")


def _relative(one: RelativeModel) -> Markup:
    says = f"{one.name}:{one.version}"
    return tag("span", f"{says}, deleted") if one.deleted else link(address("models", one.name, one.version), says)


async def _downloads(visitor: Visitor, one: VersionModel, device: str | None) -> Markup:
    names = [
        each.device
        for each in (
            await visitor.call(devices.list_devices, page=PageQuery(_DEVICES), label=[], state=None, named="")
        ).items
    ]
    told = await visitor.call(downloads.get_download, name=one.name, version=one.version, device=device)
    options = {"": "one that has its parent", **{name: name for name in names}}
    form = tag(
        "form",
        tag("label", "Device", choice("device", options, device)),
        tag("button", "Show", type="submit", kind="plain"),
        method="get",
        action=address("models", one.name, one.version),
        kind="filter",
    )
    return parts.section("What a device downloads", form, tag("p", _words(told, device)), _parts(told))


def _words(told: DownloadModel, device: str | None) -> str:
    whole = words.size_of(told.size_bytes)
    if not told.has:
        return f"{device or 'A device'} has nothing of it, as far as is known, and downloads {whole}."
    has = ", ".join(words.bundle_of(one) for one in told.has)
    return f"{device or 'A device'} has {has}, and downloads {words.size_of(told.download_bytes)} of {whole}."


def _parts(told: DownloadModel) -> Markup:
    rows = [
        (part.what, words.size_of(part.size_bytes), "is there already" if part.is_there else "is downloaded")
        for part in told.parts
    ]
    return table(("Part", "Size", "On that device"), rows, caption="Parts")


async def _draw_verdict(visitor: Visitor, one: VersionModel) -> None:
    """What the gate found, side by side with the incumbent."""
    try:
        found = await visitor.call(verdicts.get_bundle_verdict, name=one.name, version=one.version)
    except NotFoundError:
        return
    for each in found.evaluations:
        show(evaluation(each, found.incumbent, found.candidate))


async def _answers(visitor: Visitor, one: VersionModel, now: datetime) -> Markup:
    chosen = samples.ChosenQuery(task=one.task, digest=one.digest)
    found = (await visitor.call(samples.list_samples, page=PageQuery(_ANSWERS), chosen=chosen)).items
    title = "Last answers that it gave"
    if not found:
        return parts.section(title, parts.empty("None that a device kept. It may be a shadow, or not run anywhere."))
    way = link(address("answers", query={"bundle": f"{one.name}:{one.version}", "task": one.task}), "All of them")
    return parts.section(title, tag("ul", *(parts.answer(each, now) for each in found), kind="answers"), tag("p", way))
