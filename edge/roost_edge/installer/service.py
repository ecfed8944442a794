"""Serves the agent: hands on what is desired, and keeps on the disk what the agent says of what works.

What the agent asks for is done and durable when it is answered. A disk that refuses is asked again every second, and
what comes after waits behind it.
"""

import os
import select
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_edge.installer import pointer, protocol
from roost_edge.installer.errors import NotStagedError, PlanDamagedError, PointerDamagedError, StoreUnwritableError
from roost_edge.installer.installing import Installing
from roost_edge.installer.settings import InstallerSettings
from roost_edge.installer.standing import Standing, confirm, lose_current, lose_previous, put_in_force, take_back
from roost_edge.subprocesses.packets import receive, send
from roost_shared.clock import SECOND, Clock, SystemClock
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["mend", "serve"]

_TELL_NS: Final = 1 * SECOND
_PATIENCE_S: Final = 1.0
_IDLE_S: Final = 60.0
_BUSY_S: Final = 1.0

_Order = protocol.PutInForce | protocol.Confirm | protocol.TakeBack


def serve(agent: socket.socket, settings: InstallerSettings) -> None:
    """Serve until the agent says that it stops, or is gone.

    Raises:
        InstallingEndedError: nothing is installed any more; another process may fare better.
        OSError: the agent is gone.
    """
    outbox = _Outbox()
    installing = Installing(settings, outbox.put)
    state_dir = Path(settings.state_dir)
    faults = mend(state_dir)
    try:
        installing.start()
        _send(agent, protocol.Ready())
        _Service(agent, state_dir, installing, outbox, SystemClock(), faults).run()
    finally:
        installing.stop(_PATIENCE_S)
        outbox.close()


def mend(state_dir: Path) -> list[ErrorInfo]:
    """Go on without what cannot be read any more; what that was.

    The version in force falls back to the one before it, as the agent has, and may be assigned again.
    """
    faults: list[RoostError] = []
    try:
        standing = pointer.read_standing(state_dir)
        if standing.previous and (error := _unreadable(state_dir, standing.previous)) is not None:
            faults.append(error)
            standing = pointer.change_standing(state_dir, lose_previous)
        if standing.current and (error := _unreadable(state_dir, standing.current)) is not None:
            faults.append(error)
            pointer.change_standing(state_dir, lose_current)
    except PointerDamagedError as error:
        faults.append(error)
        try:
            pointer.change_standing(state_dir, lambda standing: standing, anew=Standing())
        except StoreUnwritableError as fault:
            faults.append(fault)
    except StoreUnwritableError as error:
        faults.append(error)
    return [ErrorInfo(error.code, str(error)) for error in faults]


def _unreadable(state_dir: Path, version: int) -> PlanDamagedError | None:
    try:
        pointer.read_plan(state_dir, version)
    except PlanDamagedError as error:
        return error
    return None


def _send(agent: socket.socket, message: protocol.FromInstaller) -> None:
    try:
        packet = protocol.encode(message)
    except protocol.InstallerProtocolError:
        if not isinstance(message, protocol.Progress | protocol.Refused):
            raise
        # A thousand contestants, each with a long word on why: what became of the version is said without them.
        packet = protocol.encode(msgspec.structs.replace(message, installs=[]))
    send(agent, packet, [])


class _Outbox:
    """What the other thread has to say, and a descriptor that is readable while there is any."""

    def __init__(self) -> None:
        self._messages: deque[protocol.FromInstaller] = deque()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def put(self, message: protocol.FromInstaller) -> None:
        self._messages.append(message)
        os.eventfd_write(self.descriptor, 1)

    def take(self) -> protocol.FromInstaller | None:
        return self._messages.popleft() if self._messages else None

    def emptied(self) -> None:
        os.eventfd_read(self.descriptor)

    def close(self) -> None:
        os.close(self.descriptor)


class _Service:
    def __init__(
        self,
        agent: socket.socket,
        state_dir: Path,
        installing: Installing,
        outbox: _Outbox,
        clock: Clock,
        faults: list[ErrorInfo],
    ) -> None:
        self._agent = agent
        self._state_dir = state_dir
        self._installing = installing
        self._outbox = outbox
        self._clock = clock
        self._faults = faults
        self._owed: deque[_Order] = deque()  # that the disk has not taken yet
        self._owed_fault = ""  # what was told of that
        self._refused: set[int] = set()  # versions of which that was said, once and for all
        self._told: tuple[str, int, dict[str, Any]] | None = None
        self._tell_ns = clock.now_ns()
        self._finished = False

    def run(self) -> None:
        """Serve."""
        while not self._finished:
            busy = bool(self._owed) or self._clock.now_ns() < self._tell_ns
            agent, outbox = self._agent.fileno(), self._outbox.descriptor
            ready = select.select([agent, outbox], [], [], _BUSY_S if busy else _IDLE_S)[0]
            if outbox in ready:
                self._outbox.emptied()
                self._hand_on()
            if agent in ready:
                self._take()
            self._settle()
            self._installing.check()
            self._tell()

    # ---- from the other thread

    def _hand_on(self) -> None:
        while (message := self._outbox.take()) is not None:
            if isinstance(message, protocol.Refused) and not message.again:
                self._refused.add(message.version)
            elif isinstance(message, protocol.Staged):
                self._refused.discard(message.plan.assignment.version)  # what did not fit may fit now
            _send(self._agent, message)

    # ---- from the agent

    def _take(self) -> None:
        data, descriptors = receive(self._agent)
        for descriptor in descriptors:
            os.close(descriptor)
        if not data:
            self._finished = True
            return
        match protocol.decode_from_agent(data):
            case protocol.Desired() as desired:
                self._installing.desire(desired.envelope)
            case protocol.Link(up=True):
                self._installing.link_up()
            case protocol.Link():
                pass  # an attempt finds out for itself
            case protocol.Finish():
                self._finished = True
            case order:
                self._owed.append(order)

    def _settle(self) -> None:
        """Carry out what was ordered, in its order, as far as the disk takes it."""
        while self._owed:
            order = self._owed[0]
            try:
                self._carry_out(order)
            except StoreUnwritableError as error:
                if self._owed_fault != str(error):
                    self._owed_fault = str(error)
                    self._note(error)
                return
            except PlanDamagedError as error:
                self._installing.forget(order.version)  # the cloud's word will bring it anew
                self._refuse(order.version, error)
            except (NotStagedError, PointerDamagedError) as error:
                self._note(error)
                if order.version not in self._refused:  # nor was it by the process before, as far as anybody heard
                    self._refuse(order.version, error)
            self._owed_fault = ""
            self._owed.popleft()

    def _carry_out(self, order: _Order) -> None:
        version = order.version
        match order:
            case protocol.PutInForce():
                self._change(lambda standing: self._whole(put_in_force(standing, version)))
                _send(self._agent, protocol.IsInForce(version))
            case protocol.Confirm():
                self._change(lambda standing: confirm(standing, version))
                _send(self._agent, protocol.Confirmed(version))
                self._installing.collect()
            case protocol.TakeBack():
                why = order.error
                standing = self._change(lambda standing: take_back(standing, version, why))
                _send(self._agent, protocol.TakenBack(version, standing.current))
                self._installing.forget(version)

    def _refuse(self, version: int, error: RoostError) -> None:
        _send(self._agent, protocol.Refused(version, ErrorInfo(error.code, str(error))))

    def _whole(self, standing: Standing) -> Standing:
        """The standing, if the plan that it puts in force can be read."""
        pointer.read_plan(self._state_dir, standing.current)
        return standing

    def _change(self, change: Callable[[Standing], Standing]) -> Standing:
        return pointer.change_standing(self._state_dir, change)

    # ---- to the agent

    def _tell(self) -> None:
        now_ns = self._clock.now_ns()
        self._faults += self._installing.take_faults()
        try:
            standing = pointer.read_standing(self._state_dir)
        except PointerDamagedError:
            standing = Standing()
        status = (standing.trust, standing.newest, self._installing.describe())
        if (status != self._told or self._faults) and now_ns >= self._tell_ns:
            _send(self._agent, protocol.Status(*status, self._faults))
            self._told, self._faults = status, []
            self._tell_ns = now_ns + _TELL_NS

    def _note(self, error: RoostError) -> None:
        self._faults.append(ErrorInfo(error.code, str(error)))
