"""What the cloud is told of answered requests: policies before what names them, and nothing lost without a word."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest

from roost_edge.decoy.answered import Answered
from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decision import Keeping
from roost_edge.decoy.witness import Witness
from roost_edge.intake.inputs import Input
from roost_shared import rendezvous
from roost_shared.answers import scored_answer
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import LateRecord, PolicyRecord, Record, decode_record
from roost_shared.rendezvous import Contestant, Late, Request, Rule, Score, TaskPolicy


def policy(deadline_ms: float = 300) -> TaskPolicy:
    contestants, rules = [Contestant(name="a")], [Rule(accept="a")]
    return TaskPolicy(task="meter", contestants=contestants, rules=rules, deadline_ms=deadline_ms)


POLICY = policy()
KEEPING = Keeping(("disagreement", "low_confidence"), 0.5, 2)


class NoteTaker:
    """Takes what is told while there is room."""

    def __init__(self) -> None:
        self.told: list[Record] = []
        self.has_room = True
        self.error: ErrorInfo | None = None

    def note(self, record: bytes, done: Callable[[ErrorInfo | None], object]) -> bool:
        if self.has_room:
            self.told.append(decode_record(record))
            done(self.error)
        return self.has_room


class Told:
    """A witness, and what came of what it told."""

    def __init__(self) -> None:
        self.keeper = NoteTaker()
        self.counts: Counter[str] = Counter()
        self.complaints = Complaints(SystemClock())
        self.witness = Witness(cast("Any", self.keeper), self.complaints, self.counts, boot="b1")


@pytest.fixture
def told() -> Told:
    return Told()


def answered(ruled_by: TaskPolicy = POLICY, *, request_id: str = "7", **more: Any) -> Answered:
    score = Score("a", "4", 0.3)
    decision = rendezvous.Answer(Request("mqtt/7", 0), "preferred", score, (), 5 * MS)
    one = Input(
        key="mqtt/7",
        id=request_id,
        task="meter",
        payload=b"",
        content_type=None,
        received_ns=0,
        received_at="2026-11-30T00:00:00+00:00",
        reply=cast("Any", None),
        **more,
    )
    answer = scored_answer(
        decision, one, default="?", bundles={}, unsigned=False, inject=None, elapsed_ns=5 * MS, deadline_met=True
    )
    return Answered(one, decision, answer, None, ruled_by, round_trip_ns=20 * MS)


def test_samples_are_named_by_boot_and_count(told: Told) -> None:
    assert [told.witness.new_sample() for _ in range(2)] == ["b1-1", "b1-2"]


def test_a_record_says_why_an_input_is_kept_and_how_it_was_answered(told: Told) -> None:
    one = answered(deadline_ns=250 * MS, force="a", backlog=True)
    record = told.witness.record("b1-1", one, CaptureConfig(), KEEPING)
    assert (record.sample, record.answer) == ("b1-1", one.answer)
    assert (record.kept_for, record.probability) == (["disagreement", "low_confidence"], 0.5)
    assert (record.deadline_ms, record.force, record.backlog, record.round_trip_ms) == (250, "a", True, 20)
    assert (record.key, record.recorded) == ("mqtt/7", "kept")


def test_a_request_that_is_known_by_its_id_alone_needs_no_key(told: Told) -> None:
    assert told.witness.record("b1-1", answered(request_id="mqtt/7"), CaptureConfig(), KEEPING).key is None


@pytest.mark.parametrize(("base_rate", "probability"), [(0.25, 0.25), (0.0, 1.0)])
def test_of_what_is_only_recorded_the_share_that_would_be_kept_is_told(
    told: Told, base_rate: float, probability: float
) -> None:
    config = CaptureConfig(answers="all", base_rate=base_rate)
    record = told.witness.record("b1-1", answered(), config, None)
    assert (record.kept_for, record.probability, record.recorded) == ([], probability, "all")


def test_a_policy_is_told_before_the_first_record_that_names_it_and_again_once_it_is_another(told: Told) -> None:
    first, same, other = (
        told.witness.record(name, answered(ruled_by), CaptureConfig(), KEEPING).policy
        for name, ruled_by in (("1", POLICY), ("2", POLICY), ("3", policy(200)))
    )
    assert first == same != other
    assert [one.digest for one in told.keeper.told if isinstance(one, PolicyRecord)] == [first, other]


def test_a_late_score_is_told_with_what_it_makes_of_its_sample(told: Told) -> None:
    late = Late(Request("mqtt/7", 0), Score("cloud", "5", 0.97, bundle="big:1"), differs=True)
    told.witness.tell_late("b1-1", late, elapsed_ns=400 * MS, likelier=4.0)
    assert told.keeper.told == [
        LateRecord(
            sample="b1-1",
            contestant="cloud",
            bundle="big:1",
            label="5",
            confidence=0.97,
            elapsed_ms=400,
            differs=True,
            likelier=4.0,
        )
    ]


@pytest.mark.parametrize("code", ["capture.overloaded", "spool.full"])
def test_what_is_lost_is_counted_and_said(told: Told, code: str) -> None:
    told.keeper.has_room = code != "capture.overloaded"
    told.keeper.error = ErrorInfo(code, "there is no room")
    told.witness.tell(PolicyRecord(task="meter", digest="", document=b""))
    assert told.counts["records_lost"] == told.complaints.counts[code] == 1
