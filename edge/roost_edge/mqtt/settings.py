"""What a connection to a broker is told.

The agent's configuration is read elsewhere; this is what is left of it for one connection.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from roost_shared.mqtt.address import BrokerAddress, parse_broker_url
from roost_shared.mqtt.tls import client_context

__all__ = ["BrokerSettings", "Subscription"]


class Subscription(NamedTuple):
    """A topic filter to subscribe to on every connection.

    QoS 2 is not offered: a sender's QoS 2 message reaches us at QoS 1, whose acknowledgement we control.
    """

    topic: str
    qos: Literal[0, 1]


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """One connection.

    Attributes:
        url: see `roost_shared.mqtt.address`.
        client_id: unique at the broker; names the session that outlives a connection.
        subscriptions: made anew on each connection.
        username: goes before the URL's.
        password: goes before the URL's.
        cafile: whom to trust (PEM); None: the system's authorities. Only for `mqtts`.
        certfile: our certificate (PEM); None: none. Only for `mqtts`.
        keyfile: the certificate's key (PEM); None: it is in `certfile`.
        persistent: whether the broker shall keep our session, and what it queues for us, while we are away.
        session_expiry_s: for how long, where MQTT 5 lets us say so, in seconds.
        in_flight: QoS 1 messages the broker may send ahead of our acknowledgements (MQTT 5 Receive Maximum).
        keep_alive_s: a silent broker is noticed after at most twice this, in seconds.
        connect_timeout_s: for TCP, for TLS, and for the broker's word after that, in seconds each.
        outgoing_limit_bytes: messages that may wait for the socket or the broker's acknowledgement, in bytes.
        version: the protocol level to try first. 4 is MQTT 3.1.1, for a broker that drops an MQTT 5 client
            without a word; one that says no needs no setting.
    """

    url: str
    client_id: str
    subscriptions: tuple[Subscription, ...] = ()
    username: str | None = None
    password: str | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    persistent: bool = True
    session_expiry_s: int = 7 * 24 * 3600
    in_flight: int = 20
    keep_alive_s: int = 30
    connect_timeout_s: float = 10.0
    outgoing_limit_bytes: int = 4 << 20
    version: Literal[4, 5] = 5

    def address(self) -> BrokerAddress:
        """The address, with the settings' credentials if they give any.

        Raises:
            BrokerUrlError: `url` is no broker's address.
        """
        address = parse_broker_url(self.url)
        if self.username is None:
            return address
        return address._replace(username=self.username, password=self.password)

    def tls_context(self) -> ssl.SSLContext:
        """What `mqtts` verifies the broker with, and shows it.

        Raises:
            BrokerFileError: a file is missing or holds nothing usable.
        """
        return client_context(self.cafile, self.certfile, self.keyfile)
