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
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.search import search_form, sought
from roost_cloud.dashboard.visitor import Visitor
from roost_shared.errors import ContentError

_ROWS: Final = 25
_LAST: Final = 36  # decisions of a small drawing
_NAMED: Final = 5  # devices, with a reason
_WORST: Final = ("alarmed", "exceeding", "not_judged", "commissioning", "fine")
_Lines = Mapping[tuple[str, str, str | None, str], list[PointModel]]


class _Seen(NamedTuple):
    """All that the page shows."""

    standing: Page[StreamModel]
    lines: _Lines
    cohort: list[CohortModel]
    among: list[AmongModel]
    problem: str | None


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
    problem: str | None = None
    if task is not None and labels:
        try:
            cohort = await visitor.call(drift_fleet.get_cohort, task=task, label=labels)
            among = await visitor.call(drift_fleet.get_fleet, task=task, device=None, label=labels)
        except ContentError as error:  # the rest of the page does not depend on it
            problem = str(error)
    chosen = StatusQuery(task=task, device=query["device"] or None)
    standing = await visitor.call(drift.get_status, page=PageQuery(_ROWS, query["after"]), chosen=chosen)
    names = sorted({one.device for one in standing.items})
    lines: _Lines = {}
    if names:
        told = await visitor.call(drift_history.list_lines, device=names, task=task, last=_LAST)
        lines = {(one.device, one.task, one.contestant, one.kind): one.points for one in told}
    return _Seen(standing, lines, cohort, among, problem)


def _filter(query: Mapping[str, str | None]) -> Markup:
    return search_form(
        "drift",
        sought("Task", "task", query),
        sought("Device", "device", query),
        sought("Together, by labels (with a task)", "label", query, "hall=2"),
    )


def _all(seen: _Seen, query: dict[str, str | None], now: datetime) -> Markup:
    inside = [_together(seen, query)] if query["label"] else []
    return joined([*inside, _standing(seen, query, now)])


def _together(seen: _Seen, query: Mapping[str, str | None]) -> Markup:
    title = f"Devices of {query['label']} together, among the others"
    if not query["task"]:
        return parts.section(title, parts.empty("Say which task as well: devices are compared by one."))
    if seen.problem is not None:
        return parts.section(title, parts.empty(f"That cannot be told: {seen.problem}."))
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
    rows = [_row(stream, seen.lines, now) for stream in seen.standing.items]
    heads = ("Device and task", *(word.capitalize() for word in parts.DRIFT_WORDS.values()), "Last decision")
    drawn = f"Drawn are the last {_LAST} decisions of whichever contestant stands worst; dashed, the threshold."
    shown = table(heads, rows, caption=title)
    return parts.section(
        title, tag("p", drawn, kind="dim"), shown, _why(seen), parts.pages("drift", query, seen.standing.next)
    )


def _row(stream: StreamModel, lines: _Lines, now: datetime) -> tuple[object, ...]:
    cells = [_cell(stream, [one for one in stream.kinds if one.kind == kind], lines) for kind in parts.DRIFT_WORDS]
    last = max((one.last_at for one in stream.kinds), default=None)
    name = f"{stream.device} / {stream.task}"
    return (link(address("drift", stream.device, stream.task), name), *cells, parts.moment(last, now))


def _cell(stream: StreamModel, kinds: list[KindModel], lines: _Lines) -> Markup:
    """How a kind of drift stands: by the contestant that stands worst."""
    if not kinds:
        return tag("span", "–", kind="dim")
    one = min(kinds, key=lambda each: (_WORST.index(each.standing), each.contestant or ""))
    points = lines.get((stream.device, stream.task, one.contestant, one.kind), [])
    drawn = sparkline([point.distance for point in points], [point.threshold for point in points])
    says = ""
    if one.standing == "commissioning":
        says = f"{one.windows} of {one.windows_wanted} decisions, {one.days:.1f} of {one.days_wanted:.1f} days"
    elif one.threshold is not None:
        says = f"distance {words.short_of(one.distance)}, threshold {words.short_of(one.threshold)}"
    alarm = joined([" ", link(address("alarms", one.alarm), "see it")]) if one.alarm else ""
    return joined([parts.pill(one.standing), alarm, drawn, tag("div", says, kind="dim") if says else ""])


def _why(seen: _Seen) -> Markup:
    """What stands in the way of judging, each reason once."""
    told: dict[str, set[str]] = {}
    for stream in seen.standing.items:
        for one in stream.kinds:
            if says := one.problem or one.unsteady:
                told.setdefault(f"{parts.DRIFT_WORDS[one.kind]}: {says}", set()).add(stream.device)
    if not told:
        return Markup()
    lines = [tag("li", says, " (", ", ".join(sorted(devices)[:_NAMED]), ")") for says, devices in told.items()]
    return tag("div", tag("strong", "Not judged, or not steady"), tag("ul", *lines), kind="note")
