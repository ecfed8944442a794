"""Why a connection ended, or did not come about, by what its link noted. Pure."""

from roost_edge.mqtt.notes import Ended, Refused
from roost_edge.mqtt.settings import BrokerSettings
from roost_shared.errors import TransportError
from roost_shared.mqtt.faults import (
    BrokerLostError,
    BrokerRefusedError,
    BrokerSilentError,
    BrokerUnreadableError,
    not_taken_in,
)

__all__ = ["fault_of"]


def fault_of(
    ended: Ended, refused: Refused | None, settings: BrokerSettings, *, greeted: bool, tls: bool
) -> TransportError:
    """The error that tells it.

    Args:
        ended: how it ended.
        refused: what the broker had said before, if it would not have us.
        settings: of the connection.
        greeted: the broker had taken us.
        tls: the connection was encrypted.
    """
    if refused is not None:
        return BrokerRefusedError(refused.reason, refused.text)
    if ended.silent:
        return BrokerSilentError(f"no word from the broker in {2 * settings.keep_alive_s} s")
    if ended.unreadable:
        return BrokerUnreadableError(f"the broker sent what we cannot read: {ended.text}")
    if not greeted:
        return not_taken_in(ended.reason, ended.text, tls=tls, has_certificate=settings.certfile is not None)
    return BrokerLostError(ended.reason, ended.text)
