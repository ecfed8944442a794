"""Whether time may heal what an attempt failed of. Pure."""

from typing import Final

from roost_edge.installer.errors import LyingServerError, NoRootError, PointerDamagedError, StoreUnwritableError
from roost_edge.upload.retrying import retry_wait_ns
from roost_shared.cloud_url import CloudUrlError
from roost_shared.errors import DeviceError, RoostError, TransportError
from roost_shared.trust import NoAssignmentKeyError, TrustRefusedError, TrustStaleError, TrustUnwritableError

__all__ = ["LIES", "wait_ns"]

LIES: Final = 3  # that a server may tell of one version
_HEALING: Final = (
    CloudUrlError,  # agent.toml's or the identity's, and no fault of what is assigned
    NoAssignmentKeyError,
    NoRootError,
    PointerDamagedError,
    StoreUnwritableError,
    TrustStaleError,
    TrustUnwritableError,
)
_IDENTITY: Final = "identity."


def wait_ns(error: RoostError, backoff_ns: int, *, lies: int, believed: bool) -> int | None:
    """How long to wait before another attempt, in nanoseconds; None: that would change nothing.

    Args:
        error: what the attempt failed of.
        backoff_ns: to wait where nobody asks for more.
        lies: that servers have told of this version, this one included.
        believed: the assignment is, and what is refused is metadata; else it may be the assignment itself.

    >>> wait_ns(StoreUnwritableError("no room"), 5, lies=0, believed=True)
    5
    >>> wait_ns(LyingServerError("other bytes"), 5, lies=3, believed=True) is None
    True
    """
    if isinstance(error, LyingServerError):
        return backoff_ns if lies < LIES else None
    if isinstance(error, TransportError):
        return retry_wait_ns(error, backoff_ns)
    if isinstance(error, TrustRefusedError):
        return backoff_ns if believed else None  # of the repository's metadata: another answer may be a better one
    if isinstance(error, _HEALING) or (isinstance(error, DeviceError) and error.code.startswith(_IDENTITY)):
        return backoff_ns
    return None
