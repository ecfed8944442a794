"""What a rollout, and a device in it, can be. Data only.

Names ending in `_s` are moments on the rollout's own clock, in seconds since it was started: it stands still while no
director looks, and no jump of a wall clock moves it. What ends in `_at`, and `since`, is for people.

Of a device, only `confirmed` is success, and only with proof:

    waiting → assigned → downloading → verified → staged → shadowing → active → confirmed
                 └──────────────┴─────────┴── failed | refused | rolled_back | timed_out
    any that was assigned → returning → returned

`left`: it takes no more part: it is gone, or somebody assigned it something else.
"""

from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec

__all__ = [
    "ENDED",
    "FAILED",
    "FINAL",
    "GOING_ON",
    "UNDER_WAY",
    "Carries",
    "Fact",
    "Finding",
    "Member",
    "MemberState",
    "Moment",
    "Rollout",
    "RolloutState",
    "Target",
    "Verdict",
]

Target = Literal["shadow", "active", "previous"]
Carries = Literal["shadow", "active", "previous", "other"]
Verdict = Literal["wait", "pass", "trip"]
MemberState = Literal[
    "waiting",
    "assigned",
    "downloading",
    "verified",
    "staged",
    "shadowing",
    "active",
    "confirmed",
    "failed",
    "refused",
    "rolled_back",
    "timed_out",
    "returning",
    "returned",
    "left",
]
RolloutState = Literal[
    "running",  # starts devices
    "approval",  # the next stage waits for a person
    "paused",  # starts nobody; what is under way goes on
    "stopping",  # something is wrong: all that took the candidate go back
    "stopped",  # and are back
    "aborting",  # a person ended it: what is under way goes back, what has confirmed stays
    "aborted",
    "reverting",  # a person took it back: all go back
    "reverted",
    "finished",  # the last stage is through
]
UNDER_WAY: Final[frozenset[MemberState]] = frozenset(
    {"assigned", "downloading", "verified", "staged", "shadowing", "active"}
)
FAILED: Final[frozenset[MemberState]] = frozenset({"failed", "refused", "rolled_back", "timed_out"})
ENDED: Final[frozenset[MemberState]] = FAILED | {"confirmed"}
GOING_ON: Final[frozenset[RolloutState]] = frozenset({"running", "approval", "paused"})
FINAL: Final[frozenset[RolloutState]] = frozenset({"stopped", "aborted", "reverted", "finished"})


class Moment(NamedTuple):
    """Now."""

    at: datetime  # by a wall clock: for people, and for windows
    clock_s: float  # by the rollout's own


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a rollout.

    Attributes:
        device: its name.
        state: as above.
        since: when that became so.
        stage: by which it was reached; -1: by none yet.
        target: what it was assigned last; None: nothing by this rollout.
        version: of that assignment; None: it has yet to be written, or there is none.
        started_s: when it was first started by that stage; of it the rate counts.
        assigned_s: when it was assigned last.
        heard_s: when it was first known to have read that; None: it has not.
        attempts: assignments by that stage.
        not_before_s: of the next attempt.
        code: why it failed or left.
        message: the same for people.
    """

    device: str
    state: MemberState = "waiting"
    since: datetime
    stage: int = -1
    target: Target | None = None
    version: int | None = None
    started_s: float | None = None
    assigned_s: float | None = None
    heard_s: float | None = None
    attempts: int = 0
    not_before_s: float = 0.0
    code: str | None = None
    message: str | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device now.

    Attributes:
        device: its name.
        labels: what it is called.
        seen: it has been connected, ever.
        online: it is connected.
        carries: what its newest assignment has in the contestant's place: the candidate beside it (`shadow`), in its
            place (`active`), what was there before (`previous`), or something else.
        believed: the newest version of its assignments that it has read and believed.
        phase: how far the candidate is there, of that version; None: it has not said.
        code: why it is no further.
        message: the same for people; of a phase that is `confirmed`, what is wrong with the proof, or missing.
        proof: whether what shows that it works is whole and right; None: not yet.
        returned: the version in force there is without the candidate, and confirmed.
    """

    device: str
    labels: dict[str, str] = {}
    seen: bool = False
    online: bool = False
    carries: Carries = "previous"
    believed: int = 0
    phase: MemberState | None = None
    code: str | None = None
    message: str | None = None
    proof: bool | None = None
    returned: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate makes of the candidate among live inputs.

    Attributes:
        verdict: let it on, stop it, or wait.
        says: why, for people: of what tripped, or of what is waited for.
    """

    verdict: Verdict
    says: tuple[str, ...] = ()


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """How a rollout stands.

    Attributes:
        state: as above.
        since: when that became so.
        stage: the last that has begun, from 0.
        stage_s: when it began.
        stage_at: the same by a wall clock; None: none has.
        clock_s: how late it is on the rollout's own clock.
        looked_at: when that was; None: never.
        approved: stages that a person has said may begin.
        reason: why it is in its state, for people.
        paused_from: what it goes back to when it is resumed.
    """

    state: RolloutState = "running"
    since: datetime
    stage: int = -1
    stage_s: float = 0.0
    stage_at: datetime | None = None
    clock_s: float = 0.0
    looked_at: datetime | None = None
    approved: frozenset[int] = frozenset()
    reason: str = ""
    paused_from: Literal["running", "approval"] | None = None
