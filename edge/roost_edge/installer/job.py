"""What the installing thread has in hand: an envelope that is not believed yet, an assignment that is."""

from typing import Final

import msgspec

from roost_edge.installer.errors import FitError, LyingServerError
from roost_edge.installer.headway import Headway
from roost_edge.installer.retrying import wait_ns
from roost_edge.uplink.errors import CloudRefusedError
from roost_shared.assignment import Assignment
from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["Envelope", "Job", "Patience"]

_FIRST_NS: Final = 2 * SECOND
_LIMIT_NS: Final = 300 * SECOND


class Patience(msgspec.Struct):
    """When it is tried next, and what it failed of last.

    Attributes:
        due_ns: not before.
        stubborn: a link that is back changes nothing: the cloud has answered, or it is this machine's fault.
        told: what the agent was told last of why it fails.
    """

    due_ns: int = 0
    stubborn: bool = False
    told: ErrorInfo | None = None
    backoff: Backoff = msgspec.field(default_factory=lambda: Backoff(_FIRST_NS, _LIMIT_NS))

    def is_news(self, error: ErrorInfo) -> bool:
        """Whether the agent has not been told so just before."""
        before, self.told = self.told, error
        return before is None or before.code != error.code

    def pause(
        self,
        error: RoostError,
        now_ns: int,
        random: float,
        *,
        believed: bool,
        lies: int = 0,
        misfits: int = 0,
        misfit_ns: int = 0,
    ) -> bool:
        """It failed: leave it alone for a while or for ever, as `wait_ns` says; whether it is tried again."""
        pause_ns = wait_ns(
            error,
            self.backoff.next_ns(random),
            believed=believed,
            lies=lies,
            misfits=misfits,
            misfit_ns=round(misfit_ns * (1 + random) / 2),
        )
        if pause_ns is None:
            return False
        self.due_ns = now_ns + pause_ns
        self.stubborn = isinstance(error, CloudRefusedError | FitError)
        return True

    def hurry(self, now_ns: int) -> None:
        """The link is back."""
        if not self.stubborn:
            self.due_ns = min(self.due_ns, now_ns)


class Envelope(msgspec.Struct):
    """What the cloud desires, as it came."""

    data: bytes
    patience: Patience
    is_new: bool = True


class Job(msgspec.Struct):
    """A believed assignment on its way to the disk; `data` is its envelope."""

    data: bytes
    assignment: Assignment
    headway: Headway
    patience: Patience
    lies: int = 0
    misfits: int = 0
    is_misfit: bool = False  # the last attempt did not fit

    @property
    def version(self) -> int:
        """The assignment's."""
        return self.assignment.version

    def pause(self, error: RoostError, now_ns: int, random: float, misfit_ns: int) -> bool:
        """An attempt failed; see `Patience.pause`."""
        self.is_misfit = isinstance(error, FitError)
        self.misfits += self.is_misfit
        self.lies += isinstance(error, LyingServerError)
        return self.patience.pause(
            error, now_ns, random, believed=True, lies=self.lies, misfits=self.misfits, misfit_ns=misfit_ns
        )
