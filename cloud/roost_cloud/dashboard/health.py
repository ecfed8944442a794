"""How a device is, as it last said, and what its answers came to. Pure."""

from datetime import datetime
from typing import Final

from roost_cloud.api.activity import DeviceActivityModel, HealthModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag

__all__ = ["answers_of", "health_of"]

_HOT_C: Final = 80.0  # from about here a Raspberry Pi slows its processor down
_FULL: Final = 0.9  # of a spool: it thins what it keeps
_LINKS: Final = {"good": "confirmed", "bad": "failed", "down": "offline", "unknown": "quiet"}


def health_of(one: HealthModel | None, now: datetime) -> Markup:
    """Its temperature, its spool, its way to the cloud."""
    title = "How it is"
    if one is None:
        says = "It has not said yet. It does once a minute as soon as any task is kept or told of, as by this:"
        return parts.section(title, parts.empty(says, parts.command("[tasks.NAME.monitor]")))
    pairs: list[tuple[str, object]] = [
        ("Temperature", _temperature(one.temperature_c)),
        ("Spool", _spool(one.spool_bytes, one.spool_limit_bytes)),
        ("Inputs that wait", "not told" if one.waiting is None else words.count_of(one.waiting)),
        ("Way to cloud contestants", _link(one)),
        ("Said", parts.moment(one.received_at, now)),
    ]
    return parts.section(title, parts.facts(pairs))


def _temperature(value_c: float | None) -> object:
    if value_c is None:
        return "no sensor tells"
    return tag("span", f"{value_c:.1f} °C", kind="worse" if value_c >= _HOT_C else None)


def _spool(used: int | None, limit: int | None) -> object:
    if used is None:
        return "not told"
    if not limit:
        return words.size_of(used)
    share = min(used / limit, 1)
    filled = tag("i", kind="bad" if share >= _FULL else None, style=f"width: {share:.0%}")
    gauge = tag("span", filled, kind="gauge", aria_hidden="true")
    return joined([gauge, tag("div", f"{words.size_of(used)} of {words.size_of(limit)}")])


def _link(one: HealthModel) -> object:
    if one.link is None:
        return "nobody to ask"
    trip = "" if one.round_trip_ms is None else f" {parts.latency(one.round_trip_ms)} there and back"
    return joined([parts.pill(_LINKS.get(one.link, "quiet"), one.link), trip])


def answers_of(one: DeviceActivityModel) -> Markup:
    """What its answers came to in the last day, by task."""
    title = f"Answers, {parts.HOURS[parts.DAY_HOURS]}"
    if not one.tasks:
        return parts.section(title, parts.empty("It has told of none in this time."))
    rows = [
        (
            link(address("tasks", name), name),
            words.count_of(rates.answers),
            parts.met(rates.deadline_rate),
            words.share_of(rates.other_share),
        )
        for name, rates in one.tasks.items()
    ]
    heads = ("Task", "Answers", "Deadline met", "Fallback rate")
    return parts.section(title, table(heads, rows, caption="Answers by task"), tag("p", parts.FALLBACK, kind="dim"))
