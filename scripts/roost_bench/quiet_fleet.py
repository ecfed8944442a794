"""A fleet whose world stays what it is, week after week: devices' own windows, a real cloud's store and its monitor.

What is not drift is there all the same: day and night, a work week, weather that comes slowly and goes, places unlike
each other. Windows are made by the device's code and stored by the cloud's; only time is simulated.
"""

import math
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry

from roost_cloud.alarms.store import resolve_alarm
from roost_cloud.db.tables import Alarm
from roost_cloud.ingest.batches import read_batch
from roost_cloud.ingest.storing import store_batches
from roost_cloud.monitor import settings
from roost_cloud.monitor.worker import Monitor
from roost_cloud.services import Services
from roost_edge.monitor.config import MonitorConfig
from roost_edge.monitor.windows import TaskWindows
from roost_shared.records import Batch, encode_msgpack, encode_record
from roost_shared.rendezvous import Answer, Request
from scripts.roost_bench.quiet_pictures import ScoredPictures
from tests.support.cloud import ManualClock
from tests.support.ingesting import add_devices

__all__ = ["QuietFleet", "Raised"]

TENANT: Final = "acme"
TASK: Final = "digits"
_HOUR: Final = timedelta(hours=1)
_WEATHER_MEMORY: Final = 0.9  # of an hour for the hour before
_WEATHER: Final = 0.02  # of full light, standard deviation
_DAYLIGHT: Final = 0.10  # from the mean to noon, or to midnight
_NIGHT: Final = (22, 6)  # hours in which half as much is to be seen
_SUNDAY: Final = 6


class Raised(NamedTuple):
    """An alarm.

    Attributes:
        at: when, simulated.
        device: whose.
        kind: of what.
    """

    at: datetime
    device: str
    kind: str


class QuietFleet:
    """Of one tenant, with the role `monitor` of its cloud.

    Args:
        services: of the cloud.
        clock: of that cloud and of all devices.
        pictures: what there is to be seen.
        devices: how many.
        budget: false alarms a week, over all.
        inputs: an hour of the day, on average.
        seed: of everything that is random.

    Attributes:
        raised: all alarms so far, oldest first. Each is resolved at once, so that the next can be raised.
        answers: how many inputs devices answered.
    """

    def __init__(
        self,
        services: Services,
        clock: ManualClock,
        pictures: ScoredPictures,
        *,
        devices: int,
        budget: float,
        inputs: int,
        seed: int,
    ) -> None:
        self.raised: list[Raised] = []
        self.answers = 0
        self._services = services
        self._clock = clock
        self._pictures = pictures
        self._inputs = inputs
        self._random = np.random.default_rng(seed)
        self._names = [f"cam-{number:03}" for number in range(1, devices + 1)]
        self._places = self._random.uniform(0.6, 0.85, devices)  # mean light
        self._weather = np.zeros(devices)
        self._next = dict.fromkeys(self._names, 1)
        self._windows = {
            name: TaskWindows(TASK, MonitorConfig(window_s=3600), now_ns=clock.now_ns(), wall=clock.wall())
            for name in self._names
        }
        self._monitor = Monitor(services.database, services.clock, CollectorRegistry(), None)
        add_devices(services.database, self._names, TENANT)
        with services.database.begin() as session:
            wanted = settings.read_settings({"alarms_a_week": budget})
            settings.put(session, TENANT, wanted, actor="bench", now=services.now())

    def live(self, hours: int, *, darkened: str | None = None, works_every: int = 6) -> None:
        """Let hours go by.

        Args:
            hours: how many.
            darkened: a device whose lamp is broken: this is drift.
            works_every: hours from one round of the monitor to the next. It judges every decision whenever it works.
        """
        for hour in range(1, hours + 1):
            fresh = self._random.normal(0, _WEATHER * math.sqrt(1 - _WEATHER_MEMORY**2), len(self._names))
            self._weather = _WEATHER_MEMORY * self._weather + fresh
            lights = self._places + self._weather + _daylight(self._clock.wall())
            for name, light in zip(self._names, lights.tolist(), strict=True):
                self._answer(name, light * (0.7 if name == darkened else 1.0))
            self._clock.advance(_HOUR)
            self._tell()
            if hour % works_every == 0:
                self._monitor.work()
                self._resolve()

    def _answer(self, name: str, light: float) -> None:
        windows, now_ns = self._windows[name], self._clock.now_ns()
        windows.labels(self._pictures.labels)
        count = int(self._random.poisson(self._inputs * _business(self._clock.wall())))
        request = Request("r", now_ns)
        for look in self._pictures.draw(light, count, self._random):
            score = look.seen[0].score
            answer = Answer(request, "preferred", score, look.seen, look.seen[0].elapsed_ns)
            windows.answered(answer, None, now_ns, in_time=True)
            for seen in look.seen:
                windows.measured(seen.contestant, self._pictures.bundles[seen.contestant], look.phi, now_ns)
        self.answers += count

    def _tell(self) -> None:
        now = self._clock.wall()
        deliveries = []
        for name, windows in self._windows.items():
            records = [encode_record(one) for one in windows.end(self._clock.now_ns(), now)]
            first = self._next[name]
            self._next[name] += len(records)
            payload = encode_msgpack(Batch(boot="b1", first=first, oldest=1, records=records))
            deliveries.append(read_batch(TENANT, name, payload, now))
        with self._services.database.begin() as session:
            stored = store_batches(session, deliveries)
        if stored.batches["stored"] != len(deliveries) or stored.records["unreadable"]:
            raise RuntimeError(f"not all was stored: {stored.batches} {stored.records}")

    def _resolve(self) -> None:
        now = self._services.now()
        with self._services.database.begin() as session:
            for alarm in session.query(Alarm).filter(Alarm.resolved_at.is_(None)).all():
                self.raised.append(Raised(now, alarm.device, alarm.kind))
                resolve_alarm(session, TENANT, alarm.id, note="nothing was wrong", actor="bench", now=now)


def _daylight(at: datetime) -> float:
    """More or less than the mean light."""
    return _DAYLIGHT * math.cos((at.hour + at.minute / 60 - 12) / 24 * 2 * math.pi)


def _business(at: datetime) -> float:
    """Inputs, by the mean hour of a working day."""
    begins, ends = _NIGHT
    night = 0.5 if at.hour >= begins or at.hour < ends else 1.0
    return night * (0.6 if at.weekday() == _SUNDAY else 1.0)
