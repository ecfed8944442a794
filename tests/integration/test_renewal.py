"""A device signs in and renews at a cloud over real HTTP: by the cloud's clock, and whatever goes wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roost_edge.identity import Identity, read_identity
from roost_edge.identity.enrol import enrol_device
from roost_edge.identity.errors import CertificateError, IdentityBusyError, IdentityMissingError, IdentityRevokedError
from roost_edge.identity.keys import DeviceKey
from roost_edge.identity.renew import renew
from roost_edge.identity.store import IdentityStore
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import (
    CloudAnswerError,
    CloudFailedError,
    CloudHttp,
    CloudRefusedError,
    CloudUnreachableError,
)
from roost_shared.errors import RoostError
from tests.support.device_cloud import Cut, DeviceCloud, Edit, Refuse, Truncate

OLD, FRESH = -timedelta(days=70), timedelta()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[DeviceCloud]:
    with DeviceCloud(tmp_path, tls=False, by=OLD) as cloud:
        yield cloud


@pytest.fixture
def state_dir(cloud: DeviceCloud, tmp_path: Path) -> Path:
    """Enrolled long ago by the cloud's clock, which says today's time now."""
    state_dir = tmp_path / "state"
    cloud.broker = {"url": "mqtt://localhost:1", "username": "u", "password": "pw"}
    enrol_device(url=cloud.url, token=cloud.token(), state_dir=state_dir, expected=None, replace=False)
    cloud.clock.by = FRESH
    return state_dir


def identity(state_dir: Path) -> Identity:
    found = read_identity(state_dir)
    assert found is not None
    return found


def api(state_dir: Path, **more: Any) -> DeviceApi:
    ours = identity(state_dir)
    key = DeviceKey.read(ours.keyfile.read_bytes())
    http = CloudHttp(ours.cloud.url, ours.cafile.read_bytes())
    return DeviceApi(http, tenant=ours.cloud.tenant, device=ours.cloud.device, key=key, **more)


def test_an_old_certificate_is_renewed_with_a_new_key_and_the_old_one_ends(
    cloud: DeviceCloud, state_dir: Path
) -> None:
    old = identity(state_dir)
    old_key = old.keyfile.read_bytes()
    cloud.broker = None
    assert renew(state_dir).renewed
    new = identity(state_dir)
    assert new.keyfile.read_bytes() != old_key
    assert new.cloud.not_after > old.cloud.not_after
    assert new.cloud.broker == old.cloud.broker, "what the cloud does not say anew stays"
    assert cloud.valid_keys == 1
    assert not old.folder.exists()
    assert renew(state_dir).due_in_s > 50 * 86400, "there is nothing to do now"


def test_an_expired_certificate_is_good_for_renewing(cloud: DeviceCloud, state_dir: Path) -> None:
    cloud.clock.by = timedelta(days=100)
    assert api(state_dir).token().scope == "renew"
    assert renew(state_dir).renewed
    assert api(state_dir).token().scope == "device"


@pytest.mark.parametrize("tells_time", [True, False])
def test_the_cloud_s_clock_decides_where_it_tells(cloud: DeviceCloud, state_dir: Path, tells_time: bool) -> None:  # noqa: FBT001
    """The device's clock is right here and finds the certificate old; the cloud's is where it was at enrolment."""
    cloud.clock.by, cloud.tells_time = OLD, tells_time
    report = renew(state_dir)
    assert report.renewed is not tells_time
    assert (report.due_in_s > 0) is tells_time


def test_a_device_that_is_not_enrolled_says_so(tmp_path: Path) -> None:
    with pytest.raises(IdentityMissingError):
        renew(tmp_path / "none")


def test_a_revoked_device_keeps_its_files_and_says_so(cloud: DeviceCloud, state_dir: Path) -> None:
    before = identity(state_dir)
    cloud.revoke_all()
    with pytest.raises(IdentityRevokedError, match=r"401 device\.refused"):
        renew(state_dir)
    assert identity(state_dir) == before


@pytest.mark.parametrize(
    ("path", "fault", "kind"),
    [
        pytest.param("/device-auth/nonce", Refuse(503), CloudFailedError, id="503"),
        pytest.param("/device-auth/token", Refuse(401, "proxy.says"), CloudRefusedError, id="a-proxy-s-401"),
        pytest.param("/device-auth/token", Edit(lambda _: {"token": 1}), CloudAnswerError, id="no-token"),
        pytest.param("/device-auth/renew", Refuse(409), CloudRefusedError, id="409"),
        pytest.param("/device-auth/renew", Truncate(), CloudUnreachableError, id="truncated"),
        pytest.param("/device-auth/renew", Cut(), CloudUnreachableError, id="cut"),
        pytest.param(
            "/device-auth/renew",
            Edit(lambda one: one | {"certificate_pem": "x"}),
            CertificateError,
            id="no-certificate",
        ),
    ],
)
def test_what_fails_leaves_the_old_identity_and_works_the_next_time(
    cloud: DeviceCloud, state_dir: Path, path: str, fault: Any, kind: type[RoostError]
) -> None:
    before = identity(state_dir)
    cloud.faults[path] = [fault]
    with pytest.raises(kind):
        renew(state_dir)
    assert identity(state_dir) == before
    assert renew(state_dir).renewed


def test_a_new_key_that_the_cloud_does_not_take_is_given_up_for_the_old(cloud: DeviceCloud, state_dir: Path) -> None:
    def forgetting(answer: dict[str, Any]) -> dict[str, Any]:
        cloud.forget_newest()
        return answer

    before = identity(state_dir)
    cloud.faults["/device-auth/renew"] = [Edit(forgetting)]
    with pytest.raises(CertificateError, match="has just given"):
        renew(state_dir)
    assert identity(state_dir) == before
    assert renew(state_dir).renewed


def test_two_renewals_do_not_mix(state_dir: Path) -> None:
    with IdentityStore(state_dir), pytest.raises(IdentityBusyError):
        renew(state_dir)


def test_the_program_reports_in_json(cloud: DeviceCloud, state_dir: Path) -> None:
    command = [sys.executable, "-m", "roost_edge.identity.renew", str(state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (json.loads(done.stdout)["renewed"], done.stderr, done.returncode) == (True, "", 0)
    cloud.revoke_all()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (json.loads(done.stdout)["error"]["code"], done.stderr, done.returncode) == ("identity.revoked", "", 1)


# ---- the API client


def test_a_token_is_used_until_shortly_before_its_end(cloud: DeviceCloud, state_dir: Path) -> None:
    now_s = [1000.0]
    device = api(state_dir, monotonic_s=lambda: now_s[0])
    first = device.token()
    now_s[0] += 569
    assert device.token() is first
    now_s[0] += 2
    assert device.token() != first
    assert len(cloud.asked("/device-auth/token")) == 2


def test_a_token_that_the_cloud_no_longer_knows_is_replaced_once(cloud: DeviceCloud, state_dir: Path) -> None:
    device = api(state_dir)
    device.token()
    cloud.faults["/device-auth/renew"] = [Refuse(401)]
    csr = DeviceKey.new().request()
    device.renew(csr)
    assert len(cloud.asked("/device-auth/renew")) == 2
    cloud.faults["/device-auth/renew"] = [Refuse(401), Refuse(401)]
    with pytest.raises(CloudRefusedError):
        device.renew(csr)


def test_the_pinned_root_of_trust_outlives_a_renewal(cloud: DeviceCloud, state_dir: Path) -> None:
    cloud.trust_root = b'{"signed": "a root"}'
    enrol_device(url=cloud.url, token=cloud.token(), state_dir=state_dir, expected=None, replace=True)
    cloud.clock.by = timedelta(days=70)
    cloud.trust_root = b"another"
    assert renew(state_dir).renewed
    pinned = identity(state_dir).trust_root
    assert pinned is not None
    assert pinned.read_bytes() == b'{"signed": "a root"}'
