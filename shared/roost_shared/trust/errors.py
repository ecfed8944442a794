"""Why a manifest is not believed. Nothing is installed after any of these; what runs goes on running.

the network ─▶ TrustUnreachableError    asking again may help
the metadata ─▶ TrustRefusedError       wrong, forged, or older than what was seen; `reason` says which
its age ─▶ TrustStaleError              nothing as fresh as it must be: somebody holds it back, or nobody renews it
the target ─▶ ManifestUnsignedError     all is well, and nobody released that bundle
the keys ─▶ NoAssignmentKeyError        all is well, and nobody may sign assignments
the disk ─▶ TrustUnwritableError
"""

from typing import Literal

from roost_shared.errors import ContentError, DeviceError, TransportError

__all__ = [
    "ManifestUnsignedError",
    "NoAssignmentKeyError",
    "Reason",
    "TrustRefusedError",
    "TrustStaleError",
    "TrustUnreachableError",
    "TrustUnwritableError",
]

Reason = Literal["signature", "rollback", "mismatch", "too_large", "malformed", "root", "time", "addressee"]


class ManifestUnsignedError(ContentError):
    """Nobody who may has released that bundle.

    Args:
        path: the target's.
    """

    code = "trust.unsigned"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not released: no releaser of its task has signed its manifest")
        self.path = path


class NoAssignmentKeyError(ContentError):
    """The targets name no key that may sign assignments."""

    code = "trust.no_assignment_key"

    def __init__(self) -> None:
        super().__init__("nobody may sign assignments: `roost trust delegate --assignments` says who may")


class TrustStaleError(ContentError):
    """What there is has expired by the time that the cloud last signed."""

    code = "trust.stale"


class TrustRefusedError(ContentError):
    """The repository gave metadata, or somebody an assignment, that must not be believed.

    Args:
        reason: `signature`: too few of the keys that may have signed it; `rollback`: it is older than what was seen;
            `mismatch`: not what other metadata says of it; `too_large`; `malformed`; `root`: not the pinned one, or
            none; `time`: the statement of the time is not the cloud's answer to us; `addressee`: an assignment is for
            another tenant or device.
        text: more words.
    """

    code = "trust.refused"

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


class TrustUnreachableError(TransportError):
    """The repository did not answer, not whole, or too slowly.

    Args:
        text: what happened.
        status: HTTP's, where there was an answer.
    """

    code = "trust.unreachable"

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class TrustUnwritableError(DeviceError):
    """The disk does not keep what has to be remembered between checks."""

    code = "trust.unwritable"
