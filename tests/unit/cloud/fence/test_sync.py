"""Whatever fails leaves the broker with the last good files, and what was left is done the next time."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from roost_cloud.fence.reload import ReloadError, reload_broker
from roost_cloud.fence.source import Source
from roost_cloud.fence.sync import FenceSync, keep_in_sync
from roost_cloud.fleet.authority import Authority
from roost_cloud.fleet.revocations import DocumentError, RevokedCertificate, revocations_document
from roost_shared.cloud_url import CloudUrlError
from roost_shared.errors import ConfigError, TransportError
from tests.support.fleet_certificates import FixedClock
from tests.support.unreadable import NO_JSON

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Fake:
    """Cloud and broker; `broken` names what fails, `done` what was done."""

    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(NOW)
        self.folder = folder / "mosquitto"
        self.folder.mkdir()
        (self.folder / "devices.acl").write_text("pattern read roost/1/%u/score\n")
        self._authority = Authority(folder / "secrets", self.clock)
        self.revoked: list[str] = []
        self.broken: set[str] = set()
        self.done: list[str] = []

    def sync(self, *, expel: bool = True) -> FenceSync:
        return FenceSync(
            self.folder, fetch=self._fetch, reload=self._reload, expel=self._expel if expel else None, clock=self.clock
        )

    def revoke(self, device: str) -> None:
        self.clock.now += SECOND
        self.revoked.append(device)

    @property
    def files(self) -> tuple[str, str]:
        return (self.folder / "revoked.crl").read_text(), (self.folder / "devices.acl").read_text()

    def _fetch(self) -> bytes:
        if "cloud" in self.broken:
            raise TransportError("the cloud is away")
        if "document" in self.broken:
            return b"{}"
        certificates = [RevokedCertificate(name, f"{n + 1:x}", NOW) for n, name in enumerate(self.revoked)]
        devices = [("acme", name) for name in self.revoked]
        return msgspec.json.encode(
            revocations_document(self._authority, {"acme": certificates}, devices, self.clock.now)
        )

    def _reload(self) -> None:
        if "reload" in self.broken:
            raise ReloadError("no such unit")
        self.done.append("reload")

    def _expel(self, identity: str) -> None:
        if "broker" in self.broken:
            raise TransportError("the broker is away")
        self.done.append(identity)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_a_revocation_is_written_then_read_then_enforced_once(fake: Fake) -> None:
    sync = fake.sync()
    sync.once()
    fake.revoke("cam-01")
    sync.once()
    sync.once()
    assert fake.done == ["reload", "reload", "acme/d/cam-01"]
    crl, acl = fake.files
    assert acl.endswith("user acme/d/cam-01\ntopic deny #\n")
    assert crl.count("BEGIN X509 CRL") == 2
    assert all((fake.folder / name).stat().st_mode & 0o044 == 0o044 for name in ("revoked.crl", "devices.acl"))


def test_a_restart_expels_nobody_twice(fake: Fake) -> None:
    fake.revoke("cam-01")
    fake.sync().once()
    fake.sync().once()
    assert fake.done == ["reload", "acme/d/cam-01"]


@pytest.mark.parametrize("broken", ["cloud", "document"])
def test_without_a_good_document_the_files_stay(fake: Fake, broken: str) -> None:
    sync = fake.sync()
    sync.once()
    before = fake.files
    fake.revoke("cam-01")
    fake.broken.add(broken)
    with pytest.raises((TransportError, DocumentError)):
        sync.once()
    assert fake.files == before
    fake.broken.clear()
    sync.once()
    assert fake.done[-1] == "acme/d/cam-01"


def test_a_reload_that_failed_is_done_again_before_anybody_is_expelled(fake: Fake) -> None:
    fake.revoke("cam-01")
    fake.broken.add("reload")
    with pytest.raises(ReloadError):
        fake.sync().once()
    assert fake.done == []
    fake.broken.clear()
    fake.sync().once()
    assert fake.done == ["reload", "acme/d/cam-01"]


def test_an_expulsion_that_failed_is_done_again_without_another_reload(fake: Fake) -> None:
    fake.revoke("cam-01")
    fake.broken.add("broker")
    with pytest.raises(TransportError):
        fake.sync().once()
    fake.broken.clear()
    fake.sync().once()
    assert fake.done == ["reload", "acme/d/cam-01"]


@pytest.mark.parametrize("loss", ["revoked.crl", "enforced.json", *NO_JSON])
def test_lost_files_are_made_again(fake: Fake, loss: str) -> None:
    fake.revoke("cam-01")
    fake.sync().once()
    if loss in NO_JSON:
        (fake.folder / "enforced.json").write_bytes(NO_JSON[loss])
    else:
        (fake.folder / loss).unlink()
    fake.sync().once()
    assert fake.done == ["reload", "acme/d/cam-01"] * 2
    assert "cam-01" in fake.files[1]


def test_without_a_listener_to_expel_by_the_access_list_has_to_do(fake: Fake) -> None:
    fake.revoke("cam-01")
    fake.sync(expel=False).once()
    assert fake.done == ["reload"]
    assert "user acme/d/cam-01\n" in fake.files[1]


def test_a_folder_without_the_devices_access_list_is_refused(fake: Fake) -> None:
    (fake.folder / "devices.acl").unlink()
    with pytest.raises(ConfigError, match="firmware-config/mosquitto"):
        fake.sync()


def test_failures_end_no_loop_and_are_named_with_what_is_at_stake(
    fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    stopping = threading.Event()
    sync = fake.sync()
    sync.once()
    fake.broken.add("cloud")
    seen = 0

    def fetch_and_stop() -> bytes:
        nonlocal seen
        seen += 1
        if seen == 2:
            stopping.set()
        raise TransportError("the cloud is away")

    sync._fetch = fetch_and_stop
    keep_in_sync(sync, 20, stopping, fake.clock)
    assert seen == 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "transport: the cloud is away; nobody can connect after 2026-03-08 12:00 (1 since last named)"
    ]


def test_a_command_that_fails_says_so() -> None:
    reload_broker(["true"])
    with pytest.raises(ReloadError, match="exit status 1"):
        reload_broker(["false"])
    with pytest.raises(ReloadError, match="No such file"):
        reload_broker(["no-such-program"])


@pytest.mark.parametrize("url", ["http://roost.example", "roost.example", "ftp://localhost"])
def test_a_token_goes_nowhere_in_the_clear(tmp_path: Path, url: str) -> None:
    with pytest.raises(CloudUrlError):
        Source.open(url, tmp_path / "token", None)
    Source.open("https://roost.example", tmp_path / "token", None)
    Source.open("http://127.0.0.1:8080", tmp_path / "token", None)
