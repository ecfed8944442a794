"""The order in which several processes take the tests."""

from collections.abc import Sequence

from tests.support.dealing import deal


def seconds(module: Sequence[str]) -> float:
    return {"d": 120, "l": 600, "s": 120}.get(module[0][0], 0)


MODULES = [["d1", "d2", "d3"], ["q1", "q2", "q3", "q4", "q5"], ["s1"], ["l1", "l2"], ["q6", "q7"]]


def test_every_test_is_dealt_once() -> None:
    everything = sorted(test for module in MODULES for test in module)
    for shares in (1, 2, 3, 4, 20):
        assert sorted(deal(MODULES, shares, seconds=seconds)) == everything


def test_each_share_begins_with_what_takes_long_and_the_longest_is_first_of_all() -> None:
    order = deal(MODULES, 2, seconds=seconds)
    assert order[:6] == ["l1", "l2", "s1", "q1", "q2", "q3"]
    assert order[6:] == ["d1", "d2", "d3", "q4", "q5", "q6", "q7"], "xdist gives the last what is left over"


def test_modules_that_take_long_stay_whole_even_where_a_share_is_full() -> None:
    order = deal([["d1", "d2", "d3", "d4", "d5"], ["q1"]], 3, seconds=seconds)
    assert order == ["d1", "d2", "d3", "d4", "d5", "q1"]
