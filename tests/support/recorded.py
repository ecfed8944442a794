"""A request answered by the real rendezvous on a simulated clock, and recorded as a device records it."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from roost_shared import rendezvous
from roost_shared.answers import scored_answer
from roost_shared.clock import SECOND, ms_to_ns, ns_to_ms
from roost_shared.messages import ErrorInfo
from roost_shared.records import LateRecord, SampleRecord
from roost_shared.rendezvous import Answer, Ask, Effect, Late, Link, PolicyDocument, Rendezvous, Request, TaskPolicy
from roost_shared.rendezvous.events import Score

__all__ = ["Lived", "World", "live"]

START_NS = 7_000_000_123  # the moment of receipt, by the device's clock


@dataclass(frozen=True)
class World:
    """What contestants say of one request.

    Attributes:
        says: by contestant, moments in milliseconds and what is said then; a local one's count from receipt, a cloud
            one's from the question. The first of two errors is none that is final.
        absent: those that sit it out.
        link: the way to the cloud.
        timer_late_ms: that every timer comes late.
        timers_first: whether a timer goes before what is said at its moment.
    """

    says: Mapping[str, tuple[tuple[float, Score | ErrorInfo], ...]]
    absent: Mapping[str, ErrorInfo] = field(default_factory=dict)
    link: Link = field(default_factory=Link)
    timer_late_ms: float = 0
    timers_first: bool = True


@dataclass(frozen=True)
class _Asked:
    id: str
    task: str
    received_at: str = "2026-11-24T11:59:00.000+00:00"
    redelivered: bool = False


@dataclass(frozen=True)
class Lived:
    """What came of it, and its records."""

    answer: Answer
    asked_ms: dict[str, float]
    record: SampleRecord
    late: list[LateRecord]


class _Device:
    def __init__(self, policy: TaskPolicy, world: World, request: Request) -> None:
        self.answer: Answer | None = None
        self.late: list[tuple[int, Late]] = []
        self.asked_ms: dict[str, float] = {}
        self._policy, self._world, self._request = policy, world, request
        self._rendezvous = Rendezvous()
        self._rendezvous.link(policy.task, world.link, START_NS)
        self._told: list[tuple[int, int, str, Score | ErrorInfo, bool]] = []
        self._order = count()

    def run(self) -> None:
        for name in sorted(self._policy.local - self._world.absent.keys()):
            self._foresee(name, START_NS)
        self._do(self._rendezvous.open(self._request, self._policy, START_NS, self._world.absent), START_NS)
        late_ns = ms_to_ns(self._world.timer_late_ms)
        end_ns, now_ns = START_NS + 5 * SECOND, START_NS
        while True:
            wake_ns = self._rendezvous.next_wake_ns
            ticks_ns = end_ns if wake_ns is None else max(now_ns, wake_ns + late_ns)
            told_ns = self._told[0][0] if self._told else end_ns
            if min(ticks_ns, told_ns) >= end_ns:
                return
            if ticks_ns < told_ns or (ticks_ns == told_ns and self._world.timers_first):
                now_ns = ticks_ns
                self._do(self._rendezvous.tick(now_ns), now_ns)
            else:
                now_ns, _, name, said, final = heapq.heappop(self._told)
                if isinstance(said, ErrorInfo):
                    self._do(self._rendezvous.failure(self._request.id, name, said, now_ns, final=final), now_ns)
                else:
                    self._do(self._rendezvous.score(self._request.id, said, now_ns), now_ns)

    def _do(self, effects: list[Effect], now_ns: int) -> None:
        for effect in effects:
            match effect:
                case Answer():
                    assert self.answer is None
                    self.answer = effect
                case Ask():
                    self.asked_ms[effect.contestant] = ns_to_ms(now_ns - START_NS)
                    self._foresee(effect.contestant, now_ns)
                case Late():
                    self.late.append((now_ns, effect))

    def _foresee(self, name: str, from_ns: int) -> None:
        says = self._world.says.get(name, ())
        for place, (ms, said) in enumerate(says):
            final = place == len(says) - 1
            heapq.heappush(self._told, (from_ns + ms_to_ns(ms), next(self._order), name, said, final))


def live(policy: TaskPolicy, world: World, *, number: int = 1, **request: Any) -> Lived:
    """Have a request answered; `request`: what it says besides its id."""
    asked = Request(f"b1-{number}", START_NS, **request)
    device = _Device(policy, world, asked)
    device.run()
    decision = device.answer
    assert decision is not None
    answer = scored_answer(
        decision,
        _Asked(f"r{number}", policy.task),
        default=policy.default,
        bundles={},
        unsigned=False,
        inject=None,
        elapsed_ns=decision.elapsed_ns,
        deadline_met=True,
    )
    record = SampleRecord(
        sample=f"boot-{number}",
        key=asked.id,
        answer=answer,
        kept_for=["base_rate"],
        probability=0.5,
        deadline_ms=None if asked.deadline_ns is None else ns_to_ms(asked.deadline_ns),
        force=asked.force,
        policy=PolicyDocument.of(policy).digest,
        round_trip_ms=ns_to_ms(world.link.round_trip_ns) if world.link.up else None,
    )
    late = [_late_record(record.sample, now_ns, one) for now_ns, one in device.late]
    return Lived(decision, device.asked_ms, record, late)


def _late_record(sample: str, now_ns: int, late: rendezvous.Late) -> LateRecord:
    score = late.score
    return LateRecord(
        sample=sample,
        contestant=score.contestant,
        bundle=score.bundle,
        label=score.label,
        confidence=score.confidence,
        output=score.output,
        elapsed_ms=ns_to_ms(now_ns - START_NS),
        differs=late.differs,
    )
