import pytest

from roost_cloud.labels.agreement import agreement, alpha, kappa


def test_all_alike_is_one_and_chance_is_zero() -> None:
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]) == 0
    assert kappa([("a", "b"), ("b", "a")]) == -1
    assert alpha(["aa", "bb"]) == 1
    assert alpha(["ab", "ba"]) == pytest.approx(-0.5)


def test_where_there_is_nothing_to_measure_nothing_is_said() -> None:
    assert kappa([]) is kappa([("a", "a")] * 9) is alpha([]) is alpha(["a", "b"]) is alpha(["aa", "aa"]) is None


def test_pairs_are_of_those_who_saw_the_same_samples() -> None:
    said = {
        ("cam", "1"): {"ann": "7", "ben": "7"},
        ("cam", "2"): {"ann": "1", "ben": "7", "cid": "1"},
        ("cam", "3"): {"dan": "1"},
    }
    found = agreement(said)
    assert found.samples == 2
    assert [pair[:4] for pair in found.pairs] == [("ann", "ben", 2, 1), ("ann", "cid", 1, 1), ("ben", "cid", 1, 0)]
    assert found.alpha == alpha(["77", "171"])
