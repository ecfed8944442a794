"""What can go wrong between us and a broker.

A wrong address or certificate file is found before the first attempt and is the configuration's fault
(`ContentError`). All others end one attempt or one connection, are reported, and are tried again.
"""

from typing import Final

from roost_shared.errors import ContentError, TransportError

__all__ = [
    "SESSION_TAKEN_OVER",
    "UNSUPPORTED_VERSION",
    "BrokerFileError",
    "BrokerLostError",
    "BrokerRefusedError",
    "BrokerSilentError",
    "BrokerUnreachableError",
    "BrokerUnreadableError",
    "BrokerUrlError",
    "SubscriptionRefusedError",
    "not_taken_in",
]

SESSION_TAKEN_OVER: Final = 0x8E  # MQTT 5, section 2.4
UNSUPPORTED_VERSION: Final = 0x84


class BrokerUrlError(ContentError):
    """The broker's address cannot be used."""

    code = "broker.url"


class BrokerFileError(ContentError):
    """A certificate or key file of the connection cannot be used."""

    code = "broker.file"


class BrokerUnreachableError(TransportError):
    """No connection came about: the name, the network or TLS failed."""

    code = "broker.unreachable"


class BrokerRefusedError(TransportError):
    """The broker answered, and said no.

    Args:
        reason: MQTT 5 reason code; a 3.1.1 return code is translated to it.
        text: the reason in words.
    """

    code = "broker.refused"

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(f"the broker refused the connection: {text} (0x{reason:02X})")
        self.reason = reason


class BrokerSilentError(TransportError):
    """The broker let the time pass in which it had to answer."""

    code = "broker.silent"


class BrokerUnreadableError(TransportError):
    """The broker sent a packet that we cannot read, so that the connection had to end; it may send it again."""

    code = "broker.unreadable"


class BrokerLostError(TransportError):
    """A connection that stood has ended.

    Args:
        reason: MQTT 5 reason code the broker gave, None if it gave none.
        text: the cause in words.
    """

    code = "broker.lost"

    def __init__(self, reason: int | None, text: str) -> None:
        super().__init__(f"the connection to the broker ended: {text}")
        self.reason = reason

    @property
    def taken_over(self) -> bool:
        """Whether another client with our identity took our place; MQTT 3.1.1 cannot tell."""
        return self.reason == SESSION_TAKEN_OVER


def not_taken_in(reason: int | None, text: str, *, tls: bool, has_certificate: bool) -> BrokerLostError:
    """The connection ended before the broker said that it takes us.

    A broker that wants a certificate, or another than ours, does that since TLS 1.3: it looks at it when the handshake
    is over for us, and closes.

    >>> print(not_taken_in(None, "Unspecified error", tls=True, has_certificate=False))
    the connection to the broker ended: Unspecified error, before it took us in: we show no certificate (certfile)
    """
    if not tls:
        return BrokerLostError(reason, text)
    doubt = "does it accept our certificate?" if has_certificate else "we show no certificate (certfile)"
    return BrokerLostError(reason, f"{text}, before it took us in: {doubt}")


class SubscriptionRefusedError(TransportError):
    """The broker does not let us read a topic, most likely by its access rules.

    Args:
        topic: the topic filter.
        reason: MQTT 5 reason code, or 0x80 of MQTT 3.1.1.
    """

    code = "broker.subscription_refused"

    def __init__(self, topic: str, reason: int) -> None:
        super().__init__(f"the broker refused the subscription to {topic} (0x{reason:02X}): check its access rules")
        self.topic = topic
        self.reason = reason
