"""Which version is in force, step by step; the laws over any order of steps are in tests/property."""

import pytest

from roost_edge.installer.errors import NotStagedError
from roost_edge.installer.standing import (
    CRASH_LOOP,
    Standing,
    believe,
    boot,
    confirm,
    lose_current,
    put_in_force,
    refuse,
    take_back,
)
from roost_shared.messages import ErrorInfo

WHY = ErrorInfo("install.slow", "too slow")
US = "acme/d/cam-01/0123"


def trying(version: int = 7, before: Standing | None = None) -> Standing:
    """A version that is in force and has nothing proven."""
    standing = believe(before or Standing(current=6, previous=5, newest=6), version, "sha256:7", US)
    return put_in_force(standing, version)


def test_what_is_put_in_force_leaves_the_one_before_to_return_to() -> None:
    standing = trying()
    assert (standing.current, standing.previous, standing.confirmed) == (7, 6, False)


def test_what_is_confirmed_keeps_the_one_before() -> None:
    standing = confirm(trying(), 7)
    assert (standing.current, standing.previous, standing.confirmed) == (7, 6, True)


def test_what_is_taken_back_is_refused_and_the_one_before_is_in_force_proven() -> None:
    standing = take_back(trying(), 7, WHY)
    assert (standing.current, standing.previous, standing.confirmed) == (6, 0, True)
    assert standing.why_refused(7) == WHY
    assert standing.pending == 0


def test_a_staged_version_that_is_taken_back_never_comes_in_force() -> None:
    staged = believe(Standing(current=6, newest=6), 7, "sha256:7", US)
    standing = take_back(staged, 7, WHY)
    assert standing.current == 6
    with pytest.raises(NotStagedError):
        put_in_force(standing, 7)


def test_a_refused_version_is_tried_only_as_a_higher_one() -> None:
    standing = take_back(trying(), 7, WHY)
    assert believe(standing, 7, "sha256:other seal", US).why_refused(7) == WHY
    assert trying(8, standing).current == 8


def test_a_superseded_version_is_not_put_in_force() -> None:
    standing = believe(believe(Standing(), 7, "a", US), 8, "b", US)
    with pytest.raises(NotStagedError):
        put_in_force(standing, 7)
    assert put_in_force(standing, 8).current == 8


@pytest.mark.parametrize("version", [0, 6, 8])
def test_only_what_is_in_force_is_confirmed(version: int) -> None:
    with pytest.raises(NotStagedError):
        confirm(trying(), version)


def test_nothing_is_put_in_force_where_nothing_was_believed() -> None:
    with pytest.raises(NotStagedError):
        put_in_force(Standing(), 0)


def test_saying_it_again_changes_nothing() -> None:
    standing = trying()
    assert put_in_force(standing, 7) == standing
    confirmed = confirm(standing, 7)
    assert confirm(confirmed, 7) == confirmed
    back = take_back(standing, 7, WHY)
    assert take_back(back, 7, WHY) == back


def test_three_starts_are_allowed_and_the_fourth_returns() -> None:
    standing = trying()
    for _ in range(3):
        standing, error = boot(standing)
        assert (standing.current, error) == (7, None)
    standing, error = boot(standing)
    assert error is not None
    assert error.code == CRASH_LOOP
    assert (standing.current, standing.confirmed, standing.why_refused(7)) == (6, True, error)
    assert boot(standing) == (standing, None)


def test_starts_of_a_proven_version_are_not_counted() -> None:
    standing = confirm(boot(trying()).standing, 7)
    assert standing.unconfirmed_boots == 0
    for _ in range(9):
        assert boot(standing) == (standing, None)


def test_a_first_version_that_crashes_leaves_none() -> None:
    standing = put_in_force(believe(Standing(), 1, "a", US), 1)
    for _ in range(4):
        standing, _ = boot(standing)
    assert (standing.current, standing.confirmed) == (0, True)


def test_that_the_newest_is_refused_is_not_forgotten_for_an_older_one() -> None:
    standing = refuse(believe(trying(), 8, "b", US), 8, WHY)
    standing = take_back(standing, 7, ErrorInfo("install.crashed", "crashed"))
    assert standing.why_refused(8) == WHY
    assert standing.current == 6


def test_a_lost_version_may_be_assigned_again() -> None:
    standing = lose_current(confirm(trying(), 7))
    assert (standing.current, standing.pending) == (6, 7)
    assert put_in_force(standing, 7).previous == 6


def test_another_root_or_name_counts_versions_anew() -> None:
    standing = believe(take_back(trying(), 7, WHY), 7, "sha256:theirs", "beta/d/cam-01/4567")
    assert standing.why_refused(7) is None
