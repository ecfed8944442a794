"""A cloud as it is deployed for a fleet: Mosquitto with certificates, PostgreSQL, and each role in its own process."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
import urllib3

from roost_cloud.fleet.x509.signer import key_pem
from roost_cloud.logs import configure_logs
from roost_cloud.services import open_services
from roost_cloud.settings import load_settings
from roost_shared.bundle import open_bundle
from scripts.roost_bench.scale_devices import TASK, TENANT, DeviceCard, Devices, Stand
from scripts.roost_bench.scale_visitor import ScaleVisitor
from scripts.roost_bench.site import pss_mb
from tests.support.cloud import Cloud, ManualClock
from tests.support.cloud_process import CloudProcess
from tests.support.fenced_broker import FencedBroker
from tests.support.fleet import FleetDevice, enrolment
from tests.support.ingesting import count_online
from tests.support.postgres import Postgres
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like
from tests.support.tiny_bundle import tiny_bundle
from tests.support.trust import TrustPeople

__all__ = ["ROLES", "ScaleSite", "wait_for"]

ROLES: Final = ("api", "dashboard", "ingest", "monitor", "director")
_API: Final = "/api/v1"
_AT_ONCE: Final = 500  # devices in one process
_PATIENCE_S: Final = 600.0


class ScaleSite:
    """A context manager that ends all of it.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exits = ExitStack()
        self._roles: dict[str, CloudProcess] = {}
        self._crowds: list[Devices] = []
        self._names: list[str] = []
        self._http = urllib3.PoolManager(retries=False)

    def __enter__(self) -> Self:
        """Started."""
        with ExitStack() as exits:
            self._start(exits)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all."""
        self._exits.__exit__(kind, error, trace)

    def _start(self, exits: ExitStack) -> None:
        configure_logs("error", "json")
        data = self._folder / "data"
        data.mkdir()
        self._postgres = Postgres(durable=True)
        exits.enter_context(self._postgres)
        url = self._postgres.url(self._postgres.new_database())
        given = {"data_dir": data, "database_url": url}
        services = exits.enter_context(open_services(load_settings(None, environment={}, overrides=given)))
        self._cloud = Cloud(services, ManualClock())
        self._cloud.tenant(TENANT)
        self._broker = exits.enter_context(FencedBroker(data))
        broker = ["--broker-url", self._broker.cloud_url, "--device-broker-url", self.device_url]
        broker += ["--broker-cafile", str(data / "ca.crt"), "--broker-certfile", str(data / "roost-cloud.crt")]
        broker += ["--broker-keyfile", str(data / "roost-cloud.key")]
        for role in ROLES:
            flags = ["--data-dir", str(data), "--database-url", url, "--role", role, "--log-level", "warning", *broker]
            self._roles[role] = exits.enter_context(CloudProcess(self._folder / role, *flags))
            self._roles[role].start()
        self._release()

    def _release(self) -> None:
        """Two versions of a bundle, signed, that assignments may name."""
        first = tiny_bundle(self._folder / "bundle-1", name=TASK, version="1", task=TASK)
        bundle_like(first, self._folder / "bundle-2", version="2")
        bundles = [open_bundle(self._folder / f"bundle-{version}") for version in (1, 2)]
        registry, people = RegistryApi(self._cloud, TENANT), TrustPeople(self._cloud, TENANT)
        for bundle in bundles:
            registry.push(bundle)
        people.begin(TASK)
        people.release(*bundles)

    @property
    def device_url(self) -> str:
        """Where devices connect."""
        return f"mqtts://127.0.0.1:{self._broker.port}"

    # ---- the fleet

    def enrol(self, count: int) -> float:
        """Enrol so many more devices, as a factory would; returns how many a second."""
        begun = len(self._names)
        folder = self._folder / "cards"
        folder.mkdir(exist_ok=True)
        began_s = time.perf_counter()
        cards = [self._enrol(f"cam-{number:05}", folder) for number in range(begun, begun + count)]
        per_s = count / (time.perf_counter() - began_s)
        self._names += [card.name for card in cards]
        for place in range(0, count, _AT_ONCE):
            crowd = Devices(self.device_url, self._folder / "data" / "ca.crt", cards[place : place + _AT_ONCE])
            self._crowds.append(crowd)
            self._exits.callback(crowd.close)
        return per_s

    def _enrol(self, name: str, folder: Path) -> DeviceCard:
        device = FleetDevice(self._cloud.client, TENANT, name)
        answer = device.enrol(enrolment(self._cloud, name, TENANT))
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_text(answer.json()["certificate_pem"])
        key.write_bytes(key_pem(device.key))
        return DeviceCard(name, certificate, key)

    def connect(self) -> float:
        """Have all devices that are not connect at once; returns the seconds until the cloud has them all online."""
        began_s = time.perf_counter()
        for crowd in self._crowds:
            crowd.connect()
        wait_for(lambda: count_online(self._cloud.services.database) == len(self._names), "all devices are online")
        return time.perf_counter() - began_s

    def assign(self) -> float:
        """Give every device an assignment; returns the seconds from the last until all have been reported."""
        headers = self._cloud.headers(TENANT, "operator")
        document = {"tasks": {TASK: {"contestants": [{"name": "primary", "bundle": f"{TASK}:1"}]}}}
        for name in self._names:
            told = self._cloud.client.put(f"{_API}/devices/{name}/assignment", json=document, headers=headers)
            if told.status_code not in (200, 201):
                raise RuntimeError(f"{name}: {told.text}")
        began_s = time.perf_counter()
        wait_for(lambda: sum(one.followed for one in self.look()) == len(self._names), "all have their assignment")
        return time.perf_counter() - began_s

    def roll_out(self) -> float:
        """Have the director bring version 2 to all devices; returns the seconds until it says that it is done."""
        headers = self._cloud.headers(TENANT, "operator")
        plan = {
            "task": TASK,
            "contestant": "primary",
            "bundle": f"{TASK}:2",
            "stages": [{"name": "few", "share": 0.05}, {"name": "all", "share": 1.0}],
        }
        began_s = time.perf_counter()
        made = self._cloud.client.post(f"{_API}/rollouts", json={"plan": plan}, headers=headers)
        if made.status_code != 201:  # noqa: PLR2004 - created
            raise RuntimeError(made.text)
        path = f"{_API}/rollouts/{made.json()['id']}"
        wait_for(lambda: self._cloud.client.get(path, headers=headers).json()["state"] == "finished", "it is done")
        return time.perf_counter() - began_s

    def tell(self, times: int, every_s: float) -> None:
        """Have each device tell of so many windows."""
        for crowd in self._crowds:
            crowd.tell(times, every_s)

    def look(self) -> list[Stand]:
        """What the devices' processes say of them."""
        return [crowd.look() for crowd in self._crowds]

    # ---- what it takes

    def page_ms(self, path: str, rounds: int) -> float:
        """How long the role `api` takes for a page, median, in milliseconds."""
        headers, took_ms = dict(self._cloud.headers(TENANT, "viewer")), []
        for _ in range(rounds):
            began_s = time.perf_counter()
            answer = self._http.request("GET", self._roles["api"].url + path, headers=headers, timeout=60)
            took_ms.append((time.perf_counter() - began_s) * 1e3)
            if answer.status != 200:  # noqa: PLR2004 - well
                raise RuntimeError(f"{path}: {answer.status} {answer.data!r}")
        return statistics.median(took_ms)

    def fleet_page_ms(self, rounds: int) -> float:
        """How long the role `dashboard` takes for its page of the fleet, median, in milliseconds."""
        _, _, token = self._cloud.headers(TENANT, "viewer")["Authorization"].partition(" ")
        visitor = ScaleVisitor(self._roles["dashboard"].url, token)
        return statistics.median(visitor.look_ms("/ui/fleet", self._names[0]) for _ in range(rounds))

    def cpu_s(self) -> dict[str, float]:
        """Processor time by part, so far."""
        return {name: sum(map(_cpu_s, processes)) for name, processes in self._parts().items()}

    def memory_mb(self) -> dict[str, float]:
        """Proportional set size by part, now."""
        return {
            name: round(sum(pss_mb(one.pid) for one in processes if one.is_running()), 1)
            for name, processes in self._parts().items()
        }

    def _parts(self) -> dict[str, Sequence[psutil.Process]]:
        parts: dict[str, Sequence[psutil.Process]] = {
            role: [psutil.Process(process.pid)] for role, process in self._roles.items()
        }
        parts["mosquitto"] = [psutil.Process(self._broker.mosquitto.pid)]
        server = psutil.Process(self._postgres.pid)
        parts["postgresql"] = [server, *server.children()]
        return parts


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = _PATIENCE_S) -> None:
    """Look four times a second.

    Raises:
        TimeoutError: it does not come true.
    """
    until_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.25)


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # one of PostgreSQL's, whose connection ended
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
