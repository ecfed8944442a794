"""Which assignment is in force, which was before it, and what may follow. Pure: `pointer.py` keeps it on the disk.

    standing = believe(Standing(current=6, newest=6), 7, digest, "acme/d/cam-01")
    standing = put_in_force(standing, 7)     # current 7, previous 6, not confirmed
    standing = confirm(standing, 7)          # or take_back(standing, 7, why): current 6, refused 7

A version that is in force and not confirmed has a few starts of the agent to prove itself; then it is taken back. What
is put in force is always the newest that was believed: a newer one supersedes whatever was on its way.
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
    "lose_previous",
    "note_trust",
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


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device stands with its assignments.

    Attributes:
        current: the version in force; 0 for none.
        previous: the one before, to return to; 0 for none.
        confirmed: `current` has proven itself.
        unconfirmed_boots: starts of the agent since `current` is in force without that.
        newest: the newest version that was believed; 0 for none.
        newest_digest: of its envelope.
        believed_as: as whom the device believed it, and by which root: another counts its versions anew.
        refused: a version that is not tried again; where there is a choice, the newest.
        trust: how the last look at what is released ended.
    """

    schema_version: int = SCHEMA_VERSION
    current: int = 0
    previous: int = 0
    confirmed: bool = True
    unconfirmed_boots: int = 0
    newest: int = 0
    newest_digest: str = ""
    believed_as: str = ""
    refused: RefusedVersion | None = None
    trust: str = "unchecked"

    def why_refused(self, version: int) -> ErrorInfo | None:
        """Why a version is not tried again; None if it may be tried."""
        refused = self.refused
        if refused is None or refused.version != version:
            return None
        return ErrorInfo(refused.code, refused.message)

    @property
    def pending(self) -> int:
        """The newest version, if it is on its way: neither in force nor refused; else 0."""
        on_its_way = self.newest != self.current and self.why_refused(self.newest) is None
        return self.newest if on_its_way else 0


class BootCount(NamedTuple):
    """What a start of the agent comes to: the standing after it, and why it is another version's, if it is."""

    standing: Standing
    error: ErrorInfo | None


def believe(standing: Standing, version: int, digest: str, believed_as: str) -> Standing:
    """An envelope was believed. It is the newest: whoever believed it has seen to that."""
    same = version == standing.newest and believed_as == standing.believed_as
    return msgspec.structs.replace(
        standing,
        newest=version,
        newest_digest=digest,
        believed_as=believed_as,
        refused=standing.refused if same else None,
    )


def refuse(standing: Standing, version: int, error: ErrorInfo) -> Standing:
    """A version is not tried again. That the newest is not, is remembered rather than that an older one is not."""
    if not 0 < version <= standing.newest:
        return standing  # nobody would try it
    if version != standing.newest and standing.why_refused(standing.newest) is not None:
        return standing
    made = RefusedVersion(version=version, code=error.code, message=error.message)
    return msgspec.structs.replace(standing, refused=made)


def note_trust(standing: Standing, trust: str) -> Standing:
    """A look at what is released ended so."""
    return msgspec.structs.replace(standing, trust=trust)


def put_in_force(standing: Standing, version: int) -> Standing:
    """A staged version is what the device runs from now on; nothing changes if it is already.

    Raises:
        NotStagedError: a newer one has superseded it, or it is refused.
    """
    if version == standing.current and version:
        return standing
    if not version or version != standing.pending:
        raise NotStagedError(f"version {version} is not what may follow version {standing.current}")
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
    returned = lose_current(standing) if version == standing.current else standing
    return refuse(returned, version, error)


def lose_current(standing: Standing) -> Standing:
    """The version in force is no more, and the one before it is again."""
    return msgspec.structs.replace(
        standing, current=standing.previous, previous=0, confirmed=True, unconfirmed_boots=0
    )


def lose_previous(standing: Standing) -> Standing:
    """There is nothing to return to any more."""
    return msgspec.structs.replace(standing, previous=0)


def boot(standing: Standing) -> BootCount:
    """The agent starts.

    >>> standing = Standing(current=7, previous=6, newest=7, confirmed=False)
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
