"""What comes in the middle of a download: cuts, kills, newer words, and what is in force moving on."""

import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from roost_cloud.trust.refreshing import refresh_all
from roost_edge.installer.pointer import read_in_force
from roost_edge.installer.protocol import (
    Confirm,
    Confirmed,
    IsInForce,
    Link,
    Progress,
    PutInForce,
    Refused,
    Staged,
    Status,
)
from roost_shared.bundle import Bundle, open_bundle
from tests.support.http_relay import Trouble
from tests.support.install_site import InstallSite, install_site
from tests.support.installer_rig import InstallerRig
from tests.support.served_cloud import bundle_like, sizes_of
from tests.support.waiting import until

LARGE_BYTES = 300_000
SLOW_BYTES_PER_S = 150_000.0
BLOB_GETS = r"GET /api/v1/objects/"


@pytest.fixture(scope="module")
def bundles(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """A small one, and two whose heads take a while."""
    folder = tmp_path_factory.mktemp("bundles")
    heads = {"2": b"\x02" * LARGE_BYTES, "3": b"\x03" * LARGE_BYTES}
    return [argmax, *(bundle_like(argmax, folder / one, version=one, model=head) for one, head in heads.items())]


@pytest.fixture(scope="module")
def site(
    bundles: list[Bundle], newest_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstallSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Path(shutil.copy(newest_sqlite, folder / "roost.db"))
    with install_site(folder, database, bundles[0].config.task) as made:
        made.release(*bundles)
        yield made


@pytest.fixture
def device(site: InstallSite, tmp_path: Path) -> Path:
    state_dir = tmp_path / "state"
    site.enrol(state_dir)
    site.relay.seen.clear()
    return state_dir


@pytest.fixture
def slow(site: InstallSite, device: Path) -> Iterator[InstallerRig]:
    with InstallerRig(site.settings(device, downlink_bytes_per_s=SLOW_BYTES_PER_S)) as made:
        yield made


def begin(rig: InstallerRig, site: InstallSite, version: int, bundle: Bundle) -> Progress:
    """Desire it, and wait until its bytes come."""
    rig.desire(site.sealed(version, bundle))
    return rig.until(Progress, that=lambda said: said.version == version and said.installs[0].fetched_bytes > 0)


def staged(rig: InstallerRig, version: int) -> Staged:
    return rig.until(Staged, since=0, that=lambda said: said.plan.assignment.version == version)


def test_a_killed_process_goes_on_where_it_was(site: InstallSite, device: Path, bundles: list[Bundle]) -> None:
    settings = site.settings(device, downlink_bytes_per_s=SLOW_BYTES_PER_S)
    envelope = site.sealed(1, bundles[1])
    with InstallerRig(settings, process=True) as rig:
        rig.desire(envelope)
        partial = device / "bundles/partial"
        until(lambda: any(one.stat().st_size > 60_000 for one in partial.glob("*")), "a good part is there")
        rig.kill()
    (left,) = partial.iterdir()
    left_bytes = left.stat().st_size
    with InstallerRig(site.settings(device)) as again:
        again.desire(envelope)
        staged(again, 1)
        said = again.until(Status, since=0, that=lambda status: status.figures["staged"] == 1)
    large = sizes_of(bundles[1])[f"sha256:{left.name}"]
    rest = sum(sizes_of(bundles[1]).values()) - large
    assert said.figures["fetched_bytes"] <= large - left_bytes + rest


def test_a_download_that_is_cut_goes_on_by_itself(site: InstallSite, device: Path, bundles: list[Bundle]) -> None:
    site.relay.troubles += [Trouble(BLOB_GETS, "half"), Trouble(BLOB_GETS, "lost"), Trouble("/device/blobs/", 503)]
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(site.sealed(1, bundles[1]))
        refused = rig.until(Refused, since=0)
        assert (refused.version, refused.again) == (1, True)
        while site.relay.still_to_come:
            rig.send(Link(up=True))
            rig.hear(0.3)
        staged(rig, 1)
        assert not [one for one in rig.all(Refused) if not one.again]


def test_a_cloud_that_was_restarted_is_signed_in_to_anew(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        staged(rig, 1)
        # The first request of a look is for the next root, and its 404 is no trouble.
        site.relay.troubles += [Trouble("/device/trust/time", 401), Trouble("/device/manifests/", 401)]
        rig.desire(site.sealed(2, bundles[1]))
        staged(rig, 2)
        assert not site.relay.still_to_come
        assert [one.error.code for one in rig.all(Refused)] == ["install.superseded"]


def test_a_newer_word_wins_in_the_middle(slow: InstallerRig, site: InstallSite, bundles: list[Bundle]) -> None:
    begin(slow, site, 1, bundles[1])
    slow.desire(site.sealed(2, bundles[0]))
    refused = slow.until(Refused)
    assert (refused.version, refused.error.code) == (1, "install.superseded")
    staged(slow, 2)
    assert [one.plan.assignment.version for one in slow.all(Staged)] == [2]
    assert len(slow.all(Refused)) == 1


def test_words_that_are_not_believed_do_not_stop_a_download(
    slow: InstallerRig, site: InstallSite, bundles: list[Bundle]
) -> None:
    began = begin(slow, site, 5, bundles[1])
    for word in (b"garbage", site.sealed(4, bundles[0]), site.sealed(6, bundles[0], device="cam-02")):
        slow.desire(word)
        assert slow.until(Refused).version == 0
    staged(slow, 5)
    assert began.installs[0].phase == "downloading"
    assert {one.version for one in slow.all(Refused)} == {0}


def test_the_same_word_again_changes_nothing(slow: InstallerRig, site: InstallSite, bundles: list[Bundle]) -> None:
    envelope = site.sealed(1, bundles[1])
    slow.desire(envelope)
    slow.until(Progress, that=lambda said: said.installs[0].fetched_bytes > 0)
    for _ in range(3):
        slow.desire(envelope)
    staged(slow, 1)
    slow.desire(envelope)
    assert not [one for one in slow.hear(0.5) if isinstance(one, Staged | Refused)]
    assert site.relay.count("/device/trust/time") == 1


def test_what_is_in_force_is_confirmed_in_the_middle_and_nothing_is_lost(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        staged(rig, 1)
        rig.send(PutInForce(1))
        rig.until(IsInForce)
    with InstallerRig(site.settings(device, downlink_bytes_per_s=SLOW_BYTES_PER_S)) as slow:
        begin(slow, site, 2, bundles[1])
        slow.send(Confirm(1))
        slow.until(Confirmed)
        plan = staged(slow, 2).plan
        slow.send(PutInForce(2))
        slow.until(IsInForce)
    assert open_bundle(plan.folder(bundles[1].digest, device)).digest == bundles[1].digest
    held = read_in_force(device)
    assert held.previous is not None
    assert open_bundle(held.previous.folder(bundles[0].digest, device)).digest == bundles[0].digest


def test_bytes_come_no_faster_than_they_may(slow: InstallerRig, site: InstallSite, bundles: list[Bundle]) -> None:
    begun_s = time.monotonic()
    slow.desire(site.sealed(1, bundles[2]))
    staged(slow, 1)
    took_s = time.monotonic() - begun_s
    assert took_s > (LARGE_BYTES / SLOW_BYTES_PER_S) * 0.85


def test_a_word_is_looked_at_within_the_jitter(site: InstallSite, device: Path, bundles: list[Bundle]) -> None:
    with InstallerRig(site.settings(device, start_jitter_s=3600)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        rig.hear(0.5)
        assert not site.relay.count("/device/trust/")
        rig.send(Link(up=True))
        staged(rig, 1)


def test_another_identity_is_used_as_soon_as_it_is_there(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    with InstallerRig(site.settings(device)) as rig:
        rig.desire(site.sealed(1, bundles[0]))
        staged(rig, 1)
        site.enrol(device)  # which revokes the key before
        rig.desire(site.sealed(2, bundles[1]))
        staged(rig, 2)
        site.enrol(device, "cam-02")  # whose versions are its own
        rig.desire(site.sealed(1, bundles[0], device="cam-02"))
        rig.until(Staged, that=lambda said: said.plan.assignment.device == "cam-02")


def test_with_nothing_fresh_to_believe_nothing_is_installed(
    site: InstallSite, device: Path, bundles: list[Bundle]
) -> None:
    """Last, for it moves the cloud's clock."""
    with InstallerRig(site.settings(device)) as rig:
        site.cloud.clock.advance(timedelta(hours=25))
        envelope = site.sealed(1, bundles[0])
        rig.desire(envelope)
        refused = rig.until(Refused, since=0)
        assert (refused.version, refused.error.code, refused.again) == (0, "trust.stale", True)
        rig.until(Status, since=0, that=lambda status: status.trust == "stale")
        assert refresh_all(site.cloud.services) == 1
        rig.send(Link(up=True))
        staged(rig, 1)
