"""Random tasks and stories for the rendezvous, small enough that coincidences happen.

Moments are whole milliseconds below 130, deadlines about 100: rules, last moments to ask, time-ups and scores
often fall together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import SHED, Contestant, Effect, Link, Request, Rule, Sample, TaskPolicy
from tests.support.timeline import FAILS, START_NS, Happening, play_effects

__all__ = ["LAST_MS", "NAMES", "Scenario", "rules_for", "scenarios"]

NAMES: Final = ("ada", "bob", "cyd", "dan")
LAST_MS: Final = 130
CONFIDENCES: Final = (None, 0.0, 0.3, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Scenario:
    """One request of a task, and what happens to it."""

    contestants: tuple[Contestant, ...]
    rules: tuple[Rule, ...]
    guard_ms: int
    early_advance: bool
    own_deadline_ms: int | None
    force: str | None
    link: Link
    absent: Mapping[str, ErrorInfo]
    story: tuple[Happening, ...]

    @property
    def time_up_ms(self) -> int:
        """Milliseconds from receipt until time is up: the task's deadline is 100 ms, a caller's is capped at 120."""
        deadline_ms = 100 if self.own_deadline_ms is None else min(self.own_deadline_ms, 120)
        return max(0, deadline_ms - self.guard_ms)

    @property
    def request(self) -> Request:
        """The request, received at the timeline's start."""
        own_ns = None if self.own_deadline_ms is None else self.own_deadline_ms * MS
        return Request("r1", START_NS, own_ns, self.force)

    def policy(self) -> TaskPolicy:
        """The task."""
        return TaskPolicy(
            task="meter",
            contestants=self.contestants,
            rules=self.rules,
            deadline_ms=100,
            max_deadline_ms=120,
            guard_ms=self.guard_ms,
            early_advance=self.early_advance,
        )

    def effects(self, ticks_ms: list[int] | None = None) -> list[tuple[float, Effect]]:
        """Play it."""
        return play_effects(
            self.policy(), self.request, self.story, link=self.link, absent=self.absent, ticks_ms=ticks_ms
        )

    def but(self, **changes: Any) -> "Scenario":
        """The same but for `changes`."""
        return replace(self, **changes)


_links = st.builds(
    Link,
    up=st.sampled_from([True, True, True, False]),
    round_trip_ns=st.sampled_from([0, 8, 20, 40, 200]).map(MS.__mul__),
)
_moments = st.integers(0, LAST_MS)
SAYS = st.sampled_from([*CONFIDENCES, float("nan"), 1.5, FAILS])


def rules_for(contestants: tuple[Contestant, ...]) -> st.SearchStrategy[Rule]:
    """A rule that these contestants' roles allow."""
    names = [one.name for one in contestants if one.role in ("answer", "baseline")]
    return st.builds(
        Rule,
        accept=st.sampled_from(names),
        after_ms=st.sampled_from([0, 0, 10, 20, 40, 80, 99]),
        min_confidence=st.sampled_from(CONFIDENCES),
    )


@st.composite
def scenarios(draw: st.DrawFn, *, early_advance: bool | None = None, unsure: bool = True) -> Scenario:
    """A scenario; `unsure=False`: no cloud contestant is asked depending on what others say."""
    asks = ["always", Sample(0.0), Sample(1.0), *(["unsure"] * 3 if unsure else [])]
    contestants = tuple(
        Contestant(
            name=name,
            role=draw(st.sampled_from(["answer", "answer", "baseline", "shadow", "decoy"])) if place else "answer",
            where=draw(st.sampled_from(["local", "local", "cloud"])),
            ask=draw(st.sampled_from(asks)),
            has_confidence=draw(st.sampled_from([True, True, False])),
        )
        for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))])
    )
    told = st.tuples(_moments, st.sampled_from([*NAMES, "stranger"]), SAYS)
    linked = st.tuples(_moments, st.just("link"), _links)
    story = draw(st.lists(st.one_of(told, told, told, linked), max_size=10))
    return Scenario(
        contestants=contestants,
        rules=tuple(draw(st.lists(rules_for(contestants), min_size=1, max_size=5))),
        guard_ms=draw(st.sampled_from([0, 5, 20])),
        early_advance=draw(st.booleans()) if early_advance is None else early_advance,
        own_deadline_ms=draw(st.sampled_from([None, None, 0, 3, 30, 110, 500])),
        force=draw(st.sampled_from([None, None, None, *NAMES])),
        link=draw(_links),
        absent=dict.fromkeys(draw(st.sets(st.sampled_from(NAMES), max_size=2)), SHED),
        story=tuple(sorted(story, key=lambda happening: happening[0])),
    )
