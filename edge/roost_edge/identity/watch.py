"""The agent's eye on its identity: has it changed, is it time for a new certificate?

It looks once a minute, in a thread of its own, for disks are slow. What asks the cloud is a process of its own
(`renew.py`): it loads what the agent must not, and can take its time.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_edge.identity.errors import IdentityRevokedError, IdentityUnreadableError
from roost_edge.identity.record import Identity, read_identity
from roost_edge.identity.schedule import Failed, NotDue, Outcome, RenewalSchedule, Renewed
from roost_edge.loop.errands import Errands
from roost_edge.loop.reactor import Reactor, Timer
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.enrolment import common_name
from roost_shared.messages import UNREADABLE, ErrorInfo

__all__ = ["IdentityWatch", "Report"]

_LOOK_NS: Final = 60 * SECOND
_LONGEST_S: Final = 180.0  # for asking the cloud
_GOODBYE_S: Final = 0.2


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `renew.py` prints: one line of JSON."""

    renewed: bool = False
    due_in_s: float = 0.0  # where it was not time yet
    error: ErrorInfo | None = None

    def outcome(self) -> Outcome:
        """What the schedule makes of it."""
        if self.error is not None:
            return Failed(self.error, refused=self.error.code == IdentityRevokedError.code)
        return Renewed() if self.renewed else NotDue(self.due_in_s)


class IdentityWatch:
    """Looks, and sees to renewal.

    Args:
        state_dir: the agent's folder.
        url: the cloud's address, None for the one it was enrolled at.
        name: the device's, `{tenant}/d/{device}`.
        reactor: the agent's loop.
        clock: for wall time.
        complaints: hears of what goes wrong.
        away_ns: for how long the cloud's broker has not had us.
        on_changed: called with the identity when it is another than at the start or the last call.
        look_ns: between two looks.
    """

    def __init__(
        self,
        state_dir: Path,
        url: str | None,
        name: str,
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
        *,
        away_ns: Callable[[], int],
        on_changed: Callable[[Identity], None],
        look_ns: int = _LOOK_NS,
    ) -> None:
        self._state_dir = state_dir
        self._url = url
        self._name = name
        self._reactor = reactor
        self._clock = clock
        self._complaints = complaints
        self._away_ns = away_ns
        self._on_changed = on_changed
        self._look_ns = look_ns
        self._schedule = RenewalSchedule(name)
        self._identity: Identity | None = None
        self._fault: ErrorInfo | None = None
        self._errands: Errands | None = None
        self._timer: Timer | None = None
        self._renewals = 0

    def start(self, identity: Identity | None) -> None:
        """Begin to look; `identity` is the one that is in use already."""
        self._identity = identity
        self._errands = Errands(self._reactor, "identity")
        self._look()

    def stop(self) -> None:
        """Look no more. A renewal under way goes on: it is safe at any moment, and takes effect at the next start."""
        if self._timer is not None:
            self._timer.cancel()
        if self._errands is not None:
            self._errands.close(_GOODBYE_S)

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        cloud = None if self._identity is None else self._identity.cloud
        problem = self._fault or self._schedule.problem
        return {
            "expires_at": None if cloud is None else cloud.not_after.isoformat(),
            "renewals": self._renewals,
            "problem": msgspec.to_builtins(problem),
        }

    def _look(self) -> None:
        if self._errands is not None:
            self._errands.run(self._read, self._seen)

    def _read(self) -> Identity | IdentityUnreadableError | None:
        try:
            return read_identity(self._state_dir)
        except IdentityUnreadableError as error:
            return error

    def _seen(self, found: Identity | IdentityUnreadableError | None) -> None:
        if isinstance(found, IdentityUnreadableError):
            self._fault = self._complain(found.code, str(found))
        elif found is not None and common_name(found.cloud.tenant, found.cloud.device) != self._name:
            self._fault = self._complain("identity.mismatch", f"agent.toml says {self._name}; start the agent anew")
        elif found is not None:
            self._fault = None
            changed, self._identity = found != self._identity, found
            if changed:
                self._on_changed(found)
            if self._is_due(found):
                self._ask()
                return
        self._look_later()

    def _is_due(self, identity: Identity) -> bool:
        cloud = identity.cloud
        now_ns, wall = self._reactor.now_ns(), self._clock.wall()
        return self._schedule.is_due(
            cloud.not_before, cloud.not_after, wall=wall, now_ns=now_ns, away_ns=self._away_ns()
        )

    def _ask(self) -> None:
        if self._errands is not None:
            self._errands.run(lambda: _run(self._state_dir, self._url), self._heard)

    def _heard(self, report: Report) -> None:
        self._renewals += report.renewed
        if report.error is not None:
            self._complain(report.error.code, report.error.message)
        self._schedule.heard(report.outcome(), self._reactor.now_ns(), CHANCE.random())
        if report.renewed:
            self._look()
        else:
            self._look_later()

    def _look_later(self) -> None:
        self._timer = self._reactor.call_after(self._look_ns, self._look)

    def _complain(self, code: str, detail: str) -> ErrorInfo:
        self._complaints.note(code, detail)
        return ErrorInfo(code, detail)


def _run(state_dir: Path, url: str | None) -> Report:
    """Run `renew.py` to its end, and read what it says."""
    command = [sys.executable, "-P", "-m", "roost_edge.identity.renew", str(state_dir)]
    try:
        done = subprocess.run(
            [*command, *([] if url is None else ["--url", url])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_LONGEST_S,
            check=False,
        )
        return msgspec.json.decode(done.stdout, type=Report)
    except subprocess.TimeoutExpired:
        text = f"asking the cloud took more than {_LONGEST_S:.0f} s"
    except OSError as error:
        text = f"the process that asks the cloud cannot be started: {error}"
    except UNREADABLE:
        text = f"the process that asks the cloud ended with status {done.returncode} and no word"
    return Report(error=ErrorInfo("identity.renewal", text))
