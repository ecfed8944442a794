"""Whether time may heal what an attempt failed of. Pure."""

from typing import Final

from roost_edge.installer.errors import (
    FitError,
    LyingServerError,
    NoRootError,
    PointerDamagedError,
    StoreUnwritableError,
)
from roost_edge.upload.retrying import retry_wait_ns
from roost_shared.cloud_url import CloudUrlError
from roost_shared.errors import DeviceError, RoostError, TransportError
from roost_shared.trust import NoAssignmentKeyError, TrustRefusedError, TrustStaleError, TrustUnwritableError

__all__ = ["LIES", "MISFITS", "wait_ns"]

LIES: Final = 3  # that a server may tell of one version
MISFITS: Final = 168  # attempts at one version that did not fit: an hour apart, these are a week
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


def wait_ns(
    error: RoostError, backoff_ns: int, *, believed: bool, lies: int = 0, misfits: int = 0, misfit_ns: int = 0
) -> int | None:
    """How long to wait before another attempt, in nanoseconds; None: that would change nothing.

    Args:
        error: what the attempt failed of.
        backoff_ns: to wait where nobody asks for more.
        believed: the assignment is, and what is refused is metadata; else it may be the assignment itself.
        lies: that servers have told of this version, this one included.
        misfits: attempts at this version that did not fit this machine, this one included.
        misfit_ns: to wait before another: files are removed, memory becomes free, a runtime is installed.

    >>> wait_ns(StoreUnwritableError("no room"), 5, believed=True)
    5
    >>> wait_ns(LyingServerError("other bytes"), 5, lies=3, believed=True) is None
    True
    """
    if isinstance(error, LyingServerError):
        return backoff_ns if lies < LIES else None
    if isinstance(error, FitError):
        return max(backoff_ns, misfit_ns) if misfits < MISFITS else None
    if isinstance(error, TransportError):
        return retry_wait_ns(error, backoff_ns)
    if isinstance(error, TrustRefusedError):
        return backoff_ns if believed else None  # of the repository's metadata: another answer may be a better one
    if isinstance(error, _HEALING) or (isinstance(error, DeviceError) and error.code.startswith(_IDENTITY)):
        return backoff_ns
    return None
