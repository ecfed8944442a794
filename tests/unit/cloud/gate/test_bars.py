"""Whether a bar still means the same: shares by weight, and the bar that gives them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.gate.bars import matching_bar, share_reaching

_CONFIDENCES = st.lists(
    st.tuples(st.none() | st.floats(0, 1), st.floats(0.1, 10)), min_size=1, max_size=30
)  # with weights


def test_a_share_counts_by_weight_and_the_bar_itself_reaches_it() -> None:
    assert share_reaching([0.8, 0.79, None], [2.0, 1.0, 1.0], 0.8) == 0.5
    assert share_reaching([], [], 0.8) == 0.0
    assert share_reaching([None], [1.0], 0.0) == 0.0


@given(_CONFIDENCES, st.floats(0, 1))
def test_the_share_of_a_bar_is_found_again(given_: list[tuple[float | None, float]], bar: float) -> None:
    confidences, weights = [c for c, _ in given_], [w for _, w in given_]
    share = share_reaching(confidences, weights, bar)
    anew = matching_bar(confidences, weights, share, old=bar, within=0.05)
    if anew is not None:
        assert 0 <= anew <= 1
        assert abs(share_reaching(confidences, weights, anew) - share) <= 0.05
    if all(c is None or round(c, 6) == c for c in confidences):
        assert anew is not None


@pytest.mark.parametrize(
    ("share", "old", "bar"),
    [(0.5, 0.9, 0.63), (1.0, 0.7, 0.6), (1.0, 0.5, 0.5), (0.0, 0.9, 0.9), (0.25, 0.6, 0.64), (0.0, 0.6, 0.67)],
)
def test_the_nearest_share_then_the_nearest_bar(share: float, old: float, bar: float) -> None:
    confidences: list[float | None] = [0.601, 0.622, 0.634, 0.66]
    assert matching_bar(confidences, [1.0] * 4, share, old=old, within=0.05) == pytest.approx(bar)


def test_more_decimals_only_where_two_do_not_do() -> None:
    close: list[float | None] = [0.99901, 0.99902, 0.99903, 0.99904]
    assert matching_bar(close, [1.0] * 4, 0.5, old=0.9, within=0.05) == 0.999021


def test_one_confidence_for_all_gives_no_other_share() -> None:
    assert matching_bar([0.7] * 10, [1.0] * 10, 0.5, old=0.8, within=0.05) is None
    assert matching_bar([None] * 10, [1.0] * 10, 0.5, old=0.8, within=0.05) is None
