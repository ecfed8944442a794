"""agent.toml: what may be said there, and what each setting is where nothing is said. `loading` reads it."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from roost_edge.decoy.config import CaptureConfig
from roost_edge.monitor.config import MonitorConfig
from roost_shared.limits import InputLimits
from roost_shared.rendezvous import AskMode, Contestant, Role, Rule, TaskPolicy
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.task_terms import TaskTerms

__all__ = [
    "DEFAULT_STATE_DIR",
    "UNASSIGNED",
    "AgentConfig",
    "BrokerConfig",
    "CloudConfig",
    "ContestantConfig",
    "FolderConfig",
    "HttpConfig",
    "Limits",
    "TaskConfig",
    "TrustConfig",
]

Positive = Annotated[int, Meta(gt=0)]
HexDigest = Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{64}\Z")]
# Bounded, because they travel to the worker in one message.
DelegateName = Annotated[str, Meta(pattern=r"\A[^\0]+\Z", max_length=1024)]
DelegateOptions = Annotated[
    dict[Annotated[str, Meta(max_length=128)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
DEFAULT_STATE_DIR: Final = Path("/var/lib/roost")
UNASSIGNED: Final = "unassigned"  # the contestant of a task that is still to get its own


class BrokerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker of inputs and answers, on the device or its site."""

    url: str = "mqtt://127.0.0.1:1883"  # mqtts:// for TLS
    username: str | None = None
    password_file: Path | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    keep_alive_s: Annotated[int, Meta(ge=1, le=65535)] = 30


class CloudConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the cloud is; a device runs alone without it. What is left out is as the cloud said at enrolment."""

    url: str | None = None  # https://, or http:// on this machine
    broker: str | None = None  # where the cloud said nothing either: the broker of inputs and answers
    cafile: Path | None = None  # whom to trust at the broker; None: the cloud's root certificate
    ask_bytes_per_day: Annotated[int, Meta(ge=0)] = 0  # that questions to cloud contestants may take; 0: no limit
    upload_after_s: Annotated[float, Meta(gt=0)] = 600  # kept inputs are gathered for so long, and then go up together


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inputs by HTTP: the Open Inference Protocol. Off where the section is absent."""

    listen: str = "127.0.0.1:8000"  # IP address and port; one that other machines reach needs a token
    token_sha256: HexDigest | None = None  # of the bearer token that callers show
    connections: Annotated[int, Meta(gt=0, le=4096)] = 64  # at a time


class TrustConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which bundles may run."""

    allow_unsigned: bool = False  # bundles from a folder, whose signature nobody checks


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the agent will take on at most."""

    in_flight: Annotated[int, Meta(gt=0, le=65535)] = 20  # unanswered requests
    payload_bytes: Positive = 16 * 1024 * 1024
    image_pixels: Positive = 25_000_000
    spool_bytes: Positive = 1 << 30  # that kept inputs may take of the disk
    free_disk_bytes: Annotated[int, Meta(ge=0)] = 256 << 20  # of the disk that are left to others
    retention_days: Annotated[float, Meta(gt=0, le=3650)] = 14  # the agent runs, and a kept input cannot be uploaded
    uplink_bytes_per_s: Annotated[int, Meta(ge=0)] = 1_000_000  # that uploads may take; 0: no limit
    downlink_bytes_per_s: Annotated[int, Meta(ge=0)] = 0  # that downloads of bundles may take; 0: no limit

    @property
    def of_inputs(self) -> InputLimits:
        """What a payload may be."""
        return InputLimits(payload_bytes=self.payload_bytes, image_pixels=self.image_pixels)


class ContestantConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contestant as the file states it."""

    name: str
    bundle: Path | None = None  # a folder; relative to the file
    where: Literal["local", "cloud"] = "local"
    role: Role = "answer"
    ask: AskMode = "unsure"
    downscale: bool = False  # a cloud contestant may be sent a picture in its bundle's own size
    threads: Annotated[int, Meta(gt=0, le=64)] = 1
    runtime: RuntimeName | None = None  # None: the best installed one that the bundle lists
    delegate: DelegateName | None = None  # a library for tflite, an execution provider for ONNX
    delegate_options: DelegateOptions = {}

    @property
    def runtime_settings(self) -> RuntimeSettings:
        """How its worker shall run its model."""
        return RuntimeSettings(
            threads=self.threads,
            name=self.runtime,
            delegate=self.delegate,
            delegate_options=self.delegate_options,
        )


class FolderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder whose files are inputs of a task."""

    path: Path  # relative to the file
    done: Literal["move", "delete"] = "move"  # what becomes of an input that a contestant has answered
    settle_ms: Annotated[int, Meta(ge=0, le=60_000)] = 300  # unchanged for so long, a file is complete
    poll_ms: Annotated[int, Meta(ge=10, le=60_000)] = 100  # between two looks


class TaskConfig(TaskTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task as the file states it."""

    contestants: list[ContestantConfig] = msgspec.field(default_factory=list)
    inject: dict[str, str] = msgspec.field(default_factory=dict)  # name -> MQTT topic
    folder: FolderConfig | None = None
    capture: CaptureConfig | None = None
    monitor: MonitorConfig | None = None

    @property
    def captured(self) -> CaptureConfig | None:
        """What is kept of its inputs: as the section says, or, with a decoy among its contestants, by default."""
        if self.capture is None and any(one.role == "decoy" for one in self.contestants):
            return CaptureConfig()
        return self.capture

    def policy(
        self, name: str, *, without_confidence: frozenset[str] = frozenset(), tolerance: float | None = None
    ) -> TaskPolicy:
        """The task's rendezvous policy; see `policy_for`."""
        return self.policy_for(name, self.contestants, without_confidence=without_confidence, tolerance=tolerance)

    def policy_until_assigned(self, name: str) -> TaskPolicy:
        """The policy of a task without contestants: its times and its default; rules come with an assignment.

        Raises:
            PolicyError: the times contradict each other.
        """
        nobody = Contestant(name=UNASSIGNED)  # a policy without any there is not
        rules = [Rule(accept=UNASSIGNED)]
        return msgspec.structs.replace(self, rules=rules).policy_for(name, [nobody])


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of agent.toml. Paths are absolute."""

    tenant: str
    device: str
    state_dir: Path = DEFAULT_STATE_DIR
    operator_token_sha256: HexDigest | None = None  # of the token that lets a request `force` a contestant, or be kept
    broker: BrokerConfig = BrokerConfig()
    cloud: CloudConfig | None = None
    http: HttpConfig | None = None
    trust: TrustConfig = TrustConfig()
    limits: Limits = Limits()
    tasks: dict[str, TaskConfig] = {}

    @property
    def captures(self) -> bool:
        """Whether any task has inputs kept."""
        return any(task.captured is not None for task in self.tasks.values())

    @property
    def has_records(self) -> bool:
        """Whether any task has something to tell the cloud: of kept inputs, or of windows."""
        return self.captures or any(task.monitor is not None for task in self.tasks.values())

    @property
    def may_capture(self) -> bool:
        """Whether any task has something to tell the cloud, or may have once it is assigned."""
        return self.has_records or self.assignable

    @property
    def assignable(self) -> bool:
        """Whether the cloud may say what runs here, but for tasks whose contestants this file states."""
        return self.cloud is not None
