"""A network between a device and its cloud that can begin to swallow everything, without a word to either end.

As root, a real one: the cloud's side in a network namespace of its own, behind a router in another whose routes turn
into black holes, so that packets vanish on the way and no end is told. Elsewhere a TCP proxy that stops forwarding
(to the ends, one whose window closes).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from tests.support.mosquitto import free_port
from tests.support.proxy import Proxy

__all__ = ["Hole", "hole"]

_PORT: Final = 1883
_PREFIX: Final = f"roost-{os.getpid()}"
_ROUTER: Final = f"{_PREFIX}-router"
_CLOUD: Final = f"{_PREFIX}-cloud"
_DEVICE_ADDRESS: Final = "198.18.7.1"  # of the network that RFC 2544 sets aside for benchmarks
_ROUTER_ADDRESSES: Final = ("198.18.7.2", "198.18.8.1")
_CLOUD_ADDRESS: Final = "198.18.8.2"


class Hole(Protocol):
    """The network."""

    kind: str  # "namespace" or "proxy"
    listen: tuple[str, int]  # where the cloud's broker shall listen, as its side sees it
    reach: tuple[str, int]  # where the device finds it
    prefix: list[str]  # of commands, so that they run on the cloud's side

    def open(self) -> None:
        """Swallow everything from now on."""
        ...


@dataclass
class _Namespace:
    kind: str = "namespace"
    listen: tuple[str, int] = (_CLOUD_ADDRESS, _PORT)
    reach: tuple[str, int] = (_CLOUD_ADDRESS, _PORT)

    def __post_init__(self) -> None:
        self.prefix = ["ip", "netns", "exec", _CLOUD]

    def open(self) -> None:
        for address in (_DEVICE_ADDRESS, _CLOUD_ADDRESS):
            _ip("-n", _ROUTER, "route", "add", "blackhole", f"{address}/32")


class _Proxy:
    kind = "proxy"

    def __init__(self) -> None:
        self.listen = ("127.0.0.1", free_port())
        self._proxy = Proxy(self.listen[1])
        self.reach = ("127.0.0.1", self._proxy.port)
        self.prefix: list[str] = []

    def open(self) -> None:
        self._proxy.black_hole()

    def close(self) -> None:
        self._proxy.close()


@contextmanager
def hole() -> Iterator[Hole]:
    """The best network this machine lets us make."""
    if os.geteuid() == 0 and shutil.which("ip"):
        try:
            _lay_out()
            yield _Namespace()
        finally:
            for namespace in (_ROUTER, _CLOUD):  # the cables go with them
                _ip("netns", "del", namespace, check=False)
        return
    proxy = _Proxy()
    try:
        yield proxy
    finally:
        proxy.close()


def _lay_out() -> None:
    near, far = f"rb{os.getpid()}n", f"rb{os.getpid()}f"
    for namespace in (_ROUTER, _CLOUD):
        _ip("netns", "add", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("link", "add", near, "type", "veth", "peer", "name", "device", "netns", _ROUTER)
    _ip("-n", _CLOUD, "link", "add", far, "type", "veth", "peer", "name", "cloud", "netns", _ROUTER)
    _ip("addr", "add", f"{_DEVICE_ADDRESS}/30", "dev", near)
    _ip("-n", _ROUTER, "addr", "add", f"{_ROUTER_ADDRESSES[0]}/30", "dev", "device")
    _ip("-n", _ROUTER, "addr", "add", f"{_ROUTER_ADDRESSES[1]}/30", "dev", "cloud")
    _ip("-n", _CLOUD, "addr", "add", f"{_CLOUD_ADDRESS}/30", "dev", far)
    _ip("link", "set", near, "up")
    for end in ("device", "cloud"):
        _ip("-n", _ROUTER, "link", "set", end, "up")
    _ip("-n", _CLOUD, "link", "set", far, "up")
    _ip("route", "add", f"{_CLOUD_ADDRESS}/32", "via", _ROUTER_ADDRESSES[0])
    _ip("-n", _CLOUD, "route", "add", "default", "via", _ROUTER_ADDRESSES[1])
    _ip("netns", "exec", _ROUTER, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)
