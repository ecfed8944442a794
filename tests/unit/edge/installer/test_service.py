"""Orders of the agent's are carried out in their order, once the disk takes them."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.installer import pointer
from roost_edge.installer.plan import Plan
from roost_edge.installer.protocol import (
    Confirm,
    Confirmed,
    FromAgent,
    FromInstaller,
    IsInForce,
    PutInForce,
    Refused,
    TakeBack,
    TakenBack,
    decode_from_installer,
    encode,
)
from roost_edge.installer.service import _Outbox, _Service
from roost_edge.installer.standing import Standing
from roost_edge.subprocesses.packets import receive, send
from roost_shared.assignment import Assignment, Install
from roost_shared.clock import SystemClock
from roost_shared.messages import ErrorInfo

WHY = ErrorInfo("install.slow", "too slow")


class IdleInstalling:
    """The other thread, which does nothing."""

    trust = "unchecked"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def collect(self) -> None:
        self.calls.append("collect")

    def forget(self, version: int) -> None:
        self.calls.append(f"forget {version}")


class Desk:
    """The service, one order after another."""

    def __init__(self, state_dir: Path) -> None:
        self._agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._agent.setblocking(False)
        self.outbox = _Outbox()
        self.installing = IdleInstalling()
        self.service = _Service(
            theirs,
            state_dir,
            self.installing,  # type: ignore[arg-type] # all that is used of it
            self.outbox,
            SystemClock(),
            [],
        )
        self._theirs = theirs

    def order(self, message: FromAgent) -> list[FromInstaller]:
        send(self._agent, encode(message), [])
        self.service._take()
        return self.settle()

    def settle(self) -> list[FromInstaller]:
        self.service._hand_on()
        self.service._settle()
        said = []
        while True:
            try:
                said.append(decode_from_installer(receive(self._agent)[0]))
            except BlockingIOError:
                return said

    def close(self) -> None:
        self._agent.close()
        self._theirs.close()
        self.outbox.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """6 is in force, and 7 staged."""
    for version in (6, 7):
        assignment = Assignment(tenant="acme", device="cam-01", version=version, issued_at="", tasks={})
        pointer.write_plan(tmp_path, Plan(assignment=assignment, folders={}))
    pointer.change_standing(tmp_path, lambda _: Standing(current=6, newest=7))
    return tmp_path


@pytest.fixture
def desk(state: Path) -> Iterator[Desk]:
    made = Desk(state)
    yield made
    made.close()


def test_what_is_answered_is_on_the_disk(desk: Desk, state: Path) -> None:
    assert desk.order(PutInForce(7)) == [IsInForce(7)]
    assert pointer.read_standing(state).current == 7
    assert desk.order(Confirm(7)) == [Confirmed(7)]
    assert pointer.read_standing(state).confirmed
    assert desk.installing.calls == ["collect"]
    assert desk.order(TakeBack(7, WHY)) == [TakenBack(7, 6)]
    assert pointer.read_standing(state).current == 6


def test_what_was_not_heard_may_be_said_again(desk: Desk) -> None:
    for _ in range(2):
        assert desk.order(PutInForce(7)) == [IsInForce(7)]
    for _ in range(2):
        assert desk.order(Confirm(7)) == [Confirmed(7)]
    for _ in range(2):
        assert desk.order(TakeBack(7, WHY)) == [TakenBack(7, 6)]


def test_a_disk_that_refuses_is_asked_again_and_the_order_of_orders_kept(
    desk: Desk, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pointer, "write_durably", refuse)
        assert desk.order(PutInForce(7)) == []
        assert desk.order(TakeBack(7, WHY)) == []
        assert desk.settle() == []
        assert [fault.code for fault in desk.service._faults] == ["install.disk"], "told once"
    assert desk.settle() == [IsInForce(7), TakenBack(7, 6)]
    assert pointer.read_standing(state).why_refused(7) == WHY


def test_a_version_that_was_superseded_is_told_so_once(desk: Desk, state: Path) -> None:
    pointer.change_standing(state, lambda _: Standing(current=6, newest=8))
    superseded = Refused(7, ErrorInfo("install.superseded", "by 8"))
    desk.outbox.put(superseded)
    assert desk.order(PutInForce(7)) == [superseded]


def test_a_version_that_an_earlier_process_superseded_is_told_so_too(desk: Desk, state: Path) -> None:
    pointer.change_standing(state, lambda _: Standing(current=6, newest=8))
    (refused,) = desk.order(PutInForce(7))
    assert isinstance(refused, Refused)
    assert (refused.version, refused.error.code) == (7, "install.not_staged")


def test_a_plan_that_cannot_be_read_is_not_put_in_force(desk: Desk, state: Path) -> None:
    (state / "assignments/7.json").write_bytes(b"{")
    (refused,) = desk.order(PutInForce(7))
    assert isinstance(refused, Refused)
    assert refused.error.code == "install.plan_damaged"
    assert pointer.read_standing(state).current == 6
    assert desk.installing.calls == ["forget 7"], "so that it is brought anew"


def test_a_verdict_too_long_for_a_message_is_said_without_its_details(desk: Desk) -> None:
    why = ErrorInfo("fit.memory", "x" * 1000)
    install = Install(task="meter", contestant="one", bundle="meter:7", phase="refused", error=why)
    desk.outbox.put(Refused(7, why, [install] * 1500))
    assert desk.settle() == [Refused(7, why)]
