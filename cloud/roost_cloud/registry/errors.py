"""What the registry refuses, beside what the object store and the bundle's own documents raise."""

from collections.abc import Sequence

from roost_cloud.errors import ConflictError
from roost_shared.errors import ContentError

__all__ = ["BlobSizeError", "BlobsMissingError", "BundleNameError", "DigestMismatchError", "InUseError", "TakenError"]


class DigestMismatchError(ContentError):
    """The bytes that came are not those the digest promises; nothing of them was kept."""

    code = "blob.digest_mismatch"

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"{expected} was announced, and {actual} came; nothing was kept")
        self.expected = expected
        self.actual = actual


class BlobSizeError(ContentError):
    """A blob is here, and of another size than was said: one of digest and size is wrong."""

    code = "blob.size_mismatch"

    def __init__(self, digest: str, *, actual_bytes: int, said_bytes: int) -> None:
        super().__init__(f"{digest} has {actual_bytes} bytes, not {said_bytes}")
        self.digest = digest
        self.actual_bytes = actual_bytes
        self.said_bytes = said_bytes


class BlobsMissingError(ContentError):
    """A manifest names blobs that are not here: upload them first.

    Args:
        digests: of all that are missing.
    """

    code = "bundle.blobs_missing"

    def __init__(self, digests: Sequence[str]) -> None:
        super().__init__(f"{len(digests)} blobs are not here: {', '.join(digests)}")
        self.digests = tuple(digests)


class BundleNameError(ContentError):
    """The bundle says another name or version of itself than the one it was sent under."""

    code = "bundle.name_mismatch"


class TakenError(ConflictError):
    """A version is for ever what it was at first, also after its deletion."""

    code = "bundle.version_taken"


class InUseError(ConflictError):
    """Something still refers to it."""

    code = "bundle.in_use"
