"""The demo's cloud: one process with all its defaults embedded, its tenant, its registry and its fleet."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.replay.source import Recorded
from roost_cloud.transfer import Registry, push_bundle
from roost_shared.bundle import Bundle
from scripts.roost_demo.processes import Child, ChildError, environment
from scripts.roost_demo.releaser import Releaser
from scripts.roost_demo.told import Alarm, DriftStream, Standing

__all__ = [
    "CloudInput",
    "DemoCloud",
    "FleetDevice",
    "Ports",
    "Push",
]

_Answer = TypeVar("_Answer")

_START_S: Final = 40.0
_ENROL_S: Final = 40.0
_COMMAND_S: Final = 120.0
_PAGE: Final = 1000


class FleetDevice(msgspec.Struct, frozen=True):
    """A device as the cloud shows it."""

    device: str
    labels: dict[str, str]
    status: str
    state: str
    agent_version: str | None
    certificate_expires_at: datetime | None


class _Secret(msgspec.Struct):
    token: str


class _Tenant(msgspec.Struct):
    admin_token: _Secret


class CloudInput(msgspec.Struct, frozen=True):
    """An input that the cloud has: whose, its sample's name, and the digest of its bytes there."""

    device: str
    sample: str
    sha256: str


class Ports(NamedTuple):
    """Where on this machine a cloud is reached."""

    api: int
    broker: int

    @property
    def url(self) -> str:
        """The API's."""
        return f"http://127.0.0.1:{self.api}"

    @property
    def broker_url(self) -> str:
        """The broker's."""
        return f"mqtt://127.0.0.1:{self.broker}"


class _Bytes(msgspec.Struct, frozen=True):
    sha256: str


class _Sample(msgspec.Struct, frozen=True):
    device: str
    sample: str
    input: _Bytes


class _AlarmId(msgspec.Struct, frozen=True):
    id: str


@dataclass(frozen=True)
class Push:
    """What pushing a bundle took.

    Attributes:
        bundle: its reference.
        sent_bytes: of blobs that the registry lacked.
        present_bytes: of blobs that it had.
    """

    bundle: str
    sent_bytes: int
    present_bytes: int


class DemoCloud:
    """`roost cloud serve --embedded`, and its one tenant; a context that ends it.

    Args:
        folder: an empty folder for all it keeps.
        tenant: the tenant's name.
        here: free ones, for itself.
        there: where devices shall find it.

    Attributes:
        url: where it is.
        token: the tenant's admin's.
        process: the cloud's.
    """

    def __init__(self, folder: Path, tenant: str, here: Ports, there: Ports) -> None:
        self.url = here.url
        self.token = ""
        self._folder = folder
        self._tenant = tenant
        self._addresses = (
            *("--listen", f"127.0.0.1:{here.api}", "--embedded-broker-port", str(here.broker)),
            *("--public-url", there.url, "--device-broker-url", there.broker_url),
        )
        self._releaser = Releaser(folder / "keys")
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start it and make the tenant.

        Raises:
            ChildError: it did not start.
            RoostError: it did not do as asked.
        """
        self._folder.mkdir()
        with ExitStack() as exits:
            platform_token = self._folder / "platform-token"
            self.process = Child("cloud", self._command(platform_token), self._folder / "cloud.log")
            exits.callback(self.process.stop)
            self.process.wait_for_line(r"listening on http://", _START_S)
            with self._as(platform_token.read_text().strip()) as platform:
                self.token = platform.call("POST", "/tenants", _Tenant, body={"name": self._tenant}).admin_token.token
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._exits.close()

    def call(self, method: str, path: str, kind: type[_Answer], *, body: Any = None) -> _Answer:
        """What the API says to a request of the tenant's admin.

        Raises:
            RoostError: it said no.
        """
        with self._as(self.token) as cloud:
            return cloud.call(method, path, kind, body=body)

    def each(self, path: str, kind: type[_Answer], **query: Any) -> list[_Answer]:
        """All that a list of the API's has; raises as `call`."""
        with self._as(self.token) as cloud:
            return list(cloud.each(path, kind, query=query))

    def release(self, name: str, version: str) -> None:
        """Have the releaser release a version that a training run has registered, and nobody here has."""
        with self._as(self.token) as cloud:
            self._releaser.sign_version(cloud, name, version)

    def begin_trust(self, task: str) -> None:
        """Found a root of trust, and name a releaser for a task."""
        with self._as(self.token) as cloud:
            self._releaser.begin(cloud, task)

    def sign(self, *bundles: Bundle) -> None:
        """Have the releaser release bundles of the registry."""
        with self._as(self.token) as cloud:
            self._releaser.sign(cloud, *bundles)

    def assign(self, device: str, document: dict[str, Any]) -> None:
        """Say what a device shall run."""
        self.call("PUT", f"/devices/{device}/assignment", dict[str, Any], body=document)

    def standing(self, device: str) -> Standing:
        """What the device makes of that."""
        return self.call("GET", f"/devices/{device}/assignment", Standing)

    def set_drift(self, **settings: float) -> None:
        """Say what is wanted of drift."""
        self.call("PUT", "/drift/settings", dict[str, Any], body=settings)

    def drift(self, task: str) -> list[DriftStream]:
        """How a task stands on each device."""
        return self.each("/drift/status", DriftStream, task=task, limit=100)

    def alarms(self, task: str, kind: str) -> list[Alarm]:
        """Those of a kind that nobody has resolved, whole."""
        query = {"task": task, "kind": kind, "unresolved": "true", "limit": 100}
        with self._as(self.token) as cloud:
            found = list(cloud.each("/alarms", _AlarmId, query=query))
            return [cloud.call("GET", f"/alarms/{one.id}", Alarm) for one in found]

    def alter(self, digest: str) -> None:
        """Change a byte of a blob that the registry keeps, behind its back."""
        (file,) = (self._folder / "data" / "objects").rglob(digest.removeprefix("sha256:"))
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.chmod(0o600)
        file.write_bytes(data)

    def push(self, bundles: Iterable[tuple[str, Bundle]]) -> list[Push]:
        """Put bundles into the registry, each under an alias."""
        pushes = []
        with self._as(self.token) as cloud:
            registry = Registry(cloud)
            for alias, bundle in bundles:
                pushed = push_bundle(registry, bundle.folder)
                registry.move_alias(bundle.config.name, alias, bundle.config.version)
                pushes.append(Push(bundle.reference, pushed.sent_bytes, pushed.present_bytes))
        return pushes

    def enrol(self, device: str, labels: dict[str, str], config: Path) -> None:
        """Let the agent of `config` become `device`, as a person would: a token, and one command there.

        Raises:
            ChildError: `roost-agent enrol` failed; quotes it.
        """
        body: dict[str, Any] = {"device": device, "labels": labels}
        with self._as(self.token) as cloud:
            token = cloud.call("POST", "/enrolments", _Secret, body=body).token
        done = subprocess.run(
            [sys.executable, "-P", "-m", "roost_edge", "enrol", "--config", str(config), "--token-file", "-"],
            input=token,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=_ENROL_S,
            check=False,
        )
        if done.returncode:
            raise ChildError(f"{device} did not enrol: {done.stderr.strip()}")

    def run_task(self, task: str, deadline_ms: int, contestant: str, bundle: str) -> None:
        """Let the cloud's scorers answer questions to a contestant of a task with what `bundle`'s alias points at."""
        takes_part = {"name": contestant, "bundle": f"{bundle}@{contestant}"}
        document: dict[str, Any] = {"deadline_ms": deadline_ms, "contestants": [takes_part]}
        with self._as(self.token) as cloud:
            cloud.call("PUT", f"/tasks/{task}", dict[str, Any], body=document)

    def fleet(self) -> Sequence[FleetDevice]:
        """All devices, as the cloud sees them."""
        return self.each("/devices", FleetDevice)

    def inputs(self, task: str) -> list[CloudInput]:
        """All that it has of a task."""
        found = self.each("/samples", _Sample, task=task, has_input="true", limit=_PAGE)
        return [CloudInput(one.device, one.sample, one.input.sha256) for one in found]

    def recorded(self, task: str, since: datetime) -> list[Recorded]:
        """All that it has heard of a task's requests from then on."""
        query = {"task": task, "since": since.isoformat(), "until": datetime.now(UTC).isoformat(), "limit": _PAGE}
        return self.each("/recorded", Recorded, **query)

    def roost(self, *arguments: str) -> bytes:
        """What the operators' command prints.

        Raises:
            ChildError: it failed; quotes it.
        """
        done = subprocess.run(
            [sys.executable, "-P", "-m", "roost_cloud", *arguments],
            capture_output=True,
            env=environment() | {"ROOST_URL": self.url, "ROOST_TOKEN": self.token},
            timeout=_COMMAND_S,
            check=False,
        )
        if done.returncode:
            raise ChildError(f"roost {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def _as(self, token: str) -> ApiClient:
        return ApiClient(Credentials(url=self.url, token=token))

    def _command(self, platform_token: Path) -> list[str]:
        serve = [sys.executable, "-P", "-m", "roost_cloud", "cloud", "serve", "--embedded"]
        kept = ["--data-dir", str(self._folder / "data"), "--bootstrap-token-file", str(platform_token)]
        return [*serve, *kept, *self._addresses, "--log-level", "warning"]
