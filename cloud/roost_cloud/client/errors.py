"""Why asking the cloud came to nothing."""

from roost_shared.cloud_words import RefusalError
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


class RemoteError(RefusalError):
    """The cloud understood, and said no or could not."""
