"""What a connection to a broker is told.

The address is a URL: `mqtt://host:1883` or `mqtts://host:8883`, with `user:password@` if wanted. The agent's
configuration is read elsewhere; this is what is left of it for one connection.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from roost_edge.mqtt.faults import BrokerFileError, BrokerUrlError

__all__ = ["BrokerAddress", "BrokerSettings", "Subscription", "parse_broker_url"]

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class BrokerAddress(NamedTuple):
    """Where a broker is, and as whom to go there."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None


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
        url: see the module's text.
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
        try:
            context = ssl.create_default_context(cafile=self.cafile)
        except OSError as error:
            raise BrokerFileError(f"cafile {self.cafile}: {error}") from error
        context.sslsocket_class = _TidySocket
        if self.certfile is not None:
            try:
                context.load_cert_chain(self.certfile, self.keyfile)
            except OSError as error:
                files = f"certfile {self.certfile}, keyfile {self.keyfile or 'the same'}"
                raise BrokerFileError(f"{files}: {error}") from error
        return context


def parse_broker_url(url: str) -> BrokerAddress:
    """Take a broker's URL apart.

    Raises:
        BrokerUrlError: it is none; says why.

    >>> parse_broker_url("mqtts://cam:secret@site.example")
    BrokerAddress(host='site.example', port=8883, tls=True, username='cam', password='secret')
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerUrlError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in _PORTS:
        raise BrokerUrlError(f"{url!r} must start with mqtt:// or mqtts://")
    if not parts.hostname:
        raise BrokerUrlError(f"{url!r} names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BrokerUrlError(f"{url!r} has something after the host and port, which means nothing to a broker")
    if port == 0:
        raise BrokerUrlError(f"{url!r} names port 0")
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
