from roost_edge.late_scores import LateScore, LateScores


def late(number: int, *, differs: bool) -> LateScore:
    return LateScore(
        request_id=f"r{number}",
        task="meter",
        contestant="big",
        label="7",
        confidence=0.9,
        answer_label="1" if differs else "7",
        differs=differs,
    )


def test_those_that_differ_are_taken_for_capture_once() -> None:
    scores = LateScores()
    for number in range(4):
        scores.note(late(number, differs=number % 2 == 1))
    assert [one.request_id for one in scores.recent] == ["r0", "r1", "r2", "r3"]
    assert scores.captures == 2
    assert [one.request_id for one in scores.take_captures()] == ["r1", "r3"]
    assert scores.take_captures() == []


def test_nobody_taking_them_fills_no_memory() -> None:
    scores = LateScores()
    for number in range(5000):
        scores.note(late(number, differs=True))
    assert len(scores.recent) == 64
    assert scores.captures + scores.missed == 5000
    assert scores.take_captures()[-1].request_id == "r4999"
