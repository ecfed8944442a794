"""Messages as they come from and go to a broker, free of any client library."""

import msgspec

__all__ = ["Properties", "Received", "Will"]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message the broker sent us. MQTT 3.1.1 has no properties: they are None and empty."""

    topic: str  # empty if it was no UTF-8
    payload: bytes
    qos: int  # 0 or 1
    retain: bool  # stored by the broker before we subscribed, not said to us now
    dup: bool  # the broker had sent it before, to us or to an earlier boot of ours
    mid: int  # MQTT packet id; 0 for QoS 0
    receipt: int | None  # what `BrokerConnection.settle` wants for QoS 1; None for QoS 0
    redelivery_of: int | None  # the receipt under which this very input came before; equals `receipt` then
    backlog: bool  # the broker had queued it while we were away
    connection_number: int  # of the connection it came on; counts from 1 in each boot
    received_ns: int  # monotonic: when the loop set about reading it
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None  # seconds it stays valid, counted from `received_ns`


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    """What MQTT 5 lets us add to a message; left out on MQTT 3.1.1."""

    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker shall publish, retained and at QoS 1, should it lose us."""

    topic: str
    payload: bytes
