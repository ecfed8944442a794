"""Identity, overload, unexpected events and bounded memory."""

import pytest

from roost_shared.clock import MS, SECOND
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import (
    SHED,
    Answer,
    AnswerMemory,
    Contestant,
    Effect,
    Rendezvous,
    Request,
    Rule,
    Score,
    Seen,
    TaskPolicy,
)
from tests.support.timeline import FAILS, START_NS, answer_of, describe, play, play_effects

POLICY = TaskPolicy(
    task="meter",
    contestants=(
        Contestant(name="primary"),
        Contestant(name="backup"),
        Contestant(name="candidate", role="shadow"),
        Contestant(name="recorder", role="decoy"),
    ),
    rules=(Rule(accept="primary", min_confidence=0.8), Rule(accept="backup", after_ms=80)),
    deadline_ms=300,
)
SURE = Score("primary", "7", 0.9)


def words(effects: list[Effect]) -> list[str]:
    return [describe(effect) for effect in effects]


def answered(rendezvous: Rendezvous, request_id: str, now_ns: int = START_NS) -> Answer:
    """Take one request through to its close."""
    rendezvous.open(Request(request_id, now_ns), POLICY, now_ns)
    (answer,) = rendezvous.score(request_id, SURE, now_ns)
    rendezvous.failure(request_id, "backup", FAILS, now_ns)
    assert words(rendezvous.failure(request_id, "candidate", FAILS, now_ns)) == ["close"]
    assert isinstance(answer, Answer)
    return answer


# ---- duplicates


def test_a_repeated_id_of_an_open_request_gets_that_requests_answer_when_it_comes() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    again = Request("r1", START_NS + 5)
    assert words(rendezvous.open(again, POLICY, START_NS + 5)) == ["duplicate of an open request"]
    assert words(rendezvous.score("r1", SURE, START_NS + 10)) == ["answer preferred primary"]
    assert (len(rendezvous), rendezvous.unanswered) == (1, 0)


def test_a_repeated_id_of_an_answered_request_gets_the_answer_it_already_got() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    (answer,) = rendezvous.score("r1", SURE, START_NS)
    again = Request("r1", START_NS + 5)
    (duplicate,) = rendezvous.open(again, POLICY, START_NS + 5)
    assert (duplicate.request, duplicate.answer) == (again, answer)  # type: ignore[union-attr]


def test_a_repeated_id_of_a_closed_request_gets_the_answer_it_already_got() -> None:
    rendezvous = Rendezvous()
    answer = answered(rendezvous, "r1")
    (duplicate,) = rendezvous.open(Request("r1", START_NS + SECOND), POLICY, START_NS + SECOND)
    assert duplicate.answer == answer  # type: ignore[union-attr]
    assert len(rendezvous) == 0


@pytest.mark.parametrize(("age_s", "what"), [(600, ["duplicate"]), (600.001, [])])
def test_an_answer_is_forgotten_after_ten_minutes(age_s: float, what: list[str]) -> None:
    rendezvous = Rendezvous()
    answered(rendezvous, "r1")
    later_ns = START_NS + round(age_s * SECOND)
    assert words(rendezvous.open(Request("r1", later_ns), POLICY, later_ns)) == what


def test_the_oldest_answers_are_forgotten_beyond_the_limit() -> None:
    rendezvous = Rendezvous(memory=AnswerMemory(limit=2))
    for request_id in ("r1", "r2", "r3"):
        answered(rendezvous, request_id)
    assert words(rendezvous.open(Request("r2", START_NS), POLICY, START_NS)) == ["duplicate"]
    assert words(rendezvous.open(Request("r3", START_NS), POLICY, START_NS)) == ["duplicate"]
    assert words(rendezvous.open(Request("r1", START_NS), POLICY, START_NS)) == []


def test_a_forgotten_id_that_is_answered_again_is_remembered_again() -> None:
    rendezvous = Rendezvous()
    answered(rendezvous, "r1")
    later_ns = START_NS + 601 * SECOND
    second = answered(rendezvous, "r1", later_ns)
    (duplicate,) = rendezvous.open(Request("r1", later_ns + 599 * SECOND), POLICY, later_ns + 599 * SECOND)
    assert duplicate.answer == second  # type: ignore[union-attr]


def test_a_memory_gives_back_space_as_answers_age() -> None:
    memory = AnswerMemory(age_limit_ns=10)
    for moment in range(5):
        memory.remember(Answer(Request(f"r{moment}", 0), "default", None, (), elapsed_ns=moment))
    assert memory.recall("another", 12) is None
    assert len(memory) == 3


def test_remembered_answers_are_bounded_by_the_numbers_they_hold() -> None:
    memory = AnswerMemory(numbers_limit=1000)
    for number in range(50):
        score = Score("embedder", output=[0.5] * 100)
        memory.remember(Answer(Request(f"r{number}", 0), "preferred", score, (), 1))
    assert len(memory) == 9
    assert memory.recall("r49", 1) is not None
    assert memory.recall("r40", 1) is None
    memory.remember(Answer(Request("r49", 0), "default", None, (), 1))
    for number in range(100, 1000):
        memory.remember(Answer(Request(f"r{number}", 0), "default", None, (), 1))
    assert len(memory) <= 1000


def test_of_remembered_candidates_only_what_an_answer_says_of_them_is_kept() -> None:
    memory = AnswerMemory()
    score = Score("primary", "7", 0.9, top=(("7", 0.9),), output=[1.0], bundle="b")
    memory.remember(Answer(Request("a", 0), "preferred", score, (Seen("primary", 5, score),), 6))
    answer = memory.recall("a", 6)
    assert answer is not None
    assert answer.score == score
    assert answer.candidates == (Seen("primary", 5, Score("primary", "7", 0.9, bundle="b")),)


def test_ids_minted_here_are_not_remembered() -> None:
    rendezvous = Rendezvous(memory=(memory := AnswerMemory()))
    rendezvous.open(Request("m1", START_NS, remember=False), POLICY, START_NS)
    rendezvous.score("m1", SURE, START_NS)
    assert len(memory) == 0


# ---- overload


def test_one_request_too_many_gets_the_default_at_once() -> None:
    rendezvous = Rendezvous(max_open=2)
    for request_id in ("r1", "r2"):
        rendezvous.open(Request(request_id, START_NS), POLICY, START_NS)
    effects = rendezvous.open(Request("r3", START_NS), POLICY, START_NS + 7)
    assert words(effects) == ["answer overloaded", "close"]
    assert effects[0].elapsed_ns == 7  # type: ignore[union-attr]
    assert len(rendezvous) == 2


def test_a_duplicate_is_no_overload() -> None:
    rendezvous = Rendezvous(max_open=1)
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    assert words(rendezvous.open(Request("r1", START_NS), POLICY, START_NS)) == ["duplicate of an open request"]


def test_an_overloaded_answer_is_the_answer_its_id_got() -> None:
    rendezvous = Rendezvous(max_open=0)
    (answer, _) = rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    (duplicate,) = rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    assert duplicate.answer == answer  # type: ignore[union-attr]


def test_requests_that_wait_for_late_scores_only_take_no_place() -> None:
    rendezvous = Rendezvous(max_open=1)
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    rendezvous.score("r1", SURE, START_NS)
    assert rendezvous.unanswered == 0
    assert words(rendezvous.open(Request("r2", START_NS), POLICY, START_NS)) == []


# ---- contestants that sit out


def test_an_absent_contestant_is_a_failure_from_the_start_and_told_so() -> None:
    effects = play_effects(POLICY, Request("r1", START_NS), [(10, "backup", 0.5)], absent={"primary": SHED})
    ms, answer = answer_of(effects)
    assert (ms, describe(answer)) == (10, "answer fallback backup")
    (first, *_) = answer.candidates
    assert (first.contestant, first.elapsed_ns, first.error) == ("primary", 0, SHED)


def test_a_shed_shadow_is_told_and_not_waited_for() -> None:
    effects = play_effects(
        POLICY,
        Request("r1", START_NS),
        [(10, "primary", 0.9), (20, "backup", FAILS)],
        absent={"candidate": SHED},
    )
    assert [(ms, describe(effect)) for ms, effect in effects] == [(10, "answer preferred primary"), (20, "close")]
    assert "candidate" in [seen.contestant for seen in answer_of(effects)[1].candidates]


def test_absent_contestants_the_task_does_not_have_are_ignored() -> None:
    _, answer = answer_of(play_effects(POLICY, Request("r1", START_NS), [], absent={"nobody": SHED, "recorder": SHED}))
    assert answer.candidates == ()


def test_everybody_absent_is_the_default_at_once() -> None:
    assert play(POLICY, absent={"primary": SHED, "backup": SHED}) == [(0, "answer default")]


# ---- unexpected events


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), 1.5, -0.1])
def test_a_confidence_beyond_belief_is_a_failure(confidence: float) -> None:
    effects = play_effects(POLICY, Request("r1", START_NS), [(10, "primary", confidence), (20, "backup", 0.5)])
    ms, answer = answer_of(effects)
    assert (ms, describe(answer)) == (20, "answer fallback backup")
    assert answer.candidates[0].error == ErrorInfo(
        "score.bad_confidence", "the confidence is not a number between 0 and 1"
    )


@pytest.mark.parametrize("confidence", [0.0, 1.0, 0, 1])
def test_the_ends_of_the_scale_are_confidences(confidence: float) -> None:
    reason = "preferred" if confidence else "fallback"
    story = [(10, "backup", FAILS), (20, "primary", confidence)]
    assert play(POLICY, story) == [(20, f"answer {reason} primary")]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["nobody", "recorder"])
def test_a_score_from_somebody_who_takes_no_part_is_counted(name: str) -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    for _ in range(2):
        assert rendezvous.score("r1", Score(name, "7", 1.0), START_NS) == []
        assert rendezvous.failure("r1", name, FAILS, START_NS) == []
    assert rendezvous.counts == {"unexpected_score": 2, "unexpected_failure": 2}


def test_a_contestant_is_heard_once() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    assert rendezvous.score("r1", Score("primary", "1", 0.1), START_NS) == []
    assert rendezvous.score("r1", SURE, START_NS) == []
    assert rendezvous.failure("r1", "primary", FAILS, START_NS) == []
    assert rendezvous.counts == {"unexpected_score": 1, "unexpected_failure": 1}
    assert words(rendezvous.failure("r1", "backup", FAILS, START_NS)) == ["answer fallback primary"]


def test_events_of_a_request_nobody_opened_are_counted() -> None:
    rendezvous = Rendezvous()
    for _ in range(2):
        assert rendezvous.score("r1", SURE, START_NS) == []
        assert rendezvous.failure("r1", "primary", FAILS, START_NS) == []
    assert rendezvous.counts == {"unknown_request": 4}


# ---- time


def test_nothing_open_needs_no_waking() -> None:
    rendezvous = Rendezvous()
    assert rendezvous.next_wake_ns is None
    assert rendezvous.tick(START_NS) == []
    answered(rendezvous, "r1")
    assert rendezvous.next_wake_ns is None


def test_it_wants_waking_when_the_first_request_does() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    rendezvous.open(Request("r2", START_NS, deadline_ns=100 * MS), POLICY, START_NS)
    assert rendezvous.next_wake_ns == START_NS + 95 * MS
    assert rendezvous.tick(START_NS + 95 * MS - 1) == []
    assert words(rendezvous.tick(START_NS + 95 * MS)) == ["answer default"]
    assert rendezvous.next_wake_ns == START_NS + 295 * MS


def test_it_wants_waking_when_a_rule_will_open_for_a_score_that_is_there() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("r1", START_NS), POLICY, START_NS)
    rendezvous.score("r1", Score("backup", "7", 0.5), START_NS + 10)
    assert rendezvous.next_wake_ns == START_NS + 80 * MS


def test_one_late_tick_serves_all_that_are_due_in_the_order_they_were_due() -> None:
    rendezvous = Rendezvous()
    for request_id, deadline_ms in (("r1", 200), ("r2", 100), ("r3", 300)):
        rendezvous.open(Request(request_id, START_NS, deadline_ms * MS), POLICY, START_NS)
    effects = rendezvous.tick(START_NS + 250 * MS)
    assert [effect.request.id for effect in effects] == ["r2", "r1"]


# ---- nothing is held


def test_the_timers_of_closed_requests_are_swept() -> None:
    """Each close leaves timers behind; a shell that is never idle must not collect them."""
    rendezvous = Rendezvous(memory=AnswerMemory(limit=10))
    for number in range(5_000):
        answered(rendezvous, f"r{number}")
    assert len(rendezvous) == 0
    assert len(rendezvous._timers) <= 1_025


def test_the_sweep_keeps_the_timers_of_open_requests() -> None:
    rendezvous = Rendezvous()
    rendezvous.open(Request("first", START_NS), POLICY, START_NS)
    for number in range(2_000):
        answered(rendezvous, f"r{number}")
    assert rendezvous.next_wake_ns == START_NS + 295 * MS
    assert words(rendezvous.tick(START_NS + 295 * MS)) == ["answer default"]
