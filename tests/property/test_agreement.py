"""Agreement is symmetric, never grows when the tolerance shrinks, and its counts stay within each other."""

from collections import Counter
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from roost_edge.tasks.agreement import AgreementTally
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Answer, Late, Request, Score, Seen, agree

NUMBERS = st.floats(allow_nan=True) | st.integers(-5, 5) | st.integers(min_value=2**70)
OUTPUTS: st.SearchStrategy[Any] = st.one_of(
    st.none(), NUMBERS, st.lists(NUMBERS, max_size=4), st.just([[1.0]]), st.just("text")
)
SCORES = st.builds(Score, st.just("one"), label=st.sampled_from([None, "7", "1"]), output=OUTPUTS)
TOLERANCES = st.floats(0, 1e9)


@given(SCORES, SCORES, st.none() | TOLERANCES)
@example(Score("one", output=[1.0, "text"]), Score("one", output=[1.0, "text"]), 0.5)
def test_agreement_is_symmetric(one: Score, other: Score, tolerance: float | None) -> None:
    assert agree(one, other, tolerance) is agree(other, one, tolerance)


@given(SCORES, SCORES, TOLERANCES, TOLERANCES)
def test_a_wider_tolerance_never_ends_an_agreement(one: Score, other: Score, first: float, second: float) -> None:
    narrow, wide = sorted([first, second])
    assert agree(one, other, wide) or not agree(one, other, narrow)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.data())
def test_one_component_beyond_the_tolerance_is_disagreement(values: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    others = [value + 0.5 for value in values]
    one, other = Score("a", output=values), Score("b", output=others)
    assert agree(one, other, 0.75)
    others[place] = values[place] - 1
    assert not agree(one, other, 0.75)


NAMES = st.sampled_from(["primary", "backup", "shadow"])
EVENTS = st.tuples(st.none() | NAMES, st.dictionaries(NAMES, SCORES | st.none()), st.lists(st.tuples(NAMES, SCORES)))


@given(st.lists(EVENTS), TOLERANCES)
def test_counts_are_bounded_by_the_comparisons(events: list[Any], tolerance: float) -> None:
    tally = AgreementTally()
    compared: Counter[str] = Counter()
    request, error = Request("r", 0), ErrorInfo("worker.crashed", "it crashed")
    for chosen, scores, late in events:
        seen = tuple(Seen(name, 1, score, None if score else error) for name, score in scores.items())
        answer = Answer(request, "preferred", scores.get(chosen), seen, 1)
        if answer.score is not None:
            answer = Answer(request, "preferred", Score(chosen, output=answer.score.output), seen, 1)
            compared.update(name for name, score in scores.items() if name != chosen and score is not None)
            for name, score in late:
                tally.note_late(Late(request, Score(name, score.label), differs=bool(score.label)))
                compared[name] += 1
        tally.note_answer(answer, tolerance)
    counts = tally.to_dict()
    assert {name: one["compared"] for name, one in counts.items()} == compared
    assert all(0 <= one["agreeing"] <= one["compared"] for one in counts.values())
