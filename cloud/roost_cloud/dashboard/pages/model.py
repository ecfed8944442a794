"""A bundle: its versions, the newest first, and where its aliases point, which may be moved."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import aliases, bundles, rollouts
from roost_cloud.api.aliases import AliasModel, AliasRequest
from roost_cloud.api.bundles import VersionSummary
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import button
from roost_cloud.dashboard.frame import Part, act, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 50
_ALIASES: Final = 100
_DIGEST_CHARS: Final = 19  # "sha256:" and twelve


class _Seen(NamedTuple):
    """All that the page shows."""

    versions: Page[VersionSummary]
    aliases: list[AliasModel]


@page("/models/{name}", "Model")
async def model(visitor: Visitor, asked: Request) -> None:
    """One bundle."""
    name, after = asked.path_params["name"], asked.query_params.get("after")

    async def load() -> _Seen:
        return _Seen(
            await visitor.call(bundles.list_versions, name=name, page=PageQuery(_ROWS, after)),
            (await visitor.call(aliases.list_aliases, name=name, page=PageQuery(_ALIASES))).items,
        )

    first = await load()
    now, may_start = visitor.services.now(), visitor.may(rollouts.start_rollout)
    show(tag("p", link(address("models"), "Models"), " / ", name, kind="dim"), tag("h1", name))
    if visitor.may(aliases.move_alias):
        _draw_moving(visitor, name, first)
    live(
        load,
        Part(lambda seen: show(_aliases(name, seen.aliases, now)), lambda seen: seen.aliases),
        Part(lambda seen: show(_versions(name, seen.versions, after, now, may_start=may_start))),
        first=first,
    )


def _draw_moving(visitor: Visitor, name: str, seen: _Seen) -> None:
    """A button that asks which alias is to point where."""
    versions = [one.version for one in seen.versions.items]
    dialog_says = "Move an alias"
    with ui.dialog() as dialog, ui.element("div").classes("dialog").props(f'role="dialog" aria-label="{dialog_says}"'):
        says = "Scorers and assignments that name the alias follow it. What devices run changes by a rollout alone."
        show(tag("h2", dialog_says), tag("p", says))
        known = [one.alias for one in seen.aliases]
        alias = ui.input("Alias", value=known[0] if known else "stable", autocomplete=known).props("outlined dense")
        version = ui.select(versions, value=versions[0], label="Version").props("outlined dense")

        async def move() -> None:
            dialog.close()
            await _moving(visitor, name, str(alias.value or "").strip(), str(version.value))()

        async def leave() -> None:
            dialog.close()

        with ui.element("div").classes("row"):
            button("Move it", move)
            button("Leave it", leave, kind="plain")

    async def opened() -> None:
        dialog.open()

    with ui.element("div").classes("row").style("margin: 0 0 16px"):
        button(dialog_says, opened, kind="plain")


def _moving(visitor: Visitor, name: str, alias: str, version: str) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        asked = AliasRequest(version=version)
        await visitor.call(aliases.move_alias, name=name, alias=alias, asked=asked)

    return act(do, f"{alias} points at {name}:{version}")


def _aliases(name: str, found: Sequence[AliasModel], now: datetime) -> Markup:
    if not found:
        says = "No alias points at a version. Scorers and training policies follow one, such as stable."
        return parts.section("Aliases", parts.empty(says))
    rows = [
        (
            parts.pill(one.alias),
            link(address("models", name, one.version), f"{name}:{one.version}", kind="code"),
            joined([parts.moment(one.moved_at, now), f" by {one.moved_by}"]),
        )
        for one in found
    ]
    return parts.section("Aliases", table(("Alias", "Points at", "Moved"), rows, caption="Aliases"))


def _versions(name: str, found: Page[VersionSummary], after: str | None, now: datetime, *, may_start: bool) -> Markup:
    rows = (_version(one, now, may_start=may_start) for one in found.items)
    heads = ("Version", "Aliases", "Task", "Size", "Pushed", "Digest", "Action")
    shown = table(heads, rows, caption="Versions, the newest first")
    return parts.section("Versions", shown, parts.pages(f"models/{name}", {"after": after}, found.next))


def _version(one: VersionSummary, now: datetime, *, may_start: bool) -> tuple[object, ...]:
    reference = f"{one.name}:{one.version}"
    start = address("rollouts", "new", query={"bundle": reference})
    ways = [link(address("compare", query={"second": reference}), f"Compare {one.version}")]
    if may_start:
        ways.append(link(start, f"Roll out {one.version}"))
    return (
        link(address("models", one.name, one.version), reference),
        joined([parts.pill(alias) for alias in one.aliases], " ") or "–",
        one.task or "–",
        words.size_of(one.size_bytes),
        joined([parts.moment(one.created_at, now), tag("div", one.created_by, kind="dim")]),
        tag("span", one.digest[:_DIGEST_CHARS], kind="code", title=one.digest),
        joined(ways, " · "),
    )
