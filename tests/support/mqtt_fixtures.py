"""Fixtures with a broker in them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer
from tests.support.proxy import Proxy

__all__ = ["connect", "driven", "mosquitto", "proxy"]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A fresh broker with the site's configuration."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def proxy(mosquitto: Mosquitto) -> Iterator[Proxy]:
    """A bad network before the broker."""
    with Proxy(mosquitto.port) as proxy:
        yield proxy


@pytest.fixture
def connect() -> Iterator[Callable[..., MqttPeer]]:
    """Connects peers, and closes them at the end."""
    peers: list[MqttPeer] = []

    def connect(port: int, **arguments: Any) -> MqttPeer:
        peers.append(MqttPeer(port, **arguments))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


@pytest.fixture
def driven() -> Iterator[Callable[..., DrivenConnection]]:
    """Makes driven connections, and stops them at the end."""
    connections: list[DrivenConnection] = []

    def make(url: str, *subscriptions: str, **arguments: Any) -> DrivenConnection:
        connections.append(DrivenConnection(url, *subscriptions, **arguments))
        return connections[-1]

    yield make
    for connection in connections:
        connection.close()
