"""Plays a story to the rendezvous and writes down what came of it, in milliseconds and plain words.

A story is a list of `(ms, contestant, what it says)`; what it says is a confidence, `FAILS`, or a whole `Score`.
Between the happenings the clock is wound to every moment the rendezvous asks to be woken at, as a shell would.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from roost_shared.clock import MS, ms_to_ns, ns_to_ms
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import (
    Answer,
    Ask,
    Close,
    Duplicate,
    Effect,
    Late,
    Link,
    Rendezvous,
    Request,
    Score,
    TaskPolicy,
)

__all__ = ["FAILS", "FAST", "NO_LINK", "START_NS", "Happening", "Say", "answer_of", "describe", "play", "play_effects"]

START_NS: Final = 1_000 * MS  # an arbitrary moment at which the request is received
FAILS: Final = ErrorInfo("worker.died", "the worker died")
FAST: Final = Link(up=True, round_trip_ns=60 * MS)
NO_LINK: Final = Link(up=False)

Say = float | ErrorInfo | Score | Link | None
Happening = tuple[float, str, Say]  # at ms, contestant (or "link"), what it says


def play(
    policy: TaskPolicy,
    story: Iterable[Happening] = (),
    *,
    force: str | None = None,
    deadline_ms: float | None = None,
    link: Link = FAST,
    absent: Mapping[str, ErrorInfo] | None = None,
) -> list[tuple[float, str]]:
    """What comes of one request: `(ms, "answer preferred primary")`, `(ms, "ask cloud")`, …, without the closing."""
    deadline_ns = None if deadline_ms is None else ms_to_ns(deadline_ms)
    request = Request("r1", START_NS, deadline_ns, force)
    effects = play_effects(policy, request, list(story), link=link, absent=absent)
    return [(ms, describe(effect)) for ms, effect in effects if not isinstance(effect, Close)]


def play_effects(
    policy: TaskPolicy,
    request: Request,
    story: Sequence[Happening],
    *,
    link: Link = FAST,
    absent: Mapping[str, ErrorInfo] | None = None,
    ticks_ms: Sequence[float] | None = None,
    rendezvous: Rendezvous | None = None,
) -> list[tuple[float, Effect]]:
    """All effects with their moments.

    `ticks_ms` replaces the wake-ups the rendezvous asks for; a tick goes before what happens at its moment.
    """
    rendezvous = rendezvous or Rendezvous()
    rendezvous.link(policy.task, link, START_NS)
    found = [(0.0, effect) for effect in rendezvous.open(request, policy, START_NS, absent or {})]
    told = [(ms, place, name, say) for place, (ms, name, say) in enumerate(story)]
    ticks = [(ms, -1, "tick", None) for ms in ticks_ms or ()]
    for ms, _, name, say in sorted([*told, *ticks], key=lambda happening: happening[:2]):
        if ticks_ms is None:
            found += _wake_until(rendezvous, ms)
        found += [(ms, effect) for effect in _tell(rendezvous, policy, request.id, name, say, ms)]
    if ticks_ms is None:
        found += _wake_until(rendezvous, 1e9)
    return found


def answer_of(effects: Iterable[tuple[float, Effect]]) -> tuple[float, Answer]:
    """The one answer among the effects, and when it came (milliseconds)."""
    ((ms, answer),) = [(ms, effect) for ms, effect in effects if isinstance(effect, Answer)]
    return ms, answer


def describe(effect: Effect) -> str:
    """An effect in plain words."""
    match effect:
        case Answer(score=None):
            return f"answer {effect.reason}"
        case Answer(score=Score(contestant=contestant)):
            return f"answer {effect.reason} {contestant}"
        case Ask():
            return f"ask {effect.contestant}"
        case Late():
            return f"late {effect.score.contestant}" + (" differs" if effect.differs else "")
        case Duplicate():
            return "duplicate" if effect.answer else "duplicate of an open request"
        case _:
            return "close"


def _wake_until(rendezvous: Rendezvous, ms: float) -> list[tuple[float, Effect]]:
    found = []
    while (wake_ns := rendezvous.next_wake_ns) is not None and wake_ns <= START_NS + ms_to_ns(ms):
        found += [(ns_to_ms(wake_ns - START_NS), effect) for effect in rendezvous.tick(wake_ns)]
        if rendezvous.next_wake_ns == wake_ns:
            raise AssertionError(f"the tick at {ns_to_ms(wake_ns - START_NS)} ms asks to be woken at that same moment")
    return found


def _tell(rendezvous: Rendezvous, policy: TaskPolicy, request_id: str, name: str, say: Say, ms: float) -> list[Effect]:
    now_ns = START_NS + ms_to_ns(ms)
    match say:
        case Link():
            return rendezvous.link(policy.task, say, now_ns)
        case ErrorInfo():
            return rendezvous.failure(request_id, name, say, now_ns)
        case Score():
            return rendezvous.score(request_id, say, now_ns)
        case _ if name == "tick":
            return rendezvous.tick(now_ns)
        case _:
            return rendezvous.score(request_id, Score(name, f"of-{name}", say), now_ns)
