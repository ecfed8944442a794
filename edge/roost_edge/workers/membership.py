"""Whom a worker serves, and who is out: an account without I/O or a clock.

- **Refused**: the subprocess could not serve it (an altered bundle, wrong golden outputs). The others serve on; it
  is tried again whenever the subprocess starts anew.
- **Offence** of a head: the subprocess died or hung while it ran, or it gave values that are not finite or not of
  their shape. The second one within an hour, and it is **thrown out** until the agent starts again: not loaded, not
  asked. One that may answer is never thrown out, and neither is the last that is left: for those there are restarts,
  fallbacks and backoff.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from roost_edge.workers.latency import LatencyHistogram
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["OFFENCE", "Member", "Membership", "ServedContestant"]

OFFENCE: Final = "model.bad_output"  # the code of a failure that is a head's own, and counts against it
_FORGIVEN_NS: Final = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class ServedContestant:
    """A contestant that a worker shall serve."""

    name: str
    bundle_folder: Path
    may_answer: bool = True


@dataclass(slots=True)
class Member:
    """What is known of one contestant over all incarnations of its worker."""

    served: ServedContestant
    bundle: str | None = None  # "name:version@sha256:…"; None until first ready
    golden_hash: str | None = None  # what its golden vectors gave here; None until first ready
    hardware: str | None = None  # what that depends on
    scored: int = 0  # jobs finished, well or with an error
    faults: int = 0
    took: LatencyHistogram = field(default_factory=LatencyHistogram)
    last_error: ErrorInfo | None = None
    refused: bool = False
    thrown_out: bool = False
    offended_ns: int | None = None

    @property
    def name(self) -> str:
        """The contestant's."""
        return self.served.name


class Membership:
    """The contestants of one worker.

    Args:
        contestants: one or more; the first may be one that may answer, the others may not.
    """

    def __init__(self, contestants: Sequence[ServedContestant]) -> None:
        self.members = {one.name: Member(one) for one in contestants}

    @property
    def staying(self) -> list[Member]:
        """Those not thrown out, in their order."""
        return [member for member in self.members.values() if not member.thrown_out]

    def refuse(self, contestant: str, error: ErrorInfo) -> None:
        """The subprocess cannot serve it."""
        member = self.members[contestant]
        member.refused = True
        member.last_error = error

    def start_anew(self) -> list[Member]:
        """Those to be loaded by a new subprocess; whom the last one refused gets another chance."""
        for member in self.members.values():
            member.refused = False
        return self.staying

    def offend(self, contestant: str, now_ns: int, error: ErrorInfo) -> bool:
        """Count an offence; whether it is thrown out for it, now."""
        member = self.members[contestant]
        if member.served.may_answer or member.thrown_out or len(self.staying) == 1:
            return False
        again = member.offended_ns is not None and now_ns - member.offended_ns < _FORGIVEN_NS
        member.offended_ns = now_ns
        if again:
            member.thrown_out = True
            member.last_error = error
        return again
