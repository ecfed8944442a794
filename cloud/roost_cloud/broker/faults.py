"""What can go wrong with a message of the cloud's own; its connection's faults are those of `roost_shared.mqtt`."""

from roost_shared.errors import TransportError

__all__ = ["NotConnectedError", "OutgoingFullError", "PublishRefusedError", "UnconfirmedError"]


class NotConnectedError(TransportError):
    """There is no connection to the broker, or it ended before the broker confirmed the message."""

    code = "broker.not_connected"


class OutgoingFullError(TransportError):
    """As many messages wait for the broker's confirmation as may."""

    code = "broker.outgoing_full"


class UnconfirmedError(TransportError):
    """The broker did not confirm a message in time; it may have it."""

    code = "broker.unconfirmed"


class PublishRefusedError(TransportError):
    """The broker does not take a message, most likely by its access rules.

    Args:
        topic: where it was to go.
        reason: MQTT 5 reason code.
    """

    code = "broker.publish_refused"

    def __init__(self, topic: str, reason: int) -> None:
        super().__init__(f"the broker refused a message to {topic} (0x{reason:02X}): check its access rules")
        self.topic = topic
        self.reason = reason
