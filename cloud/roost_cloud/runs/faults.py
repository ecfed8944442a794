"""Whose fault it is that an attempt failed. Pure."""

from typing import Final

from roost_cloud.runs.candidates import CandidateError
from roost_cloud.runs.retrying import Cause
from roost_cloud.runs.verdict import VerdictError
from roost_shared.errors import ContentError, DeviceError, RoostError, TransportError

__all__ = ["OWN", "AttemptError", "fault_of"]


class AttemptError(Exception):
    """An attempt has failed.

    Attributes:
        cause: whose fault it is.
        code: stable.
    """

    def __init__(self, cause: Cause, code: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause
        self.code = code


OWN: Final = AttemptError("crash", "run.fault", "a fault of the worker's own; its log says more")

# The first class that fits.
_CAUSES: Final[tuple[tuple[type[RoostError], Cause], ...]] = (
    (TransportError, "peer"),
    (CandidateError, "bundle"),
    (VerdictError, "bundle"),
    (ContentError, "impossible"),
    (DeviceError, "machine"),
)


def fault_of(error: AttemptError | RoostError | OSError) -> AttemptError:
    """An error as the fault of an attempt.

    >>> fault_of(OSError(28, "No space left on device")).cause
    'machine'
    """
    if isinstance(error, AttemptError):
        return error
    if isinstance(error, OSError):
        return AttemptError("machine", "run.disk", f"{error.filename or 'a disk'}: {error.strerror or error}")
    cause: Cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "crash")
    return AttemptError(cause, error.code, str(error))
