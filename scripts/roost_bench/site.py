"""A site to measure at: a real Mosquitto, a real agent, and a caller that adds as little of its own as it can."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from roost_edge.status.server import NotRunningError, read_status
from roost_shared.messages import Answer, State
from tests.support.mosquitto import Mosquitto

__all__ = ["Agent", "Caller", "agent", "agent_toml", "mosquitto", "pss_mb", "read_answer", "send_at_once"]
__all__ += ["wait_until_online"]

PATIENCE_S = 30.0


@contextmanager
def mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """A broker with the site's configuration."""
    broker = Mosquitto(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Agent:
    """A running `roost-agent`."""

    def __init__(self, folder: Path, toml: str) -> None:
        self.folder = folder
        config = folder / "agent.toml"
        config.write_text(toml)
        with (folder / "agent.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "roost_edge", "run", "--config", str(config)], stdout=log, stderr=log
            )

    def status(self) -> dict[str, Any]:
        """What `roost-agent status --json` says; empty while it does not answer."""
        with suppress(NotRunningError):
            return read_status(self.folder / "state")
        return {}

    def contestant(self, task: str, name: str) -> dict[str, Any]:
        """A contestant's part of the status."""
        found: dict[str, Any] = self.status()["tasks"][task]["contestants"][name]
        return found

    def stop(self) -> None:
        """End it gracefully."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def agent_toml(broker: Mosquitto, tasks: str, *, in_flight: int = 20, device: str = "cam-01", limits: str = "") -> str:
    """The configuration of a device of `acme`; `limits` are further lines of that section."""
    return (
        f'tenant = "acme"\ndevice = "{device}"\nstate_dir = "state"\n[broker]\nurl = "{broker.url}"\n'
        f"[trust]\nallow_unsigned = true\n[limits]\nin_flight = {in_flight}\n{limits}{tasks}"
    )


@contextmanager
def agent(
    folder: Path, broker: Mosquitto, tasks: str, *, in_flight: int = 20, device: str = "cam-01", limits: str = ""
) -> Iterator[Agent]:
    """An agent with these tasks, online."""
    folder.mkdir(exist_ok=True)
    running = Agent(folder, agent_toml(broker, tasks, in_flight=in_flight, device=device, limits=limits))
    try:
        wait_until_online(broker, device)
        yield running
    finally:
        running.stop()


def wait_until_online(broker: Mosquitto, device: str = "cam-01") -> None:
    """Wait until a device takes inputs."""
    with Caller(broker.port) as caller:
        states: list[bytes] = []
        caller.on(f"roost/1/acme/d/{device}/state", lambda payload, _: states.append(payload))
        caller.wait(lambda: any(msgspec.json.decode(one, type=State).state == "online" for one in states))


def send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """Without it a small round trip at QoS 1 takes 44 ms and more."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Caller:
    """An MQTT client without threads; it reads the clock right after a message was read."""

    def __init__(self, port: int) -> None:
        self._handlers: dict[str, Callable[[bytes, int], object]] = {}
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages = 1000
        self._client.on_socket_open = send_at_once
        self._client.on_message = self._receive
        self._client.connect("127.0.0.1", port, keepalive=600)
        self.wait(self._client.is_connected)

    def __enter__(self) -> Self:
        """The caller, connected."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()

    def on(self, topic: str, handler: Callable[[bytes, int], object]) -> None:
        """Call `handler(payload, received_ns)` for each message on `topic`."""
        self._handlers[topic] = handler
        granted: list[int] = []
        self._client.on_subscribe = lambda *_: granted.append(1)
        self._client.subscribe(topic, qos=0)
        self.wait(lambda: bool(granted))

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        """Publish and write it out."""
        self._client.publish(topic, payload, qos=qos)

    def serve(self, timeout_s: float) -> None:
        """Handle what has come, waiting at most `timeout_s`."""
        self._client.loop(timeout_s)

    def wait(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Serve until `condition` holds.

        Raises:
            TimeoutError: it did not in time.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            self._client.loop(0.5)
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s} s in vain")

    def _receive(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        received_ns = time.monotonic_ns()
        self._handlers[message.topic](bytes(message.payload), received_ns)


def read_answer(payload: bytes) -> Answer:
    """The answer on the wire."""
    return msgspec.json.decode(payload, type=Answer)


def pss_mb(pid: int) -> float:
    """A process's proportional set size, MB: its own memory and its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"no Pss for process {pid} (kernel without smaps_rollup? run as {os.geteuid()})")
