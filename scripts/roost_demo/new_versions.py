"""Versions that shall follow the primary while pictures come in: a better one, a tampered one, a slow one.

An operator pushes, signs and assigns them, and waits for what the devices make of it. The two that nobody shall take
are tried at the same time, each on a device of its own.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from roost_shared.bundle import Bundle
from roost_shared.errors import TransportError
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.scene import Scene
from scripts.roost_demo.terms import reference
from scripts.roost_demo.told import Install, Standing

__all__ = ["NewVersions"]

_PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.2
_MAY_TAKE: Final = 0.5  # of the slow one's time: how fast a machine is, nobody knows before
_PRIMARY: Final = "primary"


class DeviceWaitError(TransportError):
    """A device has not said in time what it makes of its assignment."""

    code = "demo.device"


class NewVersions(Scene):
    """The primary's successors.

    Args:
        house: whose devices they are for.
        takes_better: whether the better one is tried here, and not by a rollout.
    """

    def __init__(self, house: House, *, takes_better: bool) -> None:
        super().__init__()
        self._house = house
        self._takes_better = takes_better
        self._found: dict[str, Any] = {"confirmed": {}, "tampered": None, "slow": None}

    @property
    def as_expected(self) -> bool:
        """Whether the devices took the better one and refused the others."""
        found = self._found
        return set(found["confirmed"]) == set(DEVICES) and bool(found["tampered"]) and bool(found["slow"])

    def describe(self) -> dict[str, Any]:
        """Its part of the report.

        `confirmed`, by device: `seconds` from its assignment on, `fetched_bytes`, and the device's own `evidence`;
        `tampered` and `slow`: `device`, `code` and `message` of its refusal, null where it did not refuse;
        `as_expected`; `error` of the operator's, null for none.
        """
        return {**self._found, "as_expected": self.as_expected, "error": self.error}

    def play(self) -> None:
        """Try the better one, then the others; devices that refused theirs are assigned what they ran before."""
        better = self._house.successors.better
        if self._takes_better:
            self._take_better(better)
        successors = self._house.successors
        self._publish(successors.tampered, DEVICES[:1], alter=True)
        self._publish(successors.slow, DEVICES[-1:], score_ms=round(_MAY_TAKE * successors.slow_ms, 1))
        self._refused("tampered", DEVICES[0], successors.tampered)
        self._refused("slow", DEVICES[-1], successors.slow)
        for device in (DEVICES[0], DEVICES[-1]):
            self._house.assign(device, better if self._takes_better else self._house.primary)

    def rolled_out(self, installs: Mapping[str, Install], seconds: Mapping[str, float]) -> None:
        """A rollout has brought the devices a better one: what they say of it is their proof.

        Args:
            installs: that, by device.
            seconds: after which each confirmed.
        """
        for device in seconds:
            self._confirmed(device, installs[device], seconds[device])

    def _take_better(self, bundle: Bundle) -> None:
        began_s = time.monotonic()
        self._publish(bundle, DEVICES)
        for device in DEVICES:
            standing = self._outcome(device)
            install = _install_of(standing, bundle)
            if standing.following != "following" or install is None:
                self.say(f"{device}: {reference(bundle)} was not taken: {_why(standing)}")
                continue
            self._confirmed(device, install, round(time.monotonic() - began_s, 1))

    def _confirmed(self, device: str, install: Install, seconds: float) -> None:
        evidence = install.evidence
        self._found["confirmed"][device] = {
            "seconds": seconds,
            "fetched_bytes": install.fetched_bytes,
            "evidence": evidence,
        }
        self.say(
            f"{device}: {install.bundle.partition('@')[0]} confirmed after {seconds:g} s: "
            f"{install.fetched_bytes / 1000:.1f} kB fetched, p95 {evidence.get('p95_ms')} ms, "
            f"{evidence.get('crashes')} crashes"
        )

    def _refused(self, what: str, device: str, bundle: Bundle) -> None:
        standing = self._outcome(device)
        problem = None if standing.report is None else standing.report.problem
        if standing.following != "refused" or problem is None:
            self.say(f"{device}: {reference(bundle)} was not refused: it is {standing.following}")
            return
        self._found[what] = {"device": device, "code": problem.code, "message": problem.message}
        self.say(f"{device}: {reference(bundle)} refused, {problem.code}: {problem.message}")

    def _publish(
        self, bundle: Bundle, devices: Sequence[str], *, alter: bool = False, score_ms: float = math.inf
    ) -> None:
        (push,) = self._house.cloud.push([("next", bundle)])
        self._house.cloud.sign(bundle)
        altered = ""
        if alter:
            self._house.cloud.alter(bundle.config.stages[-1].digest)
            altered = ", then altered by somebody in the cloud's store"
        self.say(
            f"{reference(bundle)}: {push.sent_bytes / 1000:.1f} kB pushed, signed by its releaser{altered}; "
            f"assigned to {', '.join(devices)}"
        )
        for device in devices:
            self._house.assign(device, bundle, score_ms=score_ms)

    def _outcome(self, device: str) -> Standing:
        """What the device makes of its assignment in the end.

        Raises:
            DeviceWaitError: it has not said.
        """
        give_up_s = time.monotonic() + _PATIENCE_S
        while True:
            standing = self._house.cloud.standing(device)
            if standing.following in ("following", "refused"):
                return standing
            if time.monotonic() >= give_up_s:
                raise DeviceWaitError(f"{device} is {standing.following} still after {_PATIENCE_S:g} s")
            time.sleep(_LOOK_EVERY_S)


def _install_of(standing: Standing, bundle: Bundle) -> Install | None:
    installs = [] if standing.report is None else standing.report.installs
    return next((one for one in installs if one.bundle == bundle.reference and one.contestant == _PRIMARY), None)


def _why(standing: Standing) -> str:
    problem = None if standing.report is None else standing.report.problem
    return standing.following if problem is None else f"{problem.code}: {problem.message}"
