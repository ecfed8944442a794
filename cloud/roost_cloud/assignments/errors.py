"""What cannot be assigned, and why. Nothing is changed after any of these."""

from roost_shared.errors import ContentError

__all__ = ["BadAssignmentError", "NotReleasedError", "UnknownBundleError", "UntrustedError", "WrongTaskError"]


class BadAssignmentError(ContentError):
    """An assignment's document is wrong.

    Args:
        key: of what is wrong, dotted.
        problem: what is wrong with it.
        remedy: what to write instead.
    """

    code = "assignment.invalid"

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key


class UnknownBundleError(ContentError):
    """It names a bundle that the tenant's registry does not have."""

    code = "assignment.unknown_bundle"


class WrongTaskError(ContentError):
    """It has a bundle answer for a task that the bundle is not for."""

    code = "assignment.wrong_task"


class NotReleasedError(ContentError):
    """It names a bundle that devices would refuse: nobody who may has released it, or the release has expired."""

    code = "assignment.not_released"


class UntrustedError(ContentError):
    """The tenant has no root of trust, so that devices could believe nothing of it."""

    code = "assignment.no_trust"
