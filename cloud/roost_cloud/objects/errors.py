"""What can go wrong with stored objects. Both stores raise these and no library's own errors."""

from roost_cloud.errors import ForbiddenError, NoRoomError, NotFoundError
from roost_shared.errors import ContentError, DeviceError, TransportError

__all__ = [
    "BadKeyError",
    "BadPartError",
    "ExpiredUrlError",
    "ForgedUrlError",
    "MissingPartsError",
    "ObjectNotFoundError",
    "SizeMismatchError",
    "StoreFailedError",
    "StoreFullError",
    "StoreUnavailableError",
    "TooLargeError",
    "UnsatisfiableRangeError",
    "UploadNotFoundError",
]


class BadKeyError(ContentError):
    """A key or prefix that no object may have, or one that mixes tenants."""

    code = "objects.bad_key"


class ObjectNotFoundError(NotFoundError):
    """There is no object of that key.

    Args:
        key: the object's key.
    """

    code = "objects.not_found"

    def __init__(self, key: str) -> None:
        super().__init__("object", key)


class UploadNotFoundError(NotFoundError):
    """There is no such upload under way: never begun, completed or aborted.

    Args:
        upload_id: the upload's id.
    """

    code = "objects.upload_not_found"

    def __init__(self, upload_id: str) -> None:
        super().__init__("upload", upload_id)


class UnsatisfiableRangeError(ContentError):
    """A range that begins at or behind the object's end.

    Args:
        size_bytes: the whole object's size.
    """

    code = "objects.range"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the range begins at or behind the object's end of {size_bytes} bytes")
        self.size_bytes = size_bytes


class SizeMismatchError(ContentError):
    """More or fewer bytes came than were announced; nothing of them was kept.

    Args:
        expected_bytes: what was announced.
        actual_bytes: what came; with more than expected, what had come when reading stopped.
    """

    code = "objects.size_mismatch"

    def __init__(self, expected_bytes: int, actual_bytes: int) -> None:
        super().__init__(f"{expected_bytes} bytes were announced, {actual_bytes} came; nothing was kept")
        self.expected_bytes = expected_bytes
        self.actual_bytes = actual_bytes


class TooLargeError(ContentError):
    """An object larger than the largest number of parts can carry."""

    code = "objects.too_large"


class BadPartError(ContentError):
    """A part the upload does not have."""

    code = "objects.bad_part"


class MissingPartsError(ContentError):
    """An upload cannot be completed: parts are absent, or not of their planned size.

    Args:
        numbers: the parts at fault, ascending.
    """

    code = "objects.parts_missing"

    def __init__(self, numbers: list[int]) -> None:
        shown = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")  # noqa: PLR2004 - one line
        super().__init__(f"{len(numbers)} parts are missing or of another size: {shown}")
        self.numbers = numbers


class ForgedUrlError(ForbiddenError):
    """A URL that we did not sign, or not for this method, key, part or size."""

    code = "objects.url_forged"


class ExpiredUrlError(ForbiddenError):
    """A URL that we signed, but not for that long. Ask for a fresh one."""

    code = "objects.url_expired"


class StoreUnavailableError(TransportError):
    """The store does not answer, not in time, or asks us to come back later."""

    code = "objects.unavailable"


class StoreFullError(NoRoomError):
    """The store has no room; nothing was kept."""

    code = "objects.full"


class StoreFailedError(DeviceError):
    """The store refused for a reason of its own: no permission, no bucket, a disk that fails."""

    code = "objects.failed"
