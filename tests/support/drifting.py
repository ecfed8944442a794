"""A fleet whose devices tell of windows, minute by minute, as the cloud stores them; and the role that judges them.

A minute is a decision here, and ten of them are a baseline; so there are many decisions a week, and a budget to match.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from roost_cloud.db.tables import Alarm
from roost_cloud.ingest.batches import Delivery
from roost_cloud.ingest.storing import store_batches
from roost_cloud.monitor import settings
from roost_cloud.monitor.worker import Monitor
from roost_cloud.services import Services
from roost_shared.phi import IMAGE
from roost_shared.records import Batch, Record, WindowRecord, encode_record
from roost_shared.sketches import ConfidenceHistogram, LabelCounts, LabelSpace, Moments
from tests.support.cloud import ManualClock
from tests.support.ingesting import add_devices

__all__ = ["LABELS", "PLAIN", "DriftingFleet", "Look", "monitor_of"]

LABELS = LabelSpace([str(digit) for digit in range(4)])
RULES = settings.read_settings(
    {"alarms_a_week": 100, "decision_inputs": 40, "decision_seconds": 60, "commissioning_days": 0}
)


@dataclass(frozen=True)
class Look:
    """How a device sees the world."""

    phi: tuple[float, ...] = (0.0,) * 8  # deviations from its own usual, by statistic
    mix: tuple[float, ...] = (0.25,) * 4  # of labels
    sureness: float = 3.0  # of the primary, in log-odds
    baseline_sureness: float = 2.0
    baseline_mix: tuple[float, ...] | None = None  # None: as `mix`
    second_sureness: float | None = None  # of another contestant that answers; None: there is none
    inputs: int = 60  # a minute
    is_black: bool = False  # the sensor sees nothing, ever
    is_measured: bool = True  # else its φ is no number, and is left out
    started_at: str = "2026"  # by the device's own clock
    bundle: str = "meter:7@sha256:00"
    source: int = 7


PLAIN = Look()


def monitor_of(services: Services) -> Monitor:
    """A process of the role that works when told."""
    return Monitor(services.database, services.clock, CollectorRegistry(), None)


@dataclass
class DriftingFleet:
    """Devices of acme's.

    Args:
        services: of the cloud they tell.
        clock: of that cloud.
        devices: how many.
    """

    services: Services
    clock: ManualClock
    devices: int = 8
    seed: int = 1
    with_baseline: bool = True
    told: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.names = [f"cam-{number:02}" for number in range(1, self.devices + 1)]
        self._places = self.random.normal(0.5, 0.1, (self.devices, 8))
        self._next = dict.fromkeys(self.names, 1)
        add_devices(self.services.database, self.names)
        with self.services.database.begin() as session:
            settings.put(session, "acme", RULES, actor="test", now=self.services.now())

    def live(
        self,
        minutes: int,
        looks: dict[str, Look] | None = None,
        *,
        monitors: Sequence[Monitor] = (),
        disturb: Callable[[list[Delivery]], list[Delivery]] = list,
    ) -> None:
        """Minutes go by, and devices tell of each.

        Args:
            minutes: how many.
            looks: of devices, where not plain.
            monitors: that work after each.
            disturb: what becomes of deliveries on their way.
        """
        for _ in range(minutes):
            self.clock.advance(timedelta(minutes=1))
            deliveries = [self._delivery(name, (looks or {}).get(name, PLAIN)) for name in self.names]
            self.told += deliveries
            self.store(disturb(deliveries))
            for monitor in monitors:
                monitor.work()

    def store(self, deliveries: Sequence[Delivery]) -> None:
        """Have the cloud take deliveries in, now."""
        now = self.services.now()
        with self.services.database.begin() as session:
            store_batches(session, [one._replace(received_at=now) for one in deliveries])

    def alarms(self, **conditions: Any) -> list[Alarm]:
        """All alarms, by device and kind."""
        with self.services.database.read() as session:
            found = session.query(Alarm).filter_by(**conditions).all()
        return sorted(found, key=lambda alarm: (alarm.device, alarm.kind))

    def tell(self, device: str, records: Sequence[Record]) -> None:
        """Have the cloud take in what else a device tells."""
        self.store([self._batch(device, records)])

    def _delivery(self, device: str, look: Look) -> Delivery:
        return self._batch(device, self.records(device, look))

    def _batch(self, device: str, records: Sequence[Record]) -> Delivery:
        first = self._next[device]
        self._next[device] += len(records)
        batch = Batch(boot="b1", first=first, oldest=1, records=[encode_record(one) for one in records])
        return Delivery("acme", device, batch, self.services.now())

    def records(self, device: str, look: Look) -> list[WindowRecord]:
        """What a device tells of a minute."""
        answers = WindowRecord(task="meter", started_at=look.started_at, seconds=60.0, count=self._count(look))
        primary = self._window(device, look, "primary", look.sureness)
        told = [answers, primary]
        if look.second_sureness is not None:
            second = replace(look, bundle="meter:6@sha256:66")
            told.append(self._window(device, second, "second", look.second_sureness))
        if self.with_baseline:
            old = replace(look, bundle="meter:1@sha256:11", mix=look.baseline_mix or look.mix)
            told.append(self._window(device, old, "baseline", look.baseline_sureness))
        return told

    def _count(self, look: Look) -> int:
        return int(self.random.poisson(look.inputs))

    def _window(self, device: str, look: Look, contestant: str, sureness: float) -> WindowRecord:
        place = self._places[self.names.index(device)]
        phi = Moments(IMAGE.number, look.source, 8)
        jitter = self.random.normal(0, 1, 8) + np.array(look.phi)
        for _ in range(50):
            phi.update([0.0] * 8 if look.is_black else (place + 0.01 * jitter).tolist())
        labels, confidence = LabelCounts(LABELS.digest), ConfidenceHistogram()
        for slot in self.random.choice(4, look.inputs, p=look.mix).tolist():
            labels.update(slot)
        for odds in self.random.normal(sureness, 1.0, look.inputs).tolist():
            confidence.update(1 / (1 + np.exp(-odds)))
        sketches = {"labels": labels.to_bytes(), "confidence": confidence.to_bytes()}
        sketches |= {"phi": phi.to_bytes()} if look.is_measured else {}
        said: dict[str, Any] = {"contestant": contestant, "bundle": look.bundle, "sketches": sketches}
        return WindowRecord(task="meter", started_at=look.started_at, seconds=60.0, count=look.inputs, **said)
