"""Models: bundles and their versions, where aliases point, and what came of what."""

from datetime import datetime
from typing import Final

from starlette.requests import Request

from roost_cloud.api import bundles, rollouts
from roost_cloud.api.bundles import BundleModel, RelativeModel, VersionModel, VersionSummary
from roost_cloud.api.pages import PageQuery
from roost_cloud.api.rollouts import RolloutModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.layers import Layer, layers_of, to_download
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 50
_DIGEST_CHARS: Final = 19  # "sha256:" and twelve


@page("/models", "Models")
async def models(visitor: Visitor, asked: Request) -> None:
    """Bundles by name."""
    after = asked.query_params.get("after")
    found = await visitor.call(bundles.list_bundles, page=PageQuery(_ROWS, after))
    show(tag("h1", "Models"))
    if not found.items and after is None:
        says = "No bundle is here yet. Build one of a model, and push it:"
        show(parts.empty(says, parts.command("roost bundle push bundles/meter-8 --alias stable")))
        return
    now = visitor.services.now()
    shown = table(("Bundle", "Versions", "Newest"), (_bundle(one, now) for one in found.items), caption="Bundles")
    show(tag("section", shown, parts.pages("models", {"after": after}, found.next)))


def _bundle(one: BundleModel, now: datetime) -> tuple[object, ...]:
    return link(address("models", one.name), one.name), words.count_of(one.versions), parts.moment(one.updated_at, now)


@page("/models/{name}", "Model")
async def model(visitor: Visitor, asked: Request) -> None:
    """A bundle's versions, the newest first."""
    name, after = asked.path_params["name"], asked.query_params.get("after")
    found = await visitor.call(bundles.list_versions, name=name, page=PageQuery(_ROWS, after))
    now, may_start = visitor.services.now(), visitor.may(rollouts.start_rollout)
    show(tag("p", link(address("models"), "Models"), " / ", name, kind="dim"), tag("h1", name))
    rows = (_version(one, now, may_start=may_start) for one in found.items)
    heads = ("Version", "Aliases", "Task", "Size", "Pushed", "Digest", "Action")
    way = parts.pages(f"models/{name}", {"after": after}, found.next)
    show(tag("section", table(heads, rows, caption="Versions, the newest first"), way))


def _version(one: VersionSummary, now: datetime, *, may_start: bool) -> tuple[object, ...]:
    start = address("rollouts", "new", query={"bundle": f"{one.name}:{one.version}"})
    return (
        link(address("models", one.name, one.version), f"{one.name}:{one.version}"),
        joined([parts.pill(alias) for alias in one.aliases], " ") or "–",
        one.task or "–",
        words.size_of(one.size_bytes),
        joined([parts.moment(one.created_at, now), tag("div", one.created_by, kind="dim")]),
        tag("span", one.digest[:_DIGEST_CHARS], kind="code", title=one.digest),
        link(start, f"Roll out {one.version}") if may_start else "–",
    )


@page("/models/{name}/{version}", "Model")
async def version(visitor: Visitor, asked: Request) -> None:
    """A version: what is in it, what a device would download, where it comes from, and which rollouts carried it."""
    name, number = asked.path_params["name"], asked.path_params["version"]
    one = await visitor.call(bundles.get_version, name=name, version=number)
    parent = next((each for each in one.lineage.parents if not each.deleted), None)
    before: list[Layer] = []
    if parent is not None:
        older = await visitor.call(bundles.get_version, name=parent.name, version=parent.version)
        before = layers_of(older.manifest)
    carried = (await visitor.call(rollouts.list_rollouts, page=PageQuery(_ROWS), task=one.task)).items
    now = visitor.services.now()
    path = (link(address("models"), "Models"), " / ", link(address("models", name), name), " / ", number)
    show(tag("p", *path, kind="dim"), tag("h1", f"{name}:{number}"))
    show(_state(one, now), _layers(layers_of(one.manifest), before, parent))
    show(_lineage(one), _carried([each for each in carried if one.digest in each.bundle], now))


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
    """The run that it came of, with what that saw to."""
    made = one.lineage.origin
    if made is None:
        return one.lineage.training_run or "none here: it was made by hand"
    alarms = [joined([" for alarm ", link(address("alarms", alarm), alarm)]) for alarm in made.alarms]
    return joined([link(address("training", made.run), made.run), f", {made.reason}", *alarms])


def _layers(layers: list[Layer], before: list[Layer], parent: RelativeModel | None) -> Markup:
    known = {layer.digest for layer in before}
    rows = [
        (layer.says, words.size_of(layer.size_bytes), "is there already" if layer.digest in known else "is downloaded")
        for layer in layers
    ]
    whole = words.size_of(sum(layer.size_bytes for layer in layers))
    says = f"A device that has nothing of it downloads {whole}."
    if parent is not None:
        rest = words.size_of(to_download(layers, before))
        says = f"A device that has {parent.name}:{parent.version} downloads {rest} of {whole}."
    heads = ("Part", "Size", "Where its parent is" if parent else "On a new device")
    return parts.section("What a device downloads", tag("p", says), table(heads, rows, caption="Parts"))


def _lineage(one: VersionModel) -> Markup:
    steps: list[object] = [
        tag("li", tag("div", "parent", kind="dim"), _relative(each)) for each in one.lineage.parents
    ]
    steps.append(tag("li", tag("div", "this", kind="dim"), tag("strong", f"{one.name}:{one.version}")))
    steps += [tag("li", tag("div", "child", kind="dim"), _relative(each)) for each in one.lineage.children]
    steps += [
        tag(
            "li",
            tag("div", "run that started from it", kind="dim"),
            link(address("training", each.run), each.candidate),
        )
        for each in one.lineage.runs
    ]
    return parts.section("Lineage", tag("ul", *steps, kind="line"))


def _relative(one: RelativeModel) -> Markup:
    says = f"{one.name}:{one.version}"
    return tag("span", f"{says}, deleted") if one.deleted else link(address("models", one.name, one.version), says)


def _carried(found: list[RolloutModel], now: datetime) -> Markup:
    if not found:
        return parts.section("Rollouts", parts.empty("None of the last ones carried it."))
    lines = [
        tag(
            "li",
            parts.moment(one.created_at, now),
            " ",
            link(address("rollouts", one.id), one.id),
            " ",
            parts.pill(one.state),
        )
        for one in found
    ]
    return parts.section("Rollouts", tag("ul", *lines, kind="line"))
