"""What a connection of the cloud's to a broker is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from roost_shared.mqtt.dialect import Version

__all__ = ["LinkSettings", "Subscription"]


class Subscription(NamedTuple):
    """A topic filter, made anew on each connection; `$share/GROUP/…` shares its messages with others of the group.

    A broker hands a shared subscription no retained messages.
    """

    topic: str
    qos: Literal[0, 1]


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """One connection.

    Attributes:
        url: see `roost_shared.mqtt.address`.
        client_id: unique at the broker, among all processes.
        subscriptions: what to receive.
        username: goes before the URL's.
        password: goes before the URL's.
        cafile: whom to trust (PEM); None: the system's authorities. Only for `mqtts`.
        ca_pem: whom to trust too (PEM, the certificates themselves).
        certfile: our certificate (PEM); None: none. Only for `mqtts`.
        keyfile: the certificate's key (PEM); None: it is in `certfile`.
        session_expiry_s: for how long the broker shall queue for us while we are away, in seconds; 0: not at all.
        incoming_limit: messages received and not yet taken; at that many, nothing more is read. Also the QoS 1
            messages the broker may send ahead of our acknowledgements (MQTT 5 Receive Maximum).
        outgoing_limit: QoS 1 messages of ours that may wait for the broker's confirmation.
        keep_alive_s: a silent broker is noticed after at most twice this, in seconds.
        connect_timeout_s: for TCP, for TLS, and for the broker's word after that, in seconds each.
        version: the protocol level to try first.
    """

    url: str
    client_id: str
    subscriptions: tuple[Subscription, ...] = ()
    username: str | None = None
    password: str | None = None
    cafile: Path | None = None
    ca_pem: str | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    session_expiry_s: int = 0
    incoming_limit: int = 2000
    outgoing_limit: int = 10_000
    keep_alive_s: int = 30
    connect_timeout_s: float = 10.0
    version: Version = 5
