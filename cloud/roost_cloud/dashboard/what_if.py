"""What if a bar or the deadline were another: what is asked, and how answers would have changed. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from roost_cloud.api.what_if import AnswersModel, ChangeModel, ExampleModel, ShareModel, SideModel, WhatIfModel
from roost_cloud.dashboard import parts
from roost_cloud.dashboard.markup import Markup, address, choice, entry, joined, link, table, tag
from roost_cloud.dashboard.words import count_of, share_of

__all__ = ["Asked", "asked_of", "draw_form", "draw_report"]

_WHOLE: Final = 100.0  # per cent
_LONGEST_MS: Final = 86_400_000.0


class Asked(NamedTuple):
    """What shall be another; None: nothing."""

    contestant: str | None
    bar: float | None
    deadline_ms: float | None

    @property
    def is_something(self) -> bool:
        """Whether anything shall."""
        return (self.contestant is not None and self.bar is not None) or self.deadline_ms is not None


def asked_of(query: Mapping[str, str], contestants: Sequence[str]) -> Asked:
    """What an address asks for; what makes no sense in it is not asked.

    >>> asked_of({"contestant": "primary", "bar": "90", "deadline": ""}, ["primary"])
    Asked(contestant='primary', bar=0.9, deadline_ms=None)
    """
    contestant = query.get("contestant")
    bar = _number(query.get("bar"), _WHOLE)
    deadline_ms = _number(query.get("deadline"), _LONGEST_MS)
    return Asked(
        contestant if contestant in contestants else None, None if bar is None else bar / _WHOLE, deadline_ms or None
    )


def _number(text: str | None, most: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= most else None


def draw_form(task: str, contestants: Sequence[str], asked: Asked, hours: int, deadline_ms: float) -> Markup:
    """The question."""
    bar = "" if asked.bar is None else f"{asked.bar * _WHOLE:g}"
    deadline = "" if asked.deadline_ms is None else f"{asked.deadline_ms:g}"
    return tag(
        "form",
        tag("label", "Contestant", choice("contestant", {one: one for one in contestants}, asked.contestant)),
        tag("label", "Needs a confidence of, in %", entry("number", "bar", value=bar, min=0, max=100, step="any")),
        tag(
            "label",
            "Deadline, in ms",
            entry("number", "deadline", value=deadline, min=1, step="any", placeholder=f"{deadline_ms:g} as it is"),
        ),
        entry("hidden", "hours", value=hours),
        tag("button", "Replay", type="submit"),
        method="get",
        action=address("tasks", task) + "#what-if",
        kind="filter",
        aria_label="What if",
    )


def draw_report(found: WhatIfModel) -> Markup:
    """The answer."""
    if not found.replayed:
        reasons = ", ".join(
            f"{count_of(count)} {found.why_left_out[reason]}" for reason, count in found.left_out.items()
        )
        return parts.empty(
            f"None of {count_of(found.records)} recorded requests can be played again"
            f"{': ' + reasons if reasons else '; keep some by [tasks.NAME.capture] in agent.toml'}."
        )
    lead = (
        f"{count_of(found.changed.count)} of {count_of(found.replayed)} answers would be another "
        f"({share_of(found.changed.share)} of all that these stand for)."
    )
    pieces: list[Markup] = [tag("p", lead, kind="lead"), *_notes(found), _beside(found)]
    if found.changes:
        rows = [(one.change, _share(one.share)) for one in found.changes[:10]]
        pieces.append(tag("h3", "What becomes of what"))
        pieces.append(table(("Recorded → replayed", "Requests"), rows, caption="Answers that change"))
    if found.examples:
        pieces.append(tag("h3", "Some of them"))
        rows_ = [_example(one) for one in found.examples]
        pieces.append(table(("Answer", "Recorded", "Replayed"), rows_, caption="Requests whose answers change"))
    return joined(pieces)


def _notes(found: WhatIfModel) -> Iterator[Markup]:
    told = [f"{count_of(count)} left out: {found.why_left_out[reason]}" for reason, count in found.left_out.items()]
    if found.differs_from_recorded.count:
        told.append(
            f"{count_of(found.differs_from_recorded.count)} are answered otherwise even by their own rules: "
            "of those the record does not tell everything"
        )
    told += [
        f"of {count_of(count)} nobody knows what {name} would have said: it was not asked"
        for name, count in found.unknown.items()
    ]
    if told:
        yield tag("ul", *(tag("li", one) for one in told), kind="note")


def _beside(found: WhatIfModel) -> Markup:
    sides = (found.recorded, found.would_be)
    rows: list[tuple[object, ...]] = [
        ("Answered at the edge", *(_share(side.at_edge) for side in sides)),
        ("Asked of the cloud", *(_share(side.asked) for side in sides)),
        ("Deadline met", *(_share(side.deadline_met) for side in sides)),
        ("p50", *(parts.latency(side.p50_ms) for side in sides)),
        ("p99", *(parts.latency(side.p99_ms) for side in sides)),
    ]
    kinds = dict.fromkeys((one.contestant, one.reason) for side in sides for one in side.answers)
    rows += [
        (f"{contestant or 'default'}, {reason}", *(_of(side, contestant, reason) for side in sides))
        for contestant, reason in kinds
    ]
    return table(("", "Recorded", "Would have been"), rows, caption="Answers as they were, and would have been")


def _of(side: SideModel, contestant: str | None, reason: str) -> str:
    found: AnswersModel | None = next(
        (one for one in side.answers if (one.contestant, one.reason) == (contestant, reason)), None
    )
    return "–" if found is None else _share(found.share)


def _share(one: ShareModel) -> str:
    return f"{share_of(one.share)} ({count_of(one.count)})"


def _example(one: ExampleModel) -> tuple[object, ...]:
    where = link(address("answers", one.device, one.sample), f"{one.device} / {one.sample}")
    return where, _change(one.recorded), _change(one.replayed)


def _change(one: ChangeModel) -> str:
    return f"{one.label or 'nothing'} by {one.contestant or 'default'}, {one.reason}, {one.elapsed_ms:.1f} ms"
