"""Recorded requests played again, in virtual time, through the very rendezvous that answered them. Pure.

    case = case_of(record, late)                      # what a device told of a request
    original = play_original(case, policy)            # by the policy it was answered by: the answer must be the same
    other = play_other(case, policy, original, new)   # by another: what would have been answered, and when

Whoever runs on the device says what it says, whatever the rules: its score comes when it came. A score from the cloud
comes as long after the question as it did: when that was asked follows from the first play, with the link as it was
when the request came. Where other rules ask whom nobody asked then, or wait for what the record does not tell,
nothing is invented: a question is lost once its round trip's p95 is over, nobody else says anything, and the
contestant is named as unknown.

What a record does not tell, and what is made of it:

- Moments are told to the microsecond, cut and not rounded: what was heard before a rule opened is told as before it.
  Of two at the same, the recorded order counts: what was heard before the answer comes before a timer, what came late
  after it.
- A timer may have come late on a busy machine. Where the record shows so (somebody was heard before the answer, and
  after the moment at which time alone would have answered), timers of that stretch come at its end, by any rules.
- A question given up and answered after all before the answer is told as a score alone. By the same rules that
  decides nothing; by others it may.
- The link may have changed between receipt and question. Then the answer may differ; that is for the caller to count.
- A backlog's late scores count from its receipt and all else from its beginning, so it is not played: see `case_of`.
"""

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from roost_shared.clock import ms_to_ns
from roost_shared.errors import ContentError
from roost_shared.messages import Candidate, ErrorInfo
from roost_shared.records import LateRecord, SampleRecord
from roost_shared.rendezvous.events import Answer, Ask, Effect, Link, Request, Score
from roost_shared.rendezvous.mailbox import LINK_DOWN, LINK_SLOW
from roost_shared.rendezvous.policy import TaskPolicy
from roost_shared.rendezvous.rendezvous import Rendezvous

__all__ = ["Arrival", "BacklogError", "Case", "Play", "Stall", "case_of", "play_original", "play_other"]

_UNKNOWN: Final = ErrorInfo("replay.unknown", "nobody asked it then: what it would have said is not known")
_LINK_CODES: Final = (LINK_DOWN.code, LINK_SLOW.code)
_HEARD: Final = 0  # at one moment: those who were heard before the answer, then timers, then those who came late
_TIMER: Final = 1
_LATE: Final = 2
_TRIES: Final = 8  # to find how late timers were

_Scheduled = tuple[int, int, int, "Arrival"]  # moment, side, order among equals


class BacklogError(ContentError):
    """A request that waited for the device cannot be played again: its moments have two beginnings."""

    code = "replay.backlog"


class Arrival(msgspec.Struct, frozen=True):
    """What a contestant said of a request: a score or an error.

    Attributes:
        contestant: who.
        elapsed_ns: since the request was received.
        score: what it said.
        error: why it said nothing.
        late: after the answer.
        final: False for an error after which a score came nevertheless.
    """

    contestant: str
    elapsed_ns: int
    score: Score | None = None
    error: ErrorInfo | None = None
    late: bool = False
    final: bool = True


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded request, as it is played.

    Attributes:
        request: it, received at the beginning of time.
        link: the way to the cloud when it came.
        absent: contestants that sat it out.
        arrivals: what was said of it, in order.
        overloaded: too much was in flight to take it at all.
    """

    request: Request
    link: Link
    absent: Mapping[str, ErrorInfo]
    arrivals: tuple[Arrival, ...]
    overloaded: bool = False

    def of(self, contestant: str) -> list[Arrival]:
        """What one contestant said, in order."""
        return [arrival for arrival in self.arrivals if arrival.contestant == contestant]


class Stall(msgspec.Struct, frozen=True):
    """A stretch in which a machine was too busy for its timers: they came at its end."""

    begin_ns: int
    end_ns: int

    def fires_ns(self, due_ns: int) -> int:
        """When a timer comes that is due then."""
        return self.end_ns if self.begin_ns <= due_ns < self.end_ns else due_ns


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a case.

    Attributes:
        answer: what was decided, and when.
        asked_ns: the cloud contestants that were asked, and when.
        unknown: contestants that would have been heard of, and of whom the record does not tell.
        stall: how late timers came, as far as it shows.
    """

    answer: Answer
    asked_ns: Mapping[str, int]
    unknown: tuple[str, ...] = ()
    stall: Stall | None = None

    @property
    def contestant(self) -> str | None:
        """Who answered; None for a default."""
        return None if self.answer.score is None else self.answer.score.contestant


def case_of(record: SampleRecord, late: Sequence[LateRecord]) -> Case:
    """What a device told of a request, as a case.

    Args:
        record: of the request.
        late: scores that came after its answer.

    Raises:
        BacklogError: it had waited for the device.
    """
    if record.backlog:
        raise BacklogError(f"{record.sample}: it had waited while the device was away")
    answer = record.answer
    outputs = {answer.contestant: answer.output}  # of the others only label and confidence are recorded
    absent = {one.contestant: one.error for one in answer.candidates if one.error is not None and _sat_out(one)}
    came_after_all = {one.contestant for one in late}
    heard = [
        Arrival(
            one.contestant,
            ms_to_ns(one.elapsed_ms),
            None if one.error is not None else _score(one, outputs.get(one.contestant)),
            one.error,
            final=one.contestant not in came_after_all,
        )
        for one in answer.candidates
        if one.contestant not in absent
    ]
    after = [
        Arrival(one.contestant, ms_to_ns(one.elapsed_ms), _score(one, one.output), late=True)
        for one in sorted(late, key=lambda one: (one.elapsed_ms, one.contestant))
    ]
    up = record.round_trip_ms is not None
    return Case(
        request=Request(
            record.key or answer.id,
            0,
            None if record.deadline_ms is None else ms_to_ns(record.deadline_ms),
            record.force,
            remember=False,
        ),
        link=Link(up=up, round_trip_ns=ms_to_ns(record.round_trip_ms or 0)),
        absent=absent,
        arrivals=(*heard, *after),
        overloaded=answer.reason == "overloaded",
    )


def play_original(case: Case, policy: TaskPolicy) -> Play:
    """Play a case by the policy that it was answered by; it gives the recorded answer."""
    stall: Stall | None = None
    for _ in range(_TRIES):
        stage = _Stage(case, policy, None, stall)
        answer = stage.play()
        missed_ns = [when_ns for when_ns, side, _, _ in stage.scheduled if side == _HEARD]
        if stage.due_ns is None or not missed_ns:
            break
        begin_ns = stage.due_ns if stall is None else min(stall.begin_ns, stage.due_ns)
        stall = Stall(begin_ns, max(missed_ns))
    return Play(answer=answer, asked_ns=stage.asked_ns, stall=stall)


def play_other(case: Case, policy: TaskPolicy, original: Play) -> Play:
    """Play a case by other rules, or with other scores.

    Args:
        case: the request; its arrivals may say something else than those of the original play, at the same moments.
        policy: to decide by.
        original: how it went by the policy that it was answered by.
    """
    stage = _Stage(case, policy, original, original.stall)
    answer = stage.play()
    unknown = set(stage.unknown)
    if answer.elapsed_ns > original.answer.elapsed_ns:  # until then, silence is a fact
        told = {arrival.contestant for arrival in case.arrivals} | case.absent.keys()
        unknown |= (policy.named & policy.local) - told
    return Play(answer=answer, asked_ns=stage.asked_ns, unknown=tuple(sorted(unknown)), stall=original.stall)


class _Stage:
    """One case, played once."""

    def __init__(self, case: Case, policy: TaskPolicy, original: Play | None, stall: Stall | None) -> None:
        self.scheduled: list[_Scheduled] = []
        self.asked_ns: dict[str, int] = {}
        self.unknown: list[str] = []
        self.due_ns: int | None = None  # when the timer was due that answered; None: none did
        self._case = case
        self._policy = policy
        self._original = original
        self._stall = stall
        self._order = count()
        self._answer: Answer | None = None
        self._rendezvous = Rendezvous(max_open=0 if case.overloaded else 1)
        self._rendezvous.link(policy.task, case.link, 0)

    def play(self) -> Answer:
        """Let time pass until there is an answer."""
        for arrival in self._case.arrivals:
            if arrival.contestant in self._policy.local:
                self._schedule(arrival, arrival.elapsed_ns)
        now_ns = 0
        self._carry_out(self._rendezvous.open(self._case.request, self._policy, 0, self._case.absent), 0)
        while self._answer is None:
            due_ns = self._rendezvous.next_wake_ns
            timer = None if due_ns is None else (max(now_ns, self._fires_ns(due_ns)), _TIMER)
            if timer is None or (self.scheduled and self.scheduled[0][:2] < timer):
                now_ns, _, _, arrival = heapq.heappop(self.scheduled)
                self.due_ns = None
                self._carry_out(self._tell(arrival, now_ns), now_ns)
            else:
                now_ns, self.due_ns = timer[0], due_ns
                self._carry_out(self._rendezvous.tick(now_ns), now_ns)
        return self._answer

    def _fires_ns(self, due_ns: int) -> int:
        return due_ns if self._stall is None else self._stall.fires_ns(due_ns)

    def _tell(self, arrival: Arrival, now_ns: int) -> list[Effect]:
        name, request_id = arrival.contestant, self._case.request.id
        if arrival.score is not None:
            return self._rendezvous.score(request_id, arrival.score, now_ns)
        error = _UNKNOWN if arrival.error is None else arrival.error
        return self._rendezvous.failure(request_id, name, error, now_ns, final=arrival.final)

    def _carry_out(self, effects: Sequence[Effect], now_ns: int) -> None:
        for effect in effects:
            if isinstance(effect, Answer):
                self._answer = effect
            elif isinstance(effect, Ask):
                self.asked_ns[effect.contestant] = now_ns
                self._ask(effect.contestant, now_ns)

    def _ask(self, name: str, now_ns: int) -> None:
        """Schedule what a cloud contestant is going to say."""
        arrivals = self._case.of(name)
        if self._original is None:
            for arrival in arrivals:
                self._schedule(arrival, max(now_ns, arrival.elapsed_ns))
            return
        asked_ns = self._original.asked_ns.get(name)
        if asked_ns is not None and arrivals:
            for arrival in arrivals:
                self._schedule(arrival, now_ns + max(0, arrival.elapsed_ns - asked_ns))
            return
        self.unknown.append(name)
        # It was asked and had said nothing when the answer left: at least that long nobody gave it up.
        silent_ns = 0 if asked_ns is None else self._original.answer.elapsed_ns - asked_ns
        lost = Arrival(name, 0, None, _UNKNOWN, late=True, final=False)
        self._schedule(lost, now_ns + max(self._case.link.round_trip_ns, silent_ns))

    def _schedule(self, arrival: Arrival, when_ns: int) -> None:
        side = _LATE if arrival.late else _HEARD
        heapq.heappush(self.scheduled, (when_ns, side, next(self._order), arrival))


def _sat_out(candidate: Candidate) -> bool:
    """Whether that is why a contestant never took part; what the policy itself finds of the link, it finds again."""
    error = candidate.error
    return error is not None and candidate.elapsed_ms == 0 and error.code not in _LINK_CODES


def _score(said: Candidate | LateRecord, output: object) -> Score:
    return Score(said.contestant, said.label, said.confidence, output=output, bundle=said.bundle)
