"""What may go wrong between a device and its cloud, by who has to act.

no answer ─▶ CloudUnreachableError, CloudClockError    the network, or this device's clock
an answer ─▶ CloudAnswerError    it is not what the API says
a no ─▶ CloudRefusedError; CloudFailedError where the cloud may say yes later
"""

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


class CloudRefusedError(TransportError):
    """The cloud understood, and said no.

    Args:
        status: HTTP's.
        reason: the cloud's own code for it, empty if it gave none.
        text: its words.
        retry_after_s: in how many seconds it asks us to come back, if it does.
    """

    code = "cloud.refused"

    def __init__(self, status: int, reason: str, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"the cloud says {status}{f' {reason}' if reason else ''}: {text}")
        self.status = status
        self.reason = reason
        self.text = text
        self.retry_after_s = retry_after_s


class CloudFailedError(CloudRefusedError):
    """The cloud cannot do it now: a fault of its own (5xx), or too much to do (429)."""

    code = "cloud.failed"
