"""A spool killed at every step, and at random moments: what was kept is there once, with the right bytes."""

from pathlib import Path

import pytest

from tests.support.spool_killer import kill_at_each_step, kill_at_random
from tests.support.spool_work import check

BUSY_BOOT = "b5"  # its dice make it thin, seal, commit, dissolve and tell within few steps
LEAST_STEPS = 150  # fewer would mean that steps go by uncounted


def test_a_spool_killed_at_any_step_holds_what_it_kept(quick_path: Path) -> None:
    killed = kill_at_each_step(quick_path / "ends", BUSY_BOOT)
    assert killed >= LEAST_STEPS
    for number in range(1, killed + 2):
        check(quick_path / "ends" / str(number))


def test_a_spool_killed_at_random_moments_again_and_again_holds_what_it_kept(quick_path: Path) -> None:
    assert kill_at_random(quick_path / "spool", 20) == 20
    found = check(quick_path / "spool")
    assert len(found["kept"]) >= 10


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_spool_killed_300_times_holds_what_it_kept(tmp_path: Path) -> None:
    assert kill_at_random(tmp_path / "spool", 300) == 300
    found = check(tmp_path / "spool")
    assert len(found["kept"]) >= 150
