"""What may go wrong between a device and its cloud, by who has to act.

no answer ─▶ CloudUnreachableError, CloudClockError    the network, or this device's clock
an answer ─▶ CloudAnswerError    it is not what the API says
a no ─▶ CloudRefusedError; CloudFailedError where the cloud may say yes later
"""

from roost_shared.cloud_words import RefusalError
from roost_shared.errors import TransportError

__all__ = [
    "CloudAnswerError",
    "CloudClockError",
    "CloudFailedError",
    "CloudRefusedError",
    "CloudUnreachableError",
]


class CloudUnreachableError(TransportError):
    """No answer: the name, the network or TLS failed, or the connection ended too early."""

    code = "cloud.unreachable"


class CloudClockError(CloudUnreachableError):
    """The cloud's certificate is not valid now by this device's clock; the clock may be what is wrong."""

    code = "cloud.clock"


class CloudAnswerError(TransportError):
    """The cloud's answer is not what its API says."""

    code = "cloud.answer"


class CloudRefusedError(RefusalError):
    """The cloud understood, and said no."""


class CloudFailedError(CloudRefusedError):
    """The cloud cannot do it now: a fault of its own (5xx), or too much to do (429)."""

    code = "cloud.failed"
