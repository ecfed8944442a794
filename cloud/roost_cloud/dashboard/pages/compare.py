"""Two bundles side by side: right how often, confusing what with what, how large, how much of one the other brings."""

from typing import Final

from starlette.requests import Request

from roost_cloud.api import bundles, comparison
from roost_cloud.api.bundles import VersionModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.markup import Markup, address, choice, joined, link, table, tag
from roost_cloud.dashboard.matrix import evaluation
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.registry.layers import layers_of

_NAMES: Final = 50
_VERSIONS: Final = 20


@page("/compare", "Compare")
async def compare(visitor: Visitor, asked: Request) -> None:
    """Two bundles."""
    first, second = (asked.query_params.get(name) or "" for name in ("first", "second"))
    show(tag("p", link(address("models"), "Models"), " / compare", kind="dim"), tag("h1", "Compare two bundles"))
    references = await _references(visitor)
    if not references:
        says = "No bundle is here yet; two of one task can be put side by side."
        show(parts.empty(says, link(address("models"), "See how to push one")))
        return
    show(_filter(references, first, second))
    if not (first and second):
        show(parts.empty("Choose two bundles of one task: what both said of the same inputs is put side by side."))
        return
    told = await visitor.call(comparison.get_comparison, first=first, second=second)
    ours, theirs = [await _version(visitor, one) for one in (told.first, told.second)]
    show(_sizes(ours, theirs))
    for one in told.evaluations:
        show(evaluation(one, told.first, told.second))
    if not told.evaluations:
        says = (
            "There is no labelled input that both have scored, and neither was judged against the other. Let one be "
        )
        says += "the shadow of the other in a rollout, and label what they disagree on."
        show(parts.empty(says, link(address("labelling", query={"task": told.task}), "Label inputs")))


async def _references(visitor: Visitor) -> list[str]:
    names = (await visitor.call(bundles.list_bundles, page=PageQuery(_NAMES))).items
    found: list[str] = []
    for one in names:
        told = await visitor.call(bundles.list_versions, name=one.name, page=PageQuery(_VERSIONS))
        found += [f"{each.name}:{each.version}" for each in told.items]
    return found


async def _version(visitor: Visitor, reference: str) -> VersionModel:
    name, _, version = reference.partition(":")
    return await visitor.call(bundles.get_version, name=name, version=version)


def _filter(references: list[str], first: str, second: str) -> Markup:
    options = {"": "choose one"} | {one: one for one in [*references, *({first, second} - {"", *references})]}
    return tag(
        "form",
        tag("label", "First", choice("first", options, first)),
        tag("label", "Second", choice("second", options, second)),
        tag("button", "Compare", type="submit"),
        method="get",
        action=address("compare"),
        kind="filter",
    )


def _sizes(ours: VersionModel, theirs: VersionModel) -> Markup:
    parts_of = {one.digest: layers_of(one.manifest) for one in (ours, theirs)}
    rows = []
    for one, other in ((ours, theirs), (theirs, ours)):
        there = {part.digest for part in parts_of[other.digest]}
        rest = sum(part.size_bytes for part in parts_of[one.digest] if part.digest not in there)
        rows.append(
            (
                parts.bundle(f"{one.name}:{one.version}"),
                joined([parts.pill(alias) for alias in one.aliases], " ") or "–",
                words.size_of(one.size_bytes),
                f"{words.size_of(rest)} where {other.name}:{other.version} is",
                words.when(one.created_at),
            )
        )
    heads = ("Bundle", "Aliases", "Size", "What is downloaded", "Pushed")
    return parts.section("Size", table(heads, rows, caption="Both bundles"))
