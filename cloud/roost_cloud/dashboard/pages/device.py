"""A device: what it runs and why, what it said last, and what happened to it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import activity, alarms, assignments, devices, rollouts, samples
from roost_cloud.api.activity import DeviceActivityModel, HoursQuery
from roost_cloud.api.alarms import AlarmModel
from roost_cloud.api.assignments import AssignmentModel, StandingModel
from roost_cloud.api.devices import DeviceBody, DeviceChanges
from roost_cloud.api.pages import PageQuery
from roost_cloud.api.rollout_models import DeviceRolloutModel
from roost_cloud.api.samples import SampleModel
from roost_cloud.commands.device_why import WORDS
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import confirming
from roost_cloud.dashboard.frame import Part, act, live, page, show
from roost_cloud.dashboard.health import answers_of, health_of
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.timeline import Happening, timeline
from roost_cloud.dashboard.visitor import Visitor

_ANSWERS: Final = 12
_PAST: Final = 30


class _Seen(NamedTuple):
    """All that the page shows."""

    device: DeviceBody
    standing: StandingModel
    assigned: list[AssignmentModel]
    rollouts: list[DeviceRolloutModel]
    alarms: list[AlarmModel]
    samples: list[SampleModel]
    activity: DeviceActivityModel


@page("/devices/{device}", "Device")
async def device(visitor: Visitor, asked: Request) -> None:
    """One device."""
    name = asked.path_params["device"]

    async def load() -> _Seen:
        return await _load(visitor, name)

    first = await load()
    show(tag("p", link(address("fleet"), "Fleet"), " / ", name, kind="dim"))
    with ui.element("div").classes("head"):
        show(tag("h1", name))
        _draw_actions(visitor, first.device)
    show(_ways(name))
    live(load, Part(lambda seen: show(_all(seen, visitor.services.now()))), first=first)


async def _load(visitor: Visitor, name: str) -> _Seen:
    few = PageQuery(_PAST)
    return _Seen(
        await visitor.call(devices.get_device, device=name),
        await visitor.call(assignments.get_assignment, device=name),
        (await visitor.call(assignments.list_assignments, device=name, page=few)).items,
        await visitor.call(rollouts.list_rollouts_of_device, device=name),
        (await visitor.call(alarms.list_alarms, page=few, chosen=alarms.ChosenQuery(device=name))).items,
        (
            await visitor.call(samples.list_samples, page=PageQuery(_ANSWERS), chosen=samples.ChosenQuery(device=name))
        ).items,
        (await visitor.call(activity.get_device_activity, device=name, asked=HoursQuery(parts.DAY_HOURS))).model_copy(
            update={"until": None}  # the moment of asking: nothing is drawn anew for it
        ),
    )


def _ways(name: str) -> Markup:
    """To all there is of the device on other pages."""
    ways = (
        link(address("answers", query={"device": name}), "All answers it kept"),
        link(address("drift", query={"device": name}), "Its drift"),
        link(address("alarms", query={"device": name, "state": "any"}), "All its alarms"),
    )
    return tag("p", joined(ways, " · "))


def _all(seen: _Seen, now: datetime) -> Markup:
    return joined(
        [
            _state(seen, now),
            tag("div", health_of(seen.activity.health, now), answers_of(seen.activity), kind="two"),
            tag("div", _runs(seen.standing), _past(seen, now), kind="two"),
            _answers(seen.samples, now),
        ]
    )


def _state(seen: _Seen, now: datetime) -> Markup:
    one, report = seen.device, seen.standing.report
    labels = joined([tag("span", f"{key}={value}", kind="tagged") for key, value in one.labels.items()]) or "none"
    pairs: list[tuple[str, object]] = [
        ("Connection", parts.pill(one.status if one.status == "revoked" else one.state)),
        ("Last heard of", parts.dated(one.last_seen, now)),
        ("Agent", one.agent_version or "not said yet"),
        ("Trust in releases", "not said yet" if report is None else report.trust),
        (
            "Certificate expires",
            words.when(one.certificate_expires_at) if one.certificate_expires_at else "no certificate",
        ),
        ("Enrolled", words.when(one.enrolled_at)),
        ("Labels", labels),
    ]
    if one.problem:
        pairs.append(("Problem", one.problem))
    if unresolved := [alarm for alarm in seen.alarms if alarm.state != "resolved"]:
        ways = [link(address("alarms", alarm.id), alarm.summary or alarm.kind) for alarm in unresolved]
        pairs.append(("Alarms", joined(ways, "; ")))
    why = f"In short: {WORDS.get(one.following, one.following)}."
    problem = report.problem if report is not None else None
    note = Markup() if problem is None else tag("p", f"{problem.code}: {problem.message}", kind="note bad")
    return tag("section", tag("p", why, kind="lead"), note, parts.facts(pairs))


def _runs(standing: StandingModel) -> Markup:
    report = standing.report
    if report is None:
        return parts.section(
            "What it runs",
            parts.empty("It has not said yet. It does as soon as its agent is connected."),
        )
    rows = [
        (f"{task} / {name}", parts.bundle(one.bundle), _with(one.state, one.error))
        for task, contestants in report.tasks.items()
        for name, one in contestants.items()
    ]
    proven = "proven" if report.confirmed else "on trial"
    force = f"Assignment {report.version} is in force, {proven}." if report.version else "No assignment is in force."
    steps = [
        (
            f"{one.task} / {one.contestant}",
            parts.bundle(one.bundle),
            _with(one.phase, one.error),
            joined([tag("span", f"{key} {value}", kind="tagged") for key, value in one.evidence.items()]) or "–",
        )
        for one in report.installs
    ]
    inside: list[object] = [tag("p", force)]
    if rows:
        inside.append(table(("Contestant", "Bundle", "State"), rows, caption="What contestants run"))
    if steps:
        inside.append(tag("h3", "Its installer says"))
        inside.append(table(("Contestant", "Bundle", "Phase", "Proof"), steps, caption="How far bundles are"))
    return parts.section("What it runs", *inside)


def _with(state: str, error: assignments.ProblemModel | None) -> Markup:
    return joined(
        [parts.pill(state), "" if error is None else tag("div", f"{error.code}: {error.message}", kind="dim")]
    )


def _past(seen: _Seen, now: datetime) -> Markup:
    happened = timeline(seen.assigned, seen.rollouts, seen.alarms)[:_PAST]
    if not happened:
        return parts.section(
            "What happened", parts.empty("Nothing yet: it was assigned nothing, and raised no alarm.")
        )
    title = "What happened" if len(happened) < _PAST else f"What happened, the last {_PAST} of it"
    return parts.section(title, tag("ul", *(_entry(one, now) for one in happened), kind="line"))


def _entry(one: Happening, now: datetime) -> Markup:
    says = one.says if one.leads_to is None else link(address(*one.leads_to), one.says)
    return tag("li", tag("div", parts.dated(one.at, now), " ", tag("span", one.by, kind="dim")), tag("div", says))


def _answers(items: Sequence[SampleModel], now: datetime) -> Markup:
    if not items:
        says = "It has told of no answer yet. Which ones are kept is in its agent.toml, under [tasks.NAME.capture]."
        return parts.section("Last answers it kept", parts.empty(says))
    return parts.section("Last answers it kept", tag("ul", *(parts.answer(one, now) for one in items), kind="answers"))


def _draw_actions(visitor: Visitor, one: DeviceBody) -> None:
    with ui.element("div").classes("row"):
        if visitor.may(devices.relabel_device):
            confirming(
                "Change labels",
                "Labels to set, KEY=VALUE with a space between; KEY alone removes one.",
                "Save",
                _relabelling(visitor, one.device),
                field="Labels",
                begins=" ".join(f"{key}={value}" for key, value in one.labels.items()),
            )
        if visitor.may(devices.revoke_device) and one.status != "revoked":
            confirming(
                "Revoke",
                f"{one.device} is cut off at once, and only a new token brings it back.",
                "Revoke it",
                act(lambda: visitor.call(devices.revoke_device, device=one.device), f"{one.device} is revoked"),
                kind="harm",
            )


def _relabelling(visitor: Visitor, name: str) -> Callable[[str], Awaitable[None]]:
    async def relabel(text: str) -> None:
        changes = {key: value if sign else None for key, sign, value in (word.partition("=") for word in text.split())}
        await act(
            lambda: visitor.call(devices.relabel_device, device=name, body=DeviceChanges(labels=changes)),
            "the labels are changed",
        )()

    return relabel
