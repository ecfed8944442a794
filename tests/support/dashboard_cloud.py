"""A cloud with something to see: a fleet, a rollout that waits for a person, an alarm, and inputs to label."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw
from sqlalchemy import insert, update

from roost_cloud.db.tables import Device, DeviceLabel
from roost_cloud.services import open_services
from roost_shared.assignment import Reported, Running
from roost_shared.bundle import Bundle
from roost_shared.messages import ErrorInfo
from roost_shared.records import Record
from tests.support.active import HEALTH, meter_windows, recorded_requests, told_policy
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.fleet import API, FleetDevice, enrolled_device
from tests.support.labelled import Labelling
from tests.support.registry import RegistryApi
from tests.support.rollouts import RolloutFleet
from tests.support.served_cloud import bundle_like
from tests.support.stocked import stock_alarm, stock_run, stock_shard
from tests.support.telling import BOOT, batch, sample
from tests.support.trust import TrustPeople

__all__ = ["CAMERAS", "DashboardCloud", "stock_dashboard"]

CAMERAS: Final = ("cam-01", "cam-02", "cam-03")
_SITES: Final = ("north", "south", "east")


class DashboardCloud:
    """What a dashboard shows.

    Attributes:
        cloud: where it is.
        fleet: its devices that follow, and who directs them.
        rollout: the id of the one that is under way.
        alarm: the id of the one that is open.
        run: the id of the training run that a person has to approve.
    """

    def __init__(self, cloud: Cloud, bundle: Bundle, folder: Path) -> None:
        self.cloud = cloud
        self.fleet = RolloutFleet(cloud, bundle.config.task or "")
        first, second = bundle, bundle_like(bundle, folder / "second", version="2")
        people = TrustPeople(cloud)
        for one in (first, second):
            RegistryApi(cloud).stock(one)
        people.begin(self.fleet.task)
        people.release(first, second)
        devices: list[FleetDevice] = []
        for place, name in enumerate(CAMERAS):
            devices.append(enrolled_device(cloud, name, labels={"site": _SITES[place]}))
            self.fleet.assign(name, f"{bundle.config.name}:1")
            self._say_what_runs(name, first.reference)
        self.rollout = self.fleet.start(
            {"name": "one", "devices": [CAMERAS[0]]},
            {"name": "all", "share": 1.0, "approval": True, "success": 0.0, "failure": 1.0},
            bundle=f"{bundle.config.name}:2",
        )
        self.fleet.look(3)
        self.fleet.follow(CAMERAS[0])
        self.fleet.look(3)
        with cloud.services.database.begin() as session:
            session.execute(update(Device).values(last_seen=cloud.services.now(), agent_version="0.1.0"))
        self.labelling = Labelling(cloud)
        self.labelling.publish(bundle, folder)
        for place, name in enumerate(CAMERAS):
            self._tell(name, 8 * place)
        self._tell_activity(devices)
        self.run = stock_run(cloud.services, "acme", "meter", "meter:1")
        self.alarm = stock_alarm(cloud.services, "acme", CAMERAS[0])

    def add_devices(self, count: int) -> None:
        """So many more, which nobody has heard of for a while."""
        now = self.cloud.services.now()
        names = [f"edge-{number:05}" for number in range(count)]
        states = ("online", "online", "offline", "never")
        told = [
            {
                "tenant": "acme",
                "name": name,
                "enrolled_at": now,
                "state": states[place % 4],
                "last_seen": None if place % 4 == 3 else now - timedelta(minutes=place % 4000),
                "agent_version": "0.1.0",
            }
            for place, name in enumerate(names)
        ]
        labels = [
            {"tenant": "acme", "device": name, "key": "site", "value": _SITES[place % 3]}
            for place, name in enumerate(names)
        ]
        with self.cloud.services.database.begin() as session:
            session.execute(insert(Device), told)
            session.execute(insert(DeviceLabel), labels)

    def _say_what_runs(self, device: str, reference: str) -> None:
        standing = self.fleet.desired(device)
        running = Running(bundle=reference, state="serving")
        broken = Running(bundle=None, state="failed", error=ErrorInfo("worker.crashed", "killed by <b>SIGKILL</b>"))
        self.fleet.report(
            device,
            Reported(
                boot="b",
                version=standing.version,
                confirmed=True,
                desired=standing.version,
                trust="fresh",
                tasks={self.fleet.task: {"primary": running, "backup": broken}},
            ),
        )

    def _tell_activity(self, devices: Sequence[FleetDevice]) -> None:
        """What the cameras answered, how they are, and of the last one requests that can be played again."""
        for device in devices:
            self._send(device, [HEALTH, *meter_windows()])
        self._send(devices[-1], [told_policy(), *recorded_requests(30)], first=7)

    def _send(self, device: FleetDevice, records: Sequence[Record], *, first: int = 1) -> None:
        told = batch(records, first=first)
        answer = self.cloud.client.post(f"{API}/device/records", content=told, headers=device.headers())
        assert answer.status_code == 200, answer.text

    def _tell(self, device: str, first: int) -> None:
        """Eight answers with pictures of digits."""
        payloads: dict[str, bytes] = {}
        records = []
        for number in range(first, first + 8):
            payload = _digit(number % 3)
            payloads[f"{BOOT}-{number}"] = payload
            records.append(sample(number, payload=payload, label=str(number % 3), confidence=0.5 + number / 60))
        self.labelling.store(device, records)
        stock_shard(self.cloud.services, "acme", device, payloads)


@contextmanager
def stock_dashboard(folder: Path, database_url: str, bundle: Bundle) -> Iterator[DashboardCloud]:
    """Begin one in a data folder, where a served cloud then finds it."""
    clock = ManualClock(datetime.now(UTC) - timedelta(minutes=10))
    with open_services(settings_for(folder, database_url=database_url), clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            yield DashboardCloud(cloud, bundle, folder.parent)


def _digit(digit: int) -> bytes:
    image = Image.new("RGB", (20, 24), (235, 235, 228))
    ImageDraw.Draw(image).text((7, 6), str(digit), fill=(20, 24, 40))
    made = io.BytesIO()
    image.save(made, "PNG")
    return made.getvalue()
