"""One recorded request: what was answered, and what would have been.

A request is left out, and counted by the reason, where it cannot be played exactly: `backlog` (it had waited while the
device was away), `no_policy` (what it was answered by was never told, or cannot be read), `unreadable` (the record),
`no_input`, `altered_input` and `no_contestant` (with another bundle: its input is not in the cloud, or not what it
was; it runs in nobody's place), and `rules_do_not_fit` (the contestants of then cannot be judged by these rules).
"""

import hashlib
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from roost_cloud.replay.other_rules import BadBarError, OtherRules
from roost_cloud.replay.source import Recorded, Source
from roost_shared.clock import ms_to_ns, ns_to_ms
from roost_shared.errors import ContentError
from roost_shared.messages import MessageError
from roost_shared.records import LateRecord, SampleRecord, decode_record
from roost_shared.rendezvous import PolicyDocument, PolicyDocumentError, PolicyError, Score, TaskPolicy
from roost_shared.rendezvous.replay import BacklogError, Case, Play, case_of, play_original, play_other

if TYPE_CHECKING:  # it loads models, which a replay by other rules has no use for
    from roost_cloud.replay.other_bundle import OtherBundle

__all__ = ["LeftOut", "LeftOutError", "Outcome", "Replayer", "Said"]

LeftOut = Literal[
    "backlog", "no_policy", "unreadable", "no_input", "altered_input", "no_contestant", "rules_do_not_fit"
]

_NO_INPUT: Final = "its input is not in the cloud"


class LeftOutError(ContentError):
    """A request cannot be played; `reason` says by what it is counted."""

    code = "replay.left_out"

    def __init__(self, reason: LeftOut, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        score: what was chosen; None for a default.
        label: that the caller got.
        reason: why it left then.
        elapsed_ms: from receipt to the socket.
        deadline_met: it left, and in time.
        at_edge: nobody in the cloud gave it.
        asked: somebody in the cloud was asked.
    """

    score: Score | None
    label: str | None
    reason: str
    elapsed_ms: float
    deadline_met: bool
    at_edge: bool
    asked: bool

    @property
    def contestant(self) -> str | None:
        """Who gave it."""
        return None if self.score is None else self.score.contestant


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    Attributes:
        device: whose.
        sample: its name.
        recorded: as it was answered.
        original: as the policy of then answers it now; the same, or something of it is not recorded.
        replayed: as it would have been answered.
        weight: how many requests it stands for.
        unknown: contestants that would have been asked or waited for, and nobody knows what they would have said.
        same_elsewhere: the other bundle had no score to be in the place of: what was recorded stays.
        teachers: by contestant, scores from the cloud and those that came late.
        tolerance: within which outputs agree.
    """

    device: str
    sample: str
    recorded: Said
    original: Said
    replayed: Said
    weight: float
    unknown: tuple[str, ...]
    same_elsewhere: bool
    teachers: Mapping[str, Score]
    tolerance: float | None


class _Judge(msgspec.Struct, frozen=True):
    """A policy of then, and what becomes of it."""

    policy: TaskPolicy
    other: TaskPolicy


class Replayer:
    """Plays the requests of a task.

    Args:
        source: tells policies and inputs.
        rules: what is different of rules; None for nothing.
        bundle: what runs in a contestant's place; None for nothing.
    """

    def __init__(self, source: Source, rules: OtherRules | None = None, bundle: "OtherBundle | None" = None) -> None:
        self._source = source
        self._rules = rules
        self._bundle = bundle
        self._judges: dict[tuple[str | None, str | None], _Judge | LeftOutError] = {}

    @property
    def contestant(self) -> str | None:
        """In whose place the other bundle is, if that is known by now."""
        return None if self._bundle is None else self._bundle.contestant

    def replay(self, recorded: Recorded) -> Outcome:
        """Play one request.

        Raises:
            LeftOutError: it cannot be played exactly.
            UnclearContestantError: in whose place the other bundle shall be cannot be told.
            RemoteError, ApiUnreachableError, ApiAnswerError: the source failed.
        """
        try:
            record, late = _decoded(recorded)
            case = case_of(record, late)
        except MessageError as error:
            raise LeftOutError("unreadable", str(error)) from error
        except BacklogError as error:
            raise LeftOutError("backlog", str(error)) from error
        place = self._place(recorded, record)
        judge = self._judge(record.policy, place)
        if isinstance(judge, LeftOutError):
            raise LeftOutError(
                judge.reason, str(judge)
            )  # a new one: an error's traceback grows each time it is raised
        return self._play(recorded, record, case, judge, place)

    def _place(self, recorded: Recorded, record: SampleRecord) -> str | None:
        """In whose place the other bundle runs; None if there is none."""
        if self._bundle is None:
            return None
        place = self._bundle.find_place(record.answer.candidates)
        if place is None:
            raise LeftOutError("no_contestant", "nobody ran a bundle of that name: name one with --contestant")
        if recorded.probability is None:
            raise LeftOutError("no_input", _NO_INPUT)
        return place

    def _play(
        self,
        recorded: Recorded,
        record: SampleRecord,
        case: Case,
        judge: _Judge,
        place: str | None,
    ) -> Outcome:
        original = play_original(case, judge.policy)
        answer, policy, other = record.answer, judge.policy, judge.other
        taken_ms = max(0.0, answer.elapsed_ms - ns_to_ms(original.answer.elapsed_ns))
        away = not answer.deadline_met and ms_to_ns(answer.elapsed_ms) <= _deadline_ns(case, policy)
        replayed, replayed_case = original, case
        if self._bundle is not None and place is not None:
            replayed_case = self._with_bundle(self._bundle, recorded, record, case, place)
        if self._bundle is not None or self._rules is not None:
            replayed = play_other(replayed_case, other, original)
        said = Said(
            score=None if answer.contestant is None else _chosen(record),
            label=answer.label,
            reason=answer.reason,
            elapsed_ms=answer.elapsed_ms,
            deadline_met=answer.deadline_met,
            at_edge=_at_edge(answer.contestant, policy),
            asked=bool(original.asked_ns),
        )
        return Outcome(
            device=recorded.device,
            sample=recorded.sample,
            recorded=said,
            original=_said(original, policy, case, taken_ms, away=away),
            replayed=_said(replayed, other, case, taken_ms, away=away),
            weight=_weight(recorded, record, needs_input=self._bundle is not None),
            unknown=replayed.unknown,
            same_elsewhere=place is not None and not any(one.score is not None for one in case.of(place)),
            teachers=_teachers(case, policy),
            tolerance=policy.agreement_tolerance,
        )

    def _with_bundle(
        self, bundle: "OtherBundle", recorded: Recorded, record: SampleRecord, case: Case, place: str
    ) -> Case:
        if not any(one.score is not None for one in case.of(place)):
            return case
        payload = self._source.payload(recorded.device, recorded.sample)
        if payload is None:
            raise LeftOutError("no_input", _NO_INPUT)
        if record.input is not None and hashlib.sha256(payload).hexdigest() != record.input.sha256:
            raise LeftOutError(
                "altered_input", f"{recorded.device}/{recorded.sample}: the cloud has other bytes of it"
            )
        content_type = None if record.input is None else record.input.content_type
        return bundle.case_of(case, place, payload, content_type=content_type, inject=record.answer.inject or {})

    def _judge(self, digest: str | None, place: str | None) -> "_Judge | LeftOutError":
        key = (digest, place)
        if key not in self._judges:
            try:
                self._judges[key] = self._found(digest, place)
            except LeftOutError as error:
                self._judges[key] = error
        return self._judges[key]

    def _found(self, digest: str | None, place: str | None) -> _Judge:
        data = None if digest is None else self._source.policy(digest)
        if data is None:
            told = "the device named no policy" if digest is None else f"no device has told of the policy {digest}"
            raise LeftOutError("no_policy", told)
        try:
            document = PolicyDocument.decode(data)
            policy = document.policy()
        except (PolicyDocumentError, PolicyError) as error:
            raise LeftOutError("no_policy", str(error)) from error
        if place is not None and place not in {one.name for one in document.contestants}:
            raise LeftOutError("no_contestant", f"{place!r} took no part")
        try:
            changed = document if self._rules is None else self._rules.of(document)
            if self._bundle is not None and place is not None:
                changed = self._bundle.policy_of(changed, place)
            return _Judge(policy, changed.policy())
        except (PolicyError, BadBarError) as error:
            raise LeftOutError("rules_do_not_fit", str(error)) from error


def _decoded(recorded: Recorded) -> tuple[SampleRecord, list[LateRecord]]:
    """Its records; how probable it was to be told of is known only with what came late."""
    record = decode_record(recorded.record)
    late = [one for one in map(decode_record, recorded.late) if isinstance(one, LateRecord)]
    if not isinstance(record, SampleRecord):
        raise MessageError(f"{recorded.sample}: the record is none of a sample")
    probability = min(1.0, record.probability * prod(one.likelier for one in late))
    return msgspec.structs.replace(record, probability=probability), late


def _chosen(record: SampleRecord) -> Score:
    answer = record.answer
    return Score(answer.contestant or "", answer.label, answer.confidence, output=answer.output, bundle=answer.bundle)


def _said(play: Play, policy: TaskPolicy, case: Case, taken_ms: float, *, away: bool) -> Said:
    """An answer of a play; what the machine took besides was the same, and so was who was there to take it."""
    score = play.answer.score
    elapsed_ms = round(ns_to_ms(play.answer.elapsed_ns) + taken_ms, 3)
    return Said(
        score=score,
        label=policy.default if score is None else score.label,
        reason=play.answer.reason,
        elapsed_ms=elapsed_ms,
        deadline_met=not away and ms_to_ns(elapsed_ms) <= _deadline_ns(case, policy),
        at_edge=_at_edge(play.contestant, policy),
        asked=bool(play.asked_ns),
    )


def _at_edge(contestant: str | None, policy: TaskPolicy) -> bool:
    return all(one.name != contestant for one in policy.cloud)


def _deadline_ns(case: Case, policy: TaskPolicy) -> int:
    own_ns = case.request.deadline_ns
    return policy.deadline_ns if own_ns is None else min(own_ns, policy.max_deadline_ns)


def _teachers(case: Case, policy: TaskPolicy) -> dict[str, Score]:
    cloud = {one.name for one in policy.cloud}
    return {
        one.contestant: one.score
        for one in case.arrivals
        if one.score is not None and (one.late or one.contestant in cloud)
    }


def _weight(recorded: Recorded, record: SampleRecord, *, needs_input: bool) -> float:
    """One over the probability with which we have what is played."""
    if needs_input and recorded.probability is not None:
        return 1 / recorded.probability
    return 1.0 if record.recorded == "all" else 1 / record.probability
