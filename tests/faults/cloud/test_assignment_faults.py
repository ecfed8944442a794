"""A cloud that dies, its embedded broker with it: what devices shall run is there again when it is."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roost_cloud.client import ApiClient
from roost_cloud.keyring.ceremony import Ceremony, expires_in
from roost_cloud.keyring.keyring import Keyring
from roost_shared.clock import SystemClock
from roost_shared.enrolment import EnrolmentToken
from roost_shared.trust.envelope import SealedAssignment
from tests.support.cloud_process import CloudProcess
from tests.support.fleet_certificates import signing_request
from tests.support.mosquitto import free_port
from tests.support.mqtt_peer import MqttPeer

ASKED = {"contestants": [{"name": "cloud", "where": "cloud"}]}


def begin_trust(cloud: ApiClient, folder: Path) -> None:
    """As `roost trust init` does."""
    keyring = Keyring(folder, lambda name: name)
    root, targets = keyring.make("root-1", None), keyring.make("targets-1", None)
    Ceremony(cloud, keyring, expires_in(SystemClock().wall(), 365)).begin([root], [targets], 1)


def enrolled(cloud: ApiClient, device: str) -> dict[str, Any]:
    """How a device gets in at the broker."""
    made = cloud.call("POST", "/enrolments", dict, body={"device": device})
    token = EnrolmentToken.parse(made["token"])
    body = {"token_id": token.id, "secret": token.secret, "csr_pem": signing_request()}
    broker: dict[str, Any] = cloud.call("POST", "/enrol", dict, body=body)["broker"]
    return broker


def desired_of(broker: dict[str, Any]) -> SealedAssignment:
    """What a device finds that comes now."""
    port = urlsplit(broker["url"]).port
    assert port is not None
    name = broker["username"]
    with MqttPeer(port, version=4, client_id=name, username=name, password=broker["password"]) as peer:
        peer.subscribe(f"roost/1/{name}/desired")
        return SealedAssignment.parse(bytes(peer.next()[0].payload))


def test_what_is_assigned_outlives_the_cloud_and_its_broker(tmp_path: Path) -> None:
    listen = (
        "--embedded",
        "--role",
        "api,ingest",
        "--listen",
        f"127.0.0.1:{free_port()}",
        "--embedded-broker-port",
        str(free_port()),
    )
    with CloudProcess(tmp_path / "cloud", *listen).start() as process:
        acme = process.client().call("POST", "/tenants", dict, body={"name": "acme"})
        cloud = process.client(acme["admin_token"]["token"])
        begin_trust(cloud, tmp_path / "keys")
        broker = enrolled(cloud, "cam-01")
        cloud.call("PUT", "/devices/cam-01/assignment", dict, body={"tasks": {}})
        assert desired_of(broker).assignment().version == 1
        # Killed at once after the answer, before anybody can have published it.
        cloud.call("PUT", "/devices/cam-01/assignment", dict, body={"tasks": {"meter": ASKED}})
        process.kill()
        process.start()
        assert desired_of(broker).assignment().version == 2
