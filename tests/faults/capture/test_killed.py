"""The device's agent, or the whole cloud, is killed at random moments under load: each input arrives once, whole."""

import fcntl
import random
import time
from pathlib import Path
from typing import IO

import pytest

from tests.support.agent import AgentProcess, Caller
from tests.support.bundles import Bundles
from tests.support.capture_cloud import CaptureCloud
from tests.support.capturing import AT_LEISURE, Sensor, capturing, photo, until_all_arrived
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import until

EARLY_S = 2.6  # an input that waits for a disk would be acknowledged by then


def times(usual: int, many: int) -> pytest.MarkDecorator:
    long = [pytest.mark.campaign, pytest.mark.timeout(7200)]
    return pytest.mark.parametrize("times", [usual, pytest.param(many, marks=long)])


@times(4, 300)
def test_an_agent_killed_at_random_moments_brings_each_input_once(
    quick_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud, times: int
) -> None:
    device, draw = f"killed-{times}", random.Random(times)
    tasks = capture_cloud.toml(capturing(bundles))
    with (
        AgentProcess(quick_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Sensor(mosquitto.port, device) as sensor,
    ):
        capture_cloud.enrol(agent, device)
        agent.start()
        sensor.start()
        for number in range(times):
            sensor.go_on(draw.uniform(0.0, 0.8))
            agent.kill()
            agent.start(wait=number % 3 > 0)  # else it is killed while it starts
        sensor.stop()
        until(lambda: agent.connected, "it is back")
        until_all_arrived(agent, capture_cloud, device, sensor.sent)
        assert agent.stop() == 0
    capture_cloud.has_once(device, sensor.sent)


def test_an_agent_killed_before_it_has_its_spool_has_acknowledged_nothing(
    quick_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    """The agent before it was killed, and its spooler is still held by the disk, with its lock."""
    device, sent = "spool-less", [photo(number) for number in range(5)]
    tasks = capture_cloud.toml(capturing(bundles))
    with (
        AgentProcess(quick_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Caller(mosquitto.port, device=device) as caller,
    ):
        capture_cloud.enrol(agent, device)
        agent.start()
        held = agent.state_dir / "spool" / "lock"
        until(held.exists, "it has a spool")
        agent.kill()
        with held.open("rb") as lock:
            until(lambda: has_locked(lock), "the spooler is gone")
            agent.start()
            for payload in sent:
                caller.publish(payload)
            caller.answers(len(sent))
            time.sleep(EARLY_S)
            assert "acknowledged_early" not in agent.status["capture"]
            until(lambda: agent.status["complaints"].get("spool.busy"), "its spool is another's")
            agent.kill()
        agent.start()
        until_all_arrived(agent, capture_cloud, device, len(sent))
        assert agent.stop() == 0
    capture_cloud.has_once(device, sent)


def has_locked(file: IO[bytes]) -> bool:
    """Take a file's lock, if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@times(2, 60)
def test_a_cloud_killed_at_random_moments_has_each_input_once(
    quick_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud, times: int
) -> None:
    device, draw = f"cloudless-{times}", random.Random(times)
    tasks = capture_cloud.toml(capturing(bundles))
    with (
        AgentProcess(quick_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Sensor(mosquitto.port, device) as sensor,
    ):
        capture_cloud.enrol(agent, device)
        agent.start()
        sensor.start()
        for _ in range(times):
            sensor.go_on(draw.uniform(0.5, 2.0))
            capture_cloud.process.kill()
            capture_cloud.start()
            capture_cloud.link.cut()
        sensor.stop()
        until_all_arrived(agent, capture_cloud, device, sensor.sent)
        assert agent.stop() == 0
    capture_cloud.has_once(device, sensor.sent)
