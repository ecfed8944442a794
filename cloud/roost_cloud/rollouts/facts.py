"""What is known of a device, out of what it reports, as the policy takes it. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from roost_cloud.rollouts.gate import Seen
from roost_cloud.rollouts.proof import Proof, expected_hashes, prove
from roost_cloud.rollouts.states import Carries, Fact, Member, MemberState
from roost_shared.assignment import Install, Reported, Running
from roost_shared.messages import MessageError, decode_json

__all__ = ["Known", "Said", "fact_of", "facts_of", "read_said"]

_BROKEN: Final = ("failed", "thrown_out", "refused")  # states of a contestant that does not come back by itself
_PHASES: Final[dict[str, MemberState]] = {
    "assigned": "assigned",
    "downloading": "downloading",
    "verified": "verified",
    "staged": "staged",
    "shadowing": "shadowing",
    "active": "active",
    "confirmed": "confirmed",
    "failed": "failed",
    "refused": "refused",
    "rolled_back": "rolled_back",
}


class Said(NamedTuple):
    """What a device's last report says of the candidate.

    Attributes:
        believed: the newest version that it has read and believed.
        in_force: the version that it runs.
        confirmed: that one has proven itself.
        install: how far the candidate is there; None: it says nothing of it.
        problem: code and message of why the newest will not be in force.
        broken: the same of why the candidate, which ran, is of no use there any more.
    """

    believed: int = 0
    in_force: int = 0
    confirmed: bool = False
    install: Install | None = None
    problem: tuple[str, str] | None = None
    broken: tuple[str, str] | None = None

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What shows that the candidate works there."""
        return {} if self.install is None else self.install.evidence


class Known(NamedTuple):
    """What the database knows of a device.

    Attributes:
        device: its name.
        labels: what it is called.
        seen: it has been connected, ever.
        online: it is connected.
        version: of its newest assignment; 0: none.
        carries: what that one has in the contestant's place.
        said: its report.
        limit_ms: that 95 % of a score's times must keep to, in milliseconds.
        live: what its windows tell of the candidate.
    """

    device: str
    labels: dict[str, str]
    seen: bool
    online: bool
    version: int
    carries: Carries
    said: Said
    limit_ms: float | None = None
    live: Seen | None = None


def read_said(document: bytes, task: str, contestant: str, bundle: str) -> Said:
    """What a report says of a bundle; of one that cannot be read, nothing.

    Args:
        document: the report, as it came.
        task: that the bundle is for.
        contestant: that runs it.
        bundle: `name:version@sha256:…`.
    """
    try:
        reported = decode_json(document, Reported)
    except MessageError:  # it could be read when it came: by a newer process
        return Said()
    installs = (
        one for one in reported.installs if (one.task, one.contestant, one.bundle) == (task, contestant, bundle)
    )
    problem = reported.problem
    running = reported.tasks.get(task, {}).get(contestant)
    return Said(
        reported.desired,
        reported.version,
        reported.confirmed,
        next(installs, None),
        None if problem is None else (problem.code, problem.message),
        _broken(running) if running is not None and running.bundle == bundle else None,
    )


def _broken(running: Running) -> tuple[str, str] | None:
    if running.state not in _BROKEN:
        return None
    error = running.error
    return (f"worker.{running.state}", "it says no more") if error is None else (error.code, error.message)


def facts_of(known: Collection[Known], members: Mapping[str, Member], live: Mapping[str, Seen]) -> dict[str, Fact]:
    """What is known of devices now, by name.

    Args:
        known: what the database knows of them.
        members: those in the rollout.
        live: what windows tell of the candidate, of devices that have it.
    """
    expected = expected_hashes(one.said.evidence for one in known)
    return {
        one.device: fact_of(one._replace(live=live.get(one.device)), members.get(one.device), expected)
        for one in known
    }


def fact_of(known: Known, member: Member | None, expected: Mapping[str, str]) -> Fact:
    """The fact.

    Args:
        known: what the database knows.
        member: the device in the rollout; None: it is in none.
        expected: of golden outputs, see `proof`.
    """
    said = known.said
    fact = Fact(
        device=known.device,
        labels=known.labels,
        seen=known.seen,
        online=known.online,
        carries=known.carries,
        believed=said.believed,
    )
    if member is None or member.version is None or said.believed < member.version:
        return fact
    phase, code, message = _phase(said, member)
    if member.target == "previous":
        back = said.in_force >= member.version and said.confirmed
        return msgspec.structs.replace(fact, returned=back)
    if phase != "confirmed":
        return msgspec.structs.replace(fact, phase=phase, code=code, message=message)
    proof = _proof(known, member, expected)
    return msgspec.structs.replace(fact, phase=phase, message=proof.says, proof=proof.is_right)


def _proof(known: Known, member: Member, expected: Mapping[str, str]) -> Proof:
    """A shadow waits behind all that answers, so of its time the gate judges, and nobody here."""
    limit_ms = known.limit_ms if member.target == "active" else None
    return prove(known.said.evidence, expected, limit_ms=limit_ms, live=known.live)


def _phase(said: Said, member: Member) -> tuple[MemberState | None, str | None, str | None]:
    """How far the candidate is, and why no further."""
    install, version = said.install, member.version or 0
    code, message = said.problem or (None, None)
    phase = None if install is None else _PHASES.get(install.phase)
    if install is not None and install.error is not None:
        code, message = install.error.code, install.error.message
    if phase in ("failed", "refused", "rolled_back"):
        return phase, code, message
    if said.problem is not None:  # of another bundle of the same assignment, perhaps: it is not in force
        return "refused", code, message
    if phase == "confirmed" and said.broken is not None:
        return "failed", *said.broken
    if phase == "confirmed" and not (said.in_force >= version and said.confirmed):
        phase = "active"
    return phase, None, None
