"""What is asked, when once more, and what the caller gets."""

import math
from typing import Any

import pytest

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore
from tests.support.asked import AskingRig, inquiry, said


def codes(rig: AskingRig, request: str) -> dict[str, str | None]:
    seen = rig.answer(request).candidates
    return {one.contestant: None if one.error is None else one.error.code for one in seen}


def test_a_score_answers() -> None:
    rig = AskingRig()
    request = rig.open(inquiry(content_type="image/jpeg"))
    (sent,) = rig.sent
    assert (sent.tenant, sent.task) == ("acme", "meter")
    assert (sent.question.contestants, sent.question.payload) == (["big"], b"pixels")
    assert sent.question.content_type == "image/jpeg"
    rig.pass_ms(20)
    rig.hear(said(sent.question.id))
    answer = rig.answer(request)
    assert answer.score is not None
    assert (answer.reason, answer.score.label, answer.elapsed_ns) == ("preferred", "7", 20 * MS)
    assert rig.asking.next_wake_ns is None


def test_one_question_is_for_all_contestants_and_a_later_rule_opens_when_the_first_declines() -> None:
    rig = AskingRig()
    request = rig.open(inquiry("big", "small"))
    (sent,) = rig.sent
    assert sent.question.contestants == ["big", "small"]
    rig.hear(said(sent.question.id, "small"))
    assert request not in rig.answers
    rig.hear(said(sent.question.id, error=ErrorInfo("contestant.unknown", "no such contestant")))
    assert rig.answer(request).reason == "fallback"
    assert codes(rig, request) == {"small": None, "big": "contestant.unknown"}


def test_without_a_connection_the_default_comes_at_once() -> None:
    rig = AskingRig(connected=False)
    request = rig.open(inquiry())
    assert rig.answer(request).reason == "default"
    assert codes(rig, request) == {"big": "link.down"}
    assert not rig.sent


def test_a_connection_that_ends_takes_its_questions_with_it() -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    rig.pass_ms(5)
    rig.disconnect()
    assert codes(rig, request) == {"big": "link.lost"}
    rig.hear(said(rig.sent[0].question.id))
    assert rig.complaints == {"score.unknown": 1}


def test_silence_is_answered_when_time_is_up() -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    rig.pass_ms(994)
    assert request not in rig.answers
    rig.pass_ms(1)
    assert rig.answer(request).elapsed_ns == 995 * MS
    assert len(rig.sent) == 1, "nothing is known of how long the task takes"


def test_a_lost_question_is_asked_once_more_and_waited_for_till_the_end() -> None:
    rig = AskingRig()
    rig.learn(20)
    before = len(rig.sent)
    request = rig.open(inquiry(received_ns=rig.now_ns))
    rig.pass_ms(900)
    first, second = rig.sent[before:]
    assert (second.question.id, second.question.payload) == (first.question.id, b"pixels")
    assert second.question.remaining_ms < first.question.remaining_ms
    rig.hear(said(second.question.id))
    assert rig.answer(request).reason == "preferred"


def test_who_is_silent_while_another_has_scored_is_given_up_after_the_second_time() -> None:
    rig = AskingRig()
    rig.learn(20)
    before = len(rig.sent)
    request = rig.open(inquiry("big", "small", received_ns=rig.now_ns, rules=[{"accept": "big"}]))
    rig.hear(said(rig.sent[-1].question.id, "small"))
    rig.pass_ms(60)
    assert [sent.question.contestants for sent in rig.sent[before:]] == [["big", "small"], ["big"]]
    assert rig.answer(request).reason == "default"
    assert codes(rig, request)["big"] == "link.lost"
    rig.hear(said(rig.sent[-1].question.id))
    assert rig.asking.counts["late_differs"] == 1


def test_nobody_is_asked_again_after_the_answer() -> None:
    rig = AskingRig()
    rig.learn(20)
    before = len(rig.sent)
    request = rig.open(inquiry("big", "old", roles={"old": "baseline"}, received_ns=rig.now_ns))
    rig.hear(said(rig.sent[-1].question.id))
    rig.pass_ms(2000)
    assert rig.answer(request).reason == "preferred"
    assert len(rig.sent) == before + 1


def test_a_task_too_slow_for_the_time_left_is_asked_by_one_request_at_a_time() -> None:
    rig = AskingRig()
    rig.learn(900)
    lonely = rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS))
    second = rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS))
    assert codes(rig, second) == {"big": "link.slow"}
    rig.pass_ms(10)
    rig.hear(said(rig.sent[-1].question.id))
    assert rig.answer(lonely).reason == "preferred"


def test_a_hiccup_does_not_keep_a_task_from_being_asked() -> None:
    rig = AskingRig()
    rig.learn(20, times=10)
    rig.learn(900, times=5)
    rig.learn(20, times=5)
    rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS))
    request = rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS))
    assert request not in rig.answers


def test_tasks_of_one_name_learn_apart() -> None:
    rig = AskingRig()
    rig.learn(900)
    rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS))
    rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS, tenant="beta"))
    request = rig.open(inquiry(received_ns=rig.now_ns, deadline_ns=100 * MS, tenant="beta"))
    assert request not in rig.answers


def test_the_way_is_taken_off_what_the_scorer_may_take() -> None:
    rig = AskingRig()
    rig.open(inquiry())
    rig.pass_ms(30)
    rig.hear(said(rig.sent[-1].question.id, scorer_ms=10.0))
    rig.open(inquiry(received_ns=rig.now_ns))
    assert 970 < rig.sent[-1].question.remaining_ms <= 975


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"confidence": math.nan}, "score.bad_confidence"),
        ({"label": None}, "score.empty"),
        ({"output": [math.inf]}, "score.bad_output"),
        ({"label": 1000 * "x"}, "score.bad_label"),
    ],
)
def test_nonsense_is_a_failure(fields: dict[str, Any], code: str) -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    rig.hear(said(rig.sent[0].question.id, **fields))
    assert codes(rig, request) == {"big": code}
    assert rig.complaints == {code: 1}


def test_scores_that_nobody_asked_for_are_counted_and_change_nothing() -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    question_id = rig.sent[0].question.id
    rig.hear(said("cloud.other:1"), said("cloud.b1:999"), said(question_id, "stranger"), CloudScore(id=question_id))
    assert request not in rig.answers
    rig.hear(said(question_id), said(question_id))
    assert len(rig.answers[request]) == 1
    assert rig.complaints == {
        "score.foreign": 1,
        "score.unknown": 1,
        "score.wrong_contestant": 2,
        "score.duplicate": 1,
    }


def test_refusals_teach_nothing_of_how_long_a_question_takes() -> None:
    rig = AskingRig()
    for _ in range(10):
        rig.open(inquiry(received_ns=rig.now_ns))
        rig.hear(said(rig.sent[-1].question.id, error=ErrorInfo("contestant.unavailable", "it is being loaded")))
    sent = len(rig.sent)
    rig.open(inquiry(received_ns=rig.now_ns))
    rig.pass_ms(100)
    assert len(rig.sent) == sent + 1, "it is waited for, not asked once more after a moment"


def test_a_repeated_id_gets_the_answer_that_the_first_got_or_will_get() -> None:
    rig = AskingRig()
    first = rig.open(inquiry(repeat_key="k"))
    assert rig.open(inquiry(repeat_key="k")) == first
    assert len(rig.sent) == 1
    assert first not in rig.answers
    rig.hear(said(rig.sent[0].question.id))
    rig.open(inquiry(repeat_key="k", received_ns=rig.now_ns))
    one, again = rig.answers[first]
    assert (again.score, again.reason) == (one.score, one.reason)
    assert len(rig.asking) == 0


def test_a_repetition_while_late_scores_are_waited_for_gets_it_too() -> None:
    rig = AskingRig()
    first = rig.open(inquiry("big", "old", roles={"old": "baseline"}, repeat_key="k"))
    rig.hear(said(rig.sent[0].question.id))
    rig.open(inquiry("big", "old", roles={"old": "baseline"}, repeat_key="k"))
    assert len(rig.answers[first]) == 2
    rig.hear(said(rig.sent[0].question.id, "old"))
    assert rig.asking.counts["late_agrees"] == 1


def test_one_too_many_gets_the_default_at_once() -> None:
    rig = AskingRig(in_flight=1)
    rig.open(inquiry())
    request = rig.open(inquiry())
    assert rig.answer(request).reason == "overloaded"


def test_only_the_one_named_may_answer() -> None:
    rig = AskingRig()
    request = rig.open(inquiry("big", "small", force="small"))
    rig.hear(said(rig.sent[0].question.id))
    assert request not in rig.answers
    rig.hear(said(rig.sent[0].question.id, "small"))
    assert rig.answer(request).reason == "forced"


def test_much_sent_and_nothing_heard_leaves_only_probes_until_somebody_speaks() -> None:
    rig = AskingRig(in_flight=100)
    for _ in range(65):
        rig.open(inquiry(payload=bytes(1 << 20)))
    sent = len(rig.sent)
    request = rig.open(inquiry())
    assert codes(rig, request) == {"big": "link.full"}
    rig.open(inquiry())
    (probe,) = rig.sent[sent:]
    assert probe.question.contestants == []
    rig.hear(said(probe.question.id, None))
    request = rig.open(inquiry())
    assert request not in rig.answers


def test_an_inputs_memory_is_let_go_with_the_answer() -> None:
    rig = AskingRig()
    rig.open(inquiry("big", "old", roles={"old": "baseline"}))
    rig.hear(said(rig.sent[0].question.id))
    (case,) = rig.asking._cases.values()
    assert case.inquiry is None
    assert case.question is not None
    assert case.question.payload == b""
    rig.pass_ms(11_000)
    assert not rig.asking._cases
    assert not rig.asking._asked


DIGITS = frozenset("0123456789")


def test_a_label_of_the_task_s_space_is_in_no_doubt() -> None:
    rig = AskingRig()
    request = rig.open(inquiry(labels=DIGITS))
    rig.hear(said(rig.sent[0].question.id))
    assert rig.answer(request).reason == "preferred"
    assert not rig.doubts


@pytest.mark.parametrize("wrong", [{"label": "cat"}, {"top": [("7", 0.9), ("cat", 0.1)]}], ids=["label", "top"])
def test_a_label_of_no_version_is_nonsense(wrong: dict[str, Any]) -> None:
    rig = AskingRig()
    request = rig.open(inquiry("big", "small", labels=DIGITS))
    question = rig.sent[0].question
    rig.hear(said(question.id, **wrong), said(question.id, "small"))
    assert request not in rig.answers
    (doubt,) = rig.doubts
    assert (doubt.tenant, doubt.task) == ("acme", "meter")
    rig.look_again(DIGITS)
    answer = rig.answer(request)
    assert answer.score is not None
    assert (answer.score.contestant, answer.score.label) == ("small", "7")
    assert codes(rig, request)["big"] == "score.bad_label"
    assert rig.complaints == {"score.bad_label": 1}


def test_a_label_of_a_version_that_an_alias_moved_to_meanwhile_counts() -> None:
    rig = AskingRig()
    request = rig.open(inquiry(labels=DIGITS))
    rig.pass_ms(20)
    rig.hear(said(rig.sent[0].question.id, label="cat"))
    rig.pass_ms(10)
    rig.look_again(DIGITS | {"cat"})
    answer = rig.answer(request)
    assert answer.score is not None
    assert (answer.score.label, answer.elapsed_ns) == ("cat", 30 * MS)
    assert not rig.complaints


def test_who_is_in_doubt_is_looked_up_once_however_often_it_says_so() -> None:
    rig = AskingRig()
    request = rig.open(inquiry(labels=DIGITS))
    for _ in range(3):
        rig.hear(said(rig.sent[0].question.id, label="cat"))
    assert len(rig.doubts) == 1
    assert rig.complaints == {"score.duplicate": 2}
    rig.look_again(DIGITS)
    assert codes(rig, request) == {"big": "score.bad_label"}


def test_time_does_not_wait_for_a_doubt() -> None:
    rig = AskingRig()
    request = rig.open(inquiry(labels=DIGITS))
    rig.hear(said(rig.sent[0].question.id, label="cat"))
    rig.pass_ms(995)
    assert rig.answer(request).reason == "default"
    rig.look_again(DIGITS)
    assert rig.complaints == {"score.bad_label": 1}


def test_where_the_label_space_is_not_known_any_label_of_sense_is_taken() -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    rig.hear(said(rig.sent[0].question.id, label="cat"))
    assert rig.answer(request).reason == "preferred"


def test_scorers_of_another_version_say_whom_to_upgrade() -> None:
    rig = AskingRig()
    request = rig.open(inquiry())
    skew = ErrorInfo("message.version", "the question has schema_version 1, scorers read 2: upgrade whoever asks")
    rig.hear(said(rig.sent[0].question.id, error=skew))
    assert codes(rig, request) == {"big": "message.version"}
    assert rig.complaints == {"message.version": 1}
