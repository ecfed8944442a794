"""What a person may do to a rollout. Pure.

>>> from datetime import UTC
>>> noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
>>> rollout = pause(Rollout(since=noon), noon)
>>> rollout.state, resume(rollout, noon).state
('paused', 'running')
>>> revert(revert(rollout, noon), noon)
Traceback (most recent call last):
...
roost_cloud.rollouts.orders.WrongMomentError: a rollout that is reverting cannot be reverted
"""

from datetime import datetime
from typing import Final

import msgspec

from roost_cloud.errors import ConflictError
from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.states import GOING_ON, Rollout, RolloutState

__all__ = ["WrongMomentError", "abort", "approve", "pause", "resume", "revert"]

_REVERTIBLE: Final = GOING_ON | {"finished", "aborted", "aborting"}


class WrongMomentError(ConflictError):
    """A rollout is in no state in which that can be done."""

    code = "rollout.wrong_moment"

    def __init__(self, state: RolloutState, done: str) -> None:
        super().__init__(f"a rollout that is {state} cannot be {done}")


def pause(rollout: Rollout, now: datetime) -> Rollout:
    """Start nobody until it is resumed; what is under way goes on."""
    if rollout.state not in ("running", "approval"):
        raise WrongMomentError(rollout.state, "paused")
    paused = _become(rollout, "paused", now, "a person paused it")
    return msgspec.structs.replace(paused, paused_from=rollout.state)


def resume(rollout: Rollout, now: datetime) -> Rollout:
    """Go on where it was paused."""
    if rollout.state != "paused":
        raise WrongMomentError(rollout.state, "resumed")
    resumed = _become(rollout, rollout.paused_from or "running", now, "a person resumed it")
    return msgspec.structs.replace(resumed, paused_from=None)


def approve(plan: Plan, rollout: Rollout) -> Rollout:
    """Say that the next stage may begin; it may be said before the rollout has come to it."""
    number = rollout.stage + 1
    if rollout.state not in GOING_ON or number >= len(plan.stages) or not plan.stages[number].approval:
        raise WrongMomentError(rollout.state, "approved now: no stage that comes next waits for it")
    return msgspec.structs.replace(rollout, approved=rollout.approved | {number})


def abort(rollout: Rollout, now: datetime) -> Rollout:
    """End it: what is under way goes back, what has confirmed stays."""
    if rollout.state not in GOING_ON:
        raise WrongMomentError(rollout.state, "aborted")
    return _become(rollout, "aborting", now, "a person aborted it")


def revert(rollout: Rollout, now: datetime) -> Rollout:
    """Take it back: every device that it gave the candidate returns to what it ran before."""
    if rollout.state not in _REVERTIBLE:
        raise WrongMomentError(rollout.state, "reverted")
    return _become(rollout, "reverting", now, "a person reverted it")


def _become(rollout: Rollout, state: RolloutState, now: datetime, reason: str) -> Rollout:
    return msgspec.structs.replace(rollout, state=state, since=now, reason=reason)
