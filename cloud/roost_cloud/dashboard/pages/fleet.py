"""The fleet: its devices by state, what each really runs, and when it was last heard of."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, get_args

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import activity, alarms, devices, rollouts
from roost_cloud.api.activity import ActivityModel, DeviceRatesModel, HoursQuery
from roost_cloud.api.alarms import AlarmModel
from roost_cloud.api.devices import DeviceBody
from roost_cloud.api.pages import Page, PageQuery
from roost_cloud.api.rollout_models import RolloutModel
from roost_cloud.assignments.running import Running, running
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, choice, joined, link, table, tag
from roost_cloud.dashboard.search import search_form, sought
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.fleet.device_records import ConnectionState
from roost_cloud.services import Services

_ROWS: Final = 50
_COUNTED: Final = 100  # alarms, of which it is said that there are more; rollouts, the newest
_EVERY_S: Final = 5
_ALL: Final[dict[str, str]] = {"": "any state"}


class _Seen(NamedTuple):
    """All that the page shows."""

    devices: Page[DeviceBody]
    runs: Mapping[str, list[Running]]
    rates: Mapping[str, DeviceRatesModel]
    day: ActivityModel
    alarms: Page[AlarmModel]
    rollouts: list[RolloutModel]


@page("/fleet", "Fleet")
async def fleet(visitor: Visitor, asked: Request) -> None:
    """Devices by name, a page of them."""
    query = {key: asked.query_params.get(key) for key in ("named", "label", "state", "after")}

    async def load() -> _Seen:
        return await _load(visitor, query)

    first = await load()
    show(tag("h1", "Fleet"))
    sums = ui.element("div")
    if any(first.day.devices.values()):
        show(_filter(query))

    def draw_sums(seen: _Seen) -> None:
        sums.clear()
        with sums:
            show(_sums(query, seen))

    def draw(seen: _Seen) -> None:
        show(_nobody() if not any(seen.day.devices.values()) else _listed(seen, query, visitor.services.now()))

    live(
        load,
        Part(draw_sums, lambda seen: _mark(seen.day, seen.alarms, seen.rollouts)),
        Part(draw, lambda seen: _mark(seen.devices, seen.runs, seen.rates, seen.day.devices)),
        first=first,
        every_s=_EVERY_S,
    )


def _mark(*told: object) -> int:
    """By which it is known whether it is the same again: a page that stands open does not keep all that it told."""
    return hash(repr(told))


async def _load(visitor: Visitor, query: Mapping[str, str | None]) -> _Seen:
    found: Page[DeviceBody] = await visitor.call(
        devices.list_devices,
        page=PageQuery(_ROWS, query["after"]),
        label=(query["label"] or "").split(),
        state=next((one for one in get_args(ConnectionState) if one == query["state"]), None),
        named=(query["named"] or "").strip().lower(),
    )
    names = [device.device for device in found.items]
    hours = HoursQuery(parts.DAY_HOURS)
    day: ActivityModel = await visitor.call(activity.get_activity, asked=hours)
    rates = await visitor.call(activity.list_device_activity, asked=hours, device=names) if names else []
    unresolved = alarms.ChosenQuery(unresolved=True)
    return _Seen(
        found,
        await visitor.read(_running, visitor.services, visitor.member.tenant, names),
        {one.device: one for one in rates},
        day.model_copy(update={"until": None}),  # the moment of asking: nothing is drawn anew for it
        await visitor.call(alarms.list_alarms, page=PageQuery(_COUNTED), chosen=unresolved),
        (await visitor.call(rollouts.list_rollouts, page=PageQuery(_COUNTED))).items,
    )


def _listed(seen: _Seen, query: dict[str, str | None], now: datetime) -> Markup:
    found = seen.devices
    shown = _devices(found.items, seen.runs, seen.rates, now) if found.items else _no_match()
    return tag("section", shown, parts.pages("fleet", query, found.next))


def _running(services: Services, tenant: str, names: list[str]) -> Mapping[str, list[Running]]:
    with services.database.read() as session:
        return running(session, tenant, names)


def _sums(query: Mapping[str, str | None], seen: _Seen) -> Markup:
    day, counts = seen.day, seen.day.devices
    every: list[tuple[str, str, int]] = [("", "devices", sum(counts.values()))]
    every += [(state, "never connected" if state == "never" else state, count) for state, count in counts.items()]
    return tag(
        "ul",
        *(
            tag(
                "li",
                link(
                    address("fleet", query={**query, "state": state, "after": None}),
                    tag("strong", words.count_of(count)),
                    tag("span", says),
                    aria_current="true" if state == (query["state"] or "") else None,
                ),
            )
            for state, says, count in every
        ),
        *_asks(seen),
        *(_rate(share, says) for share, says in _rates(day) if day.answers),
        kind="sums",
    )


def _asks(seen: _Seen) -> Iterator[Markup]:
    """What asks for somebody's time, with the way to it; of what does not, nothing."""
    more = "+" if seen.alarms.next is not None else ""
    under_way = sum(one.ended_at is None for one in seen.rollouts)
    waits = sum(one.state == "approval" for one in seen.rollouts)
    for count, says, kind, target in (
        (len(seen.alarms.items), "unresolved alarms", "worse", address("alarms")),
        (under_way, "rollouts under way" + (f", {waits} to approve" if waits else ""), None, address("rollouts")),
    ):
        if count:
            told = tag("strong", words.count_of(count), more if kind else "", kind=kind)
            yield tag("li", link(target, told, tag("span", says)))


def _rates(day: ActivityModel) -> tuple[tuple[object, str], ...]:
    return (
        (words.count_of(day.answers), "answers in 24 h"),
        (parts.met(day.deadline_rate), "deadlines met in 24 h"),
        (words.share_of(day.other_share), "fallback rate in 24 h"),
    )


def _rate(share: object, says: str) -> Markup:
    return tag("li", tag("div", tag("strong", share), tag("span", says)))


def _filter(query: Mapping[str, str | None]) -> Markup:
    states = _ALL | {one: one for one in get_args(ConnectionState)}
    return search_form(
        "fleet",
        sought("Name contains", "named", query),
        sought("Labels", "label", query, "site=north line=3"),
        tag("label", "State", choice("state", states, query["state"])),
    )


def _devices(
    items: list[DeviceBody], runs: Mapping[str, list[Running]], rates: Mapping[str, DeviceRatesModel], now: datetime
) -> Markup:
    heads = ("Device", "State", "Runs", "Answers in 24 h", "Assignment", "Last heard of", "Agent", "Labels")
    rows = (_row(one, runs.get(one.device, []), rates.get(one.device), now) for one in items)
    return joined([table(heads, rows, caption="Devices by name"), tag("p", parts.FALLBACK, kind="dim")])


def _row(one: DeviceBody, runs: list[Running], rates: DeviceRatesModel | None, now: datetime) -> tuple[object, ...]:
    state = one.status if one.status == "revoked" else one.state
    problem = tag("div", one.problem, kind="dim") if one.problem else Markup()
    follows = one.following if one.assignment == 0 else f"{one.following} {one.assignment}"
    return (
        link(address("devices", one.device), one.device),
        joined([parts.pill(state, "never connected" if state == "never" else None), problem]),
        joined(map(_runs, runs)) or tag("span", "it has not said", kind="dim"),
        _answers(rates),
        parts.pill(one.following, "nothing assigned" if one.following == "none" else follows),
        parts.moment(one.last_seen, now),
        one.agent_version or "–",
        joined([tag("span", f"{key}={value}", kind="tagged") for key, value in one.labels.items()]) or "–",
    )


def _runs(one: Running) -> Markup:
    """What a contestant really runs, and whether it fails at it."""
    fails = joined([" ", parts.pill(one.state)]) if parts.mood_of(one.state) == "bad" else ""
    return tag("div", f"{one.contestant} ", tag("span", words.bundle_of(one.bundle), kind="code"), fails)


def _answers(rates: DeviceRatesModel | None) -> object:
    if rates is None or not rates.answers:
        return tag("span", "none told of", kind="dim")
    fallback = tag("div", f"{words.share_of(rates.other_share)} fallback", kind="dim")
    return joined([words.count_of(rates.answers), ", ", parts.met(rates.deadline_rate), " in time", fallback])


def _nobody() -> Markup:
    return parts.empty(
        "No device has enrolled yet. Make a token for the first one, and give it to the device within a day:",
        parts.command("roost device enrol cam-01 --label site=north"),
        parts.command("roost-agent enrol --url THIS-CLOUD --token-file token"),
    )


def _no_match() -> Markup:
    return parts.empty("No device is like that.", link(address("fleet"), "Show all devices"))
