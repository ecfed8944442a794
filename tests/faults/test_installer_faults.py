"""Whatever ends the installer, wherever: what is in force is whole, and the next start goes on."""

import errno
import os
import random
import shutil
from pathlib import Path

import msgspec
import pytest

from roost_edge.installer import pointer
from roost_edge.installer.errors import LyingServerError, MisnamedBundleError, NoDiskError, StoreUnwritableError
from roost_edge.installer.garbage import collect_garbage
from roost_edge.installer.pointer import read_in_force
from roost_edge.installer.store import BundleStore
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.trust import SignedManifest
from tests.support.disk_tree import TREE_CALLS, DiskTree
from tests.support.install_checks import check_clean, check_whole
from tests.support.install_work import FolderCloud, assign, install, install_from
from tests.support.mounts import remount, small_tmpfs
from tests.support.served_cloud import bundle_like, sizes_of
from tests.support.step_killer import end_at_each_step
from tests.support.strace import Call, traced_calls

STEPS = 160


@pytest.fixture(scope="module")
def bundles(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Versions 1, 2, 3 of one base."""
    folder = tmp_path_factory.mktemp("bundles")
    made = [bundle_like(argmax, folder / str(v), version=str(v), model=bytes([v]) * 3000) for v in (2, 3)]
    return [argmax, *made]


def argument(version: int, bundle: Bundle) -> str:
    return f"{version}:{bundle.folder}"


@pytest.fixture
def device(quick_path: Path, bundles: list[Bundle]) -> Path:
    """A device that runs version 2 after 1, both confirmed, with what 1 had still to be cleared away by 3."""
    state = quick_path / "state"
    for version in (1, 2):
        install(state, argument(version, bundles[version - 1]))
    return state


@pytest.mark.parametrize("how", ["kill", "full"])
def test_it_may_end_at_any_step(how: str, quick_path: Path, device: Path, bundles: list[Bundle]) -> None:
    for number in range(1, STEPS + 1):
        shutil.copytree(device, quick_path / "each" / str(number))
    work = argument(3, bundles[2])
    ended = end_at_each_step(how, "tests.support.install_work:install", quick_path / "each", [work] * STEPS)
    assert 20 < len(ended) < STEPS, "the last had no such step"
    assert ended[-1]["code"] is None
    if how == "kill":
        assert {one["code"] for one in ended[:-1]} == {"killed"}
    else:
        assert {one["code"] for one in ended[:-1]} <= {StoreUnwritableError.code, None}
    for one in ended:
        state = quick_path / "each" / str(one["number"])
        check_whole(state, {2, 3})
        install(state, work)
        check_whole(state, {3})
        check_clean(state, bundles[1:])


INSTALL = """
import sys
from pathlib import Path
from tests.support.disk_tree import TREE_CALLS, DiskTree
from tests.support.install_checks import check_clean, check_whole
from tests.support.install_work import install
install(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def traced(tmp_path: Path, device: Path, bundles: list[Bundle]) -> tuple[DiskTree, list[Call]]:
    """The device's disk before version 3 comes, and what is asked of it then."""
    before = DiskTree(device)
    calls = traced_calls(tmp_path / "trace", device, INSTALL, str(device), argument(3, bundles[2]), calls=TREE_CALLS)
    check_whole(device, {3})
    assert {"rename", "link", "fsync", "mkdir", "unlink"} <= {call.name for call in calls}
    return before, calls


def cut_after(traced: tuple[DiskTree, list[Call]], target: Path, bundle: Bundle, *, every: int, outcomes: int) -> int:
    """Cut the power after each call, or some of them, look at what is left, and go on; how often."""
    disk, calls = traced
    cuts = 0
    for number, call in enumerate(calls):
        disk.play(call)
        for outcome in range(outcomes if number % every == 0 else 0):
            state = target / f"{number}-{outcome}"
            disk.cut(state, random.Random(f"{number} {outcome}"))
            check_whole(state, {2, 3})
            install(state, argument(3, bundle))
            check_whole(state, {3})
            shutil.rmtree(state)
            cuts += 1
    return cuts


def test_a_power_cut_leaves_what_is_in_force_whole(
    traced: tuple[DiskTree, list[Call]], quick_path: Path, bundles: list[Bundle]
) -> None:
    assert cut_after(traced, quick_path, bundles[2], every=2, outcomes=1) > 40


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_power_cut_after_any_call_leaves_what_is_in_force_whole(
    traced: tuple[DiskTree, list[Call]], quick_path: Path, bundles: list[Bundle]
) -> None:
    assert cut_after(traced, quick_path, bundles[2], every=1, outcomes=6) > 500


def test_a_spoilt_blob_is_found_and_fetched_for_all_who_have_it(device: Path, bundles: list[Bundle]) -> None:
    base = f"sha256:{bundles[0].stage_path('base').name}"
    held = read_in_force(device).plan
    assert held is not None
    running = held.folder(bundles[1].digest, device)
    with blob_path(running, base).open("r+b") as file:  # as a disk does it: no new file
        file.seek(10)
        file.write(b"\xff" * 10)
    cloud = FolderCloud(bundles)
    install_from(cloud, device, assign(3, bundles[2]))
    check_whole(device, {3})
    assert open_bundle(running).digest == bundles[1].digest, "the one before has it too"
    missing = sizes_of(bundles[2]).keys() - sizes_of(bundles[1]).keys() | {base}
    assert cloud.given_bytes == sum(sizes_of(bundles[2])[digest] for digest in missing)


@pytest.mark.parametrize("file", ["index.json", "oci-layout", "manifest", "head"])
@pytest.mark.parametrize("damage", ["gone", "empty", "other"])
def test_a_spoilt_bundle_is_mended_in_its_place(device: Path, bundles: list[Bundle], file: str, damage: str) -> None:
    folder = device / "bundles" / bundles[1].digest.removeprefix("sha256:")
    names = {"manifest": blob_path(folder, bundles[1].digest)}
    names["head"] = blob_path(folder, f"sha256:{bundles[1].stage_path('head').name}")
    path = names.get(file, folder / file)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else b"other")
    install_from(FolderCloud(bundles), device, assign(3, bundles[1]))
    check_whole(device, {3})
    check_clean(device, [bundles[1]])


def test_a_server_that_always_lies_leaves_nothing(device: Path, bundles: list[Bundle]) -> None:
    cloud = FolderCloud(bundles)
    cloud.spoil = lambda data: data[:-1] + b"\x00"
    with pytest.raises(LyingServerError):
        install_from(cloud, device, assign(3, bundles[2]))
    check_whole(device, {2})
    assert not list((device / "bundles/partial").iterdir())
    cloud.spoil = lambda data: data
    install_from(cloud, device, assign(3, bundles[2]))
    check_clean(device, bundles[1:])


@pytest.mark.parametrize("said", ["name", "version", "task"])
def test_a_bundle_that_calls_itself_otherwise_is_refused_whoever_released_it(
    device: Path, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """A releaser of one task may sign what it likes under it: that does not make it another task's, or another's."""
    path = blob_path(bundles[2].folder, bundles[2].digest)
    signed = SignedManifest(path.stat().st_size, bundles[2].digest.removeprefix("sha256:"))
    monkeypatch.setattr(FolderCloud, "verify_manifest", lambda *_: signed)
    assignment = assign(3, bundles[2])
    ((task, assigned),) = assignment.tasks.items()
    if said == "task":
        tasks = {"another": assigned}
    else:
        (contestant,) = assigned.contestants
        assert contestant.bundle is not None
        pin = msgspec.structs.replace(contestant.bundle, **{said: "another"})
        contestant = msgspec.structs.replace(contestant, bundle=pin)
        tasks = {task: msgspec.structs.replace(assigned, contestants=(contestant,))}
    with pytest.raises(MisnamedBundleError, match="calls itself argmax:3 for argmax"):
        install_from(FolderCloud(bundles), device, msgspec.structs.replace(assignment, tasks=tasks))
    check_whole(device, {2})


def test_a_disk_that_takes_no_pointer_leaves_the_version_in_force(
    device: Path, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(pointer, "write_durably", refuse)
        with pytest.raises(StoreUnwritableError, match="Read-only"):
            install_from(FolderCloud(bundles), device, assign(3, bundles[2]))
    check_whole(device, {2})


def test_a_disk_that_fills_up_in_the_middle_is_gone_on_with_once_there_is_room(
    tmp_path: Path, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = bundle_like(bundles[0], tmp_path / "large", version="9", model=b"\x09" * 600_000)
    cloud = FolderCloud([*bundles, large])
    with small_tmpfs(tmp_path / "small", 500_000) as state:
        install_from(cloud, state, assign(1, bundles[0]))
        with pytest.raises(NoDiskError):
            install_from(cloud, state, assign(2, large))
        with monkeypatch.context() as patched:
            patched.setattr(BundleStore, "free_bytes", 1 << 40)  # another took the room after that was looked at
            with pytest.raises(StoreUnwritableError, match="No space left"):
                install_from(cloud, state, assign(3, large))
        check_whole(state, {1})
        given_bytes = cloud.given_bytes
        remount(state, "size=3000000")
        install_from(cloud, state, assign(4, large))
        check_whole(state, {4})
        assert cloud.given_bytes - given_bytes < 600_000, "what had come stayed"


def test_a_disk_without_links_is_named(device: Path, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(StoreUnwritableError, match="not permitted"):
        install_from(FolderCloud(bundles), device, assign(3, bundles[2]))
    check_whole(device, {2})


def test_garbage_is_left_alone_while_nobody_knows_what_is_in_force(device: Path) -> None:
    (device / "assignments/2.json").write_bytes(b"{")
    before = sorted(path.name for path in (device / "bundles/blobs/sha256").iterdir())
    assert collect_garbage(device, BundleStore(device)) == 0
    assert sorted(path.name for path in (device / "bundles/blobs/sha256").iterdir()) == before
