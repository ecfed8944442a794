"""Which inputs are kept, why, and with what probability."""

import pytest

from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decision import Keeping, decide, decide_late
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Answer, Request, Score, Seen

NEVER = CaptureConfig(base_rate=0.0)


def answered(*scores: Score, request_id: str = "1", chosen: int | None = 0) -> Answer:
    seen = tuple(Seen(score.contestant, 1, score) for score in scores)
    return Answer(Request(request_id, 0), "preferred", None if chosen is None else scores[chosen], seen, 1)


def test_what_nothing_speaks_for_is_not_kept_at_rate_zero() -> None:
    assert decide(answered(Score("a", "4", 0.9), Score("b", "4", 0.8)), NEVER, tolerance=None) is None


def test_contestants_that_disagree_speak_for_an_input_even_if_the_answer_is_not_among_them() -> None:
    answer = answered(Score("a", "4", 0.9), Score("b", "4", 0.8), Score("shadow", "5", 0.9))
    assert decide(answer, NEVER, tolerance=None) == Keeping(("disagreement",), 1.0, 2)
    assert decide(answer, CaptureConfig(base_rate=0.0, disagreement=False), tolerance=None) is None


@pytest.mark.parametrize(("other", "kept"), [(20.4, False), (20.6, True)])
def test_numbers_disagree_beyond_the_tolerance(*, other: float, kept: bool) -> None:
    answer = answered(Score("a", output=20.0), Score("b", output=other))
    assert (decide(answer, NEVER, tolerance=0.5) is not None) is kept


def test_agreement_within_a_tolerance_is_asked_of_every_pair() -> None:
    chain = answered(Score("a", output=20.0), Score("b", output=20.4), Score("c", output=20.8))
    assert decide(chain, NEVER, tolerance=0.5) is not None


def test_a_contestant_that_failed_disagrees_with_nobody() -> None:
    answer = answered(Score("a", "4", 0.9))
    failed = Seen("b", 1, None, ErrorInfo("worker.crashed", "it is gone"))
    both = Answer(answer.request, answer.reason, answer.score, (*answer.candidates, failed), 1)
    assert decide(both, NEVER, tolerance=None) is None


@pytest.mark.parametrize(("confidence", "kept"), [(0.49, True), (0.5, False), (None, False)])
def test_an_answer_that_is_not_sure_speaks_for_its_input(*, confidence: float | None, kept: bool) -> None:
    found = decide(answered(Score("a", "4", confidence)), NEVER, tolerance=None)
    assert (found is not None and found.kept_for == ("low_confidence",)) is kept


def test_a_default_is_kept() -> None:
    assert decide(answered(chosen=None), NEVER, tolerance=None) == Keeping(("default",), 1.0, 1)


def test_an_operator_comes_first_and_all_reasons_are_told() -> None:
    answer = answered(Score("a", "4", 0.3), Score("b", "5", 0.2))
    found = decide(answer, NEVER, tolerance=None, wanted=True)
    assert found == Keeping(("operator", "disagreement", "low_confidence"), 1.0, 3)


def test_the_base_rate_is_met_and_told() -> None:
    config = CaptureConfig(base_rate=0.25)
    sure = (answered(Score("a", "4", 0.9), request_id=f"r{number}") for number in range(4000))
    kept = [found for found in (decide(answer, config, tolerance=None) for answer in sure) if found is not None]
    assert {(one.kept_for, one.probability, one.priority) for one in kept} == {(("base_rate",), 0.25, 0)}
    assert len(kept) == pytest.approx(1000, abs=120)  # more than four standard deviations


def test_at_rate_one_everything_is_kept() -> None:
    config = CaptureConfig(base_rate=1.0)
    assert all(decide(answered(Score("a", "4", 0.9), request_id=str(n)), config, tolerance=None) for n in range(100))


def test_a_late_score_that_differs_keeps_an_input() -> None:
    assert decide_late() == Keeping(("late",), 1.0, 2)
