"""Drift: how devices stand against their own beginnings, together and among the others, and the budget of alarms."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from starlette.requests import Request

from roost_cloud.api import drift, drift_fleet, drift_history
from roost_cloud.api.drift import KindModel, StatusQuery, StreamModel
from roost_cloud.api.drift_fleet import AmongModel, CohortModel
from roost_cloud.api.drift_history import PointModel
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.budget import draw_budget
from roost_cloud.dashboard.chart import sparkline
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, entry, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 25
_LAST: Final = 36  # decisions of a small drawing
_Lines = Mapping[tuple[str, str, str | None, str], list[PointModel]]


class _Seen(NamedTuple):
    """All that the page shows."""

    standing: Page[StreamModel]
    lines: _Lines
    cohort: list[CohortModel]
    among: list[AmongModel]


@page("/drift", "Drift")
async def show_drift(visitor: Visitor, asked: Request) -> None:
    """All devices, or some, each with how it went lately."""
    query = {key: asked.query_params.get(key) for key in ("task", "device", "label", "after")}

    async def load() -> _Seen:
        return await _load(visitor, query)

    first = await load()
    show(tag("h1", "Drift"), tag("p", _INTRODUCTION, kind="lead"))
    await draw_budget(visitor)
    show(_filter(query))
    live(load, Part(lambda seen: show(_all(seen, query, visitor.services.now()))), first=first, every_s=10)


_INTRODUCTION: Final = (
    "Each device is judged against its own beginnings. Three of five decisions beyond the threshold make an alarm."
)


async def _load(visitor: Visitor, query: Mapping[str, str | None]) -> _Seen:
    task, labels = query["task"] or None, (query["label"] or "").split()
    cohort: list[CohortModel] = []
    among: list[AmongModel] = []
    if task is not None and labels:
        cohort = await visitor.call(drift_fleet.get_cohort, task=task, label=labels)
        among = await visitor.call(drift_fleet.get_fleet, task=task, label=labels)
    chosen = StatusQuery(task=task, device=query["device"] or None)
    standing = await visitor.call(drift.get_status, page=PageQuery(_ROWS, query["after"]), chosen=chosen)
    names = sorted({one.device for one in standing.items})
    lines: _Lines = {}
    if names:
        told = await visitor.call(drift_history.list_lines, device=names, task=task, last=_LAST)
        lines = {(one.device, one.task, one.contestant, one.kind): one.points for one in told}
    return _Seen(standing, lines, cohort, among)


def _filter(query: Mapping[str, str | None]) -> Markup:
    return tag(
        "form",
        tag("label", "Task", entry("search", "task", value=query["task"] or "")),
        tag("label", "Device", entry("search", "device", value=query["device"] or "")),
        tag(
            "label",
            "Together, by labels (with a task)",
            entry("search", "label", value=query["label"] or "", placeholder="hall=2"),
        ),
        tag("button", "Show", type="submit"),
        link(address("drift"), "Clear", kind="button plain"),
        method="get",
        action=address("drift"),
        kind="filter",
        role="search",
    )


def _all(seen: _Seen, query: dict[str, str | None], now: datetime) -> Markup:
    inside = [_together(seen, query)] if query["label"] else []
    return joined([*inside, _standing(seen, query, now)])


def _together(seen: _Seen, query: Mapping[str, str | None]) -> Markup:
    title = f"Devices of {query['label']} together, among the others"
    if not query["task"]:
        return parts.section(title, parts.empty("Say which task as well: devices are compared by one."))
    if not seen.cohort:
        return parts.section(title, parts.empty("None of them is commissioned yet, or there are no others."))
    inside: list[object] = []
    for one in seen.cohort:
        far = f"T² {words.figure_of(one.distance)}; {words.share_of(one.share)} of devices stand as far off"
        inside.append(tag("p", f"Farthest off by {one.farthest}. {far}, of {words.count_of(one.of_devices)}."))
        rows = [(name, _off(value)) for name, value in sorted(one.deviations.items(), key=lambda each: -abs(each[1]))]
        inside.append(table(("Statistic", "Off by, in deviations"), rows, caption="How far they are off together"))
    if seen.among:
        rows_ = [
            (
                link(address("drift", each.device, query["task"] or ""), each.device),
                each.farthest,
                words.figure_of(each.distance),
                words.share_of(each.share),
            )
            for each in seen.among
        ]
        heads = ("Device", "Farthest off by", "T²", "Devices as far off")
        inside.append(table(heads, rows_, caption="Each of them among the others"))
    inside.append(tag("p", "Shown, and no reason for an alarm: devices differ for good reasons.", kind="dim"))
    return parts.section(title, *inside)


def _off(deviations: float) -> Markup:
    """A bar to the left or to the right."""
    share = min(abs(deviations) / 6, 1) / 2
    left = 0.5 - share if deviations < 0 else 0.5
    bar = tag("i", style=f"margin-left: {left:.0%}; width: {share:.0%}", kind="bad" if abs(deviations) > 3 else None)  # noqa: PLR2004 - as bands have it
    return joined([tag("span", bar, kind="gauge off", aria_hidden="true"), f"{deviations:+.1f}"])


def _standing(seen: _Seen, query: dict[str, str | None], now: datetime) -> Markup:
    title = "How devices stand"
    if not seen.standing.items:
        says = "No device has told of enough inputs to be judged. Have it measure them, by its agent.toml:"
        return parts.section(title, parts.empty(says, parts.command("[tasks.meter.monitor]\nwindow_s = 60")))
    rows = [_row(stream, kind, seen.lines, now) for stream in seen.standing.items for kind in stream.kinds]
    heads = (
        "Device and task",
        "What of it",
        "Standing",
        f"Last {_LAST} decisions",
        "Distance",
        "Last decision",
        "Alarm",
    )
    return parts.section(title, table(heads, rows, caption=title), parts.pages("drift", query, seen.standing.next))


def _row(stream: StreamModel, one: KindModel, lines: _Lines, now: datetime) -> tuple[object, ...]:
    points = lines.get((stream.device, stream.task, one.contestant, one.kind), [])
    name = f"{stream.device} / {stream.task}"
    contestant = tag("div", f"of {one.contestant}", kind="dim") if one.contestant else ""
    return (
        link(address("drift", stream.device, stream.task) + f"#{one.kind}", name),
        joined([parts.DRIFT_WORDS[one.kind], contestant]),
        joined([parts.pill(one.standing), _why(one)]),
        sparkline([point.distance for point in points], [point.threshold for point in points]),
        _distance(one),
        parts.moment(one.last_at, now),
        link(address("alarms", one.alarm), "See the alarm") if one.alarm else "–",
    )


def _why(one: KindModel) -> Markup:
    """What a standing needs to be understood."""
    says = one.problem or one.unsteady
    if one.standing == "commissioning":
        says = f"{one.windows} of {one.windows_wanted} decisions, {one.days:.1f} of {one.days_wanted:.1f} days"
    return Markup() if says is None else tag("div", says, kind="dim")


def _distance(one: KindModel) -> str:
    if one.distance is None:
        return "–"
    return f"{one.distance:.1f}" + (f" of {one.threshold:.1f}" if one.threshold is not None else ", no threshold yet")
