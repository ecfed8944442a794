"""What several pages show alike: states, moments, empty places, ways to the next page. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from roost_cloud.api.samples import SampleModel
from roost_cloud.dashboard import words
from roost_cloud.dashboard.markup import Markup, address, joined, link, tag
from roost_cloud.drift.budget import Kind

__all__ = [
    "DAY_HOURS",
    "DRIFT_WORDS",
    "FALLBACK",
    "HOURS",
    "LONGEST_HOURS",
    "Mood",
    "answer",
    "bundle",
    "command",
    "dated",
    "empty",
    "facts",
    "hours_menu",
    "hours_of",
    "latency",
    "met",
    "moment",
    "mood_of",
    "pages",
    "picture",
    "pill",
    "section",
    "spot",
    "word_of",
]

Mood = Literal["good", "bad", "busy", "quiet"]
FALLBACK: Final = "Fallback: answered by none of the first rules, and not forced."
DAY_HOURS: Final = 24
HOURS: Final = {1: "the last hour", 24: "the last 24 hours", 168: "the last 7 days"}
LONGEST_HOURS: Final = max(HOURS)
_ALL_BUT_ALL: Final = 0.999  # of deadlines: below this it is worth a look
DRIFT_WORDS: Final[dict[Kind, str]] = {
    "input": "what inputs look like",
    "label_mix": "the mix of labels",
    "model": "how sure it is",
    "event_rate": "how often inputs come",
}
_WORDS: Final = {"approval": "waits for approval"}
_MOODS: Final[dict[str, Mood]] = {
    "online": "good",
    "following": "good",
    "confirmed": "good",
    "finished": "good",
    "serving": "good",
    "resolved": "good",
    "fine": "good",
    "registered": "good",
    "passed": "good",
    "pass": "good",
    "offline": "bad",
    "revoked": "bad",
    "refused": "bad",
    "failed": "bad",
    "rolled_back": "bad",
    "timed_out": "bad",
    "stopped": "bad",
    "stopping": "bad",
    "trip": "bad",
    "open": "bad",
    "alarmed": "bad",
    "exceeding": "bad",
    "stale": "bad",
    "pending": "busy",
    "running": "busy",
    "approval": "busy",
    "reverting": "busy",
    "aborting": "busy",
    "shadowing": "busy",
    "downloading": "busy",
    "assigned": "busy",
    "verified": "busy",
    "staged": "busy",
    "active": "busy",
    "returning": "busy",
    "acknowledged": "busy",
    "proposed": "busy",
    "queued": "busy",
    "preparing": "busy",
    "training": "busy",
    "judging": "busy",
    "approved": "busy",
    "wait": "busy",
}


def mood_of(state: str) -> Mood:
    """How good it is to be in a state; of one that nobody has said anything of, nothing."""
    return _MOODS.get(state, "quiet")


def word_of(state: str) -> str:
    """A state in words.

    >>> word_of("approval"), word_of("rolled_back")
    ('waits for approval', 'rolled back')
    """
    return _WORDS.get(state, state.replace("_", " "))


def pill(state: str, says: str | None = None) -> Markup:
    """A state, by word and by colour."""
    return tag("span", says or word_of(state), kind=f"pill {mood_of(state)}")


def moment(at: datetime | None, now: datetime) -> Markup:
    """How long ago, and when exactly."""
    if at is None:
        return tag("span", "never", kind="dim")
    return tag("time", words.ago(at, now), datetime=at.isoformat(), title=words.when(at))


def dated(at: datetime | None, now: datetime) -> Markup:
    """How long ago and when exactly, both to be read: where things are put beside others' logs."""
    if at is None:
        return moment(at, now)
    return joined([moment(at, now), " ", tag("span", words.when(at), kind="dim")])


def facts(pairs: Sequence[tuple[str, object]]) -> Markup:
    """Names and values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), kind="facts")


def section(title: str, *inside: object) -> Markup:
    """A part of a page under a heading."""
    return tag("section", tag("h2", title), *inside)


def empty(says: str, *what_next: object) -> Markup:
    """A place where nothing is yet, with what to do about it."""
    return tag("div", tag("p", says), *what_next, kind="empty")


def command(text: str) -> Markup:
    """A command to type."""
    return tag("pre", tag("code", text), tabindex="0")


def picture(device: str, sample: str, label: str | None) -> Markup:
    """A small picture of a sample's input."""
    source = address("pictures", device, sample)
    says = f"input of {device}, answered {label or 'nothing'}"
    return tag("img", src=source, alt=says, loading="lazy", width="96", height="96")


def answer(one: SampleModel, now: datetime) -> Markup:
    """An answer that a device kept, with the way to why it was given."""
    shown = picture(one.device, one.sample, one.label) if one.input else tag("div", "no input here", kind="none")
    return tag(
        "li",
        shown,
        tag(
            "div",
            link(address("answers", one.device, one.sample), one.label or "no answer"),
            f" {words.share_of(one.confidence)}",
        ),
        tag("div", f"{one.reason}, {one.elapsed_ms:.1f} ms", kind="dim"),
        tag("div", moment(one.received_at, now)),
        "" if one.deadline_met else tag("div", pill("failed", "late")),
    )


def bundle(reference: str | None) -> Markup:
    """A bundle, with the way to its page."""
    name, sign, version = words.bundle_of(reference).partition(":")
    if not sign:
        return tag("span", name)
    return link(address("models", name, version), f"{name}:{version}", kind="code")


def pages(page: str, query: dict[str, str | None], after: str | None) -> Markup:
    """The way to the first page and to the next."""
    ways = []
    if query.get("after"):
        ways.append(link(address(*page.split("/"), query=query | {"after": None}), "First page"))
    if after is not None:
        ways.append(link(address(*page.split("/"), query=query | {"after": after}), "Next page", rel="next"))
    return tag("nav", joined(ways, "  "), kind="pages", aria_label="Pages") if ways else Markup()


def latency(value_ms: float | None) -> str:
    """A latency, which histograms tell to half an octave.

    >>> latency(21.4), latency(1400), latency(None)
    ('21 ms', '1.4 s', '–')
    """
    if value_ms is None:
        return "–"
    return f"{value_ms / 1000:.2g} s" if value_ms >= 1000 else f"{value_ms:.2g} ms"  # noqa: PLR2004 - milliseconds


def met(rate: float | None) -> Markup:
    """How many deadlines were met; cut, not rounded: 100 % are all of them."""
    if rate is None:
        return tag("span", "not told", kind="dim")
    says = words.share_of(int(rate * 1000) / 1000)
    return tag("span", says, kind=None if rate >= _ALL_BUT_ALL else "worse")


def spot(mood: str) -> Markup:
    """What a colour in a bar stands for."""
    return tag("i", kind=f"spot {mood}", aria_hidden="true")


def hours_of(text: str | None) -> int:
    """Over how many hours is asked: a day, if that is none of those there are."""
    return next((hours for hours in HOURS if str(hours) == text), DAY_HOURS)


def hours_menu(page: str, chosen: int) -> Markup:
    """The way to other stretches of time."""
    ways = [
        link(
            address(*page.split("/"), query={"hours": str(hours)}),
            says,
            aria_current="true" if hours == chosen else None,
        )
        for hours, says in HOURS.items()
    ]
    return tag("nav", *ways, kind="choices", aria_label="Over which time")
