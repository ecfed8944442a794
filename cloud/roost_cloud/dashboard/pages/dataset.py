"""Data that a model is made and judged by: what is in a snapshot, where it comes from, and which runs used it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

from starlette.requests import Request

from roost_cloud.api import datasets, runs
from roost_cloud.api.datasets import DatasetModel, ItemModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.api.runs import RunModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.datasets.snapshot import World

_ROWS: Final = 50
_RUNS: Final = 20
_DIGEST_CHARS: Final = 19  # "sha256:" and twelve
_WORLDS: Final[dict[str, str]] = {"new": "changed world", "old": "before"}
_PARTS: Final = {"train": "to learn from", "validation": "to choose by", "test": "to judge by"}


@page("/datasets/{digest}", "Data")
async def dataset(visitor: Visitor, asked: Request) -> None:
    """One snapshot."""
    digest = asked.path_params["digest"]
    query = {name: asked.query_params.get(name) for name in ("world", "after")}
    world, after = _chosen(query["world"]), query["after"]
    one = await visitor.call(datasets.get_dataset, digest=digest)
    place = int(after) if after is not None and after.isdecimal() else None
    items = await visitor.call(datasets.list_items, digest=digest, limit=_ROWS, after=place, world=world)
    chosen = runs.ChosenQuery(task=one.task, snapshot=digest)
    used = (await visitor.call(runs.list_runs, page=PageQuery(_RUNS), chosen=chosen)).items
    now = visitor.services.now()
    show(tag("p", link(address("training"), "Training"), " / data", kind="dim"))
    show(tag("h1", f"Data of {one.task}, {digest[:_DIGEST_CHARS]}"), _state(one, now), _runs(used, now))
    show(_items(items.items, digest, query | {"world": world or "any"}, items.next))


def _chosen(asked: str | None) -> World | None:
    """Which inputs: those of the changed world, unless somebody asks for others."""
    return next((one for one in get_args(World) if one == asked), None if asked else "new")


def _state(one: DatasetModel, now: datetime) -> Markup:
    pairs: list[tuple[str, object]] = [
        ("Inputs", words.count_of(one.items)),
        ("Size", words.size_of(one.size_bytes)),
        ("Split by", one.split),
        ("Made", joined([parts.moment(one.created_at, now), f" by {one.created_by}"])),
        ("Kept until", words.when(one.held_until)),
        ("Digest", tag("span", one.digest, kind="code")),
    ]
    return tag("section", parts.facts(pairs))


def _runs(found: Sequence[RunModel], now: datetime) -> Markup:
    if not found:
        return parts.section("Runs that used it", parts.empty("None: it was made by hand."))
    rows = [
        (
            link(address("training", one.id), one.candidate),
            parts.pill(one.state),
            one.reason,
            parts.moment(one.opened_at, now),
        )
        for one in found
    ]
    return parts.section("Runs that used it", table(("Run", "State", "Why", "Opened"), rows, caption="Runs"))


def _items(items: Sequence[ItemModel], digest: str, query: dict[str, str | None], following: str | None) -> Markup:
    ways = [
        link(
            address("datasets", digest, query={"world": key}),
            says,
            aria_current="true" if key == query["world"] else None,
        )
        for key, says in (*_WORLDS.items(), ("any", "all"))
    ]
    choose = tag("p", joined(ways, " · "))
    if not items:
        return parts.section("Inputs", choose, parts.empty("No input is of that world."))
    told = Counter(_PARTS[one.part] for one in items)
    lead = ", ".join(f"{words.count_of(count)} {part}" for part, count in told.items())
    rows = [
        (
            _input(one),
            one.label or "none",
            one.source or "nobody",
            _WORLDS[one.world],
            _PARTS[one.part],
            f"{one.weight:.3g} inputs",
        )
        for one in items
    ]
    heads = ("Input", "Shows", "Said by", "World", "Used", "Stands for")
    caption = "Inputs in the order of the snapshot"
    way = parts.pages(f"datasets/{digest}", query, following)
    return parts.section(
        "Inputs", choose, tag("p", f"On this page: {lead}.", kind="dim"), table(heads, rows, caption=caption), way
    )


def _input(one: ItemModel) -> Markup:
    """An input of a device leads to its answer; one of the reference set lies in the bundle."""
    if one.sample.startswith("@"):
        return tag("span", "reference set of the bundle before", title=one.sample)
    device, _, sample = one.sample.partition("/")
    picture = Markup()
    if one.media_type.startswith("image/"):
        picture = tag("span", parts.picture(device, sample, one.label), kind="small")
    return link(address("answers", device, sample), picture, tag("span", one.sample))
