"""Folders that outlive an attempt are one trainer's of one task of one tenant."""

from pathlib import Path

import pytest

from roost_cloud.runs.workshop import Workshop

LEFT = ("a.b", "c", "head")


@pytest.mark.parametrize(
    ("whose", "found"),
    [
        pytest.param(LEFT, True, id="the same"),
        pytest.param(("a", "b.c", "head"), False, id="tenant and task that read alike when joined"),
        pytest.param(("a.b", "d", "head"), False, id="another task"),
        pytest.param(("a.b", "c", "torch"), False, id="another trainer"),
    ],
)
def test_a_cache_is_found_by_whoever_left_it(tmp_path: Path, whose: tuple[str, str, str], found: bool) -> None:  # noqa: FBT001
    workshop = Workshop(tmp_path / "root")
    workshop.open()
    first, then = tmp_path / "root" / "first", tmp_path / "root" / "then"
    with workshop.cache(*LEFT, first):
        first.mkdir()
        (first / "features").touch()
    with workshop.cache(*whose, then):
        assert (then / "features").exists() == found
    workshop.close()


def test_a_root_that_is_somebody_elses_is_not_worked_in(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match="somebody else's"):
        Workshop(tmp_path / "root").open()
    assert list((tmp_path / "theirs").iterdir()) == []
