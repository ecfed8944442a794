"""How what a device reports differs from what it is assigned, in a word."""

from itertools import product

import pytest

from roost_cloud.assignments.following import Told, following

FOLLOWS = Told(version=7, desired=7, confirmed=True, trust="fresh", problem=False)


@pytest.mark.parametrize(
    ("assigned", "told", "word"),
    [
        (0, None, "none"),
        (0, FOLLOWS, "none"),
        (7, None, "unknown"),
        (6, FOLLOWS, "unknown"),  # a cloud that was restored from a copy
        (7, FOLLOWS, "following"),
        (7, FOLLOWS._replace(confirmed=False), "pending"),  # on trial
        (8, FOLLOWS, "pending"),
        (8, FOLLOWS._replace(desired=8), "pending"),  # being fetched
        (8, FOLLOWS._replace(desired=8, problem=True), "refused"),  # does not work there
        (8, FOLLOWS._replace(problem=True), "refused"),  # is not believed there
        (9, FOLLOWS._replace(desired=8, problem=True), "pending"),  # what it refused is not the newest
        (8, FOLLOWS._replace(trust="stale"), "stale"),
        (8, FOLLOWS._replace(trust="stale", problem=True), "stale"),
        (8, FOLLOWS._replace(trust="unreachable"), "stale"),
        (7, FOLLOWS._replace(trust="unreachable"), "following"),
        (8, FOLLOWS._replace(desired=8, trust="unreachable"), "pending"),  # believed already
    ],
)
def test_the_word(assigned: int, told: Told | None, word: str) -> None:
    assert following(assigned, told) == word


def test_whatever_is_told_there_is_a_word_and_only_who_runs_the_newest_follows() -> None:
    trusts = ("fresh", "stale", "refused", "unreachable", "unchecked", "of a later agent")
    for version, desired, confirmed, trust, problem in product(
        (0, 6, 7, 8), (0, 6, 7, 8), (True, False), trusts, (True, False)
    ):
        word = following(7, Told(version, desired, confirmed, trust, problem))
        assert (word == "following") == (version == 7 and desired <= 7 and confirmed)
