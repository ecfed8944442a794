"""What several rooms of the cloud raise; `api/errors.py` says which HTTP status each becomes."""

from roost_shared.errors import ContentError, DeviceError

__all__ = [
    "ConflictError",
    "ForbiddenError",
    "NoDeploymentError",
    "NoRoomError",
    "NotFoundError",
    "UnauthenticatedError",
]


class NotFoundError(ContentError):
    """There is no such thing, or not for this tenant: the two look alike from outside.

    Args:
        noun: what was looked for (`device`).
        name: which.
    """

    code = "not_found"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"there is no {noun} {name!r}")
        self.noun = noun
        self.name = name


class ConflictError(ContentError):
    """It contradicts what is there already."""

    code = "conflict"


class UnauthenticatedError(ContentError):
    """Nobody we know: no token, or one that is unknown, expired or revoked."""

    code = "auth.unauthenticated"


class ForbiddenError(ContentError):
    """Somebody we know, who may not."""

    code = "auth.forbidden"


class NoDeploymentError(ContentError):
    """The settings lead to no deployment, and what was asked for works on one only."""

    code = "deployment.none"


class NoRoomError(DeviceError):
    """A disk, or what there is in place of one, takes no more; nothing was kept."""

    code = "no_room"
