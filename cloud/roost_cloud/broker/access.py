"""Who may connect to the embedded broker, and do what there: the fence of DESIGN.md, section 6.

A username is an identity:

- `{tenant}/d/{device}`: a device. Its client id is its username, so that a second one with its password takes its
  place and is noticed, and nobody else's place can be taken.
- `roost-cloud`: the cloud's roles. Under a name that begins with `cloud.`, which no device can have, they ask scorers
  as a device does. What happened in a tenant they say on `events/…`, which nobody reads here.

A topic filter is allowed if it cannot match anything that is not: a wildcard reaches as far as the rule's own. What
may be retained is as many messages as there are devices, a few for each: tasks have any names.

>>> device = "acme/d/cam-01"
>>> allowed(device, "roost/1/acme/d/cam-01/state", "publish")
True
>>> allowed(device, "roost/1/acme/d/cam-02/state", "publish")
False
>>> [allowed(device, f"roost/1/acme/d/cam-01/{levels}", "subscribe") for levels in ("in/+", "#", "+")]
[True, False, False]
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Protocol

from roost_cloud.secret_text import digest_of, matches
from roost_shared.enrolment import parse_common_name
from roost_shared.topics import CLOUD_DEVICE, PREFIX, is_name, parse_device_topic

__all__ = ["CLOUD_USERNAME", "Access", "Action", "Anybody", "FleetAccess", "SecretLookup", "allowed"]

CLOUD_USERNAME: Final = "roost-cloud"
_DEVICE_LEVEL: Final = 4  # of a topic
Action = Literal["publish", "subscribe", "receive"]
SecretLookup = Callable[[str], str | None]


class Access(Protocol):
    """What the embedded broker asks."""

    def authenticate(self, username: str | None, password: str | None, client_id: str) -> bool:
        """Whether a client is who it says; may block.

        Args:
            username: None if the client gave none.
            password: None if the client gave none.
            client_id: empty if the client gave none.

        Raises:
            RoostError: that cannot be told just now.
        """
        ...

    def may(self, username: str | None, topic: str, action: Action) -> bool:
        """Whether an authenticated client may do something; asked for each message, so it must not block.

        Args:
            username: as authenticated.
            topic: for `subscribe` a topic filter, with or without wildcards.
            action: `receive` is asked for each delivery to a subscriber.
        """
        ...

    def may_retain(self, username: str | None, topic: str) -> bool:
        """Whether what a client may publish on a topic is kept there, if it asks for that; must not block."""
        ...


class Anybody:
    """Lets everybody do everything: for trying things on one machine."""

    def authenticate(self, username: str | None, password: str | None, client_id: str) -> bool:
        """Let them in."""
        del username, password, client_id
        return True

    def may(self, username: str | None, topic: str, action: Action) -> bool:
        """Let them."""
        del username, topic, action
        return True

    def may_retain(self, username: str | None, topic: str) -> bool:
        """Let them."""
        del username, topic
        return True


class FleetAccess:
    """Devices and the cloud, each fenced in.

    Args:
        lookup: gives the SHA-256, in hex, of a username's password; None for one that is unknown or revoked. It is
            asked at each connect and nothing of it is kept: a revoked device shall not come back. It may block and
            raise `RoostError`.
        cloud_password: of the cloud's own connections, made anew by whoever starts the broker.
    """

    def __init__(self, lookup: SecretLookup, cloud_password: str) -> None:
        self._lookup = lookup
        self._cloud_digest = digest_of(cloud_password)

    def authenticate(self, username: str | None, password: str | None, client_id: str) -> bool:
        """Compare the password."""
        if username is None or password is None:
            return False
        if username == CLOUD_USERNAME:
            expected: str | None = self._cloud_digest
        elif parse_common_name(username) is not None and client_id == username:
            expected = self._lookup(username)
        else:
            return False
        return matches(password, expected)

    def may(self, username: str | None, topic: str, action: Action) -> bool:
        """See `allowed`."""
        return username is not None and allowed(username, topic, action)

    def may_retain(self, username: str | None, topic: str) -> bool:
        """A device's word on itself, and the cloud's on what it shall be."""
        found = parse_device_topic(topic)
        return found is not None and found.kind in (("desired",) if username == CLOUD_USERNAME else _KEPT_OF_DEVICES)


class _Rules(NamedTuple):
    """Topics below a device's root; `+` stands for one level."""

    writes: tuple[str, ...]
    reads: tuple[str, ...]


_DEVICE: Final = _Rules(
    ("state", "reported", "telemetry", "ask/+", "out/+"), ("desired", "score", "watermark", "state", "in/+")
)
_CLOUD: Final = _Rules(("desired", "score", "watermark"), ("state", "reported", "telemetry", "ask/+"))
_EVENTS: Final = _Rules(("events/+",), ())  # what happened, for whoever an operator lets listen
_ASKING: Final = _Rules(("ask/+",), ("score",))  # under a name of the cloud's own
_KEPT_OF_DEVICES: Final = ("state", "reported")


def allowed(username: str, topic: str, action: Action) -> bool:
    """Whether an authenticated user may do `action` on `topic`."""
    levels = topic.split("/")
    if username == CLOUD_USERNAME:
        fences = {f"{PREFIX}/+/d/+/": _CLOUD, f"{PREFIX}/+/": _EVENTS}
        if len(levels) > _DEVICE_LEVEL and levels[_DEVICE_LEVEL].startswith(CLOUD_DEVICE):
            fences[f"{PREFIX}/+/d/{levels[_DEVICE_LEVEL]}/"] = _ASKING
    else:
        if parse_common_name(username) is None:
            return False
        fences = {f"{PREFIX}/{username}/": _DEVICE}
    patterns = [
        root + pattern
        for root, rules in fences.items()
        for pattern in (rules.writes if action == "publish" else rules.reads)
    ]
    if action != "subscribe" and any("+" in level or "#" in level for level in levels):
        return False  # no topic, whatever a will says
    return any(_covers(pattern.split("/"), levels) for pattern in patterns)


def _covers(pattern: list[str], levels: list[str]) -> bool:
    """Whether all that the topic or filter `levels` can match is matched by `pattern`."""
    return len(pattern) == len(levels) and all(
        mine == level or (mine == "+" and is_name(level)) for mine, level in zip(pattern, levels, strict=True)
    )
