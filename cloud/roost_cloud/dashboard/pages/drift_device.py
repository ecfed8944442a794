"""Drift of a task on a device: distances over time with their threshold, statistics within their bands, alarms."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request

from roost_cloud.api import drift_history
from roost_cloud.api.drift_history import HistoryModel, MarkModel, PointModel, StatisticModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.chart import Axis, Mark, chart, logarithmic
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, tag
from roost_cloud.dashboard.visitor import Visitor

_LAST: Final = 120  # decisions
_MARGIN: Final = 0.08  # of what is drawn, above and below


@page("/drift/{device}/{task}", "Drift")
async def show_device(visitor: Visitor, asked: Request) -> None:
    """One task on one device."""
    device, task = asked.path_params["device"], asked.path_params["task"]

    async def load() -> list[HistoryModel]:
        return await visitor.call(drift_history.get_history, device=device, task=task, kind=None, last=_LAST)

    first = await load()
    way = (link(address("drift"), "Drift"), " / ", link(address("devices", device), device), f" / {task}")
    show(tag("p", *way, kind="dim"), tag("h1", f"Drift of {task} on {device}"))
    live(load, Part(lambda found: show(_all(found, visitor.services.now()))), first=first, every_s=10)


def _all(found: list[HistoryModel], now: datetime) -> Markup:
    if not found:
        says = (
            "Nothing has been decided of it yet: it has to measure inputs, by [tasks.NAME.monitor] of its agent.toml."
        )
        return parts.empty(says, link(address("drift"), "See all devices"))
    order = {kind: place for place, kind in enumerate(parts.DRIFT_WORDS)}
    return joined(_kind(one, now) for one in sorted(found, key=lambda each: order[each.kind]))


def _kind(one: HistoryModel, now: datetime) -> Markup:
    points = one.points
    exceeded = sum(point.exceeded for point in points)
    judged = sum(point.threshold is not None for point in points)
    title = parts.DRIFT_WORDS[one.kind].capitalize() + (f" of {one.contestant}" if one.contestant else "")
    lead = f"{exceeded} of the last {judged} judged decisions were beyond the threshold."
    if not judged:
        lead = (
            "None of the last decisions was judged: they are of the baseline, or too few devices tell what is usual."
        )
    places = _places(points)
    inside: list[object] = [tag("p", lead)]
    if judged:
        inside.append(_distances(one, places))
    if judged or one.alarms:
        inside.append(_alarms(one.alarms, now))
    if one.statistics:
        inside.append(tag("h3", "Statistics, with the band they kept to while the device was commissioned"))
        cards = [_statistic(each, points, places, one.alarms) for each in one.statistics]
        inside.append(tag("div", *cards, kind="charts"))
    if judged or one.alarms or one.kind == "input":
        return tag("section", tag("h2", title), *inside, id=one.kind)
    summary = tag("summary", tag("h2", title), " ", parts.pill("not_judged"))
    return tag("section", tag("details", summary, *inside), id=one.kind)


def _places(points: Sequence[PointModel]) -> list[float]:
    """Moments on the x axis, 0…1."""
    first, last = points[0].ended_at, points[-1].ended_at
    whole = (last - first).total_seconds()
    return [(point.ended_at - first).total_seconds() / whole if whole else 0.5 for point in points]


def _marks(alarms: Sequence[MarkModel], points: Sequence[PointModel]) -> list[Mark]:
    first, last = points[0].ended_at, points[-1].ended_at
    whole = (last - first).total_seconds()
    found = []
    for alarm in alarms:
        if alarm.resolved_at is not None and alarm.resolved_at < first:
            continue
        for at, kind in ((alarm.opened_at, "bad"), (alarm.resolved_at, "good")):
            if at is not None and whole and at <= last:
                found.append(Mark(max((at - first).total_seconds() / whole, 0.0), kind))
    return found


def _distances(one: HistoryModel, places: list[float]) -> Markup:
    points = one.points
    values, limits = [point.distance for point in points], [point.threshold for point in points]
    highest = max(value for value in (*values, *limits) if value is not None)
    axis = Axis(0.0, highest * 1.15, logarithmic)
    last, limit = _last(values), _last(limits)
    says = f"Distance from its own beginnings: last {words.short_of(last)}, threshold {words.short_of(limit)}"
    drawn = chart(
        places,
        values,
        axis,
        says=says,
        lines=[limits],
        bad=[point.exceeded for point in points],
        marks=_marks(one.alarms, points),
    )
    key = tag(
        "p",
        tag("span", "threshold", kind="key limit"),
        tag("span", "beyond it", kind="key bad"),
        tag("span", "alarm", kind="key mark"),
        kind="dim keys-of",
    )
    return tag("figure", tag("figcaption", says), _drawn(drawn, words.short_of(highest), "0", points), key)


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _statistic(
    one: StatisticModel, points: Sequence[PointModel], places: list[float], alarms: Sequence[MarkModel]
) -> Markup:
    band = None if one.low is None or one.high is None else (one.low, one.high)
    told = [value for value in (*one.values, *(band or ())) if value is not None]
    spread = max(told) - min(told) or abs(max(told)) or 1.0
    low, high = min(told) - _MARGIN * spread, max(told) + _MARGIN * spread
    off = [band is not None and value is not None and not band[0] <= value <= band[1] for value in one.values]
    last = _last(one.values)
    usual = "no band yet" if band is None else f"usually {words.short_of(band[0])} to {words.short_of(band[1])}"
    says = f"{one.word}: last {words.short_of(last)}, {usual}"
    drawn = chart(
        places,
        one.values,
        Axis(low, high),
        says=f"{says}; {sum(off)} decisions outside",
        band=band,
        bad=off,
        dim=[point.commissioning for point in points],
        marks=_marks(alarms, points),
    )
    name = tag("strong", one.word)
    word = parts.pill("exceeding", "outside") if off and off[-1] else ""
    return tag(
        "figure",
        tag(
            "figcaption",
            name,
            " ",
            word,
            tag("div", f"last {words.short_of(last)}, {usual}", kind="dim"),
        ),
        _drawn(drawn, words.short_of(high), words.short_of(low), points),
    )


def _drawn(drawn: Markup, high: str, low: str, points: Sequence[PointModel]) -> Markup:
    """A drawing with what is at its corners."""
    ends = [tag("span", f"{point.ended_at:%m-%d %H:%M} UTC") for point in (points[0], points[-1])]
    return tag(
        "div",
        tag("div", tag("span", high), tag("span", low), kind="scale", aria_hidden="true"),
        tag("div", drawn, tag("div", *ends, kind="ends"), kind="plot"),
        kind="drawn",
    )


def _alarms(alarms: Sequence[MarkModel], now: datetime) -> Markup:
    if not alarms:
        return tag("p", "No alarm about it.", kind="dim")
    lines = [
        tag(
            "li",
            parts.moment(one.opened_at, now),
            " ",
            link(address("alarms", one.id), one.summary or "alarm"),
            " ",
            parts.pill("resolved") if one.resolved_at else parts.pill("open", "not resolved"),
        )
        for one in alarms
    ]
    return tag("ul", *lines, kind="line")
