"""What of a device's assignments survives on the disk, and what a damaged disk comes to."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from roost_edge.installer import pointer
from roost_edge.installer.errors import NotStagedError, PlanDamagedError, PointerDamagedError, StoreUnwritableError
from roost_edge.installer.plan import InForce, Plan
from roost_edge.installer.service import mend
from roost_edge.installer.standing import Standing, confirm
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin

DIGEST = "sha256:" + "a" * 64
DAMAGE = [b"", b"{", b"[]", b"\x00" * 50, b'{"current": "six"}', b"{}" + b" " * (2 << 20)]


def plan_of(version: int) -> Plan:
    pin = BundlePin(name="meter", version=str(version), digest=DIGEST)
    task = AssignedTask(contestants=(AssignedContestant(name="primary", bundle=pin),))
    assignment = Assignment(tenant="acme", device="cam-01", version=version, issued_at="", tasks={"meter": task})
    return Plan(assignment=assignment, folders={DIGEST: "bundles/aaa"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A device that runs version 7, not confirmed, after 6."""
    (tmp_path / "bundles/aaa").mkdir(parents=True)
    for version in (6, 7):
        pointer.write_plan(tmp_path, plan_of(version))
    pointer.change_standing(tmp_path, lambda _: Standing(current=7, previous=6, newest=7, confirmed=False))
    return tmp_path


def test_nothing_is_in_force_where_nothing_was(tmp_path: Path) -> None:
    assert pointer.read_in_force(tmp_path) == InForce()
    assert pointer.count_boot(tmp_path) is None
    assert not list(tmp_path.iterdir()), "looking leaves nothing behind"


def test_what_is_in_force_is_read_with_what_was_before(state: Path) -> None:
    assert pointer.read_in_force(state) == InForce(plan=plan_of(7), previous=plan_of(6), confirmed=False)


def test_a_change_that_fails_changes_nothing(state: Path) -> None:
    before = pointer.read_standing(state)
    with pytest.raises(NotStagedError):
        pointer.change_standing(state, lambda standing: confirm(standing, 9))
    assert pointer.read_standing(state) == before


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_pointer_is_told_and_nothing_is_in_force(state: Path, damage: bytes) -> None:
    (state / "assignments/pointer.json").write_bytes(damage)
    held = pointer.read_in_force(state)
    assert (held.plan, held.previous) == (None, None)
    assert held.problem is not None
    assert held.problem.code == PointerDamagedError.code
    told = pointer.count_boot(state)
    assert told is not None
    assert told.code == PointerDamagedError.code


def test_a_pointer_of_a_newer_agent_is_not_guessed_at(state: Path) -> None:
    newer = msgspec.structs.replace(pointer.read_standing(state), schema_version=2)
    (state / "assignments/pointer.json").write_bytes(msgspec.json.encode(newer))
    assert pointer.read_in_force(state).problem is not None


@pytest.mark.parametrize("damage", [*DAMAGE, msgspec.json.encode(plan_of(8)), None])
def test_a_damaged_plan_gives_way_to_the_one_before(state: Path, damage: bytes | None) -> None:
    file = state / "assignments/7.json"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    held = pointer.read_in_force(state)
    assert (held.plan, held.previous, held.confirmed) == (plan_of(6), None, True)
    assert held.problem is not None
    assert held.problem.code == PlanDamagedError.code


def test_a_plan_without_its_bundles_is_damaged(state: Path) -> None:
    (state / "bundles/aaa").rmdir()
    held = pointer.read_in_force(state)
    assert (held.plan, held.previous) == (None, None)
    assert held.problem is not None


def test_a_start_that_cannot_be_counted_is_told_and_not_raised(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pointer, "write_durably", full)
    told = pointer.count_boot(state)
    assert told is not None
    assert told.code == StoreUnwritableError.code
    assert pointer.read_in_force(state).plan == plan_of(7)


def test_the_fourth_start_returns_and_the_agent_reads_what_it_returned_to(state: Path) -> None:
    told = [pointer.count_boot(state) for _ in range(4)]
    assert [error is None for error in told] == [True, True, True, False]
    assert pointer.read_in_force(state) == InForce(plan=plan_of(6))


def test_mending_gives_up_a_lost_version_for_the_one_before(state: Path) -> None:
    (state / "assignments/7.json").write_bytes(b"{")
    assert [fault.code for fault in mend(state)] == [PlanDamagedError.code]
    standing = pointer.read_standing(state)
    assert (standing.current, standing.previous, standing.pending) == (6, 0, 7), "7 may be assigned again"
    assert mend(state) == []


def test_mending_a_lost_way_back_keeps_what_is_in_force(state: Path) -> None:
    (state / "assignments/6.json").unlink()
    assert [fault.code for fault in mend(state)] == [PlanDamagedError.code]
    standing = pointer.read_standing(state)
    assert (standing.current, standing.previous, standing.confirmed) == (7, 0, False)


def test_mending_begins_anew_where_the_pointer_is_lost(state: Path) -> None:
    (state / "assignments/pointer.json").write_bytes(b"{")
    assert [fault.code for fault in mend(state)] == [PointerDamagedError.code]
    assert pointer.read_standing(state) == Standing()


def test_files_that_are_no_plans_are_none(state: Path) -> None:
    for name in ("x.json", "²7.json", "7.json.bak", ".7.json.tmp"):
        (state / "assignments" / name).write_bytes(b"")
    assert pointer.plans_kept(state) == [6, 7]
