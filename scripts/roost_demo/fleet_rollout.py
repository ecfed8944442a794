"""A rollout as an operator runs it: a plan, one look after the other, and labels where the two disagree.

The plan is a demo's: a look every two seconds, few inputs and no time to be held, where a fleet takes days.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from roost_shared.errors import TransportError
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.labeller import Labeller
from scripts.roost_demo.terms import MARGIN
from scripts.roost_demo.told import Install

__all__ = ["ENDED", "Ended", "FleetRollout"]

ENDED: Final = ("finished", "stopped", "aborted", "reverted")
_PATIENCE_S: Final = 240.0
_LOOK_EVERY_S: Final = 0.5
_AT_ONCE: Final = 20  # labels, between two looks
_INPUTS: Final = 60  # that a shadow must have scored; a thousand, elsewhere
_PRIMARY: Final = "primary"


class RolloutWaitError(TransportError):
    """A rollout has not come to its end in time."""

    code = "demo.rollout"


class _Finding(msgspec.Struct, frozen=True):
    verdict: str
    says: list[str]


class _Rollout(msgspec.Struct, frozen=True):
    id: str
    bundle: str
    state: str
    reason: str
    stage: int
    stage_name: str | None
    since: str
    waits_for: list[str]
    problem: str | None
    finding: _Finding | None
    predicted_disagreement: float | None
    devices: dict[str, int] = {}


class _Event(msgspec.Struct, frozen=True):
    at: str
    device: str | None
    became: str
    stage: int
    code: str | None
    message: str | None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a rollout.

    Attributes:
        rollout: its id.
        state: that it ended in.
        reason: why.
        predicted: share of inputs on which the bundle says that it disagrees.
        labels: given where the two disagreed.
        confirmed: devices that confirmed, with the candidate answering, and when: seconds from the beginning.
        failed: devices that failed.
        returned: devices that went back to what they had.
        installs: what devices say of the candidate, by name; with all the bytes that it took, also as a shadow.
        answering: devices on which the candidate was ever to answer.
        seconds: from the beginning to the end.
    """

    rollout: str
    state: str
    reason: str
    predicted: float | None
    labels: int
    confirmed: dict[str, float]
    failed: int
    returned: int
    installs: dict[str, Install]
    answering: tuple[str, ...]
    seconds: float


class FleetRollout:
    """One of them.

    Args:
        house: whose devices.
        labeller: gives labels where the two disagree.
        say: tells people.
    """

    def __init__(self, house: House, task: str, labeller: Labeller, say: Callable[[str], None]) -> None:
        self._house = house
        self._task = task
        self._labeller = labeller
        self._say = say
        self._labels = 0
        self._installs: dict[str, Install] = {}

    def run(self, bundle: str, shadows: Collection[str], first: str) -> Ended:
        """Roll a bundle out: a shadow on some devices, then on one it answers, then on all.

        Args:
            bundle: `NAME:VERSION`, registered and released.
            shadows: where it scores beside the primary first.
            first: where it answers first.

        Raises:
            RoostError: the cloud would not, or it took too long.
        """
        began_s = time.monotonic()
        body = {"plan": self._plan(bundle, shadows, first)}
        rollout = self._house.cloud.call("POST", "/rollouts", _Rollout, body=body)
        self._say(f"rollout {rollout.id}: {bundle} as a shadow on {' and '.join(shadows)}, then {first}, then all")
        confirmed: dict[str, float] = {}
        seen = 0
        while True:
            rollout = self._house.cloud.call("GET", f"/rollouts/{rollout.id}", _Rollout)
            events = list(self._house.cloud.each(f"/rollouts/{rollout.id}/events", _Event, limit=1000))
            for event in events[seen:]:
                self._tell(event, rollout)
                self._take_in(event, rollout)
                if event.became == "confirmed" and event.device is not None and event.stage > 0:
                    confirmed[event.device] = round(time.monotonic() - began_s, 1)
            seen = len(events)
            if rollout.state in ENDED:
                break
            if rollout.stage == 0:
                self._labels += len(self._labeller.label(self._labeller.disputed(rollout.id, _AT_ONCE)))
            if time.monotonic() > began_s + _PATIENCE_S:
                raise RolloutWaitError(
                    f"rollout {rollout.id} is {rollout.state} still: {'; '.join(rollout.waits_for)}"
                )
            time.sleep(_LOOK_EVERY_S)
        self._say(f"rollout {rollout.id}: {rollout.state}; {rollout.reason}")
        devices = rollout.devices
        return Ended(
            rollout=rollout.id,
            state=rollout.state,
            reason=rollout.reason,
            predicted=rollout.predicted_disagreement,
            labels=self._labels,
            confirmed=confirmed,
            failed=sum(devices.get(state, 0) for state in ("failed", "timed_out", "refused", "rolled_back")),
            returned=devices.get("returned", 0),
            installs=self._installs,
            answering=tuple(sorted({e.device for e in events if e.device is not None and e.stage > 0})),
            seconds=round(time.monotonic() - began_s, 1),
        )

    def _plan(self, bundle: str, shadows: Collection[str], first: str) -> dict[str, Any]:
        return {
            "task": self._task,
            "contestant": _PRIMARY,
            "bundle": bundle,
            "timeout_s": 120,
            "gate": {"inputs": _INPUTS, "margin": MARGIN},
            "stages": [
                {"name": "shadow", "mode": "shadow", "devices": list(shadows), "minimum": len(shadows)},
                {"name": "one", "devices": [first]},
                {"name": "all", "share": 1.0, "minimum": len(DEVICES) - 1},
            ],
        }

    def _take_in(self, event: _Event, rollout: _Rollout) -> None:
        """Look at what a device says of the candidate, when it has come to another state."""
        if event.device is None:
            return
        report = self._house.cloud.standing(event.device).report
        installs = [] if report is None else [one for one in report.installs if one.bundle == rollout.bundle]
        for install in installs:
            before = self._installs.get(event.device, install)
            fetched = max(install.fetched_bytes, before.fetched_bytes)
            self._installs[event.device] = msgspec.structs.replace(install, fetched_bytes=fetched)

    def _tell(self, event: _Event, rollout: _Rollout) -> None:
        where = rollout.id if event.device is None else event.device
        why = f": {event.message}" if event.message else ""
        if event.device is None or event.became in ("confirmed", "failed", "refused", "timed_out", "returned"):
            self._say(f"{where} {event.became}{why}")
