"""A device's assignment changes while requests run: none is lost, none is late, and what is bad makes way by itself.

Workers are real; the installer is a test's own.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.installer import protocol
from roost_edge.installer.pointer import read_in_force
from roost_edge.settings.config import ContestantConfig, TaskConfig
from roost_shared.assignment import Trial
from roost_shared.bundle import Bundle
from tests.support.changeover_rig import ChangeoverRig, altered, fast, plan_of, slow

QUICK = Trial(shadow_inputs=10, watch_inputs=20, shadow_s=30, watch_s=30)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    first = fast(folder / "1", "1")
    return {
        "1": first,
        "2": fast(folder / "2", "2"),
        "turned": fast(folder / "turned", "3", turned=True, document={"predicted_disagreement": 0.0}),
        "altered": altered(folder / "altered", fast(folder / "4", "4")),
        "slow": slow(folder / "slow", "5"),
    }


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ChangeoverRig]:
    with ChangeoverRig(tmp_path / "state", {"meter": TaskConfig(default="nobody")}) as rig:
        yield rig


def test_a_new_version_takes_over_under_load_and_nothing_is_lost_or_late(
    rig: ChangeoverRig, bundles: dict[str, Bundle]
) -> None:
    unassigned = rig.answer()
    assert (unassigned.label, unassigned.error and unassigned.error.code) == ("nobody", "task.unassigned")
    rig.given.clear()
    rig.asked = 0

    rig.stage(plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
    rig.until_settled(1)
    first_pid = rig.pid()
    rig.feed(every_ms=10)
    rig.pass_time(0.3)
    rig.stage(plan_of(2, {"primary": bundles["2"]}, trial=QUICK))
    rig.until_phase("shadowing")
    shadow_pid = rig.pid("primary.next")
    rig.until_settled(2)
    rig.pass_time(0.2)
    rig.starve()

    assert (rig.lost, rig.late) == (0, 0)
    assert set(rig.versions) == {"1", "2"}
    order = [one.answer.bundle for one in rig.given]
    assert order.index(bundles["2"].reference) == order.count(bundles["1"].reference), (
        "it is never the old one's again"
    )
    assert rig.pid() == shadow_pid, "the process that was on trial answers"
    assert not _runs(first_pid), "what is of no use any more has ended"
    assert not any(one.answer.unsigned for one in rig.given)
    assert rig.desk.tasks["meter"].tally.answers == rig.asked + 1, "what counts goes on counting"
    (install,) = rig.follower.progress.installs
    assert (install.phase, install.bundle) == ("confirmed", bundles["2"].reference)
    assert install.evidence["scored"] >= 20
    assert install.evidence["disagreement"] == 0
    assert read_in_force(rig.config.state_dir).confirmed


@pytest.mark.parametrize(
    ("bundle", "code"),
    [("altered", "install.golden"), ("slow", "install.slow"), ("turned", "install.disagreement")],
)
def test_a_bundle_that_does_not_do_never_answers(
    rig: ChangeoverRig, bundles: dict[str, Bundle], bundle: str, code: str
) -> None:
    first = plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0))
    rig.settle(first)
    rig.feed(every_ms=20)
    rig.stage(plan_of(2, {"primary": bundles[bundle]}, trial=Trial(shadow_inputs=20, shadow_s=30, p95_ms=40)))
    rig.until_settled(2)
    rig.starve()
    assert rig.problem is not None
    assert rig.problem.code == code, rig.problem
    assert (rig.lost, rig.late, set(rig.versions)) == (0, 0, {"1"})
    assert [one.phase for one in rig.follower.progress.installs] == ["failed"]
    assert isinstance(rig.installer.told[-1], protocol.TakeBack)
    assert read_in_force(rig.config.state_dir).plan == first


def test_one_that_crashes_again_and_again_once_it_answers_makes_way_by_itself(
    rig: ChangeoverRig, bundles: dict[str, Bundle]
) -> None:
    rig.stage(plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
    rig.until_settled(1)
    trial = Trial(shadow_inputs=5, shadow_s=30, watch_inputs=100_000, watch_s=600)
    rig.feed(every_ms=20)
    rig.stage(plan_of(2, {"primary": bundles["2"]}, trial=trial))
    rig.until_phase("watching")
    killed: set[int] = set()

    def kill() -> bool:
        pid = rig.pid() if rig.phase == "watching" else None
        if pid is not None and pid not in killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        return rig.phase == "idle"

    rig.until(kill, "the device returns")
    back = len(rig.given)
    rig.pass_time(0.2)
    rig.starve()
    assert len(killed) >= 3
    assert rig.problem is not None
    assert rig.problem.code == "install.crashed"
    assert {one.answer.bundle for one in rig.given[back:]} == {bundles["1"].reference}
    assert all(one.answer.reason == "preferred" for one in rig.given[back:])
    assert [one.phase for one in rig.follower.progress.installs] == ["rolled_back"]


def test_contestants_come_and_go_and_those_that_stay_keep_their_processes(
    rig: ChangeoverRig, bundles: dict[str, Bundle]
) -> None:
    at_once = Trial(shadow_inputs=0, watch_inputs=0)
    rig.settle(plan_of(1, {"primary": bundles["1"]}, trial=at_once))
    pid = rig.pid()
    rig.feed(every_ms=10)
    rig.settle(plan_of(2, {"primary": bundles["1"], "shadow": bundles["2"]}, trial=at_once))
    assert rig.pid() == pid
    assert rig.pid("shadow") not in (None, pid)
    rig.settle(plan_of(3, {"primary": bundles["1"]}, trial=at_once))
    rig.starve()
    assert rig.pid() == pid
    assert (rig.lost, rig.late, set(rig.versions)) == (0, 0, {"1"})


@pytest.mark.parametrize("phase", ["starting", "shadowing", "watching"])
def test_started_again_in_any_phase_it_runs_what_is_in_force(
    tmp_path: Path, bundles: dict[str, Bundle], phase: str
) -> None:
    state_dir, trial = tmp_path / "state", Trial(shadow_inputs=5, watch_inputs=100_000, watch_s=600)
    with ChangeoverRig(state_dir) as rig:
        rig.settle(plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
        if phase == "watching":
            rig.feed(every_ms=10)
        rig.stage(plan_of(2, {"primary": bundles["2"]}, trial=trial))
        rig.until_phase(phase)
    with ChangeoverRig(state_dir) as rig:
        version = "2" if phase == "watching" else "1"
        assert rig.answer().bundle == bundles[version].reference
        assert rig.phase == ("watching" if phase == "watching" else "idle")
        if phase != "watching":
            (install,) = rig.follower.progress.installs
            assert (install.bundle, install.phase) == (bundles["1"].reference, "confirmed"), (
                "what it was is not forgotten"
            )
            assert install.evidence.keys() == {"golden", "golden_hash", "hardware"}
        if phase == "watching":  # and it can still return
            rig.until(lambda: rig.pid("primary.prev"), "what was before is there")
            rig.stage(plan_of(3, {"primary": bundles["1"]}, trial=QUICK))
            rig.until_settled(3)
            assert rig.answer().bundle == bundles["1"].reference
            assert rig.follower.changeover.in_force == 3


def test_an_installer_that_died_is_told_again_and_costs_no_answer(
    rig: ChangeoverRig, bundles: dict[str, Bundle]
) -> None:
    rig.settle(plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
    rig.feed(every_ms=10)
    rig.installer.deaf = True
    rig.stage(plan_of(2, {"primary": bundles["2"]}, trial=QUICK))
    rig.until_phase("committing")
    rig.pass_time(0.3)
    assert set(rig.versions) == {"1"}, "what is not durably in force does not answer"
    pid = rig.pid("primary.next")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # nor does what comes into force while it cannot
    rig.until(lambda: rig.pid("primary.next") != pid, "it is known to be dead")
    rig.installer.come_back()
    rig.until_settled(2)
    rig.starve()
    assert (rig.lost, rig.late, rig.follower.changeover.in_force) == (0, 0, 2)


def test_a_task_that_agent_toml_states_itself_is_not_assigned_to_others(
    tmp_path: Path, bundles: dict[str, Bundle]
) -> None:
    own = TaskConfig(deadline_ms=2000, contestants=[ContestantConfig(name="own", bundle=bundles["1"].folder)])
    with ChangeoverRig(tmp_path / "state", {"meter": own}) as rig:
        rig.stage(plan_of(1, {"primary": bundles["2"]}))
        rig.until_settled(1)
        assert rig.problem is not None
        assert rig.problem.code == "task.local"
        assert rig.answer().contestant == "own"


def test_a_first_assignment_that_does_not_do_leaves_the_task_to_nobody(
    rig: ChangeoverRig, bundles: dict[str, Bundle]
) -> None:
    rig.stage(plan_of(1, {"primary": bundles["altered"]}))
    rig.until_settled(1)
    answer = rig.answer()
    assert (answer.label, answer.error and answer.error.code) == ("nobody", "task.unassigned")
    assert read_in_force(rig.config.state_dir).plan is None
    rig.settle(plan_of(2, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
    assert rig.answer().bundle == bundles["1"].reference


def test_tasks_come_and_go_and_come_back_with_what_was_before(rig: ChangeoverRig, bundles: dict[str, Bundle]) -> None:
    at_once, long = Trial(shadow_inputs=0, watch_inputs=0), Trial(shadow_inputs=0, watch_inputs=9, watch_s=600)
    rig.settle(plan_of(1, {"primary": bundles["1"]}, trial=at_once))
    rig.stage(plan_of(2, {"primary": bundles["2"]}, task="other", trial=long))
    rig.until_phase("watching")
    unassigned = rig.answer()
    assert (unassigned.label, unassigned.error and unassigned.error.code) == ("nobody", "task.unassigned")
    assert rig.answer(task="other").bundle == bundles["2"].reference
    pid = rig.pid(task="other")
    assert pid is not None
    killed = {pid}
    os.kill(pid, signal.SIGKILL)

    def kill() -> bool:
        now = rig.pid(task="other") if "other" in rig.desk.tasks else None
        if now is not None and now not in killed:
            killed.add(now)
            os.kill(now, signal.SIGKILL)
        return rig.phase == "idle"

    rig.until(kill, "the device returns")
    assert rig.answer().bundle == bundles["1"].reference
    assert "other" not in rig.desk.tasks


def test_what_was_once_assigned_gives_way_to_what_agent_toml_states_now(
    tmp_path: Path, bundles: dict[str, Bundle]
) -> None:
    state_dir = tmp_path / "state"
    with ChangeoverRig(state_dir) as rig:
        rig.settle(plan_of(1, {"primary": bundles["1"]}, trial=Trial(watch_inputs=0)))
    own = TaskConfig(deadline_ms=2000, contestants=[ContestantConfig(name="own", bundle=bundles["2"].folder)])
    with ChangeoverRig(state_dir, {"meter": own}) as rig:
        assert rig.answer().contestant == "own"
        assert rig.complaints.counts["task.local"] == 1


def test_a_bundle_that_has_been_damaged_on_the_disk_is_refused_and_named(
    tmp_path: Path, bundles: dict[str, Bundle]
) -> None:
    state_dir, bundle = tmp_path / "state", fast(tmp_path / "bundle", "1")
    two = {"primary": bundle, "backup": bundles["2"]}
    with ChangeoverRig(state_dir) as rig:
        rig.settle(plan_of(1, two, trial=Trial(watch_inputs=0)))
    blob = bundle.stage_path("model")
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with ChangeoverRig(state_dir) as rig:
        answer = rig.answer()
        assert (answer.contestant, answer.reason) == ("backup", "fallback")
        assert rig.desk.tasks["meter"].refused["primary"].code == "bundle.altered_blob"


def _runs(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()
