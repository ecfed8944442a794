"""What becomes of a device in a rollout by what is known of it now. Pure.

A device is judged by the assignment it was given for this rollout and by no other: what it says of an older one counts
for nothing, and once somebody assigns it something else, it has left.
"""

import msgspec

from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.states import FAILED, UNDER_WAY, Fact, Member, MemberState, Moment

__all__ = ["follow"]

_PROOF_WRONG = "proof.mismatch"


def follow(plan: Plan, member: Member, fact: Fact | None, now: Moment) -> Member:
    """A member as it stands now; the same object if nothing has changed.

    Args:
        plan: the rollout's.
        member: as it stood.
        fact: what is known of the device; None: there is no such device any more.
        now: the time.
    """
    if member.state == "left":
        return member
    why = _why_it_leaves(member, fact)
    if why is not None:
        return _become(member, "left", now, code=why[0], message=why[1])
    if fact is None or member.version is None:  # nothing is assigned, or it has yet to be written
        return member
    if fact.believed < member.version:  # what it says is of another assignment
        return _past_its_time(plan, member, fact, now)
    if member.heard_s is None:
        member = msgspec.structs.replace(member, heard_s=now.clock_s)
    if member.state in UNDER_WAY:
        return _under_way(plan, member, fact, now)
    return _afterwards(member, fact, now)


def _why_it_leaves(member: Member, fact: Fact | None) -> tuple[str, str] | None:
    """Why a device takes no more part, as code and message; None: it does."""
    if fact is None:
        return "device.gone", "the device is revoked or deleted"
    if member.version is not None and fact.carries != member.target:
        return "rollout.superseded", "it was assigned something else since"
    return None


def _under_way(plan: Plan, member: Member, fact: Fact, now: Moment) -> Member:
    phase = fact.phase
    if phase in FAILED:
        return _failed(plan, member, phase, fact.code or "install.failed", fact.message, now)
    if phase == "confirmed":
        if fact.proof is False:
            return _failed(plan, member, "failed", _PROOF_WRONG, _proof_text(fact), now)
        if fact.proof:
            return _become(member, "confirmed", now)
        phase = "active"
    if phase == "active" and member.target == "shadow":  # its assignment answers, and it scores beside
        phase = "shadowing"
    if phase is not None and phase != member.state:
        member = _become(member, phase, now)
    return _past_its_time(plan, member, fact, now)


def _past_its_time(plan: Plan, member: Member, fact: Fact, now: Moment) -> Member:
    """Timed out, where a device has read its assignment and came to no end in the time it had."""
    if member.state not in UNDER_WAY or member.heard_s is None or now.clock_s - member.heard_s < plan.timeout_s:
        return member
    said = f"it read its assignment and did not confirm within {plan.timeout_s:g} s"
    if fact.phase == "confirmed" and fact.message:
        said += f": {fact.message}"
    return _failed(plan, member, "timed_out", "rollout.timed_out", said, now)


def _afterwards(member: Member, fact: Fact, now: Moment) -> Member:
    """What still becomes of a device that came to an end, or is on its way back."""
    if member.state == "returning" and fact.returned:
        return msgspec.structs.replace(member, state="returned", since=now.at)
    if member.state == "confirmed" and fact.proof is False:
        return _become(member, "failed", now, code=_PROOF_WRONG, message=_proof_text(fact))
    if member.state == "confirmed" and fact.phase in FAILED:
        return _become(member, fact.phase, now, code=fact.code, message=fact.message)
    if member.state == "timed_out" and fact.phase == "confirmed" and fact.proof:  # late, and well
        return _become(member, "confirmed", now)
    return member


def _failed(plan: Plan, member: Member, state: MemberState, code: str, message: str | None, now: Moment) -> Member:
    """It has failed; or it waits for its next attempt."""
    retry = plan.retry_for(code)
    if retry is None or member.attempts >= retry.attempts:
        return _become(member, state, now, code=code, message=message)
    waiting = _become(member, "waiting", now, code=code, message=message)
    return msgspec.structs.replace(waiting, not_before_s=now.clock_s + retry.after_s)


def _become(
    member: Member, state: MemberState, now: Moment, *, code: str | None = None, message: str | None = None
) -> Member:
    return msgspec.structs.replace(member, state=state, since=now.at, code=code, message=message)


def _proof_text(fact: Fact) -> str:
    return f"what {fact.device} says of itself proves that the bundle does not work there: {fact.message or 'no more'}"
