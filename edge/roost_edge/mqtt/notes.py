"""What a link notes while paho works: one note per packet that matters, and one when the connection ends."""

from dataclasses import dataclass
from typing import Final

from roost_edge.mqtt.message import Properties

__all__ = ["Accepted", "Arrived", "Confirmed", "Ended", "Granted", "Note", "Refused", "is_refusal"]

_REFUSALS_FROM: Final = 0x80


@dataclass(frozen=True, slots=True)
class Accepted:
    """CONNACK: the connection stands. Limits are None where the broker sets none."""

    session_present: bool
    receive_maximum: int | None  # QoS 1 messages we may have unacknowledged
    maximum_packet_bytes: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """CONNACK: the broker will not have us. `reason` is an MQTT 5 reason code."""

    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class Granted:
    """SUBACK: one reason code per topic filter, in order."""

    mid: int
    reasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """PUBLISH: a message of the broker's. `topic` is empty if it was no UTF-8."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    properties: Properties | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """PUBACK: a QoS 1 message of ours is the broker's now, or was refused by it."""

    mid: int
    reason: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is gone. `reason` is the MQTT 5 reason code if the broker gave one."""

    reason: int | None
    text: str
    silent: bool  # a ping went unanswered
    unreadable: bool  # the broker sent what we cannot read, and we ended it


def is_refusal(reason: int) -> bool:
    """Whether an MQTT reason code says no; MQTT 5, section 2.4."""
    return reason >= _REFUSALS_FROM


Note = Accepted | Refused | Granted | Arrived | Confirmed | Ended
