"""`roost-agent enrol` against a cloud over real HTTPS: what it takes, and what it must not take."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from roost_edge.identity import Identity, IdentityMismatchError, read_identity
from roost_edge.identity.enrol import enrol_device
from roost_edge.identity.errors import (
    CertificateError,
    EnrolmentRefusedError,
    FingerprintError,
    IdentityBusyError,
    IdentityExistsError,
    IdentityUnwritableError,
)
from roost_edge.identity.keys import DeviceKey
from roost_edge.identity.store import IdentityStore
from roost_edge.settings.loading import load_config
from roost_edge.uplink.http import CloudAnswerError, CloudClockError, CloudFailedError, CloudRefusedError
from roost_edge.uplink.http import CloudUnreachableError as Unreachable
from roost_shared.cloud_url import CloudUrlError
from roost_shared.enrolment import EnrolmentToken
from roost_shared.errors import RoostError
from tests.support.agent import run_command
from tests.support.device_cloud import DEVICE, TENANT, Cut, DeviceCloud, Edit, Refuse, Truncate
from tests.support.unreadable import NO_JSON

ANOTHER = 12345  # a user and a group


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[DeviceCloud]:
    with DeviceCloud(tmp_path) as cloud:
        yield cloud


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def enrol(
    cloud: DeviceCloud, state_dir: Path, token: EnrolmentToken | None = None, *, url: str = "", **more: Any
) -> Identity:
    more = {"expected": None, "replace": False} | more
    return enrol_device(url=url or cloud.url, token=token or cloud.token(), state_dir=state_dir, **more)


def test_a_token_becomes_an_identity_by_one_command(cloud: DeviceCloud, tmp_path: Path, state_dir: Path) -> None:
    cloud.broker = {"url": "mqtt://localhost:1883", "username": "acme/d/cam-01", "password": "pw"}
    (tmp_path / "token").write_text(cloud.token().text() + "\n")
    config = tmp_path / "agent.toml"
    command = ("enrol", "--url", cloud.url, "--token-file", tmp_path / "token", "--state-dir", state_dir)
    done = run_command(*command, "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"enrolled as {TENANT}/{DEVICE}" in done.stdout
    identity = read_identity(state_dir)
    assert identity is not None
    assert {path.name for path in (state_dir / "identity").iterdir()} == {
        "device.key",
        "device.crt",
        "ca.crt",
        "cloud.json",
    }
    for path in (state_dir / "identity").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads((state_dir / "identity" / "cloud.json").read_text())
    assert document["url"] == cloud.url
    assert document["broker"] == cloud.broker
    assert "PRIVATE KEY" not in json.dumps(cloud.requests)
    config.write_text(done.stdout.partition("begin it with:")[2])
    assert load_config(config).state_dir == state_dir
    again = run_command(*command, "--config", config)
    assert again.returncode == 1
    assert "state_dir: the file says it" in again.stderr
    again = run_command("enrol", "--token-file", tmp_path / "token", "--config", config)
    assert (
        again.stderr == f"roost-agent: identity.exists: {state_dir}: this is {TENANT}/{DEVICE} already; --replace"
        " makes it what the token says\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--token", "roost_1_x", "--url", "https://localhost"], "enrolment.token", id="token"),
        pytest.param(["--token-file", "none", "--url", "https://localhost"], "none: No such file", id="token-file"),
        pytest.param(["--token", "x"], "config.invalid: command line: --url", id="no-url"),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run_command("enrol", *arguments, "--config", tmp_path / "none.toml", "--state-dir", tmp_path / "state")
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "state").exists()


def test_a_device_that_has_an_identity_keeps_it_unless_told_otherwise(cloud: DeviceCloud, state_dir: Path) -> None:
    first = enrol(cloud, state_dir)
    key = first.keyfile.read_bytes()
    with pytest.raises(IdentityExistsError):
        enrol(cloud, state_dir)
    second = enrol(cloud, state_dir, cloud.token("cam-02"), replace=True)
    assert second.cloud.device == "cam-02"
    assert second.keyfile.read_bytes() != key
    assert not first.folder.exists()


def test_another_cloud_is_not_told_the_secret(cloud: DeviceCloud, state_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with DeviceCloud(tmp_path / "other") as other, pytest.raises(FingerprintError, match="was not sent"):
        enrol(other, state_dir, cloud.token())
    assert [path for path, _ in other.requests] == ["/ca"]
    assert read_identity(state_dir) is None


def test_who_cannot_show_a_certificate_of_that_root_is_not_told_the_secret(state_dir: Path, tmp_path: Path) -> None:
    with DeviceCloud(tmp_path, host="elsewhere.example") as cloud, pytest.raises(Unreachable, match="we do not know"):
        enrol(cloud, state_dir)
    assert [path for path, _ in cloud.requests] == ["/ca"]


def test_a_certificate_of_another_time_is_laid_to_the_clock(state_dir: Path, tmp_path: Path) -> None:
    cloud = DeviceCloud(tmp_path, by=-timedelta(days=400))
    with cloud, pytest.raises(CloudClockError, match=r"expired by this device's clock, which says"):
        enrol(cloud, state_dir)


def test_on_this_machine_no_encryption_is_needed(state_dir: Path, tmp_path: Path) -> None:
    with DeviceCloud(tmp_path, tls=False) as cloud:
        assert enrol(cloud, state_dir).cloud.url == cloud.url
        with pytest.raises(CloudUrlError, match="not encrypted"):
            enrol(cloud, state_dir, url=cloud.url.replace("127.0.0.1", "10.0.0.1"), replace=True)


def other_name(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"device": "cam-99"}


def no_chain(answer: dict[str, Any]) -> dict[str, Any]:
    end = "-----END CERTIFICATE-----\n"
    return answer | {"certificate_pem": answer["certificate_pem"].partition(end)[0] + end}


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        pytest.param(Edit(other_name), CertificateError, r"names \['acme/d/cam-01'\], and not acme/d/cam-99", id="CN"),
        pytest.param(Edit(no_chain), CertificateError, "does not lead to the root", id="no-chain"),
        pytest.param(Edit(lambda one: one | {"certificate_pem": "x"}), CertificateError, "can be read", id="no-pem"),
        pytest.param(Edit(lambda one: one | {"tenant": "../x"}), CertificateError, "names no device", id="bad-name"),
        pytest.param(
            Edit(lambda one: one | {"broker": {"url": "http://x"}}), CloudAnswerError, "a broker that", id="broker"
        ),
        pytest.param(Edit(lambda one: {"tenant": one["tenant"]}), CloudAnswerError, "missing required", id="lacking"),
        pytest.param(Refuse(200, body=b"<html>"), CloudAnswerError, "malformed", id="no-json"),
        pytest.param(Refuse(200, body=b'{"more":' + NO_JSON["deep"] + b"}"), CloudAnswerError, "depth", id="deep"),
        pytest.param(Refuse(302, body=b""), CloudAnswerError, "HTTP status 302", id="redirect"),
        pytest.param(Refuse(200, body=b"x" * (2 << 20)), CloudAnswerError, "larger than", id="endless"),
        pytest.param(Truncate(), Unreachable, "IncompleteRead", id="truncated"),
        pytest.param(Refuse(500), CloudFailedError, "500 some.code", id="500"),
        pytest.param(Refuse(502, body=b"bad gateway"), CloudFailedError, "502: no word on why", id="502"),
        pytest.param(Refuse(409, "enrolment.conflict"), CloudRefusedError, "409 enrolment.conflict", id="409"),
        pytest.param(Refuse(401, "enrolment.expired"), EnrolmentRefusedError, "ask for another", id="401"),
        pytest.param(Cut(), Unreachable, "POST", id="cut"),
    ],
)
def test_an_answer_that_cannot_be_used_leaves_no_identity_and_the_token_still_works(
    cloud: DeviceCloud, state_dir: Path, fault: Any, kind: type[RoostError], says: str
) -> None:
    cloud.faults["/enrol"] = [fault]
    token = cloud.token()
    with pytest.raises(kind, match=says) as caught:
        enrol(cloud, state_dir, token)
    assert "\n" not in str(caught.value)
    assert read_identity(state_dir) is None
    assert enrol(cloud, state_dir, token).cloud.device == DEVICE
    first, second = cloud.asked("/enrol")
    assert len({first["secret"], second["secret"]}) == 1


def test_the_cloud_s_certificate_for_another_key_is_refused(cloud: DeviceCloud, state_dir: Path) -> None:
    cloud.faults["/enrol"] = [Cut()]
    stolen = cloud.token()
    with pytest.raises(Unreachable):
        enrol(cloud, state_dir, stolen)
    other: dict[str, Any] = {}
    cloud.faults["/enrol"] = [Edit(lambda one: other.setdefault("answer", one)), Edit(lambda _: other["answer"])]
    enrol(cloud, state_dir.with_name("other"), cloud.token())
    with pytest.raises(CertificateError, match="another key"):
        enrol(cloud, state_dir, cloud.token())


def test_agent_toml_and_token_must_mean_one_device(cloud: DeviceCloud, state_dir: Path) -> None:
    token = cloud.token()
    with pytest.raises(IdentityMismatchError, match=r"agent\.toml says acme/cam-07"):
        enrol(cloud, state_dir, token, expected=(TENANT, "cam-07"))
    assert read_identity(state_dir) is None
    assert enrol(cloud, state_dir, token, expected=(TENANT, DEVICE)).cloud.device == DEVICE, "the token still works"


def test_two_at_once_do_not_mix(cloud: DeviceCloud, state_dir: Path) -> None:
    with IdentityStore(state_dir), pytest.raises(IdentityBusyError):
        enrol(cloud, state_dir)
    assert not cloud.requests


def test_a_folder_that_cannot_be_written_is_found_before_the_token_is_used(cloud: DeviceCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IdentityUnwritableError, match="file"):
        enrol(cloud, tmp_path / "file" / "state")
    assert not cloud.requests


@pytest.fixture
def anothers_state_dir() -> Iterator[Path]:
    """The state folder of another user, who can reach it."""
    if os.geteuid() != 0:
        pytest.skip("only root enrols for others")
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # pytest's own temporary folders are closed to others
        state_dir = Path(name) / "state"
        state_dir.mkdir(mode=0o700)
        os.chown(state_dir, ANOTHER, ANOTHER)
        yield state_dir


def test_what_root_enrols_belongs_to_the_owner_of_the_folder(cloud: DeviceCloud, anothers_state_dir: Path) -> None:
    enrol(cloud, anothers_state_dir)
    enrol(cloud, anothers_state_dir, cloud.token("cam-02"), replace=True)
    paths = [*anothers_state_dir.rglob("*")]
    assert len(paths) > 5
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in paths} == {(ANOTHER, ANOTHER)}
    assert (os.geteuid(), os.getegid()) == (0, 0)


@pytest.mark.parametrize("name", ["identity.d", "identity.d/lock", "identity.d/.pending", "identity.d/pending"])
def test_a_link_in_the_owners_folder_leads_root_nowhere(
    cloud: DeviceCloud, anothers_state_dir: Path, tmp_path: Path, name: str
) -> None:
    token = cloud.token()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "asked_by").write_text(token.id)
    (victim / "device.key").write_bytes(DeviceKey.new().pem())
    before = {path: path.stat() for path in (victim, *victim.iterdir())}
    link = anothers_state_dir / name
    if link.parent != anothers_state_dir:
        link.parent.mkdir()
        os.chown(link.parent, ANOTHER, ANOTHER)
    link.symlink_to(victim / "lock" if link.name == "lock" else victim)
    os.chown(link, ANOTHER, ANOTHER, follow_symlinks=False)
    with pytest.raises(IdentityUnwritableError):
        enrol(cloud, anothers_state_dir, token)
    assert {path: path.stat() for path in (victim, *victim.iterdir())} == before
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_a_folder_that_is_yet_to_be_made_is_made_by_the_owner_of_the_one_above(
    cloud: DeviceCloud, anothers_state_dir: Path
) -> None:
    enrol(cloud, anothers_state_dir / "deeper")
    assert (anothers_state_dir / "deeper").stat().st_uid == ANOTHER


def test_the_root_of_trust_that_the_token_names_is_pinned(cloud: DeviceCloud, state_dir: Path) -> None:
    cloud.trust_root = '{"signed": "ä root"}\n'.encode()
    identity = enrol(cloud, state_dir)
    assert identity.trust_root is not None
    assert identity.trust_root.read_bytes() == cloud.trust_root


@pytest.mark.parametrize("given", ["{}", "", None])
def test_another_root_of_trust_is_refused_and_nothing_is_written(
    cloud: DeviceCloud, state_dir: Path, given: str | None
) -> None:
    cloud.trust_root = b"{}\n"
    token = cloud.token()
    cloud.faults["/enrol"] = [Edit(lambda answer: answer | {"trust_root": given})]
    with pytest.raises(FingerprintError, match="another root of trust"):
        enrol(cloud, state_dir, token)
    assert read_identity(state_dir) is None
    assert enrol(cloud, state_dir, token).trust_root is not None, "an honest answer to the same token"


def test_a_root_that_no_token_names_is_not_taken(cloud: DeviceCloud, state_dir: Path) -> None:
    token = cloud.token()
    cloud.trust_root = b"{}"
    assert enrol(cloud, state_dir, token).trust_root is None
