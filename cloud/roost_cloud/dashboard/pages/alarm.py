"""An alarm: what moved and how far, whose fault it is, the inputs that show it, and what to do about it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import alarms, drift, runs, wanted
from roost_cloud.api.alarms import MovedModel, MuteBody, NoteBody, ShownSample, WholeAlarm
from roost_cloud.api.drift import RebaselineBody
from roost_cloud.api.runs import OpenBody
from roost_cloud.api.wanted import StretchModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import confirming
from roost_cloud.dashboard.frame import Part, act, go_to, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.runs.opening import KINDS

_MUTED_FOR: Final = timedelta(days=1)
_CAUSES: Final = {
    "input": "the world has changed: what comes in is not what it was",
    "model": "the model has changed: the same inputs are answered otherwise",
    "unknown": "whether the world or the model has changed cannot be told",
}


@page("/alarms/{alarm}", "Alarm")
async def alarm(visitor: Visitor, asked: Request) -> None:
    """One alarm."""
    identity = asked.path_params["alarm"]

    async def load() -> WholeAlarm:
        return await visitor.call(alarms.get_alarm, alarm=identity)

    first = await load()
    show(tag("p", link(address("alarms"), "Alarms"), " / ", identity, kind="dim"))
    show(tag("h1", first.summary or f"{first.kind} of {first.device}"))
    live(
        load,
        Part(lambda one: show(_state(one, visitor.services.now()))),
        Part(lambda one: _draw_actions(visitor, one), lambda one: (one.state, one.is_muted, one.runs == [])),
        Part(lambda one: show(_moved(one), _led_to(one))),
        Part(lambda one: show(_samples(one, visitor.services.now())), lambda one: one.samples),
        first=first,
    )


def _state(one: WholeAlarm, now: datetime) -> Markup:
    pairs: list[tuple[str, object]] = [
        ("Device", link(address("devices", one.device), one.device)),
        ("Task", one.task),
        ("Drift", link(address("drift", one.device, one.task) + f"#{one.kind}", "How it went over time")),
        ("Whose windows", one.contestant or "the answers"),
        ("Bundle", parts.bundle(one.bundle)),
        ("Since", parts.dated(one.since, now)),
        ("Last exceeded", parts.dated(one.last_exceeded_at, now)),
        ("Decisions", f"{one.decisions_exceeded} of the last {one.decisions_looked_at} exceeded"),
        ("Distance", f"{words.short_of(one.distance)}, threshold {words.short_of(one.threshold)}"),
        ("Primary's confidence moved", _yes(said=one.primary_moved)),
        ("Baseline's confidence moved", _yes(said=one.baseline_moved)),
    ]
    if one.acknowledged_at is not None:
        pairs.append(("Acknowledged", joined([parts.moment(one.acknowledged_at, now), f" by {one.acknowledged_by}"])))
    if one.resolved_at is not None:
        pairs.append(("Resolved", joined([parts.moment(one.resolved_at, now), f" by {one.resolved_by}"])))
    if one.is_muted:
        pairs.append(("Muted until", words.when(one.muted_until)))
    if one.note:
        pairs.append(("Note", one.note))
    if one.together is not None:
        others = [
            link(address("alarms", other), name)
            for other, name in zip(one.together.alarms, one.together.devices, strict=True)
        ]
        pairs.append((f"Together, by {one.together.label or 'time'}", joined(others, ", ")))
    return tag("section", tag("p", parts.pill(one.state), f" {_CAUSES[one.cause]}", kind="lead"), parts.facts(pairs))


def _yes(*, said: bool | None) -> str:
    return {True: "yes", False: "no", None: "cannot be told"}[said]


def _moved(one: WholeAlarm) -> Markup:
    if not one.moved:
        return Markup()
    is_shares = any(each.before is not None for each in one.moved)
    heads = ("What", "Moved by", "Before", "Now")[: 4 if is_shares else 2]
    rows = (_moved_row(each)[: len(heads)] for each in one.moved)
    return parts.section("What moved", table(heads, rows, caption="What moved, the farthest first"))


def _moved_row(one: MovedModel) -> tuple[object, ...]:
    what = one.word or one.what
    if one.labels:
        what = f"share of {', '.join(one.labels)}"
    by = f"to {one.times:.1f} times what it was" if one.times is not None else "it had never moved before"
    if one.deviations is not None:
        by = f"{'rose' if one.deviations > 0 else 'fell'} by {abs(one.deviations):.1f} deviations"
    return what, by, words.share_of(one.before), words.share_of(one.now)


def _led_to(one: WholeAlarm) -> Markup:
    """The runs that see to it."""
    title = "Training runs that see to it"
    if not one.runs:
        says = "None. A run is opened by the task's policy, or by hand; it starts from what came since the alarm."
        return parts.section(title, parts.empty(says, link(address("training"), "See training")))
    lines = [
        tag("li", link(address("training", run.run), run.candidate), " ", parts.pill(run.state)) for run in one.runs
    ]
    return parts.section(title, tag("ul", *lines, kind="line"))


def _samples(alarm: WholeAlarm, now: datetime) -> Markup:
    items: list[ShownSample] = alarm.samples
    title = "Inputs of that device and time"
    if not items:
        return parts.section(title, parts.empty("None of them was kept. [tasks.NAME.capture] says which ones are."))
    shown = [
        tag(
            "li",
            parts.picture(one.device, one.sample, one.label) if one.has_input else tag("div", "no input", kind="none"),
            tag(
                "div",
                link(address("answers", one.device, one.sample), one.label or "no answer"),
                f" {words.share_of(one.confidence)}",
            ),
            tag("div", parts.moment(one.received_at, now)),
        )
        for one in items
    ]
    span = {"device": alarm.device, "task": alarm.task, "since": alarm.since.isoformat()}
    way = link(address("answers", query=span), "All answers of that device since then")
    return parts.section(title, tag("ul", *shown, kind="answers"), tag("p", way))


def _draw_actions(visitor: Visitor, one: WholeAlarm) -> None:
    """What can be done about it, for whoever may."""
    if one.state == "resolved" or not visitor.may(alarms.resolve_alarm):
        return
    with ui.element("div").classes("row").style("margin: 0 0 16px"):
        if one.state == "open":
            says = "Say that somebody sees to it."
            confirming(
                "Acknowledge", says, "Acknowledge it", _noting(visitor, one, "acknowledge"), field="Note", kind=""
            )
        says = "Its device brings the inputs of that time, a week at most, before anything else that it keeps."
        confirming("Bring its inputs", says, "Bring them", _bringing(visitor, one))
        if one.kind in KINDS and not one.is_muted and not one.runs:
            says = f"The model of {one.task} learns from what came since. The run sees to this alarm."
            confirming("Open a training run", says, "Open it", _opening(visitor, one))
        says = "Say that it is over; if it is so again, another alarm comes."
        confirming("Resolve", says, "Resolve it", _noting(visitor, one, "resolve"), field="Note")
        says = "Nobody is told of it for a day." if not one.is_muted else "It is told of again."
        confirming("Tell again" if one.is_muted else "Mute for a day", says, "Do so", _muting(visitor, one))
        says = (
            "What comes from now on is the new normal of this task on this device; alarms about what was are resolved."
        )
        confirming("Begin anew", says, "Begin anew", _beginning(visitor, one), field="Note", kind="harm")


def _noting(visitor: Visitor, one: WholeAlarm, what: str) -> Callable[[str], Awaitable[None]]:
    handler, done = {
        "acknowledge": (alarms.acknowledge_alarm, "the alarm is acknowledged"),
        "resolve": (alarms.resolve_alarm, "the alarm is resolved"),
    }[what]

    async def noting(note: str) -> None:
        await act(lambda: visitor.call(handler, alarm=one.id, body=NoteBody(note=note or None)), done)()

    return noting


def _bringing(visitor: Visitor, one: WholeAlarm) -> Callable[[], Awaitable[None]]:
    async def bring() -> str:
        return _brought(await visitor.call(wanted.want_inputs_of_alarm, alarm=one.id))

    return act(bring, None)


def _brought(told: StretchModel) -> str:
    """How far what was asked for is, and what no asking brings."""
    says = f"{words.count_of(told.here)} of {words.count_of(told.samples)} inputs are here"
    lost = told.dropped + told.not_kept
    ways = [f"{words.count_of(told.waiting)} come next"] if told.waiting else []
    ways += [f"{words.count_of(lost)} were not kept"] if lost else []
    return ", ".join([says, *ways])


def _opening(visitor: Visitor, one: WholeAlarm) -> Callable[[], Awaitable[None]]:
    async def opening() -> None:
        body = OpenBody.model_validate({"task": one.task, "reason": f"asked for at alarm {one.id}"})
        made = await visitor.call(runs.open_run, body=body)
        go_to(address("training", made.id))

    return act(opening, "the run is opened")


def _muting(visitor: Visitor, one: WholeAlarm) -> Callable[[], Awaitable[None]]:
    async def mute() -> None:
        until = None if one.is_muted else visitor.services.now() + _MUTED_FOR
        await visitor.call(alarms.mute_alarm, alarm=one.id, body=MuteBody(until=until))

    return act(mute, "that is noted")


def _beginning(visitor: Visitor, one: WholeAlarm) -> Callable[[str], Awaitable[None]]:
    async def begin(note: str) -> None:
        body = RebaselineBody(task=one.task, devices=[one.device], note=note or None)
        await act(lambda: visitor.call(drift.begin_anew, body=body), f"{one.task} on {one.device} begins anew")()

    return begin
