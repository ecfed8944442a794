"""Certificates that must not open a real broker's door, and revoked ones that did before."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from roost_cloud.client import ApiUnreachableError, RemoteError
from roost_cloud.fence.expel import Expeller
from roost_cloud.fence.source import Source
from roost_cloud.fence.sync import FenceSync
from roost_cloud.fleet.authority import Authority
from roost_cloud.fleet.revocations import DocumentError, RevocationsDocument
from roost_cloud.fleet.x509 import profiles
from roost_cloud.fleet.x509.revocation_list import CRL_LIFETIME, revocation_list
from roost_cloud.fleet.x509.signer import Signer, key_pem
from roost_shared.clock import SystemClock
from roost_shared.errors import TransportError
from roost_shared.mqtt.faults import BrokerUnreachableError
from tests.support.fenced_broker import FencedBroker, Shown
from tests.support.fleet_certificates import FixedClock, signing_request
from tests.support.mosquitto import free_port
from tests.support.waiting import until

IDENTITY = "acme/d/cam-01"
DAY = timedelta(days=1)
TOKEN = "roost_platform_secret"


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FencedBroker]:
    """A broker whose lists nobody changes."""
    with FencedBroker(tmp_path_factory.mktemp("fence")) as broker:
        yield broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[FencedBroker]:
    with FencedBroker(tmp_path) as broker:
        yield broker


def by_time(broker: FencedBroker, now: datetime) -> Shown:
    """Of the right CA, for a day that is not today."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = (
        Authority(broker.folder / "secrets", FixedClock(now)).tenant("acme").issue(signing_request(key), "cam-01", DAY)
    )
    return Shown(issued.certificate_pem, key_pem(key).decode())


def expired(broker: FencedBroker) -> Shown:
    return by_time(broker, datetime.now(UTC) - 2 * DAY)


def of_tomorrow(broker: FencedBroker) -> Shown:
    return by_time(broker, datetime.now(UTC) + DAY)


def of_another_deployment(broker: FencedBroker) -> Shown:
    """All names are the same, down to the CAs'."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = Authority(broker.folder / "another", SystemClock()).tenant("acme").issue(signing_request(key), "cam-01")
    return Shown(issued.certificate_pem, key_pem(key).decode())


def of_another_deployments_ca_under_our_root(broker: FencedBroker) -> Shown:
    """A stranger's leaf, with our own CAs shown beside it."""
    foreign = of_another_deployment(broker)
    leaf = x509.load_pem_x509_certificates(foreign.certificate_pem.encode())[0]
    chain = leaf.public_bytes(Encoding.PEM).decode() + broker.authority.tenant("acme").certificate_pem
    return Shown(chain, foreign.key_pem)


def self_signed(_broker: FencedBroker) -> Shown:
    own = profiles.new_root(IDENTITY, datetime.now(UTC))
    return Shown(own.certificate_pem, key_pem(own.key).decode())


def signer_of(broker: FencedBroker, name: str) -> Signer:
    pem = (broker.folder / "secrets" / name).read_bytes()
    return Signer(load_key(pem), x509.load_pem_x509_certificate(pem))


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def servers(broker: FencedBroker) -> Shown:
    server = broker.authority.server(["localhost"])
    return Shown(server.certificate_pem, server.key_pem)


def tenant_cas_own(broker: FencedBroker) -> Shown:
    signer = signer_of(broker, "tenants/acme.pem")
    return Shown(signer.certificate_pem, key_pem(signer.key).decode())


def signed_by(signer: Signer, chain_pem: str) -> Shown:
    """A flawless device's certificate, if it were not for who signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = profiles.sign_client(
        signer, key.public_key(), organisation="acme", name=IDENTITY, now=datetime.now(UTC), lifetime=DAY
    )
    return Shown(leaf.public_bytes(Encoding.PEM).decode() + chain_pem, key_pem(key).decode())


def by_a_device(broker: FencedBroker) -> Shown:
    device = broker.device()
    leaf = x509.load_pem_x509_certificates(device.shown.certificate_pem.encode())[0]
    return signed_by(Signer(load_key(device.shown.key_pem.encode()), leaf), device.shown.certificate_pem)


def of_a_tenant_without_list(broker: FencedBroker) -> Shown:
    """Its CA is younger than the lists the broker has; it comes in when they are renewed."""
    return broker.device("newcomer").shown


def of_the_cloud(broker: FencedBroker) -> Shown:
    return broker.cloud


@pytest.mark.parametrize(
    "make",
    [
        expired,
        of_tomorrow,
        of_another_deployment,
        of_another_deployments_ca_under_our_root,
        self_signed,
        servers,
        tenant_cas_own,
        by_a_device,
        of_a_tenant_without_list,
        of_the_cloud,
    ],
)
def test_no_other_certificate_opens_the_devices_door(
    steady: FencedBroker, make: Callable[[FencedBroker], Shown]
) -> None:
    assert steady.admits(steady.device().shown)
    assert not steady.admits(make(steady))


def test_no_device_and_no_tenants_ca_opens_the_clouds_door(steady: FencedBroker) -> None:
    port = steady.cloud_port
    assert steady.admits(steady.cloud, port=port)
    forged = signed_by(signer_of(steady, "tenants/acme.pem"), steady.authority.tenant("acme").certificate_pem)
    for shown in (steady.device().shown, forged, servers(steady), self_signed(steady)):
        assert not steady.admits(shown, port=port)


def test_a_tenants_ca_cannot_make_cas(broker: FencedBroker) -> None:
    """Not even one that the broker has a list of."""
    tenant, now = signer_of(broker, "tenants/acme.pem"), datetime.now(UTC)
    below = profiles.new_tenant(tenant, "below", now)
    probe = broker.device("newcomer")
    broker.install(broker.document(tenants=["acme", "newcomer"]).crl_pem + revocation_list(below, [], now))
    await_answer(broker, probe.shown, admitted=True)
    assert not broker.admits(signed_by(below, below.certificate_pem + tenant.certificate_pem))


def fence_of(broker: FencedBroker, said: Callable[[], RevocationsDocument], *, expel: bool) -> FenceSync:
    files = broker.folder
    expeller = Expeller(
        broker.cloud_url,
        cafile=files / "ca.crt",
        certfile=files / "roost-cloud.crt",
        keyfile=files / "roost-cloud.key",
    )
    return FenceSync(
        files,
        fetch=lambda: msgspec.json.encode(said()),
        reload=broker.mosquitto.reload,
        expel=expeller.expel if expel else None,
        clock=SystemClock(),
    )


def await_answer(broker: FencedBroker, shown: Shown, *, admitted: bool) -> None:
    """The broker reads its files a moment after it was told to. Ends the connection of whom it admits."""
    until(lambda: broker.admits(shown) is admitted, "the broker goes by its new files")


def test_a_revoked_device_is_thrown_out_and_stays_out(broker: FencedBroker) -> None:
    revoked, spared = broker.device("acme", "cam-01"), broker.device("acme", "cam-02")
    inside, other = broker.enter(revoked.shown), broker.enter(spared.shown)
    fence_of(broker, lambda: broker.document(revoked), expel=True).once()
    inside.wait(lambda: bool(inside.disconnects), "the revoked device's connection ended")
    assert not broker.admits(revoked.shown)
    other.publish(f"{spared.root}/state", b"undisturbed")
    assert other.disconnects == []
    assert broker.admits(spared.shown)


def test_a_revoked_device_that_stays_connected_neither_says_nor_hears_anything(broker: FencedBroker) -> None:
    """The fence holds by the access list alone, where nothing ends connections."""
    revoked, spared, probe = (broker.device("acme", name) for name in ("cam-01", "cam-02", "cam-03"))
    witness = broker.enter_openly()
    witness.subscribe("roost/1/acme/#")
    witness.publish(f"{revoked.root}/desired", b"before", retain=True)
    inside = broker.enter(revoked.shown, will=(f"{revoked.root}/state", b"last words"))
    inside.subscribe(f"{revoked.root}/desired")
    assert inside.next()[0].payload == b"before"
    fence_of(broker, lambda: broker.document(revoked, probe), expel=False).once()
    await_answer(broker, probe.shown, admitted=False)
    witness.messages.clear()
    inside.publish(f"{revoked.root}/state", b"said")
    witness.publish(f"{revoked.root}/desired", b"heard")
    inside.subscribe(f"{revoked.root}/+")
    inside.vanish()
    broker.enter(spared.shown).publish(f"{spared.root}/state", b"mark")
    witness.wait(lambda: any(m.payload == b"mark" for m in witness.messages), "the mark")
    assert {m.payload for m in witness.messages} == {b"heard", b"mark"}
    assert inside.messages == []


def test_a_lost_device_that_was_enrolled_anew_is_thrown_out_by_its_old_certificate(broker: FencedBroker) -> None:
    """Its identity lives on, and so no access list can tell the two apart."""
    stolen, replacement = broker.device(), broker.device()
    thief = broker.enter(stolen.shown)
    fence = fence_of(broker, lambda: broker.document(withdrawn=[stolen]), expel=True)
    fence.once()
    thief.wait(lambda: bool(thief.disconnects), "the stolen device is out")
    assert not broker.admits(stolen.shown)
    owner = broker.enter(replacement.shown)
    fence.once()
    owner.publish(f"{replacement.root}/state", b"here")
    assert owner.disconnects == []


def test_a_new_tenant_comes_in_once_the_lists_have_one_of_its_ca(broker: FencedBroker) -> None:
    first = broker.device("newcomer")
    assert not broker.admits(first.shown)
    fence_of(broker, lambda: broker.document(tenants=["acme", "other", "newcomer"]), expel=False).once()
    await_answer(broker, first.shown, admitted=True)


def test_lists_that_ran_out_lock_everybody_out_until_there_are_new_ones(broker: FencedBroker) -> None:
    inside, other = broker.enter(broker.device().shown), broker.device(name="cam-02")
    broker.install(broker.document(now=datetime.now(UTC) - CRL_LIFETIME - DAY).crl_pem)
    await_answer(broker, other.shown, admitted=False)
    assert inside.disconnects == []  # who is inside is not looked at again
    fence_of(broker, broker.document, expel=False).once()
    await_answer(broker, other.shown, admitted=True)


def test_lists_mosquitto_cannot_read_open_its_door_and_so_none_are_given_to_it(broker: FencedBroker) -> None:
    """Its list is gone then, and it checks none; the access list is what still holds."""
    revoked = broker.device()
    fence_of(broker, lambda: broker.document(revoked), expel=False).once()
    await_answer(broker, revoked.shown, admitted=False)
    broken = msgspec.structs.replace(broker.document(revoked), crl_pem="garbage")
    with pytest.raises(DocumentError):
        fence_of(broker, lambda: broken, expel=False).once()
    broker.mosquitto.reload()
    assert not broker.admits(revoked.shown)
    broker.install("garbage")
    await_answer(broker, revoked.shown, admitted=True)
    witness = broker.enter_openly()
    witness.subscribe("roost/1/acme/#")
    broker.enter(revoked.shown).publish(f"{revoked.root}/state", b"said")
    broker.enter(broker.device(name="cam-02").shown).publish("roost/1/acme/d/cam-02/state", b"mark")
    assert witness.next()[0].payload == b"mark"


class Cloud:
    """Answers `GET /api/v1/broker/revocations`, as the API does."""

    def __init__(self) -> None:
        cloud = self
        self.document: RevocationsDocument | None = None
        self.asked = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cloud.asked += 1
                known = (
                    self.path == "/api/v1/broker/revocations" and self.headers["Authorization"] == f"Bearer {TOKEN}"
                )
                status = 401 if not known else 503 if cloud.document is None else 200
                body = msgspec.json.encode(cloud.document) if status == 200 else b"{}"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@contextmanager
def sync_command(broker: FencedBroker, cloud: Cloud) -> Iterator[Path]:
    """`roost broker sync`, as README.md says; gives its log."""
    folder = broker.folder
    (folder / "token").write_text(TOKEN + "\n")
    own = [
        "--cafile",
        folder / "ca.crt",
        "--certfile",
        folder / "roost-cloud.crt",
        "--keyfile",
        folder / "roost-cloud.key",
    ]
    command = [
        sys.executable, "-m", "roost_cloud", "broker", "sync", "--cloud", cloud.url, "--token-file", folder / "token",
        "--folder", folder, "--reload", f"kill -HUP {broker.mosquitto.pid}", "--every", "1",
        "--expel", broker.cloud_url,
        *own,
    ]  # fmt: skip
    log = folder / "sync.log"
    with log.open("wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output)
        try:
            yield log
            assert process.poll() is None, log.read_text()
            process.terminate()
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def await_in(log: Path, text: str) -> None:
    until(lambda: text in log.read_text(), text, 30, otherwise=log.read_text)


def test_the_command_cuts_a_revoked_device_off_within_a_minute_and_outlives_the_cloud(
    broker: FencedBroker, cloud: Cloud
) -> None:
    device = broker.device()
    inside = broker.enter(device.shown)
    with sync_command(broker, cloud) as log:
        await_in(log, "cloud.unreachable")  # the cloud is not ready yet
        assert broker.admits(broker.device(name="cam-02").shown)
        cloud.document = broker.document()
        await_in(log, "revocations enforced")
        assert inside.disconnects == []
        cloud.document = broker.document(device, now=datetime.now(UTC) + timedelta(seconds=1))  # newer than the first
        inside.wait(lambda: bool(inside.disconnects), "cut off", timeout_s=60)
        assert not broker.admits(device.shown)
        cloud.document = None
        asked = cloud.asked
        while cloud.asked < asked + 2:
            time.sleep(0.02)
        assert not broker.admits(device.shown)
        assert broker.admits(broker.device(name="cam-02").shown)
    expelled = json.loads((broker.folder / "enforced.json").read_bytes())["expelled"]
    assert sorted(expelled) == sorted([device.serial, device.identity])


def test_a_wrong_token_is_told_from_a_cloud_that_is_away(cloud: Cloud, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("wrong")
    with pytest.raises(RemoteError, match="401"):
        Source.open(cloud.url, token, None).fetch()
    with pytest.raises(ApiUnreachableError):
        Source.open(f"http://127.0.0.1:{free_port()}", token, None).fetch()


def test_a_broker_that_is_away_or_says_no_is_told_from_one_that_expelled(broker: FencedBroker) -> None:
    files = broker.folder
    device = broker.device()
    (files / "device.pem").write_text(device.shown.key_pem + device.shown.certificate_pem)
    wrong = Expeller(
        broker.cloud_url, cafile=files / "ca.crt", certfile=files / "device.pem", keyfile=files / "device.pem"
    )
    with pytest.raises(TransportError):
        wrong.expel(device.identity)
    url = f"mqtts://127.0.0.1:{free_port()}"
    away = Expeller(url, cafile=files / "ca.crt", certfile=files / "device.pem", keyfile=files / "device.pem")
    with pytest.raises(BrokerUnreachableError):
        away.expel(device.identity)
