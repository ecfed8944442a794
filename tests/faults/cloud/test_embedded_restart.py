"""A cloud with its embedded broker ends, killed or in order: who was online then is so no more, until it says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roost_cloud.client import ApiClient
from roost_shared.enrolment import EnrolmentToken
from roost_shared.messages import State, encode_json
from tests.support.agent import until
from tests.support.cloud_process import CloudProcess
from tests.support.fleet_certificates import signing_request
from tests.support.mosquitto import free_port
from tests.support.mqtt_peer import MqttPeer

DEVICES = ("dead", "living")


class Device:
    """An enrolled device at the embedded broker."""

    def __init__(self, name: str, port: int, admin: ApiClient) -> None:
        issued = admin.call("POST", "/enrolments", dict[str, Any], body={"device": name})
        token = EnrolmentToken.parse(issued["token"])
        body = {"token_id": token.id, "secret": token.secret, "csr_pem": signing_request()}
        self._broker = admin.call("POST", "/enrol", dict[str, Any], body=body)["broker"]
        self._identity = f"acme/d/{name}"
        self._port = port

    def connect(self, *, session: int) -> MqttPeer:
        """Come online."""
        topic = f"roost/1/{self._identity}/state"
        will = State(state="offline", boot="b1", session=session, reason="lost")
        user = {"client_id": self._identity, **{key: self._broker[key] for key in ("username", "password")}}
        peer = MqttPeer(self._port, version=4, will=(topic, encode_json(will)), **user)
        peer.publish(topic, encode_json(State(state="online", boot="b1", session=session)), retain=True)
        return peer


def states(admin: ApiClient) -> dict[str, str]:
    return {one["device"]: one["state"] for one in admin.get("/devices", dict[str, Any])["items"]}


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(CloudProcess.kill, id="killed"),
        pytest.param(CloudProcess.stop, id="in order", marks=pytest.mark.campaign),
    ],
)
def test_who_died_with_the_cloud_is_offline_after_its_restart(
    tmp_path: Path, end: Callable[[CloudProcess], object]
) -> None:
    port = free_port()
    with CloudProcess(tmp_path, "--embedded", "--embedded-broker-port", str(port)).start() as process:
        with process.client() as platform:
            made = platform.call("POST", "/tenants", dict[str, Any], body={"name": "acme"})
        token = made["admin_token"]["token"]
        with process.client(token) as admin:
            devices = {name: Device(name, port, admin) for name in DEVICES}
            peers = [device.connect(session=1) for device in devices.values()]
            until(lambda: states(admin) == dict.fromkeys(DEVICES, "online"), "both are seen online")
        for peer in peers:
            peer.freeze()  # nothing of theirs arrives any more, no goodbye either
        end(process)
        for peer in peers:
            peer.vanish()
        process.start()
        with process.client(token) as admin:
            assert states(admin) == dict.fromkeys(DEVICES, "offline")
            with devices["living"].connect(session=2):
                until(lambda: states(admin) == {"dead": "offline", "living": "online"}, "one is back")
