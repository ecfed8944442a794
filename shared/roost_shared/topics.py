"""Every MQTT topic, built and parsed in one place.

`roost/1/{tenant}/d/{device}/…`: see DESIGN.md, section 6. A name is `[a-z0-9][a-z0-9._-]{0,62}`, so no name
can hold a level separator or a wildcard, and one ACL pattern fences a device in.
"""

import re
from typing import Final, NamedTuple

from roost_shared.errors import ContentError

__all__ = [
    "CLOUD_DEVICE",
    "NAME",
    "BadNameError",
    "DeviceTopic",
    "DeviceTopics",
    "TaskTopic",
    "check_device_name",
    "check_name",
    "is_name",
    "parse_device_topic",
]

PREFIX: Final = "roost/1"
MAX_LEVEL: Final = 255  # characters of a foreign topic level that we repeat
CLOUD_DEVICE: Final = "cloud."  # begins the names under which the cloud itself asks, as a device does
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class BadNameError(ContentError):
    """A tenant, device, task or contestant has a name that topics cannot carry."""

    code = "name.invalid"


def is_name(text: str) -> bool:
    """Whether `text` may name a tenant, device, task, contestant or bundle."""
    return NAME.fullmatch(text) is not None


def check_name(text: str, what: str) -> str:
    """Return `text`, or raise `BadNameError` saying `what` it should have named."""
    if not is_name(text):
        raise BadNameError(
            f"{what} {text!r} is not a name: use a-z, 0-9, '.', '_' and '-', at most 63, the first a letter or digit"
        )
    return text


def check_device_name(text: str) -> str:
    """Return `text`, or raise `BadNameError`: it is no name, or one of those that the cloud keeps for itself."""
    if text.startswith(CLOUD_DEVICE):
        raise BadNameError(f"device {text!r}: names that begin with {CLOUD_DEVICE!r} are the cloud's own")
    return check_name(text, "device")


class TaskTopic(NamedTuple):
    """A parsed `in`, `out` or `ask` topic."""

    tenant: str
    device: str
    kind: str
    task: str


class DeviceTopic(NamedTuple):
    """A parsed topic of a device that names no task: `state`, `reported`, `telemetry` and the like."""

    tenant: str
    device: str
    kind: str


class DeviceTopics:
    """The topics of one device."""

    def __init__(self, tenant: str, device: str) -> None:
        self.tenant = check_name(tenant, "tenant")
        self.device = check_name(device, "device")
        self.root = f"{PREFIX}/{tenant}/d/{device}"
        self.state = f"{self.root}/state"
        self.desired = f"{self.root}/desired"
        self.reported = f"{self.root}/reported"
        self.telemetry = f"{self.root}/telemetry"
        self.score = f"{self.root}/score"
        self.watermark = f"{self.root}/watermark"
        self.all_inputs = f"{self.root}/in/+"
        self._input_prefix = f"{self.root}/in/"

    def input(self, task: str) -> str:
        """Where a sensor publishes inputs of `task`."""
        return f"{self._input_prefix}{task}"

    def output(self, task: str) -> str:
        """Where answers of `task` go when the caller names no other topic."""
        return f"{self.root}/out/{task}"

    def ask(self, task: str) -> str:
        """Where questions to cloud contestants of `task` go."""
        return f"{self.root}/ask/{task}"

    def task_of_input(self, topic: str) -> str | None:
        """The last level of an input topic of this device, or None if it is no such topic.

        It need not be a task's name: whoever misspells one (`Meter`) shall be told, and not wait in vain.
        """
        if not topic.startswith(self._input_prefix):
            return None
        task = topic[len(self._input_prefix) :]
        return task if 0 < len(task) <= MAX_LEVEL and "/" not in task else None


def parse_task_topic(topic: str) -> TaskTopic | None:
    """Split `roost/1/{tenant}/d/{device}/{in|out|ask}/{task}`; None if it is anything else."""
    parts = topic.split("/")
    if len(parts) != 7 or parts[0] != "roost" or parts[1] != "1" or parts[3] != "d":  # noqa: PLR2004 - the layout
        return None
    tenant, device, kind, task = parts[2], parts[4], parts[5], parts[6]
    if kind not in ("in", "out", "ask") or not (is_name(tenant) and is_name(device) and is_name(task)):
        return None
    return TaskTopic(tenant, device, kind, task)


def parse_device_topic(topic: str) -> DeviceTopic | None:
    """Split `roost/1/{tenant}/d/{device}/{kind}`; None if it is anything else.

    >>> parse_device_topic("roost/1/acme/d/cam-01/state")
    DeviceTopic(tenant='acme', device='cam-01', kind='state')
    """
    match topic.split("/"):
        case ["roost", "1", tenant, "d", device, kind] if is_name(tenant) and is_name(device):
            return DeviceTopic(tenant, device, kind)
    return None
