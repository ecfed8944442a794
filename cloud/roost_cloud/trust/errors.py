"""What the repository refuses, and what can be wrong with it."""

from roost_cloud.errors import ConflictError, NotFoundError
from roost_shared.errors import ContentError, DeviceError

__all__ = ["MetadataRefusedError", "NoTrustError", "TrustDamagedError", "VersionTakenError"]


class MetadataRefusedError(ContentError):
    """Metadata that was sent may not become the newest; says why."""

    code = "trust.metadata_refused"


class VersionTakenError(ConflictError):
    """Metadata that was sent is not the next version: somebody was faster, or nobody looked.

    Args:
        role: whose.
        newest: the newest version there is; 0 if none.
        sent: the version that was sent.
    """

    code = "trust.version_taken"

    def __init__(self, role: str, newest: int, sent: int) -> None:
        super().__init__(f"{role} {sent} was sent, and the next is {newest + 1}: sign what is newest again")
        self.role = role
        self.newest = newest
        self.sent = sent


class NoTrustError(NotFoundError):
    """The tenant has no repository, or not so much of it yet."""

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(noun, name)


class TrustDamagedError(DeviceError):
    """The database or the object store no longer holds what was put there: restore them, nothing is signed on it."""

    code = "trust.damaged"
