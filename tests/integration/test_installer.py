"""From a signed assignment to bundles on a device's disk, by a real cloud over real HTTP."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from roost_edge.installer.pointer import FOLDER, POINTER, count_boot, plans_kept, read_in_force, read_standing
from roost_edge.installer.protocol import (
    Confirm,
    Confirmed,
    IsInForce,
    Link,
    Progress,
    PutInForce,
    Ready,
    Refused,
    Staged,
    Status,
    TakeBack,
    TakenBack,
)
from roost_edge.installer.store import BundleStore
from roost_shared.assignment import AssignedContestant, AssignedTask
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.documents import blobs_to_run
from roost_shared.bundle.layout import blob_path
from roost_shared.messages import ErrorInfo
from tests.support.http_relay import Trouble
from tests.support.install_site import InstallSite, contestant_of, install_site, pin_of
from tests.support.installer_rig import InstallerRig
from tests.support.reference_sets import reference_of
from tests.support.served_cloud import bundle_like
from tests.support.waiting import until

SLOW = ErrorInfo("install.slow", "too slow")
BLOB_GETS = r"GET /api/v1/objects/"


@pytest.fixture(scope="module")
def bundles(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Versions 1 to 4, whose bases are one, and whose heads are not; all but the first with a reference set."""
    folder = tmp_path_factory.mktemp("bundles")
    heads = {version: bytes([version]) * 3000 for version in (2, 3, 4)}
    known = reference_of("one", "two")
    made = [
        bundle_like(argmax, folder / str(number), version=str(number), model=head, reference=known)
        for number, head in heads.items()
    ]
    return [argmax, *made]


def run_by(*bundles: Bundle) -> set[str]:
    """Digests of all blobs, but the manifests' own, that it takes to run them."""
    return {blob.digest for bundle in bundles for blob in blobs_to_run(bundle.manifest)}


@pytest.fixture(scope="module")
def site(
    bundles: list[Bundle], newest_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstallSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Path(shutil.copy(newest_sqlite, folder / "roost.db"))
    with install_site(folder, database, bundles[0].config.task) as made:
        made.release(*bundles[:3])
        made.push(bundles[3])
        yield made


@pytest.fixture
def device(site: InstallSite, tmp_path: Path) -> Path:
    """The state folder of cam-01."""
    state_dir = tmp_path / "state"
    site.enrol(state_dir)
    site.relay.seen.clear()
    assert not site.relay.still_to_come
    return state_dir


@pytest.fixture
def rig(site: InstallSite, device: Path) -> Iterator[InstallerRig]:
    with InstallerRig(site.settings(device)) as made:
        made.until(Ready, since=0)
        yield made


def in_force(rig: InstallerRig, site: InstallSite, version: int, bundle: Bundle) -> None:
    """Bring a version all the way."""
    rig.desire(site.sealed(version, bundle))
    rig.until(Staged, that=lambda staged: staged.plan.assignment.version == version)
    rig.send(PutInForce(version))
    rig.until(IsInForce)
    rig.send(Confirm(version))
    rig.until(Confirmed)


def test_an_assignment_is_staged_put_in_force_and_confirmed(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    with InstallerRig(site.settings(device), process=True) as rig:
        rig.until(Ready, since=0)
        rig.desire(site.sealed(1, bundles[0]))
        plan = rig.until(Staged).plan
        assert plan.assignment.version == 1
        staged = open_bundle(plan.folder(bundles[0].digest, device))
        assert staged.reference == bundles[0].reference
        assert read_in_force(device).plan is None
        rig.send(PutInForce(1))
        assert rig.until(IsInForce) == IsInForce(1)
        held = read_in_force(device)
        assert (held.plan, held.previous, held.confirmed) == (plan, None, False)
        rig.send(Confirm(1))
        assert rig.until(Confirmed) == Confirmed(1)
        assert read_in_force(device).confirmed
        last = rig.all(Progress)[-1]
        assert [install.phase for install in last.installs] == ["staged"]
        status = rig.until(Status, since=0, that=lambda status: status.desired == 1 and status.trust == "fresh")
        assert status.figures["lies"] == 0


def test_a_second_version_fetches_only_what_is_not_here(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    in_force(rig, site, 1, bundles[0])
    site.relay.seen.clear()
    in_force(rig, site, 2, bundles[1])
    fresh = run_by(bundles[1]) - run_by(bundles[0])
    assert site.relay.count(BLOB_GETS) == len(fresh)
    assert bundles[1].config.reference is not None
    reference = bundles[1].config.reference.digest
    assert not blob_path(device / "bundles", reference).exists(), "what a device does not run by"
    held = read_in_force(device)
    assert held.plan is not None
    assert held.previous is not None
    assert (held.plan.assignment.version, held.previous.assignment.version) == (2, 1)
    base = bundles[0].stage_path("base").name
    for plan, bundle in ((held.plan, bundles[1]), (held.previous, bundles[0])):
        folder = plan.folder(bundle.digest, device)
        assert open_bundle(folder).reference == bundle.reference
        assert blob_path(folder, f"sha256:{base}").stat().st_nlink == 3, "one file, in the store and in both bundles"


def test_what_is_older_than_the_one_before_is_removed_and_nothing_else(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    for version, bundle in enumerate(bundles[:3], start=1):
        in_force(rig, site, version, bundle)
    folder = device / "bundles"
    until(lambda: not (folder / bundles[0].digest.removeprefix("sha256:")).exists(), "the oldest is gone")
    until(lambda: not list((folder / "tmp").iterdir()), "nothing is left of it")
    assert plans_kept(device) == [2, 3]
    kept = {path.name for path in folder.iterdir()} - {"blobs", "partial", "tmp"}
    assert kept == {bundle.digest.removeprefix("sha256:") for bundle in bundles[1:3]}
    needed = {digest.removeprefix("sha256:") for digest in run_by(*bundles[1:3])}
    needed |= kept  # manifests
    until(lambda: {path.name for path in (folder / "blobs/sha256").iterdir()} == needed, "so are its blobs")


def test_what_is_taken_back_returns_to_the_one_before_and_stays_refused(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    in_force(rig, site, 1, bundles[0])
    envelope = site.sealed(2, bundles[1])
    rig.desire(envelope)
    rig.until(Staged)
    rig.send(PutInForce(2))
    rig.until(IsInForce)
    rig.send(TakeBack(2, SLOW))
    assert rig.until(TakenBack) == TakenBack(2, 1)
    held = read_in_force(device)
    assert held.plan is not None
    assert (held.plan.assignment.version, held.previous, held.confirmed) == (1, None, True)
    rig.finish()
    with InstallerRig(site.settings(device)) as again:
        again.desire(envelope)
        assert again.until(Refused, since=0) == Refused(2, SLOW)
        again.desire(site.sealed(3, bundles[1]))
        assert again.until(Staged).plan.assignment.version == 3


def test_a_staged_version_that_is_taken_back_was_never_in_force(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    rig.desire(site.sealed(1, bundles[0]))
    rig.until(Staged)
    rig.send(TakeBack(1, SLOW))
    assert rig.until(TakenBack) == TakenBack(1, 0)
    rig.send(PutInForce(1))
    rig.until(Status, that=lambda status: bool(status.faults))
    assert not rig.all(IsInForce)
    assert read_in_force(device).plan is None


def test_a_newer_version_supersedes_what_is_staged_and_says_so_once(
    site: InstallSite, rig: InstallerRig, bundles: list[Bundle]
) -> None:
    rig.desire(site.sealed(1, bundles[0]))
    rig.until(Staged)
    rig.desire(site.sealed(2, bundles[1]))
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (1, "install.superseded", False)
    rig.until(Staged, since=0, that=lambda staged: staged.plan.assignment.version == 2)
    rig.send(PutInForce(1))
    rig.until(Status, that=lambda status: bool(status.faults))
    assert not rig.all(IsInForce)
    assert [one.version for one in rig.all(Refused)] == [1]


def test_after_a_restart_what_was_staged_is_staged_without_fetching_a_byte(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    envelope = site.sealed(1, bundles[0])
    rig.desire(envelope)
    rig.until(Staged)
    rig.finish()
    site.relay.seen.clear()
    with InstallerRig(site.settings(device)) as again:
        again.send(PutInForce(1))
        assert again.until(IsInForce, since=0) == IsInForce(1), "it is whole on the disk, and still the newest"
        again.desire(envelope)
        assert again.until(IsInForce) == IsInForce(1)
    assert not site.relay.seen


def test_after_a_restart_what_is_desired_again_is_staged_again(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    envelope = site.sealed(1, bundles[0])
    rig.desire(envelope)
    rig.until(Staged)
    rig.finish()
    site.relay.seen.clear()
    with InstallerRig(site.settings(device)) as again:
        again.desire(envelope)
        again.until(Staged, since=0)
    assert not site.relay.count("/device/(blobs|manifests)/")
    assert not site.relay.count(BLOB_GETS)


def test_starts_without_a_proof_end_in_a_return(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    in_force(rig, site, 1, bundles[0])
    envelope = site.sealed(2, bundles[1])
    rig.desire(envelope)
    rig.until(Staged)
    rig.send(PutInForce(2))
    rig.until(IsInForce)
    rig.finish()
    told = [count_boot(device) for _ in range(4)]
    assert told[:3] == [None, None, None]
    assert told[3] is not None
    assert told[3].code == "install.crash_loop"
    held = read_in_force(device)
    assert held.plan is not None
    assert (held.plan.assignment.version, held.confirmed) == (1, True)
    with InstallerRig(site.settings(device)) as again:
        again.desire(envelope)
        assert again.until(Refused, since=0) == Refused(2, told[3])


# ---- what is not believed, or does not fit


def test_an_assignment_for_another_device_is_refused(
    site: InstallSite, rig: InstallerRig, bundles: list[Bundle]
) -> None:
    rig.desire(site.sealed(1, bundles[0], device="cam-02"))
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (0, "trust.refused", False)


def test_garbage_does_not_disturb_what_is_staged(site: InstallSite, rig: InstallerRig, bundles: list[Bundle]) -> None:
    rig.desire(site.sealed(1, bundles[0]))
    rig.until(Staged)
    rig.desire(b"garbage")
    assert rig.until(Refused).version == 0
    rig.send(PutInForce(1))
    assert rig.until(IsInForce) == IsInForce(1)


def test_an_older_assignment_is_refused(site: InstallSite, rig: InstallerRig, bundles: list[Bundle]) -> None:
    rig.desire(site.sealed(5, bundles[0]))
    rig.until(Staged)
    rig.desire(site.sealed(4, bundles[1]))
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code) == (0, "trust.refused")
    assert "rollback" in refused.error.message


def test_an_unreleased_bundle_is_refused_and_stays_so(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    envelope = site.sealed(1, bundles[3])
    rig.desire(envelope)
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (1, "trust.unsigned", False)
    assert [install.phase for install in refused.installs] == ["refused"]
    rig.finish()
    site.relay.seen.clear()
    with InstallerRig(site.settings(device)) as again:
        again.desire(envelope)
        assert again.until(Refused, since=0).error == refused.error
    assert not site.relay.seen, "it is remembered"


def test_assignment_and_releaser_must_agree_on_the_manifest(
    site: InstallSite, rig: InstallerRig, bundles: list[Bundle]
) -> None:
    other = msgspec.structs.replace(contestant_of(bundles[0]), bundle=pin_of(bundles[0], digest=bundles[3].digest))
    rig.desire(site.seal(site.assignment(1, other)))
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (1, "install.pin_mismatch", False)


def test_a_bundle_of_another_runtime_does_not_fit(site: InstallSite, rig: InstallerRig, bundles: list[Bundle]) -> None:
    contestant = contestant_of(bundles[0])
    settings = msgspec.structs.replace(contestant.runtime, name="onnxruntime")
    rig.desire(site.seal(site.assignment(1, msgspec.structs.replace(contestant, runtime=settings))))
    refused = rig.until(Refused)
    assert (refused.error.code, refused.again) == ("fit.runtime", False)


def test_what_the_disk_has_no_room_for_is_not_fetched(site: InstallSite, device: Path, bundles: list[Bundle]) -> None:
    with InstallerRig(site.settings(device, free_disk_bytes=1 << 60)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        refused = rig.until(Refused, since=0)
    assert (refused.error.code, refused.again) == ("fit.disk", False)
    assert site.relay.count(BLOB_GETS) == 1, "its document alone"


def test_how_the_last_look_ended_is_known_after_a_restart(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    assert read_in_force(device).trust == "unchecked"
    envelope = site.sealed(1, bundles[0])
    with InstallerRig(site.settings(device)) as rig:
        in_force(rig, site, 1, bundles[0])
        assert rig.until(Status, since=0, that=lambda it: it.trust == "fresh").desired == 1
    assert read_in_force(device).trust == "fresh"
    site.relay.seen.clear()
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(envelope)
        rig.until(IsInForce, since=0)
        assert rig.until(Status, since=0).trust == "fresh"
        assert not site.relay.seen, "nobody was asked for it"
        site.relay.troubles.append(Trouble("/device/trust/", 503, times=1000))
        rig.desire(site.sealed(2, bundles[1]))
        rig.until(Refused, since=0)
    site.relay.troubles.clear()
    assert read_in_force(device).trust == "unreachable"


def test_what_did_not_fit_is_taken_once_there_is_room(
    site: InstallSite, device: Path, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(BundleStore, "free_bytes", 0)
        with InstallerRig(site.settings(device, misfit_pause_s=0.1)) as rig:
            rig.desire(site.sealed(1, bundles[0]))
            refused = rig.until(Refused, since=0)
            assert (refused.error.code, refused.again) == ("fit.disk", False)
            rig.hear(0.5)
            assert not rig.all(Staged)
            assert len(rig.all(Refused)) == 1, "it is told once"
            patched.undo()
            assert rig.until(Staged).plan.assignment.version == 1
            rig.send(PutInForce(1))
            rig.until(IsInForce)
            (device / FOLDER / POINTER).write_bytes(b"{")
            rig.send(Confirm(1))
            again = rig.until(Refused)
            assert (again.version, again.error.code) == (1, "install.pointer_damaged"), "it was not refused for good"


def test_what_did_not_fit_is_looked_at_again_after_a_restart(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    envelope = site.sealed(1, bundles[0])
    with InstallerRig(site.settings(device, free_disk_bytes=1 << 60)) as rig:
        rig.desire(envelope)
        rig.until(Refused, since=0)
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(envelope)
        assert rig.until(Staged, since=0).plan.assignment.version == 1


def test_a_device_that_is_not_enrolled_says_what_to_do(
    site: InstallSite, tmp_path: Path, bundles: list[Bundle]
) -> None:
    with InstallerRig(site.settings(tmp_path)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        refused = rig.until(Refused, since=0)
    assert refused.error.code == "trust.no_root"
    assert "roost-agent enrol" in refused.error.message
    assert refused.again, "it looks again by itself"


def test_a_first_enrolment_is_noticed(site: InstallSite, tmp_path: Path, bundles: list[Bundle]) -> None:
    with InstallerRig(site.settings(tmp_path / "state")) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        rig.until(Refused, since=0)
        site.enrol(tmp_path / "state")
        rig.send(Link(up=True))
        assert rig.until(Staged).plan.assignment.version == 1


def test_nothing_desired_any_more_leaves_what_runs(
    site: InstallSite, rig: InstallerRig, device: Path, bundles: list[Bundle]
) -> None:
    in_force(rig, site, 1, bundles[0])
    rig.desire(b"")
    site.relay.troubles.append(Trouble(BLOB_GETS, 503, times=1))
    rig.desire(site.sealed(2, bundles[1]))
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (2, "cloud.failed", True)
    rig.desire(b"")
    refused = rig.until(Refused)
    assert (refused.version, refused.error.code, refused.again) == (2, "install.withdrawn", False)
    held = read_in_force(device)
    assert held.plan is not None
    assert held.plan.assignment.version == 1


def test_cloud_contestants_alone_need_no_bundle(site: InstallSite, rig: InstallerRig, device: Path) -> None:
    task = AssignedTask(contestants=(AssignedContestant(name="big", where="cloud"),))
    rig.desire(site.seal(site.assignment(1, tasks={"anything": task})))
    rig.until(Staged)
    rig.send(PutInForce(1))
    rig.until(IsInForce)
    assert read_standing(device).current == 1
