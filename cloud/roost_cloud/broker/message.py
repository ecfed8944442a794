"""A message as the cloud's connection received it."""

from datetime import datetime
from typing import NamedTuple

from paho.mqtt.client import MQTTMessage

from roost_shared.clock import Clock

__all__ = ["Message"]


class Message(NamedTuple):
    """A message received."""

    topic: str
    payload: bytes
    qos: int
    retained: bool  # the broker had it before we subscribed
    received_ns: int  # monotonic
    received_at: datetime  # by our clock, UTC
    connection: int  # the one it came on
    mid: int  # its packet id there

    @classmethod
    def of(cls, received: MQTTMessage, connection: int, clock: Clock) -> "Message":
        """One that has just come; its topic is empty where it is none that can be read."""
        try:
            topic = received.topic
        except UnicodeDecodeError:
            topic = ""
        return cls(
            topic=topic,
            payload=bytes(received.payload),
            qos=received.qos,
            retained=received.retain,
            received_ns=clock.now_ns(),
            received_at=clock.wall(),
            connection=connection,
            mid=received.mid,
        )
