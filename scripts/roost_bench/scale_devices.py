"""Many devices in one process: the agent's own connection, presence and certificates, without its models.

Each says that it is there, tells of windows as often as it is told to, follows its assignment at once and says so with
the proof a healthy device would give. It notes how long the cloud took to say that it has what was told.
"""

import multiprocessing
import resource
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import Received
from roost_shared.assignment import Install, Reported, Running
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.messages import encode_json
from roost_shared.phi import IMAGE
from roost_shared.records import Batch, Watermark, WindowRecord, decode_msgpack, encode_msgpack, encode_record
from roost_shared.sketches import ConfidenceHistogram, LabelCounts, LabelSpace, LatencyHistogram, Moments
from roost_shared.topics import DeviceTopics
from roost_shared.trust.envelope import SealedAssignment
from tests.support.present_device import PresentDevice

__all__ = ["RECORDS", "TASK", "TENANT", "DeviceCard", "Devices", "Stand", "batch_of", "sketches_of_a_minute"]

TENANT: Final = "acme"
TASK: Final = "colours"
RECORDS: Final = 3  # in a batch: the answers' window, and two contestants'
_BOOT: Final = "00000000000000b1"
_OPENING: Final = 25  # connections that are being opened at a time
_LOOK_NS: Final = 20 * MS
_PROOF: Final[dict[str, Any]] = {
    "golden": True,
    "golden_hash": "a",
    "hardware": "x",
    "scored": 50,
    "p95_ms": 4.0,
    "crashes": 0,
}


class DeviceCard(NamedTuple):
    """Who a device is, and what it shows a broker."""

    name: str
    certfile: Path
    keyfile: Path


class Stand(NamedTuple):
    """How the devices of a process stand."""

    connected: int
    told: int  # batches
    covered: int  # batches that the cloud has said it has
    followed: int  # devices, up to the newest assignment they know
    lowest_version: int
    lags_ms: list[float]
    cpu_s: float


class Devices:
    """A process of devices; a context manager that ends it.

    Args:
        url: of the broker.
        cafile: whom to trust.
        cards: the devices.
    """

    def __init__(self, url: str, cafile: Path, cards: Sequence[DeviceCard]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(theirs, url, cafile, list(cards)), daemon=True)
        self._process.start()
        theirs.close()

    def connect(self) -> None:
        """Have all connect."""
        self._pipe.send(("connect",))

    def tell(self, times: int, every_s: float) -> None:
        """Have each tell of so many windows, spread evenly over the time between two."""
        self._pipe.send(("tell", times, every_s))

    def look(self) -> Stand:
        """How they stand; lags are those since the last look.

        Raises:
            TimeoutError: the process does not say.
        """
        self._pipe.send(("look",))
        if not self._pipe.poll(60):
            raise TimeoutError("the devices' process says nothing")
        return Stand(*self._pipe.recv())

    def close(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _live(pipe: Connection, url: str, cafile: Path, cards: list[DeviceCard]) -> None:
    reactor = Reactor(SystemClock())
    crowd = _Crowd(reactor, url, cafile, cards, pipe)

    def listen() -> None:
        try:
            while True:
                order = pipe.recv()
                reactor.call_soon_threadsafe(partial(crowd.obey, order))
        except EOFError:
            reactor.call_soon_threadsafe(reactor.stop)

    threading.Thread(target=listen, daemon=True).start()
    reactor.run()


@dataclass
class _Device:
    """One of them."""

    topics: DeviceTopics
    card: DeviceCard
    peer: PresentDevice
    sequence: int = 1
    version: int = 0
    sent_ns: dict[int, int] = field(default_factory=dict)  # by a batch's last sequence


class _Crowd:
    """All of a process's devices, in one loop."""

    def __init__(self, reactor: Reactor, url: str, cafile: Path, cards: list[DeviceCard], pipe: Connection) -> None:
        self._reactor = reactor
        self._pipe = pipe
        self._lags_ms: list[float] = []
        self._told = self._covered = 0
        self._sketches = sketches_of_a_minute()
        self._devices = [self._make(url, cafile, card) for card in cards]

    def _make(self, url: str, cafile: Path, card: DeviceCard) -> _Device:
        topics = DeviceTopics(TENANT, card.name)
        peer = PresentDevice(
            url,
            boot=_BOOT,
            topic=topics.state,
            more=(topics.desired, topics.watermark, topics.score),
            client_id=f"{TENANT}/d/{card.name}",
            reactor=self._reactor,
            cafile=cafile,
            certfile=card.certfile,
            keyfile=card.keyfile,
        )
        device = _Device(topics, card, peer)
        peer.on_received = partial(self._received, device)
        return device

    def obey(self, order: tuple[Any, ...]) -> None:
        match order:
            case ("connect",):
                self._open([one for one in self._devices if not one.peer.connection.number], [])
            case ("tell", times, every_s):
                step_ns = every_s * SECOND / len(self._devices)
                for place, device in enumerate(self._devices):
                    self._reactor.call_after(round(place * step_ns), partial(self._tell, device, times, every_s))
            case ("look",):
                self._pipe.send(tuple(self._look()))

    def _open(self, closed: list[_Device], opening: list[_Device]) -> None:
        opening = [one for one in opening if not one.peer.connection.subscribed]
        while closed and len(opening) < _OPENING:
            opening.append(closed.pop())
            opening[-1].peer.connection.start()
        if closed or opening:
            self._reactor.call_after(_LOOK_NS, partial(self._open, closed, opening))

    def _tell(self, device: _Device, times: int, every_s: float) -> None:
        if not times:
            return
        payload = batch_of(device.sequence, self._sketches)
        device.sequence += RECORDS
        device.sent_ns[device.sequence - 1] = self._reactor.now_ns()
        device.peer.connection.publish(device.topics.telemetry, payload, qos=1)
        self._told += 1
        self._reactor.call_after(round(every_s * SECOND), partial(self._tell, device, times - 1, every_s))

    def _received(self, device: _Device, message: Received) -> None:
        if message.topic == device.topics.watermark and message.payload:
            self._is_covered(device, decode_msgpack(message.payload, Watermark).sequence)
        elif message.topic == device.topics.desired and message.payload:
            self._follow(device, message.payload)
        device.peer.messages.clear()

    def _is_covered(self, device: _Device, sequence: int) -> None:
        now_ns = self._reactor.now_ns()
        for last in [last for last in device.sent_ns if last <= sequence]:
            self._lags_ms.append((now_ns - device.sent_ns.pop(last)) / MS)
            self._covered += 1

    def _follow(self, device: _Device, payload: bytes) -> None:
        assignment = SealedAssignment.parse(payload).assignment()
        device.version = assignment.version
        installs = [
            Install(
                task=task,
                contestant=one.name,
                bundle=one.bundle.reference,
                phase="confirmed",
                evidence=_PROOF,
            )
            for task, assigned in assignment.tasks.items()
            for one in assigned.contestants
            if one.bundle is not None
        ]
        tasks: dict[str, dict[str, Running]] = {}
        for one in installs:
            tasks.setdefault(one.task, {})[one.contestant] = Running(bundle=one.bundle, state="ready")
        reported = Reported(
            boot=_BOOT,
            version=assignment.version,
            confirmed=True,
            desired=assignment.version,
            tasks=tasks,
            installs=installs,
        )
        device.peer.connection.publish(device.topics.reported, encode_json(reported), qos=1, retain=True)

    def _look(self) -> Stand:
        lags_ms, self._lags_ms = self._lags_ms, []
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Stand(
            connected=sum(one.peer.connection.subscribed for one in self._devices),
            told=self._told,
            covered=self._covered,
            followed=sum(one.version > 0 for one in self._devices),
            lowest_version=min(one.version for one in self._devices),
            lags_ms=lags_ms,
            cpu_s=used.ru_utime + used.ru_stime,
        )


def batch_of(first: int, sketches: dict[str, bytes]) -> bytes:
    """What a device tells of a minute, from its record `first` on."""
    window: dict[str, Any] = {"task": TASK, "started_at": "2026-12-01T00:00:00Z", "seconds": 60.0, "count": 60}
    records = [WindowRecord(**window)]
    for name in ("primary", "baseline"):
        bundle = f"{TASK}:1@sha256:{0:064x}"
        records.append(WindowRecord(**window, contestant=name, bundle=bundle, sketches=sketches))
    return encode_msgpack(Batch(boot=_BOOT, first=first, oldest=1, records=[encode_record(one) for one in records]))


def sketches_of_a_minute() -> dict[str, bytes]:
    """Of a window as an image task's contestant makes it."""
    phi = Moments(IMAGE.number, 7, 8)
    labels, confidence, latency = LabelCounts(LabelSpace("abc").digest), ConfidenceHistogram(), LatencyHistogram()
    for number in range(60):
        phi.update([0.5 + 0.001 * number] * 8)
        labels.update(number % 3)
        confidence.update(0.5 + number / 130)
        latency.update(3.0 + number / 30)
    return {
        "phi": phi.to_bytes(),
        "labels": labels.to_bytes(),
        "confidence": confidence.to_bytes(),
        "latency": latency.to_bytes(),
    }
