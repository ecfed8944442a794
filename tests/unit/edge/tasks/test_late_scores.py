from roost_edge.tasks.late_scores import LateScore, LateScores


def test_the_last_of_them_are_told_and_the_rest_fills_no_memory() -> None:
    scores = LateScores()
    for number in range(5000):
        late = LateScore(
            request_id=f"r{number}", contestant="big", label="7", confidence=0.9, answer_label="1", differs=True
        )
        scores.note(late)
    assert [one["request_id"] for one in scores.to_list()] == [f"r{number}" for number in range(4984, 5000)]
