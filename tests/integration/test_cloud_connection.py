"""An agent with two brokers, one for inputs and answers, one of the cloud's: what goes where, and what may fail."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from roost_edge.identity.enrol import enrol_device
from tests.support.agent import AgentProcess, Caller, run_command, task_toml, until, without_starved
from tests.support.bundles import Bundles, picture
from tests.support.device_cloud import DEVICE, TENANT, DeviceCloud
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer
from tests.support.proxy import Proxy

BRIGHT = picture(255)
DEADLINE_MS = 2000
FAR_DEADLINE_MS = 20_000  # where only that there is an answer matters


class Secured(NamedTuple):
    """The cloud: its API, its broker, and that broker's address by TLS, certificates wanted."""

    api: DeviceCloud
    broker: Mosquitto
    url: str


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Secured]:
    folder = tmp_path / "cloud"
    folder.mkdir()
    with DeviceCloud(folder, by=-timedelta(days=70)) as api:
        credentials = api.authority.server(["localhost"])
        (folder / "ca.pem").write_text(api.authority.root_certificate_pem)
        (folder / "broker.pem").write_text(credentials.certificate_pem)
        (folder / "broker.key").write_text(credentials.key_pem)
        port = free_port()
        extra = (
            f"listener {port} 127.0.0.1\ncafile {folder}/ca.pem\ncertfile {folder}/broker.pem\n"
            f"keyfile {folder}/broker.key\nrequire_certificate true\nuse_identity_as_username true\n"
        )
        url = f"mqtts://localhost:{port}"
        api.broker = {"url": url, "username": None, "password": None}
        with Mosquitto(folder, extra=extra) as broker:
            yield Secured(api, broker, url)


def toml(bundles: Bundles, cloud: str, **settings: Any) -> str:
    return f"[cloud]\n{cloud}\n" + task_toml("light", {"primary": bundles.sure}, **settings)


def cloud_of(agent: AgentProcess) -> dict[str, Any]:
    found: dict[str, Any] = agent.status["cloud"]
    return found


def in_the_cloud(agent: AgentProcess) -> bool:
    broker = cloud_of(agent)["broker"]
    return broker is not None and bool(broker["connected"])


def state_at(port: int) -> list[dict[str, Any]]:
    """What a broker holds retained of all devices' state, asked with a fence."""
    with MqttPeer(port) as peer:
        peer.subscribe("roost/1/+/d/+/state")
        peer.subscribe("fence")
        peer.publish("fence", b"x")
        peer.wait(lambda: any(one.topic == "fence" for one in peer.messages), "the fence")
        return [json.loads(one.payload) for one in peer.messages if one.topic != "fence"]


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[Mosquitto, Proxy]]:
    """A second broker, the cloud's, behind a bad network."""
    with Mosquitto(tmp_path / "second") as second, Proxy(second.port) as proxy:
        yield second, proxy


def test_the_cloud_hears_of_the_device_at_its_own_broker_only(
    mosquitto: Mosquitto, proxied: tuple[Mosquitto, Proxy], bundles: Bundles, tmp_path: Path
) -> None:
    second, proxy = proxied
    tasks = toml(bundles, f'broker = "{proxy.url}"', deadline_ms=FAR_DEADLINE_MS)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        until(lambda: in_the_cloud(agent), "connected to the cloud")
        until(lambda: state_at(second.port), "the birth")
        assert caller.ask(BRIGHT)["label"] == "bright"
        (state,) = state_at(second.port)
        assert (state["state"], state["boot"]) == ("online", agent.status["boot"])
        assert state_at(mosquitto.port) == []
        assert "cloud: broker connected" in run_command("status", "--config", agent.config).stdout
        proxy.cut()
        until(lambda: cloud_of(agent)["broker"]["connections"] == 2, "back in the cloud")
        assert agent.status["broker"]["connections"] == 1
        assert agent.status["complaints"].keys() == {"cloud.broker.lost"}
        assert agent.stop() == 0
        (state,) = state_at(second.port)
        assert (state["state"], state["reason"]) == ("offline", "stopped")


@pytest.mark.parametrize("fault", ["away", "refusing", "silent", "slow", "stopped"])
def test_whatever_the_cloud_s_broker_does_answers_come_in_time(
    mosquitto: Mosquitto, proxied: tuple[Mosquitto, Proxy], bundles: Bundles, tmp_path: Path, fault: str
) -> None:
    second, proxy = proxied
    faults: dict[str, Callable[[], None]] = {
        "away": second.kill,
        "refusing": proxy.refuse,
        "silent": proxy.black_hole,
        "slow": lambda: setattr(proxy, "delay_s", 0.5),
        "stopped": second.pause,
    }
    tasks = toml(bundles, f'broker = "{proxy.url}"', deadline_ms=DEADLINE_MS)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        until(lambda: in_the_cloud(agent), "connected to the cloud")
        agent.until_ready("light", "primary")
        for number in range(60):
            if number == 10:
                faults[fault]()
            caller.publish(BRIGHT, CorrelationData=b"%d" % number, wait=False)
            time.sleep(0.02)  # the load's rhythm
        answers = caller.answers(60)
        assert {answer["id"] for answer in answers} == {str(number) for number in range(60)}
        scored = without_starved(answers, agent, "light", "primary")
        assert scored
        assert all(answer["deadline_met"] and answer["label"] == "bright" for answer in scored)
        assert agent.status["broker"]["connections"] == 1
        second.resume() if fault == "stopped" else None
        assert agent.stop() == 0


def enrol(cloud: Secured, state_dir: Path) -> None:
    enrol_device(
        url=cloud.api.url,
        token=cloud.api.token(),
        state_dir=state_dir,
        expected=(TENANT, DEVICE),
        replace=False,
    )


def test_a_certificate_is_renewed_and_used_while_answers_go_on(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    with AgentProcess(tmp_path / "agent", mosquitto.url, toml(bundles, "", deadline_ms=FAR_DEADLINE_MS)) as agent:
        enrol(cloud, agent.state_dir)
        cloud.api.clock.by = timedelta()
        with Caller(mosquitto.port) as caller:
            agent.start()
            asked = 0
            while cloud_of(agent)["identity"]["renewals"] == 0 or not in_the_cloud(agent):
                asked += 1
                assert caller.ask(BRIGHT)["label"] == "bright"
                assert asked < 10_000
            assert cloud.api.valid_keys == 1, "the old one was revoked once the new one was used"
            assert cloud_of(agent)["identity"]["problem"] is None
            assert agent.status["broker"]["connections"] == 1
            until(lambda: state_at(cloud.broker.port), "the birth")
            assert agent.stop() == 0
        (state,) = state_at(cloud.broker.port)
        assert (state["state"], state["reason"]) == ("offline", "stopped")
        assert f"u'{TENANT}/d/{DEVICE}'" in cloud.broker.log


def test_a_revoked_device_says_so_and_goes_on_answering(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    with AgentProcess(tmp_path / "agent", mosquitto.url, toml(bundles, "", deadline_ms=FAR_DEADLINE_MS)) as agent:
        enrol(cloud, agent.state_dir)
        cloud.api.revoke_all()
        agent.start()
        until(lambda: cloud_of(agent)["identity"]["problem"], "a problem")
        assert cloud_of(agent)["identity"]["problem"]["code"] == "identity.revoked"
        tried = len(cloud.api.requests)
        with Caller(mosquitto.port) as caller:
            assert caller.ask(BRIGHT)["label"] == "bright"
        assert "problem identity.revoked" in run_command("status", "--config", agent.config).stdout
        assert len(cloud.api.requests) == tried


def test_an_identity_that_cannot_be_read_keeps_nobody_from_an_answer(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = toml(bundles, f'broker = "{cloud.url}"', deadline_ms=FAR_DEADLINE_MS)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        enrol(cloud, agent.state_dir)
        (agent.state_dir / "identity" / "cloud.json").write_text("{")
        agent.start()
        assert caller.ask(BRIGHT)["label"] == "bright"
        until(lambda: cloud_of(agent)["identity"]["problem"], "a problem")
        assert cloud_of(agent)["identity"]["problem"]["code"] == "identity.unreadable"
        assert agent.status["complaints"]["cloud.identity.unreadable"] >= 1
        assert run_command("check", "--config", agent.config).stderr.startswith("roost-agent: identity.unreadable")


def test_an_identity_of_another_device_is_refused_at_the_start(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    with AgentProcess(tmp_path / "agent", mosquitto.url, toml(bundles, ""), device="cam-07") as agent:
        enrol(cloud, agent.state_dir)
        agent.start(wait=False)
        assert agent.wait() == 1
        assert "identity.mismatch: agent.toml says acme/cam-07" in agent.log


@contextmanager
def both(cloud: Secured, folder: Path, password: str) -> Iterator[Mosquitto]:
    """One broker for the site and the cloud, which knows the device by a password; as the cloud's embedded one."""
    folder.mkdir()
    name = f"{TENANT}/d/{DEVICE}"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "passwords"), name, password], check=True)
    with Mosquitto(folder, replace={"allow_anonymous": "false"}, extra=f"password_file {folder}/passwords") as broker:
        tell_password(cloud, broker, password)
        yield broker


def tell_password(cloud: Secured, broker: Mosquitto, password: str) -> None:
    """What a device is told that enrols or renews from now on."""
    url = broker.url.replace("127.0.0.1", "localhost")
    cloud.api.broker = {"url": url, "username": f"{TENANT}/d/{DEVICE}", "password": password}


def test_a_broker_of_both_takes_the_identity_s_password_and_one_connection(
    cloud: Secured, bundles: Bundles, tmp_path: Path
) -> None:
    with (
        both(cloud, tmp_path / "both", "pw") as broker,
        AgentProcess(tmp_path / "agent", broker.url, toml(bundles, "")) as agent,
    ):
        enrol(cloud, agent.state_dir)
        agent.start()
        assert cloud_of(agent)["broker"] is None
        assert agent.status["broker"]["connected"]


def test_on_one_connection_too_a_new_password_is_used_without_a_restart(
    cloud: Secured, bundles: Bundles, tmp_path: Path
) -> None:
    with (
        both(cloud, tmp_path / "both", "new") as broker,
        AgentProcess(tmp_path / "agent", broker.url, toml(bundles, "")) as agent,
    ):
        tell_password(cloud, broker, "old")
        enrol(cloud, agent.state_dir)
        tell_password(cloud, broker, "new")
        cloud.api.clock.by = timedelta()  # it is time to renew
        agent.start(wait=False)
        until(lambda: agent.connected, "the agent is connected")
        assert cloud_of(agent)["identity"]["renewals"] == 1


def test_on_one_connection_too_a_new_certificate_is_used_without_a_restart(
    cloud: Secured, bundles: Bundles, tmp_path: Path
) -> None:
    """The certificate ran out while the device was off, and its one broker knows it by nothing else."""
    cloud.api.lifetime = timedelta(days=60)  # from 70 days ago
    with AgentProcess(tmp_path / "agent", cloud.url, toml(bundles, "")) as agent:
        enrol(cloud, agent.state_dir)
        cloud.api.clock.by = timedelta()
        agent.start(wait=False)
        until(lambda: agent.connected, "the agent is connected")
        assert cloud_of(agent)["broker"] is None
        assert cloud_of(agent)["identity"]["renewals"] == 1


def test_a_broker_that_moved_is_followed(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    with AgentProcess(tmp_path / "agent", mosquitto.url, toml(bundles, "")) as agent:
        cloud.api.broker = {"url": f"mqtts://localhost:{free_port()}", "username": None, "password": None}
        enrol(cloud, agent.state_dir)
        cloud.api.broker = {"url": cloud.url, "username": None, "password": None}
        cloud.api.clock.by = timedelta()  # it is time to renew
        agent.start()
        until(lambda: in_the_cloud(agent), "the agent is at the new address")


def test_a_cloud_that_gets_a_broker_of_its_own_is_told_to_take_a_restart(
    cloud: Secured, mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    with AgentProcess(tmp_path / "agent", mosquitto.url, toml(bundles, "", deadline_ms=FAR_DEADLINE_MS)) as agent:
        told, cloud.api.broker = cloud.api.broker, None
        enrol(cloud, agent.state_dir)
        cloud.api.broker = told
        cloud.api.clock.by = timedelta()
        agent.start()
        until(lambda: "cloud.moved" in agent.status["complaints"], "the complaint")
        assert agent.status["broker"]["connections"] == 1
        agent.stop()
        agent.start()
        until(lambda: in_the_cloud(agent), "the agent is there")
