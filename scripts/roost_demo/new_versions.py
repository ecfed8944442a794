"""Versions that shall follow the primary while pictures come in: a better one, a tampered one, a slow one.

An operator of its own, in a thread: it pushes, signs and assigns, and waits for what the devices make of it. Nobody
waits for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from roost_shared.bundle import Bundle
from roost_shared.errors import RoostError, TransportError
from scripts.roost_demo.cloud import Install, Standing
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.terms import reference

__all__ = ["NewVersions"]

_PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.2
_SCORE_MS: Final = 50.0  # that a newcomer's scores may take on these devices
_PRIMARY: Final = "primary"


class DeviceWaitError(TransportError):
    """A device has not said in time what it makes of its assignment."""

    code = "demo.device"


class NewVersions:
    """The primary's successors, one after the other.

    Args:
        house: whose devices they are for.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._said: SimpleQueue[str] = SimpleQueue()
        self._found: dict[str, Any] = {"confirmed": {}, "tampered": None, "slow": None, "error": None}
        self._thread = threading.Thread(target=self._work, name="operator", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether everything was tried."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def as_expected(self) -> bool:
        """Whether the devices took the better one and refused the others."""
        found = self._found
        return set(found["confirmed"]) == set(DEVICES) and bool(found["tampered"]) and bool(found["slow"])

    def hear(self, tell: Callable[[str], None]) -> None:
        """Pass on what was said since."""
        while True:
            try:
                tell(self._said.get_nowait())
            except Empty:
                return

    def describe(self) -> dict[str, Any]:
        """Its part of the report.

        `confirmed`, by device: `seconds` from its assignment on, `fetched_bytes`, and the device's own `evidence`;
        `tampered` and `slow`: `device`, `code` and `message` of its refusal, null where it did not refuse;
        `as_expected`; `error` of the operator's, null for none.
        """
        return {**self._found, "as_expected": self.as_expected}

    # ---- in the thread

    def _work(self) -> None:
        try:
            self._take_better(self._house.successors.better)
            self._refuse("tampered", DEVICES[0], self._house.successors.tampered, alter=True)
            self._refuse("slow", DEVICES[-1], self._house.successors.slow)
        except RoostError as error:
            self._found["error"] = f"{error.code}: {error}"
            self._said.put(f"the operator gives up: {error}")

    def _take_better(self, bundle: Bundle) -> None:
        began_s = time.monotonic()
        self._publish(bundle, DEVICES)
        for device in DEVICES:
            standing = self._outcome(device)
            install = _install_of(standing, bundle)
            if standing.following != "following" or install is None:
                self._said.put(f"{device}: {reference(bundle)} was not taken: {_why(standing)}")
                continue
            seconds = round(time.monotonic() - began_s, 1)
            evidence = install.evidence
            self._found["confirmed"][device] = {
                "seconds": seconds,
                "fetched_bytes": install.fetched_bytes,
                "evidence": evidence,
            }
            self._said.put(
                f"{device}: {reference(bundle)} confirmed after {seconds:g} s: {install.fetched_bytes / 1000:.1f} kB "
                f"fetched, p95 {evidence.get('p95_ms')} ms, {evidence.get('crashes')} crashes"
            )

    def _refuse(self, what: str, device: str, bundle: Bundle, *, alter: bool = False) -> None:
        self._publish(bundle, [device], alter=alter)
        standing = self._outcome(device)
        problem = None if standing.report is None else standing.report.problem
        if standing.following != "refused" or problem is None:
            self._said.put(f"{device}: {reference(bundle)} was not refused: it is {standing.following}")
            return
        self._found[what] = {"device": device, "code": problem.code, "message": problem.message}
        self._said.put(f"{device}: {reference(bundle)} refused, {problem.code}: {problem.message}")

    def _publish(self, bundle: Bundle, devices: Sequence[str], *, alter: bool = False) -> None:
        (push,) = self._house.cloud.push([("next", bundle)])
        self._house.cloud.sign(bundle)
        altered = ""
        if alter:
            self._house.cloud.alter(bundle.config.stages[-1].digest)
            altered = ", then altered by somebody in the cloud's store"
        self._said.put(
            f"{reference(bundle)}: {push.sent_bytes / 1000:.1f} kB pushed, signed by its releaser{altered}; "
            f"assigned to {', '.join(devices)}"
        )
        for device in devices:
            self._house.assign(device, bundle, score_ms=_SCORE_MS)

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
