"""Why asking the cloud came to nothing."""

from roost_shared.errors import ContentError, TransportError

__all__ = ["ApiAnswerError", "ApiUnreachableError", "CaMismatchError", "RemoteError"]


class ApiUnreachableError(TransportError):
    """No answer: the name, the network or TLS failed, or the connection ended too early."""

    code = "cloud.unreachable"


class ApiAnswerError(TransportError):
    """The answer is not what the API says."""

    code = "cloud.answer"


class CaMismatchError(ContentError):
    """The cloud's root certificate is not the one that was asked for: somebody else may be answering."""

    code = "cloud.ca_mismatch"


class RemoteError(TransportError):
    """The cloud understood, and said no or could not.

    Args:
        status: HTTP's.
        reason: the cloud's own code for it (`not_found`), empty if it gave none.
        text: its words.
        retry_after_s: when it asks us to come back; None if it does not.
    """

    code = "cloud.refused"

    def __init__(self, status: int, reason: str, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"the cloud says {status}{f' {reason}' if reason else ''}: {text}")
        self.status = status
        self.reason = reason
        self.text = text
        self.retry_after_s = retry_after_s
