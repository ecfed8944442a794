"""The installer's process as the agent keeps it: it comes back, and is told again what it has to know."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roost_edge.installer import protocol
from roost_edge.installer.installer import Installer
from roost_edge.installer.settings import InstallerSettings
from roost_edge.loop.reactor import Reactor
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from tests.support.driven import run_until

BAD = ErrorInfo("install.slow", "too slow")


class Kept:
    """An installer, its loop, and what was heard."""

    def __init__(self, state_dir: Path, module: str = "roost_edge.installer.process") -> None:
        self.reactor = Reactor(SystemClock())
        self.complaints = Complaints(SystemClock())
        self.ready = 0
        self.said: list[protocol.FromInstaller] = []
        settings = InstallerSettings(
            state_dir=str(state_dir), cloud_url=None, free_disk_bytes=0, downlink_bytes_per_s=None, start_jitter_s=0
        )
        arguments = msgspec.json.encode(settings).decode()
        self.installer = Installer(arguments, self.reactor, self.complaints, self, module=module)

    def installer_ready(self) -> None:
        self.ready += 1

    def installer_said(self, message: protocol.FromInstaller) -> None:
        self.said.append(message)

    @property
    def pid(self) -> int | None:
        return self.installer.pid

    def until(self, condition: Callable[[], object], what: str) -> None:
        run_until(self.reactor, condition, what, 60)

    def all(self, kind: type[protocol.FromInstaller]) -> list[protocol.FromInstaller]:
        return [message for message in self.said if isinstance(message, kind)]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.installer.close()
    kept.reactor.close()


def test_there_is_no_process_until_it_is_needed_and_another_when_it_dies(kept: Kept) -> None:
    kept.reactor.call_after(50_000_000, kept.reactor.stop)
    kept.reactor.run()
    assert not kept.pid
    kept.installer.link(up=True)
    kept.installer.desired(b"not signed by anybody")
    kept.until(lambda: kept.all(protocol.Refused), "what was desired is refused")
    assert kept.ready == 1
    pid = kept.pid
    assert pid is not None
    kept.said.clear()
    os.kill(pid, signal.SIGKILL)
    kept.until(lambda: kept.all(protocol.Refused), "what was desired is told to the next one, and refused again")
    assert (kept.ready, kept.complaints.counts["installer.failed"]) == (2, 1)
    assert kept.pid not in (None, pid)


def test_what_is_to_be_durable_is_acknowledged(kept: Kept) -> None:
    kept.installer.need()
    kept.until(lambda: kept.ready, "it is ready")
    kept.installer.tell(protocol.TakeBack(7, BAD))
    kept.until(lambda: kept.all(protocol.TakenBack), "it is taken back")
    assert kept.all(protocol.TakenBack) == [protocol.TakenBack(7, 0)]
    kept.installer.close()
    kept.installer.need()
    assert kept.pid is None, "who is closed needs nothing"


def test_told_to_stop_it_ends_by_itself_and_no_other_follows(kept: Kept) -> None:
    kept.installer.need()
    kept.until(lambda: kept.ready, "it is ready")
    stopped: list[bool] = []
    kept.installer.stop(3600 * SECOND, lambda: stopped.append(True))
    kept.until(lambda: stopped, "it has ended, and nobody had to kill it")
    kept.installer.need()
    assert (kept.pid, kept.complaints.counts["installer.failed"]) == (None, 0)


@pytest.mark.parametrize("state", ["hangs", "is not there"])
def test_one_that_hangs_or_is_not_there_keeps_nobody_from_stopping(kept: Kept, state: str) -> None:
    if state == "hangs":
        kept.installer.need()
        kept.until(lambda: kept.ready, "it is ready")
        assert kept.pid is not None
        os.kill(kept.pid, signal.SIGSTOP)
    stopped: list[bool] = []
    kept.installer.stop(SECOND // 10, lambda: stopped.append(True))
    assert not stopped
    kept.until(lambda: stopped, "it is over")
    assert kept.pid is None


def test_one_that_cannot_run_is_tried_again_and_complained_of(tmp_path: Path) -> None:
    kept = Kept(tmp_path, module="roost_edge.there_is_no_such_module")
    try:
        kept.installer.need()
        kept.until(lambda: kept.complaints.counts["installer.failed"] >= 2, "it failed twice")
        assert kept.ready == 0
    finally:
        kept.installer.close()
        kept.reactor.close()
