"""Three devices, their site's broker, and a cloud whose roles are processes of their own on PostgreSQL and Mosquitto.

feeder ─▶ site's broker ─▶ agent ─┬─ HTTP: relay ──▶ api ───┬─ PostgreSQL, objects in a folder
                                  └─ MQTT: proxy ─▶ broker ─┴─ ingest, director, trainer, scorer
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import select

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.db import Database
from roost_cloud.db.tables import Sample, SampleInput
from roost_edge.status.server import NotRunningError
from roost_shared.topics import DeviceTopics
from scripts.roost_campaign.site.earlier import Earlier
from scripts.roost_campaign.site.feeder import Feeder
from tests.support.agent import TENANT, AgentProcess
from tests.support.capture_cloud import CaptureCloud
from tests.support.changeover_rig import fast
from tests.support.cloud_process import CloudProcess
from tests.support.fenced_broker import FencedBroker
from tests.support.mosquitto import Mosquitto
from tests.support.mounts import small_tmpfs
from tests.support.mqtt_peer import MqttPeer
from tests.support.postgres import Postgres
from tests.support.program import Program
from tests.support.rollout_site import TASK, RolloutSite
from tests.support.wall_clock import WallClock

__all__ = ["DEADLINE_S", "DEVICES", "ROOMY", "SMALL", "TIMELESS", "Site"]

DEVICES: Final = ("cam-01", "cam-02", "cam-03")
TIMELESS: Final = "cam-02"  # whose wall clock can be set
SMALL: Final = "cam-03"  # whose disk is small
ROOMY: Final = ("cam-01", "cam-02")
DEADLINE_S: Final = 5.0
OTHER: Final = "other"  # a tenant that has a token and a device, and shall see nothing
_SPYS: Final = f"roost/1/{OTHER}/d/spy/"  # what that tenant's device may be given
_DISK_BYTES: Final = 24 << 20
_EVERY_S: Final = 0.1  # an input of each device
_UPLOAD_AFTER_S: Final = 1.0
_PATIENCE_S: Final = 300.0  # a busy machine takes a minute to load a model
_ALONE: Final = ("ingest", "scorer", "director", "trainer")
_TASKS: Final = f"""
[tasks.{TASK}]
deadline_ms = {DEADLINE_S * 1000:.0f}
default = "nobody"
[tasks.{TASK}.monitor]
window_s = 2
[tasks.{TASK}.capture]
base_rate = 1.0
"""
_LIMITS: Final = "free_disk_bytes = 0\nin_flight = 200\nuplink_bytes_per_s = 0\n"


class Site:
    """A context manager that ends them all.

    Args:
        folder: an empty one.

    Attributes:
        rollouts: the devices, and an operator.
        roles: the cloud's processes, by role.
        fence: the cloud's broker.
        broker: the site's.
        postgres: the cloud's database server.
        clock: of one device.
        feeders: by device.
        signed: references of what was released.
        earlier: what the store had after the last round, by device.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exits = ExitStack()
        self.roles: dict[str, CloudProcess] = {}
        self.feeders: dict[str, Feeder] = {}
        self.signed: set[str] = set()
        self.earlier = {device: Earlier() for device in DEVICES}
        self._spies: list[MqttPeer] = []
        self._not_kept = Counter[str]()  # by device, of agents that are no more

    def __enter__(self) -> Self:
        """Start everything, and have all devices run version 1."""
        with ExitStack() as exits:
            self.fence = exits.enter_context(FencedBroker(self._folded("fence")))
            self.postgres = exits.enter_context(Postgres())
            self.broker = Mosquitto(self._folder / "site", replace={"max_queued_messages": "0"})
            self.clock = WallClock(self._folder)
            exits.enter_context(small_tmpfs(self._folder / SMALL / "state", _DISK_BYTES))
            objects = f"file://{self._folder / 'objects'}"
            flags = [*self._flags(), "--database-url", self.postgres.url(self.postgres.new_database())]
            self.database_url = flags[-1]
            cloud = CaptureCloud(
                self._folder / "cloud",
                *flags,
                *("--role", "api,monitor"),
                broker_port=self.fence.port,
                objects_url=objects,
            )
            self.rollouts = exits.enter_context(
                RolloutSite(
                    self._folder,
                    *DEVICES,
                    cloud=cloud,
                    broker=self.broker,
                    tasks=_TASKS,
                    limits=_LIMITS,
                    environments={TIMELESS: self.clock.environment},
                    upload_after_s=_UPLOAD_AFTER_S,
                    patience_s=_PATIENCE_S,
                )
            )
            self.roles["api"] = cloud.process
            public = ("--public-url", cloud.web.url, "--objects-url", objects)
            for role in _ALONE:
                process = CloudProcess(self._folder / role, *flags, *public, "--role", role)
                self.roles[role] = exits.enter_context(process).start()
            self._admit_another(cloud)
            self._release()
            for device in DEVICES:
                feeder = Feeder(self.broker.port, DeviceTopics(TENANT, device), TASK, _EVERY_S)
                exits.callback(feeder.stop)
                self.feeders[device] = feeder
            self.rollouts.assign(f"{TASK}:1", shadow_inputs=3, watch_inputs=5, watch_s=5, p95_ms=4000)
            self.database = Database(self.database_url)
            exits.callback(self.database.close)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them."""
        self._exits.close()

    @property
    def cloud(self) -> CaptureCloud:
        """Its API, and the ways there."""
        return self.rollouts.cloud

    @property
    def agents(self) -> Mapping[str, AgentProcess]:
        """By device."""
        return self.rollouts.agents

    def stored(self, device: str) -> tuple[Counter[str], Counter[str]]:
        """How often inputs of a device are in the store and told of, by digest."""
        with self.database.read() as session:
            inputs = session.scalars(select(SampleInput.sha256).where(SampleInput.device == device))
            told = session.scalars(select(Sample.sha256).where(Sample.device == device, Sample.sha256.is_not(None)))
            return Counter(inputs), Counter(one for one in told if one is not None)

    def kill(self, name: str) -> bool:
        """Kill one of `processes`, and remember what an agent said; whether there was something to kill."""
        process = self.processes()[name]
        was_there = not process.ended
        if name in self.agents:
            self._not_kept[name] += _not_kept(self.agents[name])
        process.kill()
        return was_there

    def not_kept(self, device: str) -> int:
        """How many inputs a device has said not to have kept, or to have dropped."""
        return self._not_kept[device] + _not_kept(self.agents[device])

    def as_other(self) -> ApiClient:
        """The API as the other tenant's admin has it."""
        return ApiClient(Credentials(url=self.roles["api"].url, token=self._other_token))

    def heard_by_other(self) -> list[str]:
        """Topics of messages that the other tenant's device was ever given; it has asked for all there are."""
        topics = [message.topic for spy in self._spies for message in list(spy.messages)]
        return [topic for topic in topics if not topic.startswith(_SPYS)]

    def other_listens(self) -> bool:
        """Whether the other tenant's device is given at least what is its own: else it would hear nothing anyway."""
        spy, already = self._spies[-1], len(self._spies[-1].messages)
        with self.fence.enter_openly() as anybody:
            anybody.publish(f"{_SPYS}score", b"")
        try:
            spy.wait(lambda: len(spy.messages) > already, "its own message")
        except AssertionError:
            return False
        return True

    def processes(self) -> Mapping[str, Program]:
        """All that shall run between two hazards, by name."""
        brokers = {"site's broker": self.broker, "cloud's broker": self.fence.mosquitto}
        return {**self.agents, **self.roles, **brokers}

    def _flags(self) -> list[str]:
        folder = self.fence.folder
        files = {"--broker-cafile": "ca.crt", "--broker-certfile": "roost-cloud.crt"}
        files |= {"--broker-keyfile": "roost-cloud.key", "--secrets-dir": "secrets"}
        named = [part for flag, name in files.items() for part in (flag, str(folder / name))]
        return [*named, "--broker-url", self.fence.cloud_url]

    def _folded(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder

    def _admit_another(self, cloud: CaptureCloud) -> None:
        with cloud.process.client(cloud.process.token) as platform:
            made = platform.call("POST", "/tenants", dict[str, Any], body={"name": OTHER})
        self._other_token: str = made["admin_token"]["token"]
        self.join_other()

    def join_other(self) -> None:
        """Connect the other tenant's device, again if need be, and have it ask for everything."""
        spy = self.fence.enter(self.fence.device(OTHER, "spy").shown, client_id=f"{OTHER}/d/spy")
        for topic in ("#", "roost/#", f"roost/1/{TENANT}/#", "roost/1/+/d/+/telemetry"):
            spy.subscribe(topic)
        self._spies.append(spy)

    def _release(self) -> None:
        bundles = [fast(self._folder / "bundles" / version, version) for version in "12"]
        self.rollouts.release(*bundles)
        self.signed = {bundle.reference for bundle in bundles}


def _not_kept(agent: AgentProcess) -> int:
    """By its status; nothing while it says nothing."""
    try:
        capture = agent.status["capture"]
    except NotRunningError:
        return 0
    dropped: dict[str, int] = capture["spool"].get("dropped", {})
    return int(capture.get("not_kept", 0)) + sum(dropped.values())
