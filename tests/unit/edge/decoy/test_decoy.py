"""The decoy: whom it has kept, when inputs are settled, and what late scores change. No process, no disk."""

from typing import Any, cast

import pytest

from roost_edge.decoy.answered import Answered
from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decoy import Decoy
from roost_edge.decoy.interface import Done
from roost_edge.intake.inputs import Input
from roost_edge.workers import SharedPayload
from roost_shared import rendezvous
from roost_shared.answers import scored_answer
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import LateRecord, PolicyRecord, Record, SampleRecord, decode_record
from roost_shared.rendezvous import Contestant, Late, Request, Rule, Score, Seen, TaskPolicy
from tests.support.virtual_reactor import VirtualReactor

POLICY = TaskPolicy(
    task="meter",
    contestants=[Contestant(name="a"), Contestant(name="b"), Contestant(name="cloud", where="cloud")],
    rules=[Rule(accept="a"), Rule(accept="b", after_ms=50)],
    deadline_ms=300,
)
SURE = Score("a", "4", 0.99)
UNSURE = Score("a", "4", 0.3)
FULL = ErrorInfo("spool.full", "there is no room")


class FakeKeeper:
    """Holds orders until the test settles them."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {"bytes": 7}
        self.kept: list[SampleRecord] = []
        self.payloads: list[SharedPayload] = []
        self.dones: list[Done] = []
        self.terms: list[dict[str, Any]] = []
        self.notes: list[Record] = []
        self.raised: list[tuple[str, int, float]] = []
        self.hurries: list[int] = []  # inputs it had been given then
        self.has_room = True
        self.is_coming = False

    def keep(self, record: SampleRecord, payload: SharedPayload, done: Done, **terms: Any) -> bool:
        if self.has_room:
            self.kept.append(record)
            self.payloads.append(payload.hold())
            self.dones.append(done)
            self.terms.append(terms)
        return self.has_room

    def note(self, record: bytes, done: Done) -> bool:
        if self.has_room:
            self.notes.append(decode_record(record))
            done(None)
        return self.has_room

    def hurry(self) -> None:
        self.hurries.append(len(self.kept))

    def raise_priority(self, sample: str, priority: int, likelier: float = 1.0) -> None:
        self.raised.append((sample, priority, likelier))


class Site:
    """A decoy of one task, and what it is told."""

    def __init__(self, config: CaptureConfig, unsettled_limit: int = 3) -> None:
        self.reactor = VirtualReactor()
        self.keeper = FakeKeeper()
        self.complaints = Complaints(SystemClock())
        self.decoy = Decoy(
            self.keeper,
            self.reactor.as_reactor(),
            self.complaints,
            boot="b1",
            unsettled_limit=unsettled_limit,
        )
        self.decoy.capture("meter", config)
        self.settled: list[str] = []
        self.payloads: list[SharedPayload] = []

    def answer(
        self,
        key: str,
        score: Score | None = SURE,
        *,
        task: str = "meter",
        fingerprint: int = 0,
        away: bool = False,
        **of_input: Any,
    ) -> None:
        """Answer an input, and settle it as the desk does: unless nobody was there to take the answer."""
        request = Request(key, 0, fingerprint=fingerprint)
        candidates = () if score is None else (Seen("a", 5 * MS, score),)
        decision = rendezvous.Answer(request, "preferred", score, candidates, 5 * MS)
        one = Input(
            key=key,
            id=key,
            task=task,
            payload=b"",
            content_type="image/png",
            received_ns=0,
            received_at="2026-11-30T00:00:00+00:00",
            reply=cast("Any", None),
            **of_input,
        )
        answer = scored_answer(
            decision, one, default="?", bundles={}, unsigned=False, inject=None, elapsed_ns=5 * MS, deadline_met=True
        )
        payload = SharedPayload(b"pixels")
        self.payloads.append(payload)
        self.decoy.answered(Answered(one, decision, answer, payload, POLICY))
        payload.release()  # the desk's own hold
        if not away:
            self.decoy.settle(key, lambda: self.settled.append(key))

    def late(self, key: str, *, differs: bool = True) -> None:
        self.reactor.now = 400 * MS
        self.decoy.late(key, Late(Request(key, 0), Score("cloud", "5", 0.97, bundle="big:1"), differs))

    def is_held(self, number: int) -> bool:
        try:
            self.payloads[number].fileno()
        except ValueError:
            return False
        return True


@pytest.fixture
def rare() -> Site:
    return Site(CaptureConfig(base_rate=0.0))


def test_what_is_not_kept_is_settled_at_once() -> None:
    site = Site(CaptureConfig(base_rate=0.0))
    site.answer("1")
    assert site.settled == ["1"]
    assert not site.keeper.kept


def test_what_is_kept_is_settled_once_it_is_durable() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1")
    assert not site.settled
    site.keeper.dones[0](None)
    assert site.settled == ["1"]
    (record,) = site.keeper.kept
    assert (record.sample, record.kept_for, record.probability) == ("b1-1", ["base_rate"], 1.0)
    assert record.answer.label == "4"
    assert site.decoy.describe()["durable"] == 1


def test_the_policy_is_told_once_and_named_by_every_record() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    for key in "12":
        site.answer(key)
    (told,) = site.keeper.notes
    assert isinstance(told, PolicyRecord)
    assert {record.policy for record in site.keeper.kept} == {told.digest}
    assert rendezvous.PolicyDocument.decode(told.document).policy().rules == POLICY.rules


def test_what_cannot_be_saved_is_settled_counted_and_said() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1")
    site.keeper.dones[0](FULL)
    assert site.settled == ["1"]
    assert site.decoy.counts["not_kept"] == 1
    assert site.complaints.counts["spool.full"] == 1
    record = site.keeper.notes[-1]
    assert isinstance(record, SampleRecord), "what was said of it is told all the same"
    assert (record.sample, record.input) == ("b1-1", None)


def test_where_too_much_waits_for_the_disk_nothing_more_is_kept() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.keeper.has_room = False
    site.answer("1")
    assert site.settled == ["1"]
    assert site.decoy.counts["not_kept"] == 1
    assert site.complaints.counts["capture.overloaded"] == 3, "the input, its record, and the policy's"
    assert site.decoy.counts["records_lost"] == 2


def test_a_slow_disk_holds_up_nobody_for_long() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1")
    site.reactor.advance(1 * SECOND)
    assert not site.settled
    site.reactor.advance(2 * SECOND)
    assert site.settled == ["1"]
    assert site.decoy.counts["acknowledged_early"] == 1
    site.keeper.dones[0](None)
    assert site.settled == ["1"]
    assert site.decoy.counts["durable"] == 1, "it was kept all the same"


def test_a_disk_that_stalls_holds_up_only_so_many_and_the_oldest_go_first() -> None:
    site = Site(CaptureConfig(base_rate=1.0), unsettled_limit=2)
    for key in "1234":
        site.answer(key)
    assert not site.settled, "a moment is no stall"
    site.reactor.advance(250 * MS)
    assert site.settled == ["1", "2"]


def test_a_keeper_that_is_coming_is_waited_for_and_then_has_its_time() -> None:
    site = Site(CaptureConfig(base_rate=1.0), unsettled_limit=2)
    site.keeper.is_coming = True
    for key in "123":
        site.answer(key)
    site.reactor.advance(8 * SECOND)
    assert not site.settled, "however long, and however many"
    site.keeper.is_coming = False
    site.reactor.advance(8 * SECOND + 200 * MS)
    assert not site.settled, "it has only just come"
    site.keeper.dones[0](None)
    assert site.settled == ["1"]
    site.reactor.advance(11 * SECOND)
    assert site.settled == ["1", "2", "3"], "it is no better than a slow disk"
    assert site.decoy.counts["acknowledged_early"] == 2


def test_what_is_acknowledged_early_is_said_at_once_and_what_is_lost_by_it_in_the_end() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    for key in "12":
        site.answer(key)
    site.reactor.advance(3 * SECOND)
    assert site.complaints.counts["capture.acknowledged_early"] == 2
    site.keeper.dones[0](None)
    site.decoy.stop()
    site.decoy.stopped()
    assert site.complaints.counts["capture.lost"] == 1


def test_an_agent_that_stops_acknowledges_nothing_early() -> None:
    site = Site(CaptureConfig(base_rate=1.0), unsettled_limit=1)
    for key in "12":
        site.answer(key)
    site.decoy.stop()
    site.answer("3")
    site.reactor.advance(5 * SECOND)
    site.keeper.dones[0](None)
    site.decoy.stopped()
    assert site.settled == ["1"], "the others come again"
    assert not site.complaints.counts


def test_an_input_does_not_pass_for_durable_because_another_of_its_id_is() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("r7", repeatable=True, fingerprint=7)
    site.answer("r7", repeatable=True, fingerprint=8)
    site.keeper.dones[0](None)
    assert not site.settled
    site.keeper.dones[1](None)
    assert site.settled == ["r7", "r7"]


def test_a_crowd_that_had_waited_at_the_broker_is_no_reason_to_acknowledge_early() -> None:
    site = Site(CaptureConfig(base_rate=1.0), unsettled_limit=2)
    for key in "1234":
        site.answer(key, backlog=True)
    site.reactor.advance(1 * SECOND)
    assert not site.settled
    site.reactor.advance(3 * SECOND)
    assert site.settled == list("1234"), "yet a disk that takes so long is waited for no more"


def test_the_keeper_waits_for_more_only_until_many_wait_for_it_kept_or_not() -> None:
    site = Site(CaptureConfig(base_rate=0.0), unsettled_limit=5)
    for key in "123":
        site.answer(key)
    site.answer("4", UNSURE)
    site.answer("5")
    assert site.keeper.hurries == [], "one waits, and one behind it"
    site.answer("6")
    assert site.keeper.hurries == [1]
    site.keeper.dones[0](None)
    for key in "789":
        site.answer(key)
    assert site.keeper.hurries == [1], "nothing waits any more"


def test_who_comes_again_while_it_is_written_is_settled_with_it() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1")
    site.decoy.settle("1", lambda: site.settled.append("1 again"))
    site.keeper.dones[0](None)
    assert site.settled == ["1", "1 again"]
    site.decoy.settle("1", lambda: site.settled.append("1 once more"))
    assert site.settled[-1] == "1 once more"


def test_who_comes_again_after_its_answer_was_forgotten_is_kept_once() -> None:
    """A broker that was away for longer than answers are remembered: the desk takes the input for a new one."""
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("r7", away=True, repeatable=True, fingerprint=7)
    site.keeper.dones[0](None)
    site.decoy.closed("r7")
    assert not site.settled
    site.answer("r7", repeatable=True, fingerprint=7)
    assert site.settled == ["r7"]
    assert [record.sample for record in site.keeper.kept] == ["b1-1"]
    site.late("r7")
    assert site.keeper.raised == [("b1-1", 2, 1.0)]


def test_another_input_under_an_id_that_came_before_is_kept_too() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("r7", away=True, repeatable=True, fingerprint=7)
    site.answer("r7", repeatable=True, fingerprint=8)
    assert len(site.keeper.kept) == 2


def test_who_comes_again_and_could_not_be_kept_gets_another_try() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("r7", away=True, repeatable=True, fingerprint=7)
    site.keeper.dones[0](FULL)
    site.answer("r7", repeatable=True, fingerprint=7)
    assert len(site.keeper.kept) == 2


def test_a_task_that_captures_nothing_is_let_be() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1", task="other")
    assert site.settled == ["1"]
    assert not site.decoy.captures("other")
    assert not site.is_held(0)


def test_a_private_task_keeps_what_was_said_and_no_pixels() -> None:
    site = Site(CaptureConfig(base_rate=0.0, pixels=False))
    site.answer("1", UNSURE)
    assert site.settled == ["1"]
    assert not site.keeper.kept
    assert not site.is_held(0)
    record = site.keeper.notes[-1]
    assert isinstance(record, SampleRecord)
    assert (record.kept_for, record.input, record.answer.confidence) == (["low_confidence"], None, 0.3)


def test_all_answers_are_recorded_where_that_is_wanted() -> None:
    site = Site(CaptureConfig(base_rate=0.0, answers="all"))
    site.answer("1")
    record = site.keeper.notes[-1]
    assert isinstance(record, SampleRecord)
    assert (record.kept_for, record.recorded, record.input) == ([], "all", None)
    assert site.settled == ["1"]


def test_a_late_score_that_differs_keeps_an_input_that_is_still_in_memory() -> None:
    site = Site(CaptureConfig(base_rate=0.0))
    site.answer("1")
    assert site.is_held(0)
    site.late("1")
    (record,) = site.keeper.kept
    assert record.kept_for == ["late"]
    late = site.keeper.notes[-1]
    assert late == LateRecord(
        sample=record.sample,
        contestant="cloud",
        bundle="big:1",
        label="5",
        confidence=0.97,
        elapsed_ms=400.0,
        differs=True,
    )
    site.keeper.payloads[0].release()
    site.decoy.closed("1")
    assert not site.is_held(0)


def test_a_late_score_that_agrees_keeps_nothing(rare: Site) -> None:
    rare.answer("1")
    rare.late("1", differs=False)
    assert not rare.keeper.kept
    assert not rare.keeper.notes


def test_a_late_score_raises_what_is_kept_already() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("1")
    site.late("1")
    assert site.keeper.raised == [("b1-1", 2, 1.0)]
    assert len(site.keeper.kept) == 1


def test_inputs_that_late_scores_speak_for_stand_for_themselves_alone() -> None:
    """Were those that the base rate had kept already to stand for others too, all of these would count twice."""
    site = Site(CaptureConfig(base_rate=0.25))
    for number in range(200):
        site.answer(str(number))
        site.late(str(number))
        site.late(str(number))  # another contestant's
        site.decoy.closed(str(number))
    probabilities = {record.sample: record.probability for record in site.keeper.kept}
    assert 20 < sum(probability < 1 for probability in probabilities.values()) < 80
    for sample, _, likelier in site.keeper.raised:
        probabilities[sample] *= likelier
    assert sum(1 / probability for probability in probabilities.values()) == 200


def told_weights(site: Site) -> list[float]:
    """How many answers each sample stands for, by what the cloud is told of it."""
    records: list[Record] = [*site.keeper.kept, *site.keeper.notes]
    probabilities = {one.sample: one.probability for one in records if isinstance(one, SampleRecord)}
    for one in records:
        if isinstance(one, LateRecord):
            probabilities[one.sample] *= one.likelier
    return [1 / probability for probability in probabilities.values()]


@pytest.mark.parametrize("pixels", [True, False])
def test_the_cloud_is_told_that_answers_late_scores_speak_for_stand_for_themselves_alone(pixels: bool) -> None:  # noqa: FBT001 - a case
    site = Site(CaptureConfig(base_rate=0.25, pixels=pixels))
    for number in range(200):
        site.answer(str(number))
        site.late(str(number))
        site.late(str(number))  # another contestant's
        site.decoy.closed(str(number))
    assert told_weights(site) == [1.0] * 200


def test_an_input_that_a_late_score_would_have_missed_stands_for_others_too() -> None:
    site = Site(CaptureConfig(base_rate=0.25))
    for number in range(400):
        site.answer(str(number))
    for number in range(400):
        site.late(str(number))
    missed = site.decoy.counts["late_missed"]
    assert sum(likelier == 1 for _, _, likelier in site.keeper.raised) + missed == 400 - 64
    assert len(site.keeper.kept) + missed == 400


def test_a_late_score_keeps_the_input_of_an_answer_that_was_recorded_without_it() -> None:
    site = Site(CaptureConfig(base_rate=0.0, answers="all"))
    site.answer("1")
    site.late("1")
    (record,) = site.keeper.kept
    assert record.sample == "b1-1"


def test_what_closes_without_a_late_score_is_let_go(rare: Site) -> None:
    rare.answer("1")
    rare.decoy.closed("1")
    assert not rare.is_held(0)
    rare.late("1")
    assert not rare.keeper.kept


def test_only_so_many_inputs_wait_for_late_scores_and_the_oldest_are_let_go(rare: Site) -> None:
    for number in range(66):
        rare.answer(str(number))
    assert [rare.is_held(number) for number in (0, 1, 2, 65)] == [False, False, True, True]
    rare.late("0")
    assert rare.decoy.counts["late_missed"] == 1
    for number in range(66):
        rare.decoy.closed(str(number))
    assert not any(rare.is_held(number) for number in range(66))


def test_what_a_redelivery_is_known_by_goes_with_it() -> None:
    site = Site(CaptureConfig(base_rate=1.0))
    site.answer("in/meter:7", redelivered=True, correlation="c7")
    assert site.keeper.terms == [
        {
            "priority": 0,
            "content_type": "image/png",
            "correlation": "c7",
            "redelivered": True,
        }
    ]
