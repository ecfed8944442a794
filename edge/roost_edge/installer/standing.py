"""Which assignment is in force, which was before it, and what may follow. Pure: `pointer.py` keeps it on the disk.

    standing = put_in_force(Standing(current=6), 7)     # current 7, previous 6, not confirmed
    standing = confirm(standing, 7)                     # or take_back(standing, 7, why): current 6, refused 7

A version that is in force and not confirmed has a few starts of the agent to prove itself; then it is taken back.
"""

from typing import Final, NamedTuple

import msgspec

from roost_edge.installer.errors import NotStagedError
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo

__all__ = [
    "CRASH_LOOP",
    "BootCount",
    "RefusedVersion",
    "Standing",
    "believe",
    "boot",
    "confirm",
    "lose_current",
    "put_in_force",
    "refuse",
    "take_back",
]

CRASH_LOOP: Final = "install.crash_loop"
_STARTS: Final = 3  # of the agent, with a version that is not confirmed; at the next it is taken back


class RefusedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is not tried again, and why."""

    version: int
    code: str
    message: str

    @property
    def error(self) -> ErrorInfo:
        """Why."""
        return ErrorInfo(self.code, self.message)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device stands with its assignments.

    Attributes:
        current: the version in force; 0 for none.
        previous: the one before, to return to; 0 for none.
        confirmed: `current` has proven itself.
        unconfirmed_boots: starts of the agent since `current` is in force without that.
        newest: the highest version that was believed; a lower one never will be.
        newest_digest: of its envelope, empty while there is none.
        refused: the newest version that is not tried again.
    """

    schema_version: int = SCHEMA_VERSION
    current: int = 0
    previous: int = 0
    confirmed: bool = True
    unconfirmed_boots: int = 0
    newest: int = 0
    newest_digest: str = ""
    refused: RefusedVersion | None = None

    def why_refused(self, version: int) -> ErrorInfo | None:
        """Why a version is not tried again; None if it may be tried."""
        refused = self.refused
        return refused.error if refused is not None and refused.version == version else None


class BootCount(NamedTuple):
    """What a start of the agent comes to: the standing after it, and why it is another version's, if it is."""

    standing: Standing
    error: ErrorInfo | None


def believe(standing: Standing, version: int, digest: str) -> Standing:
    """An envelope was believed: nothing below it will be."""
    if version < standing.newest:
        return standing
    return msgspec.structs.replace(standing, newest=version, newest_digest=digest)


def refuse(standing: Standing, version: int, error: ErrorInfo) -> Standing:
    """A version is not tried again; one that is older than another refused one would not be anyway."""
    refused = standing.refused
    if refused is not None and refused.version >= version:
        return standing
    made = RefusedVersion(version=version, code=error.code, message=error.message)
    return msgspec.structs.replace(standing, refused=made)


def put_in_force(standing: Standing, version: int) -> Standing:
    """A staged version is what the device runs from now on; nothing changes if it is already.

    Raises:
        NotStagedError: it cannot have been staged: it is older than the one in force, or refused.
    """
    if version == standing.current:
        return standing
    if version < standing.current or standing.why_refused(version) is not None:
        raise NotStagedError(f"version {version} cannot follow version {standing.current}")
    return msgspec.structs.replace(
        standing, current=version, previous=standing.current, confirmed=False, unconfirmed_boots=0
    )


def confirm(standing: Standing, version: int) -> Standing:
    """The version in force has proven itself.

    Raises:
        NotStagedError: another is in force.
    """
    if version != standing.current or not version:
        raise NotStagedError(f"version {version} is not in force: {standing.current} is")
    return msgspec.structs.replace(standing, confirmed=True, unconfirmed_boots=0)


def take_back(standing: Standing, version: int, error: ErrorInfo) -> Standing:
    """A version does not work here. If it is the one in force, the one before it is again."""
    if version != standing.current:
        return refuse(standing, version, error)
    returned = msgspec.structs.replace(
        standing, current=standing.previous, previous=0, confirmed=True, unconfirmed_boots=0
    )
    return refuse(returned, version, error)


def lose_current(standing: Standing) -> Standing:
    """The version in force cannot be read from the disk: the one before it is in force; the lost one may come again."""
    return msgspec.structs.replace(
        standing, current=standing.previous, previous=0, confirmed=True, unconfirmed_boots=0
    )


def boot(standing: Standing) -> BootCount:
    """The agent starts.

    >>> standing = put_in_force(Standing(current=6), 7)
    >>> for _ in range(3):
    ...     standing, error = boot(standing)
    >>> standing.current, error
    (7, None)
    >>> standing, error = boot(standing)
    >>> standing.current, error.code
    (6, 'install.crash_loop')
    """
    if standing.confirmed:
        return BootCount(standing, None)
    starts = standing.unconfirmed_boots + 1
    if starts <= _STARTS:
        return BootCount(msgspec.structs.replace(standing, unconfirmed_boots=starts), None)
    version = standing.current
    error = ErrorInfo(CRASH_LOOP, f"the agent was started {starts} times before version {version} had proven itself")
    return BootCount(take_back(standing, version, error), error)
